"""The figures: the same bytes every time, nobody's text obeyed, and what is painted is what the record says."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import os
import re
import struct
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from cutaway.array_codec import pack_maps
from cutaway.result import Result
from cutaway.views import figure
from cutaway.views.figures import ablation, attention, heat, style
from tests.browser.samples import hostile
from tests.unit import figure_records

RECORDS = figure_records.every()


@dataclasses.dataclass(frozen=True, repr=False)
class Plane(Result):
    """A result whose schema has a figure."""

    schema: ClassVar[str] = "map"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png")

    model: str
    method: str
    explained: list[float]
    points: list[dict[str, Any]]


SVG = "{http://www.w3.org/2000/svg}"
AWKWARD = "$x^2$ \\frac{1} <b>&amp;</b> --> ]]> \x00\x1b[31m\u202e\u2028\ud800 中文 😀 🦊 \n\t"


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def pixels(png: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@functools.cache
def drawn(name: str, suffix: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return figure([RECORDS[name]], suffix)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("name", RECORDS)
def test_every_schema_is_drawn_without_a_complaint(name: str, suffix: str) -> None:
    data = drawn(name, suffix)
    if suffix == ".svg":
        root = ET.fromstring(data)  # noqa: S314 (our own)
        assert root.tag == f"{SVG}svg" and root.find(f"{SVG}title") is not None
    else:
        width, height = size(data)
        assert 1000 <= width <= 2600 and 250 <= height <= 4000


@pytest.mark.nightly
def test_another_process_draws_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import hashlib; from cutaway.views import figure; from tests.unit import figure_records as made\n"
        "for name, record in made.every().items():\n"
        "    for suffix in ('.svg', '.png') if name == record['schema'][8:-2] else ('.svg',):\n"
        "        print(name, suffix, hashlib.sha256(figure([record], suffix)).hexdigest())"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # another order of sets
    environment = os.environ | {"PYTHONHASHSEED": seed, "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    ours = [
        f"{name} {suffix} {hashlib.sha256(drawn(name, suffix)).hexdigest()}"
        for name, record in RECORDS.items()
        for suffix in ((".svg", ".png") if name == record["schema"][8:-2] else (".svg",))  # a .png of each schema
    ]
    assert sum(".png" in line for line in ours) >= 10
    assert done.stdout.splitlines() == ours


def test_the_callers_own_style_is_neither_used_nor_changed() -> None:
    import matplotlib as mpl

    before = drawn("ablation", ".svg")
    with mpl.rc_context({"font.family": ["serif"], "figure.facecolor": "red", "text.parse_math": True}):
        assert figure([RECORDS["ablation"]], ".svg") == before
        assert mpl.rcParams["font.family"] == ["serif"] and mpl.rcParams["figure.facecolor"] == "red"


def test_a_figure_holds_no_date_and_no_version() -> None:
    for suffix in (".svg", ".png"):
        data = drawn("map", suffix)
        assert not re.search(rb"matplotlib|20\d\d-\d\d-\d\d|Software", data, re.IGNORECASE), suffix


def test_no_browser_and_no_window_and_nothing_before_it_is_asked_for() -> None:
    code = (
        "import sys, cutaway, cutaway.views; before = set(sys.modules); {}; print(*set(sys.modules) - before, *before)"
    )
    plain = subprocess.run([sys.executable, "-c", code.format("0")], capture_output=True, text=True, check=True)
    assert "matplotlib" not in plain.stdout
    draw = "from tests.unit import figure_records as made; cutaway.views.figure([made.plane()], '.png')"
    done = subprocess.run([sys.executable, "-c", code.format(draw)], capture_output=True, text=True, check=True)
    assert "matplotlib.figure" in done.stdout
    assert not {"matplotlib.pyplot", "torch", "playwright", "tkinter"} & set(done.stdout.split())


@pytest.mark.parametrize("name", RECORDS)
def test_what_a_model_wrote_is_shown_and_never_obeyed(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = figure([_hostile(name, AWKWARD)], ".svg")
    text = data.decode()
    ET.fromstring(data)  # noqa: S314 (our own)
    assert not re.search("[\x00-\x08\x1b\u202e\u2028\ud800-\udfff]", text)
    assert "<b>" not in text and "⟨U+001B⟩" in text


def _hostile(name: str, text: str) -> Any:
    """Return a record with `text` in all that is text and not a name that the figure depends on."""
    record = hostile(RECORDS[name], text)
    for key in ("layout", "role", "data"):
        record = _with(record, RECORDS[name], key)
    return record


def _with(value: Any, original: Any, key: str) -> Any:
    """Return the value with the original's entries of that key."""
    if isinstance(value, dict):
        return {k: original[k] if k == key else _with(v, original[k], key) for k, v in value.items()}
    if isinstance(value, list):
        return [_with(v, o, key) for v, o in zip(value, original, strict=True)]
    return value


def test_text_is_legible() -> None:
    assert style.legible(" a\n\t\x00\u202e\ud800") == "·a⏎⇥⟨U+0000⟩⟨U+202E⟩⟨U+D800⟩"
    assert style.legible("中é€→ ġ", spaces=False) == "⟨U+4E2D⟩é€→ ġ"
    assert style.legible("") == "∅"


def test_the_palette_is_the_pages() -> None:
    css = resources.files("cutaway.views").joinpath("static", "page.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", css.split(':root[data-theme="dark"]')[0]))
    assert [light[f"s{i}"] for i in range(9)] == style.RAMP
    assert [light[f"g{i}"] for i in range(6)] == style.GROUPS
    assert [light[f"d{i}"] for i in range(9)] == style.DIVERGING
    names = ("sheet", "ink", "muted", "line", "tint", "accent")
    assert [light[name] for name in names] == [getattr(style, name.upper()) for name in names]


def test_colours_run_one_way_and_zero_is_the_paper() -> None:
    grey = np.array([0.3, 0.59, 0.11])
    assert (np.diff(style.ramp(np.linspace(0, 1, 99)) @ grey) <= 0).all()
    both = style.diverge(np.linspace(-1, 1, 199)) @ grey
    assert (np.diff(both[:100]) >= 0).all() and (np.diff(both[99:]) <= 0).all()
    assert style.diverge(np.array([0.0])).tolist() == style.ramp(np.array([0.0])).tolist()
    assert style.ramp(np.array([np.nan])).tolist() == [[255, 254, 251]]


def test_a_matrix_is_painted_cell_by_cell_as_the_record_says() -> None:
    record = figure_records.attention(1, 1, 8)
    weights = np.zeros((1, 8, 8))
    weights[0, np.arange(8), [0, 0, 2, 1, 0, 5, 3, 7]] = 1
    record["stacks"][0]["maps"] = vars(pack_maps([weights], causal=True))
    image = pixels(figure([record], ".png"))
    dark = np.abs(image - style.ramp(np.array(1.0)).astype(int)).sum(-1) < 20
    panel = attention._panel(record["stacks"][0])
    left, top, cell = (2 * value for value in (20 + panel.left, 84 + panel.top, panel.cell))
    seen = [
        [dark[round(top + (row + 0.3) * cell), round(left + (column + 0.3) * cell)] for column in range(8)]
        for row in range(8)
    ]
    assert (np.array(seen) == (weights[0] == 1)).all()


def test_fewer_cells_still_add_up_to_1() -> None:
    weights = figure_records.weights(1, 1000, 1000, True, np.random.default_rng(0))[0]
    few = attention._pooled(weights, 334, 334)
    assert few.shape == (334, 334)
    assert np.allclose(few.sum(-1), 1)
    row = weights[15:18].mean(0)
    assert np.allclose(few[5], [*row[:999].reshape(333, 3).sum(-1), row[999]])


def test_signs_are_written_where_a_head_matters() -> None:
    shades, _ = heat.around_zero(np.array([2.0, 0.09, -0.09, -0.11, 0.0, float("nan")]))
    assert [ablation._sign(shade) for shade in shades] == [
        "+", "", "", "−", "", "",
    ]  # fmt: skip


def test_what_has_no_figure_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no figure of cutaway\.tokens/1"):
        figure([{"schema": "cutaway.tokens/1"}], ".png")
    with pytest.raises(ValueError, match="unpack"):
        figure([RECORDS["map"], RECORDS["map"]], ".png")


def test_a_result_saves_its_figure(tmp_path: Path) -> None:
    record = figure_records.plane()
    made = Plane(**{name: record[name] for name in ("model", "method", "explained", "points")})
    for suffix in (".svg", ".png"):
        assert made.save(tmp_path / f"x{suffix}").read_bytes() == figure([record], suffix)


def texts_of(record: dict[str, Any]) -> list[tuple[str, Any, float]]:
    """Return every text of a figure with its box in pixels from the lower left, and how far it is turned."""
    import importlib

    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = {"sample_evaluation": "evaluation", "generation": "generation", "tokenizer_comparison": "tokenizers"}
    kind = record["schema"].removeprefix("cutaway.").removesuffix("/1")
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(style._RC)
        sheet = importlib.import_module(f"cutaway.views.figures.{names.get(kind, kind)}").draw(record)
        renderer = FigureCanvasAgg(sheet.figure).get_renderer()
        boxes = [
            (text.get_text(), text.get_window_extent(renderer), text.get_rotation())
            for text in sheet.figure.texts
            if text.get_text().strip()
        ]
        wide, high = sheet.figure.bbox.width, sheet.figure.bbox.height
    for text, box, _ in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= wide + 1 and box.y1 <= high + 1, text
    return boxes


@pytest.mark.parametrize("name", RECORDS)
def test_no_text_is_cut_off_and_none_stands_on_another(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts_of(_hostile(name, "QVQLVESGGGLVQPGGSLRLSCAAS" * 8))
    boxes = [(text, box.padded(-2)) for text, box, turned in texts_of(RECORDS[name]) if not turned]
    for i, (text, box) in enumerate(boxes):
        for other, beside in boxes[:i]:
            assert not box.overlaps(beside), (text, other)

"""The view of a comparison in a browser: tables and words are the record's, and the keyboard reaches all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cutaway.array_codec import PackedMaps
from tests.browser.conftest import Sheet
from tests.browser.reading import column, expect, near, rows_of
from tests.browser.test_pages import CONTRAST
from tests.unit import figure_records

pytestmark = pytest.mark.browser

PLOTS = ["entropy_bits", "distance", "sink", "previous", "duplicate", "induction"]


def opened(sheet: Any, tmp_path: Path, record: dict[str, Any], **options: Any) -> tuple[Sheet, Any]:
    view: Sheet = sheet(**options)
    tab = view.open(tmp_path / "page.html", [record])
    expect(tab.locator(".duo canvas")).to_have_count(12)
    expect(tab.locator(".two canvas")).to_have_count(2)
    assert view.problems == [] and tab.locator(".problem").count() == 0
    return view, tab


def test_the_tables_hold_the_records_numbers(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.comparison(causal=(True, True))
    view, tab = opened(sheet, tmp_path, record)
    segments, depths_a, depths_b, map_a, map_b, matches = rows_of(tab)
    assert [row[2].replace("·", " ") for row in segments] == [part["text"] for part in record["segments"]]
    assert column(segments, 0) == [part["start"] for part in record["segments"]]
    assert segments[0][3:6] == ["–"] * 3
    for at, key in ((3, "bits_a"), (4, "bits_b")):
        assert column(segments[1:], at) == near([part[key] for part in record["segments"][1:]])
    assert column(segments[1:], 5) == pytest.approx(
        [part["bits_a"] - part["bits_b"] for part in record["segments"][1:]], abs=1e-6
    )
    for rows, side in ((depths_a, "a"), (depths_b, "b")):
        layers = record[side]["depths"]
        assert column(rows, 1) == near([layer["depth"] for layer in layers])
        for at, name in enumerate(PLOTS, 2):
            if layers[0][name] is None:
                assert all(row[at] == "–" for row in rows)
            else:
                assert column(rows, at) == near([layer[name] for layer in layers])
    for rows, side in ((map_a, "a"), (map_b, "b")):
        weights = PackedMaps(**record[f"maps_{side}"]).layer(0)[0] / 255
        assert [[float(cell) for cell in row[1:]] for row in rows] == [near(list(row)) for row in weights]
    assert [row[0] for row in matches] == [f"{m['model'].upper()} {m['layer']}.{m['head']}" for m in record["matches"]]
    assert column(matches, 8) == near([match["similarity"] for match in record["matches"]])
    assert [row[9] == "yes" for row in matches] == [match["mutual"] for match in record["matches"]]
    assert view.problems == []


def test_sizes_and_sentences_are_the_records(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.comparison()
    _, tab = opened(sheet, tmp_path, record)
    assert tab.locator("p.found").all_inner_texts() == record["summary"][:3]
    told = [f"{measure['name']}: {measure['meaning']}" for measure in record["measures"]]
    assert tab.locator("p.meaning").all_inner_texts() == told
    assert tab.locator("p.rest").inner_text() == " ".join(record["summary"][3:])
    cells = tab.locator(".sides tbody tr").evaluate_all(
        "(rows) => rows.map((r) => [...r.cells].map((c) => c.innerText))"
    )
    found = {row[0]: row[1:] for row in cells}
    assert found["parameters"] == ["134,515,008", "22,713,216"] and found["layers × heads"] == ["30 × 9", "6 × 12"]
    assert found["perplexity, tokens"] == ["58.10", "–"] and found["heads: induction"] == ["27", "27"]
    assert found["attention to special tokens"] == ["0.0 %", "48.6 %"]


def test_the_keyboard_moves_over_segments_and_pairs(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.comparison(causal=(True, True))
    _, tab = opened(sheet, tmp_path, record)
    part = max(record["segments"][1:], key=lambda part: abs(part["bits_a"] - part["bits_b"]))
    apart = abs(part["bits_a"] - part["bits_b"])
    about, pairs = tab.locator(".readout").first, tab.locator(".readout").nth(1)
    expect(about).to_contain_text(f"A pays {apart:.2f} bits")
    tab.locator(".text [data-i='0']").focus()
    tab.keyboard.press("ArrowRight")
    part = record["segments"][1]
    expect(about).to_contain_text(f"{part['bits_a']:.2f} bits")
    expect(about).to_contain_text(f"{part['bits_b']:.2f} bits")
    expect(tab.locator("[data-bar].on")).to_have_attribute("data-bar", "1")
    tab.locator(".duo").first.focus()
    tab.keyboard.press("ArrowRight")
    pair = record["pairs"][1]
    expect(tab.locator(".duo[aria-selected=true]")).to_have_count(1)
    expect(pairs).to_contain_text(f"A {pair['a'][0]}.{pair['a'][1]} of smollm2-135m ({pair['role_a']})")
    expect(pairs).to_contain_text(f"similarity {pair['similarity']:.3f}")
    expect(tab.locator(".two canvas")).to_have_count(2)
    rows = rows_of(tab)[3]
    weights = PackedMaps(**record["maps_a"]).layer(1)[0] / 255
    assert [float(cell) for cell in rows[-1][1:]] == near(list(weights[-1]))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", [(True, False), (False, False)])
def test_other_records_are_drawn_and_can_be_read(sheet: Any, tmp_path: Path, kind: Any, theme: str) -> None:
    record = figure_records.comparison(300 if kind[0] else 3, kind) | {"compared": [0, 300 if kind[0] else 3]}
    _, tab = opened(sheet, tmp_path, record, color_scheme=theme)
    rows_of(tab)
    main = tab.locator("main").inner_text()
    assert not any(word in main for word in ("NaN", "undefined", "null", "[object"))
    assert ("surprisal is not defined" in main) is (not any(kind))
    assert tab.evaluate(CONTRAST) == []


def test_one_pair_of_maps_is_painted_as_the_record_says(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.comparison(causal=(True, True))
    _, tab = opened(sheet, tmp_path, record)
    paint = """(canvas) => {
      const pen = canvas.getContext('2d'), pixel = (x, y) => [...pen.getImageData(x, y, 1, 1).data];
      const unit = canvas.width / 14;
      return Array.from({ length: 14 }, (_, i) => pixel(Math.floor((0.5) * unit) + 1, Math.floor((i + 0.5) * unit)));
    }"""
    seen = tab.locator(".duo canvas").first.evaluate(paint)
    first = PackedMaps(**record["maps_a"]).layer(0)[0][:, 0]
    dark = [sum(colour[:3]) for colour in seen]
    assert sorted(range(14), key=lambda i: dark[i])[:3] == sorted(range(14), key=lambda i: -int(first[i]))[:3]

"""What a reader sees on a wide screen and on a phone: no name cut off, none on another, none out of sight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples
from tests.unit import figure_records

pytestmark = pytest.mark.browser

WIDTHS = [1300, 390]

# Upright text of every drawing that passes the edge of its drawing, or stands on other text.
TROUBLE = """() => [...document.querySelectorAll('svg')].flatMap((image) => {
  const frame = image.getBoundingClientRect(), boxes = [...image.querySelectorAll('text')]
    .filter((text) => text.textContent.trim() && !(text.getAttribute('transform') ?? '').includes('rotate'))
    .map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width);
  const cut = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1).map(([name]) => name);
  const over = boxes.flatMap(([name, a], i) => boxes.slice(0, i).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
    .map(([other]) => `${other} under ${name}`));
  return [...cut, ...over];
})"""


def opened(sheet: Any, tmp_path: Path, record: dict[str, Any], width: int) -> Any:
    view = sheet(viewport={"width": width, "height": 900})
    tab = view.open(tmp_path / "page.html", [record])
    assert view.problems == []
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    return tab


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "name", ["training", "run_comparison", "map", "sweep", "a wide sweep", "states", "score", "lens"]
)
def test_no_text_of_a_drawing_is_cut_off_or_stands_on_another(
    sheet: Any, tmp_path: Path, name: str, width: int
) -> None:
    record = {"a wide sweep": wide_sweep, "states": near_states}.get(name, lambda: samples.every()[name])()
    assert opened(sheet, tmp_path, record, width).evaluate(TROUBLE) == []


def wide_sweep() -> dict[str, Any]:
    """A sweep with long values on every axis: six settings across, and perplexities from one to a million."""
    record = figure_records.sweep()
    for effect in record["effects"]:
        if effect["measure"] == "scorer_perplexity":
            for level in effect["levels"]:
                level["low"], level["high"] = 1.0, 2e6
    return record


def near_states() -> dict[str, Any]:
    """Time steps of two angles through states whose centres are near each other."""
    from cutaway.tokens import tokenize, train_tokenizer

    steps = [[0.0, 3.1], [0.0, -3.1], [2.0, 1.0], [-2.0, 1.0], [1.0, 1.0], [1.1, 0.9], [0.1, 3.0]]
    found = train_tokenizer(
        [[list(channel) for channel in zip(*steps, strict=True)]], "states", vocab_size=12, angles=True
    )
    return tokenize("\n".join(" ".join(map(str, step)) for step in steps), found).to_dict()


@pytest.mark.parametrize("name", ["mutations", "heads", "ablation"])
def test_the_names_of_rows_stay_in_sight(sheet: Any, tmp_path: Path, name: str) -> None:
    tab = opened(sheet, tmp_path, samples.every()[name], 390)
    box = tab.locator(".scroll:has(> .keep)").first
    box.evaluate("(node) => { node.scrollLeft = 10000; }")
    left, names = box.evaluate("""(node) => [node.getBoundingClientRect().left,
      [...node.querySelectorAll('.keep span')].map((one) => [one.textContent, one.getBoundingClientRect().left])]""")
    assert box.evaluate("(node) => node.scrollLeft") > 0 and len(names) >= 4
    assert all(text and left <= at < left + 34 for text, at in names)


@pytest.mark.parametrize("name", ["tokenizer_comparison", "lens", "sweep", "heads"])
def test_the_label_of_a_choice_and_the_key_stay_on_one_line(sheet: Any, tmp_path: Path, name: str) -> None:
    tab = opened(sheet, tmp_path, samples.every()[name], 390)
    heights = tab.locator(".controls label, .key .steps").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert heights and max(heights) < 50


@pytest.mark.parametrize("name", ["lens", "mutations", "contacts"])
def test_the_measures_are_explained(sheet: Any, tmp_path: Path, name: str) -> None:
    tab = opened(sheet, tmp_path, samples.every()[name], 1300)
    known = set(tab.locator("dl.terms dt").all_inner_texts())
    expected = {
        "lens": {"settled layer", "entropy", "KL divergence"},
        "mutations": {"wild type", "masked marginals", "nat"},
        "contacts": {"contact score", "average product correction", "precision at L"},
    }
    assert expected[name] <= known

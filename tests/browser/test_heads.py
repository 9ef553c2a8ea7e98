"""The views of heads and of ablation in a browser: the numbers are the record's, and every head can be reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cutaway.views.figures import heads as figure
from tests.browser.conftest import Sheet
from tests.browser.reading import column, near, rows_of
from tests.browser.test_pages import CONTRAST
from tests.unit import figure_records

pytestmark = pytest.mark.browser

SCORES = ["certainty", "entropy_bits", "distance", "sink", "previous", "current", "next", "duplicate", "induction"]


def opened(sheet: Any, tmp_path: Path, record: dict[str, Any], **options: Any) -> tuple[Sheet, Any]:
    view: Sheet = sheet(**options)
    tab = view.open(tmp_path / "page.html", [record])
    assert view.problems == [] and tab.locator(".problem").count() == 0
    return view, tab


def press(tab: Any, *keys: str) -> str:
    tab.get_by_role("application").focus()
    for key in keys:
        tab.keyboard.press(key)
    text: str = tab.locator(".readout").inner_text()  # the keys' handlers have ended
    return text


def test_the_table_of_heads_holds_the_records_numbers(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads(6, 8, ("encoder", "decoder", "cross"))
    view, tab = opened(sheet, tmp_path, record)
    rows = rows_of(tab)[0]
    assert [row[0] for row in rows] == [f"{one['kind']} {one['layer']}.{one['head']}" for one in record["heads"]]
    assert [row[1] for row in rows] == [one["role"] for one in record["heads"]]
    for at, name in enumerate([*SCORES, "received", "received_position"], 2):
        known = [i for i, one in enumerate(record["heads"]) if one[name] is not None]
        assert column([rows[i] for i in known], at) == near([record["heads"][i][name] for i in known])
        assert all(rows[i][at] == "–" for i in range(len(rows)) if i not in known)
    assert view.problems == []


def test_the_table_sorts_and_chooses(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads()
    _, tab = opened(sheet, tmp_path, record)
    rows_of(tab)
    tab.get_by_role("button", name="entropy, bits").click()
    falling = column(rows_of(tab)[0], 3)
    assert falling == sorted(falling, reverse=True)
    tab.get_by_role("button", name="entropy, bits").click()
    assert column(rows_of(tab)[0], 3) == falling[::-1]
    assert tab.locator("th[aria-sort=ascending]").inner_text().startswith("entropy")
    lowest = min(record["heads"], key=lambda one: one["entropy_bits"])
    tab.locator("details.twin tbody button").first.click()
    assert tab.locator(".readout").inner_text().startswith(f"Head {lowest['layer']}.{lowest['head']}: {lowest['role']}")


def test_a_chosen_head_is_described(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads()
    _, tab = opened(sheet, tmp_path, record)
    press(tab, *["ArrowLeft"] * 30, *["ArrowUp"] * 9)
    text = press(tab, "ArrowRight", "ArrowRight", "ArrowDown")
    [chosen] = [one for one in record["heads"] if (one["layer"], one["head"]) == (2, 1)]
    letter = figure.LETTERS[chosen["role"]]
    assert text.startswith(f"Head 2.1: {chosen['role']} ({letter}), certainty {chosen['certainty']:.2f}. It ")
    values = tab.locator(".bars .value").all_inner_texts()
    assert values[:2] == [f"{chosen['sink']:.3f} (by chance 0.232)", f"{chosen['previous']:.3f} (by chance 0.168)"]
    assert len(values) == 6  # nothing ahead to look at
    assert f"{chosen['entropy_bits']:.2f} bits" in tab.locator(".facts").inner_text()
    tab.locator("select").select_option("sink")
    assert "would give 0.232" in tab.locator(".key").inner_text()
    assert tab.locator(".readout").inner_text() == text


def test_the_letters_are_those_of_the_figures_and_every_role_is_explained(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads(9, 1)
    for one, role in zip(record["heads"], figure.LETTERS, strict=True):
        one["role"] = role
    _, tab = opened(sheet, tmp_path, record)
    press(tab, *["ArrowLeft"] * 9)
    seen = []
    for role, letter in figure.LETTERS.items():
        text = tab.locator(".readout").inner_text()
        assert f": {role} ({letter}), certainty " in text
        seen.append(text.split(". ", 1)[1])
        press(tab, "ArrowRight")
    assert len(set(seen)) == len(figure.LETTERS) and all(text.startswith("It ") for text in seen)


def test_no_arrow_leaves_the_heads_there_are(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads(3, 4)
    record["heads"] = [one for one in record["heads"] if (one["layer"], one["head"]) not in {(1, 0), (1, 1)}]
    _, tab = opened(sheet, tmp_path, record)
    press(tab, *["ArrowLeft"] * 5, *["ArrowUp"] * 5)
    assert tab.locator(".readout").inner_text().startswith("Head 0.0")
    assert press(tab, "ArrowRight").startswith("Head 2.0")  # over the gap
    assert press(tab, *["ArrowDown"] * 9, "ArrowRight").startswith("Head 2.3")


def test_the_table_of_ablation_holds_the_records_numbers(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.ablation()
    _, tab = opened(sheet, tmp_path, record)
    rows = rows_of(tab)[0]
    assert [row[0] for row in rows] == [f"{one['layer']}.{one['head']}" for one in record["heads"]]
    assert column(rows, 1) == near([one["change"] for one in record["heads"]])
    assert column(rows, 2) == near([one["loss"] for one in record["heads"]])


def test_the_bars_of_ablation_are_the_largest_changes_of_both_signs(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.ablation()
    _, tab = opened(sheet, tmp_path, record)
    ranked = sorted(record["heads"], key=lambda one: -one["change"])
    leading = [*ranked[:7], *ranked[-3:]]
    assert tab.locator(".bars .name").all_inner_texts() == [f"{one['layer']}.{one['head']}" for one in leading]
    assert tab.locator(".bars .value").all_inner_texts() == [
        f"{one['change']:+.3f}".replace("-", "−") for one in leading
    ]
    assert tab.locator(".bars .chosen .name").inner_text() == "0.3"
    assert "without it the loss is 5.131 nats per token, 1.920 more" in tab.locator(".readout").inner_text()
    text = press(tab, "ArrowRight")
    [chosen] = [one for one in record["heads"] if (one["layer"], one["head"]) == (1, 3)]
    assert f"Head 1.3: without it the loss is {chosen['loss']:.3f} nats per token" in text


def shades(tab: Any) -> list[tuple[int, int, int]]:
    """The colours in the middle of the top left cells, a little off the letters."""
    read = """(canvas) => {
      const sharp = canvas.width / canvas.getBoundingClientRect().width, pen = canvas.getContext('2d');
      const at = (i) => pen.getImageData((34 + 33 * i + 5) * sharp, 27 * sharp, 1, 1).data;
      return Array.from({ length: 8 }, (_, i) => [...at(i)]);
    }"""
    return [tuple(found[:3]) for found in tab.locator("canvas").evaluate(read)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_zero_is_the_paper_and_the_signs_part_from_it(sheet: Any, tmp_path: Path, theme: str) -> None:
    record = figure_records.ablation(30, 1)
    for one, change in zip(record["heads"], [0.0, 1.0, -1.0, 0.25, -0.25, *[0.0] * 25], strict=True):
        one["change"] = change
    _, tab = opened(sheet, tmp_path, record, color_scheme=theme)
    css = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
    steps = [tab.evaluate(css, f"--d{i}") for i in (4, 8, 0, 6, 2)]
    wanted = [tuple(int(step[at : at + 2], 16) for at in (1, 3, 5)) for step in steps]
    assert shades(tab)[:5] == wanted and shades(tab)[5] == wanted[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["heads", "ablation"])
def test_text_can_be_read_in_both_themes(sheet: Any, tmp_path: Path, name: str, theme: str) -> None:
    record = figure_records.every()[name] | {"text": "very long " * 900}
    _, tab = opened(sheet, tmp_path, record, color_scheme=theme)
    rows_of(tab)
    assert tab.evaluate(CONTRAST) == []
    assert tab.locator("p.text").inner_text().endswith("…") and len(tab.locator("p.text").inner_text()) < 410


def test_records_with_holes_are_drawn(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.heads(2, 2) | {"chance": {}}
    for one in record["heads"]:
        one.update(distance=None, duplicate=None, induction=None)
    _, tab = opened(sheet, tmp_path, record)
    assert "NaN" not in tab.locator("main").inner_text() and "undefined" not in tab.locator("main").inner_text()
    record = figure_records.ablation(2, 2)
    for one in record["heads"]:
        one.update(loss=None, change=None)
    _, tab = opened(sheet, tmp_path, record)
    assert "NaN" not in tab.locator("main").inner_text()

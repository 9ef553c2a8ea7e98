"""The view of a sweep in a browser: its numbers are the record's, and thousands of runs sort and filter at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.reading import expect, rows_of
from tests.browser.test_pages import CONTRAST
from tests.unit import figure_records

pytestmark = pytest.mark.browser

RUNS = "[aria-label='All runs'] table"


def opened(sheet: Any, tmp_path: Path, record: dict[str, Any], **options: Any) -> Any:
    view = sheet(**options)
    tab = view.open(tmp_path / "page.html", [record])
    assert view.problems == [] and tab.locator(".problem").count() == 0
    return tab


def runs(tab: Any) -> list[list[str]]:
    return rows_of(tab, RUNS)[0]


def heads(tab: Any) -> list[str]:
    found: list[str] = tab.locator(f"{RUNS} th").all_inner_texts()
    return found


def numbers(tab: Any) -> list[int]:
    return [int(row[0]) for row in runs(tab)]


def test_sentences_and_means_are_the_records(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep(3)
    tab = opened(sheet, tmp_path, record)
    assert tab.locator("p.summary").all_inner_texts() == record["summary"]
    told = tab.locator("p.meaning").all_inner_texts()
    known = {measure["meaning"] for measure in record["measures"]}
    assert told and {line.split(": ", 1)[1] for line in told} <= known
    rows = rows_of(tab)[0]
    levels = [(effect, level) for effect in record["effects"] for level in effect["levels"]]
    assert len(rows) == 100 < len(levels)  # the rest behind a button
    tab.get_by_role("button", name="Show all").first.click()
    rows = rows_of(tab)[0]
    assert len(rows) == len(levels)
    for row, (effect, level) in zip(rows, levels, strict=True):
        assert row[0] == effect["setting"].replace("_", " ") and row[3] == effect["measure"].replace("_", " ")
        for at, key in ((4, "mean"), (5, "low"), (6, "high"), (7, "n")):
            assert row[at] == "–" if level[key] is None else float(row[at]) == pytest.approx(level[key], rel=1e-6)
        change = next((one for one in effect["changes"] if one["to"] == level["value"]), None)
        if change is not None:
            assert row[11] == ("yes" if change["clear"] else "no")


def test_a_plot_has_its_dots_where_the_means_are(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep()
    tab = opened(sheet, tmp_path, record)
    tab.get_by_label("measure").select_option(label="reading ease")
    [heat, top_p] = [e for e in record["effects"] if e["measure"] == "reading_ease"]
    means = [level["mean"] for level in heat["levels"]]
    circles = tab.locator("svg[aria-label^='reading ease'] circle")
    expect(circles).to_have_count(len(means) + len(top_p["levels"]))
    dots = circles.evaluate_all("(all) => all.map((c) => +c.getAttribute('cy'))")
    slope = (dots[1] - dots[0]) / (means[1] - means[0])
    assert slope < 0
    assert dots[2] == pytest.approx(dots[0] + slope * (means[2] - means[0]), abs=0.01)


def test_runs_sort_and_filter_by_keyboard(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep(2)
    tab = opened(sheet, tmp_path, record)
    at = heads(tab).index("reading ease")
    assert numbers(tab) == list(range(1, 21))
    tab.locator(f"{RUNS} th button").nth(at).focus()
    tab.keyboard.press("Enter")
    order = sorted(range(len(record["runs"])), key=lambda i: record["runs"][i]["metrics"]["reading_ease"])
    assert numbers(tab) == [i + 1 for i in order[:20]]
    tab.keyboard.press("Enter")
    assert numbers(tab) == [i + 1 for i in order[::-1][:20]]
    assert tab.locator(f"{RUNS} th").nth(at).get_attribute("aria-sort") == "descending"
    tab.get_by_role("button", name="Next", exact=True).press("Enter")
    assert numbers(tab) == [i + 1 for i in order[::-1][20:40]]
    filters = tab.locator(".controls").last
    filters.get_by_label("model").select_option(label="mine")
    filters.get_by_label("temperature").select_option(label="1.5")
    filters.get_by_label("top p").select_option(label="off")
    kept = [
        i for i in order[::-1]
        if record["runs"][i]["model"] == "./runs/mine" and record["runs"][i]["settings"]["temperature"] == 1.5
        and record["runs"][i]["settings"]["top_p"] is None
    ]  # fmt: skip
    assert numbers(tab) == [i + 1 for i in kept]
    filters.get_by_label("prompt or text has").fill("PHOTOSYN")
    kept = [i for i in kept if record["runs"][i]["prompt"].startswith("Photo")]
    assert numbers(tab) == [i + 1 for i in kept] and len(kept) == 2
    expect(filters).to_contain_text(f"1 to 2 of 2 runs ({len(record['runs'])} in all)")


def test_missing_numbers_sort_last_both_ways(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep()
    tab = opened(sheet, tmp_path, record)
    at = heads(tab).index("self-BLEU")
    button = tab.locator(f"{RUNS} th button").nth(at)
    for _ in range(2):
        button.click()
        tab.get_by_role("button", name="Next", exact=True).click()
        assert [row[at] for row in runs(tab)][-8:] == ["–"] * 8


def test_texts_of_a_prompt_stand_side_by_side(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep(2)
    tab = opened(sheet, tmp_path, record)
    cards = tab.locator(".texts .card")
    assert cards.locator(".over").all_inner_texts() == [f"temperature {value}" for value in ("0", "0.7", "1.5")]
    assert [cards.nth(i).locator(".said").count() for i in range(3)] == [1, 2, 2]
    run = next(i for i, one in enumerate(record["runs"]) if one["settings"]["temperature"] == 1.5 and i > 20)
    tab.get_by_role("button", name="Next", exact=True).click()
    tab.get_by_role("button", name=f"Show run {run + 1}", exact=True).click()
    shown = record["runs"][run]
    texts = cards.nth(2).locator(".said").all_inner_texts()
    assert any(shown["completion"].strip().split("\n")[0] in text for text in texts)
    assert all(text.startswith(shown["prompt"]) for text in texts)
    tab.get_by_label("across").select_option("model")
    expect(cards).to_have_count(2)
    expect(cards.locator(".said")).to_have_count(4)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shape", [(3, 2, False, True), (1, 1, True, True), (1, 3, True, False)])
def test_other_records_are_drawn_and_can_be_read(sheet: Any, tmp_path: Path, shape: Any, theme: str) -> None:
    tab = opened(sheet, tmp_path, figure_records.sweep(*shape), color_scheme=theme)
    rows_of(tab)
    main = tab.locator("main").inner_text()
    assert not any(word in main for word in ("NaN", "undefined", "null", "[object"))
    assert tab.evaluate(CONTRAST) == []


def test_ten_thousand_runs_stay_quick_and_few_nodes(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sweep(2, 520)
    assert len(record["runs"]) == 2 * 520 * 10
    tab = opened(sheet, tmp_path, record)
    assert tab.evaluate("() => document.querySelectorAll('*').length") < 2500
    took = tab.evaluate(f"""() => {{
      const heads = document.querySelectorAll("{RUNS} th button"), begun = performance.now();
      for (const head of [...heads].slice(0, 10)) head.click();
      return (performance.now() - begun) / 10;
    }}""")
    assert took < 250
    assert tab.get_by_label("prompt, of 520").count() == 1

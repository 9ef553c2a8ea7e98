"""A traced generation in a browser: the record's numbers, what was removed and by whom, and every token by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples
from tests.browser.reading import column, expect, near, rows_of

pytestmark = pytest.mark.browser


def test_the_table_holds_the_traces_numbers(sheet: Any, tmp_path: Path) -> None:
    record = samples.traced()
    rows = rows_of(sheet().open(tmp_path / "page.html", [record]))[0]
    for at, key in ((2, "id"), (4, "surprisal_bits"), (6, "rank"), (7, "before"), (8, "after")):
        assert column(rows, at) == pytest.approx([step[key] for step in record["trace"]], rel=1e-5)
    assert column(rows, 9) == near([step["entropy_bits"] for step in record["trace"]])
    assert column(rows, 10) == near([step["entropy_after_bits"] for step in record["trace"]])
    for row, step in zip(rows, record["trace"], strict=True):
        assert all((effect["sampler"] in row[11]) == (effect["removed"] > 0) for effect in step["effects"])


def test_a_chosen_token_shows_both_distributions_and_who_removed_what(sheet: Any, tmp_path: Path) -> None:
    record = samples.traced()
    view = sheet(reduced_motion="reduce")
    tab = view.open(tmp_path / "page.html", [record])
    removed = set[str]()
    for i, step in enumerate(record["trace"]):
        tab.get_by_role("option").nth(i).click()
        names = tab.locator(".bars.pairs .name").all_inner_texts()
        assert [name.strip() for name in names] == [one["token"].replace(" ", "·") for one in step["options"]]
        values = tab.locator(".bars.pairs [role=listitem] .track:last-child .value").all_inner_texts()
        for option, value in zip(step["options"], values, strict=True):
            assert (value == option["removed_by"]) == (option["removed_by"] is not None)
        assert tab.locator(".fill.gone").count() == sum(one["removed_by"] is not None for one in step["options"])
        assert tab.locator(".bars.pairs .chosen").count() == 1
        removed |= {one["removed_by"] for one in step["options"]}
    assert len(removed) > 2 and view.problems == []


def test_arrows_walk_along_the_text_and_the_lines_follow(sheet: Any, tmp_path: Path) -> None:
    record = samples.traced()
    tab = sheet(reduced_motion="reduce").open(tmp_path / "page.html", [record])
    tab.get_by_role("option").first.focus()
    for i, step in enumerate(record["trace"][1:4], 1):
        tab.keyboard.press("ArrowRight")
        expect(tab.locator(".readout")).to_contain_text(f"rank {step['rank']},")
        tab.wait_for_function(
            """(place) => {
              const dot = document.querySelector('circle.on');
              return dot && [...dot.parentNode.querySelectorAll('circle')].indexOf(dot) === place;
            }""",
            arg=i,
        )
    tab.locator("svg rect.hot").nth(9).click()
    expect(tab.locator(".readout")).to_contain_text("Token 10 of 22")


@pytest.mark.parametrize("width", [320, 760])
def test_a_narrow_screen_does_not_scroll_sideways(sheet: Any, tmp_path: Path, width: int) -> None:
    tab = sheet(viewport={"width": width, "height": 800}).open(tmp_path / "page.html", [samples.traced()])
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")

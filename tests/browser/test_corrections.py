"""The view of corrections in a browser: every edit is in its place and can be reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples

pytestmark = pytest.mark.browser


def test_each_edit_is_in_its_place(sheet: Any, tmp_path: Path) -> None:
    record = samples.corrections()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    text = tab.locator("p.text").first
    expected = record["text"]
    for one in reversed(record["corrections"]):  # what is put in comes after what is struck
        expected = expected[: one["end"]] + one["put"] + expected[one["end"] :]
    assert text.inner_text() == expected
    edits = text.locator("[data-i]")
    assert edits.count() == 3 and edits.first.get_attribute("aria-selected") == "true"
    assert text.locator("s").all_inner_texts() == [record["elements"][at]["text"] for at in (1, 7)]
    assert text.locator("ins").all_inner_texts() == ["dog", "old"]
    edits.first.press("End")
    assert "is surplus: a mistake with probability" in tab.locator(".readout").inner_text()
    values = tab.locator(".bars").first.locator(".value").all_inner_texts()
    assert values == [f"{record['corrections'][2]['gain']:.2f}", "11.10"]
    assert view.problems == []


def test_a_text_without_mistakes_says_so(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [samples.corrections(edits=False)])
    assert "No edit gains enough" in tab.locator("figure").inner_text()
    assert tab.locator("[data-i]").count() == 0 and view.problems == []


def test_a_long_text_is_drawn_in_part(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [samples.corrections(length=5000)])
    assert tab.evaluate("() => document.querySelectorAll('*').length") <= 2000
    assert "The first 1,200 of 5,000 elements are drawn." in tab.locator("figure").inner_text()
    tab.locator("summary", has_text="surprisal of every element").click()
    tab.locator("tbody tr").nth(499).wait_for(state="attached")  # a table is filled when it is opened
    assert view.problems == []

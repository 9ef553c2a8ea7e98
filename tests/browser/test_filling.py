"""The view of filled places in a browser: the text with its candidates, and each place can be reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("masked", [False, True])
def test_each_place_shows_its_candidates(sheet: Any, tmp_path: Path, masked: bool) -> None:
    record = samples.filling(masked=masked)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    given = tab.locator("p.given")
    expected = record["text"]
    for place in reversed(record["places"]):
        best = place["candidates"][0]["element"]
        expected = expected[: place["start"]] + best + expected[place["end"] :]
    assert given.inner_text() == expected
    marks = given.locator("[data-i]")
    assert marks.count() == 2 and marks.first.get_attribute("aria-selected") == "true"
    marks.first.press("ArrowRight")
    second = record["places"][1]["candidates"]
    assert marks.nth(1).get_attribute("aria-selected") == "true"
    names = tab.locator(".bars").first.locator(".name").all_inner_texts()
    assert names[:4] == [candidate["element"] for candidate in second] and names[4] == "every other word"
    assert tab.locator(".bars").count() == (1 if masked else 3)  # both sides; the left alone, all places together
    assert view.problems == []


def test_characters_beyond_the_first_plane_do_not_move_the_places(sheet: Any, tmp_path: Path) -> None:
    record = samples.filling(places=1)
    record["text"] = f"😀{record['text']}"
    for place in record["places"]:
        place["start"], place["end"] = place["start"] + 1, place["end"] + 1
    tab = sheet().open(tmp_path / "page.html", [record])
    best = record["places"][0]["candidates"][0]["element"]
    assert tab.locator("p.given").inner_text() == record["text"].replace("_", best)

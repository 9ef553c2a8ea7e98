"""The views of tokenizers in a browser: several held against each other, and how one comes to its tokens."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples
from tests.browser.reading import column, near, rows_of
from tests.unit import figure_records

pytestmark = pytest.mark.browser


def test_the_table_holds_every_measure_and_sorts(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.tokenizer_comparison()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    [rows] = rows_of(tab, "figure table")
    assert len(rows) == 20 and view.problems == []
    keys = ("tokens", "fertility", "symbols_per_token", "bytes_per_token", "unknown", "byte_fallback", "exact")
    for at, key in enumerate(keys, 4):
        assert column(rows, at) == near([cell[key] for cell in record["cells"]])
    assert [row[11] for row in rows[:15]] == ["–"] * 15  # texts, not series
    assert column(rows[15:], 11) == near([cell["error"] for cell in record["cells"][15:]])
    assert column(rows, 12) == near([cell["used"] for cell in record["cells"]])
    assert [row[14] for row in rows[3::5]] == ["–"] * 4  # no insertion was possible there
    assert column(rows, 15) == near([cell["bits_per_symbol"] for cell in record["cells"]])
    assert [row[16] == "yes" for row in rows] == [cell["comparable"] for cell in record["cells"]]
    tab.locator("figure th button").nth(15).click()
    [rows] = rows_of(tab, "figure table")
    assert column(rows, 15) == near(sorted((cell["bits_per_symbol"] for cell in record["cells"]), reverse=True))


def test_the_bars_are_of_the_chosen_measure(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.tokenizer_comparison()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    assert tab.locator(".cards > div").count() == 4 and tab.locator(".bars > div").count() == 20
    said = tab.locator(".bars .value").all_inner_texts()
    lossy = [not cell["comparable"] for cell in record["cells"]]
    marks = [" (lossy)" if lost else "" for lost in lossy]
    assert said == [f"{cell['fertility']:.3f}{mark}" for cell, mark in zip(record["cells"], marks, strict=True)]
    assert tab.locator(".bars .rest").count() == sum(lossy) > 0
    tab.locator("select").select_option(label="bits per symbol, bigram model")
    said = tab.locator(".bars .value").all_inner_texts()
    assert [value.endswith(" (lossy)") for value in said] == lossy
    tab.locator("select").select_option(label="exact round trip")
    assert tab.locator(".bars .rest").count() == 0
    tab.locator("select").select_option(label="speed of encoding (measured)")
    assert "another run gives other numbers" in tab.locator("figure").inner_text() and view.problems == []


def test_merges_are_shown_step_by_step(sheet: Any, tmp_path: Path) -> None:
    record = samples.merged()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    words = record["merges"]["words"]
    longest = max(words, key=lambda word: len(word["merges"]))
    assert tab.locator(".merges li").count() == 1 + len(longest["merges"]) + 2 * (longest["more"] > 0)
    tab.locator("select").select_option("0")
    lines = tab.locator(".merges .parts").all_inner_texts()
    assert lines[0].split() == ["t", "h", "e"] and lines[-1].split() == words[0]["tokens"]
    assert tab.locator(".merges b").count() == len(words[0]["merges"])
    rows = rows_of(tab)[0]
    assert column(rows, 2) == [merge["rank"] for word in words for merge in word["merges"]]
    assert view.problems == []


def test_numbers_are_shown_on_their_way(sheet: Any, tmp_path: Path) -> None:
    record = samples.numbered()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    rows, numbers = rows_of(tab)[0], record["numbers"]["numbers"]
    for at, key in ((2, "value"), (3, "scaled"), (6, "back"), (7, "error"), (8, "bound")):
        assert [row[at] for row, number in zip(rows, numbers, strict=True) if number[key] is None] == ["–"] * sum(
            number[key] is None for number in numbers
        )
        known = [(float(row[at]), n[key]) for row, n in zip(rows, numbers, strict=True) if n[key] is not None]
        assert [found for found, _ in known] == near([value for _, value in known])
    outside = sum(number["bin"] is None and number["value"] is not None for number in numbers)
    assert [row[4] for row in rows].count("outside") == outside > 0
    assert tab.locator("svg circle").count() == sum(number["value"] is not None for number in numbers)
    assert view.problems == []


@pytest.mark.parametrize(("angles", "channels"), [(True, 2), (False, 2), (True, 1), (False, 11)])
def test_time_steps_are_shown_with_their_states(sheet: Any, tmp_path: Path, angles: bool, channels: int) -> None:
    record = samples.visited(angles, channels)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    steps = record["states"]["steps"]
    known = [step for step in steps if step["state"] is not None]
    assert len(known) == 59 and tab.locator(".chip .piece").all_inner_texts() == record["tokens"]
    rows, shown = rows_of(tab)[0], min(channels, 8)
    assert [row[1 + shown] for row in rows] == [step["word"] for step in steps]
    assert [row[2 + shown] == "–" for row in rows] == [step["state"] is None for step in steps]
    for at, key in ((1, "values"), (3 + shown, "back")):
        whole = [row for row, step in zip(rows, steps, strict=True) if step["state"] is not None]
        for c in range(shown):
            assert column(whole, at + c) == near([step[key][c] for step in known])
    # The bars of the timeline are as long as the stays, and each state has its row.
    stays = 1 + sum(before["word"] != after["word"] for before, after in itertools.pairwise(steps))
    assert tab.locator("svg").first.locator("rect").count() == stays
    assert tab.locator("svg").first.locator(".mono").count() == len({step["word"] for step in steps})
    if channels == 2:
        rings = tab.locator("svg circle.ring2").count()
        assert rings == record["states"]["visited"] and tab.locator("svg circle.dot").count() == len(known)
        crossing = sum(
            angles and any(abs(x - y) > math.pi for x, y in zip(step["values"], step["back"], strict=True))
            for step in known
        )
        leaders = tab.locator("svg").nth(1).locator("line:not([stroke-dasharray])").count()
        assert leaders == len(known) - crossing and (crossing > 0) == angles
    else:
        assert tab.locator("svg circle.hotdot").count() == min(channels, 4) * len(known)
        assert ("The first 4 of 11 channels" in tab.locator("figure").first.inner_text()) == (channels == 11)
    assert ("unit circle" in tab.locator("figure").first.inner_text()) == angles
    assert view.problems == []

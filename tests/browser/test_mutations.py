"""The view of mutations in a browser: its numbers are the record's, and every substitution can be reached."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.reading import expect
from tests.unit import figure_records

pytestmark = pytest.mark.browser


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def test_the_table_holds_every_substitution(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.mutations(length=9)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    view.unfold()
    rows = tab.locator("details.twin tbody tr")
    expect(rows).to_have_count(9 * 19)
    assert view.problems == []
    first = next(a for a, letter in enumerate(record["letters"]) if letter != record["wild"][0])
    cells = rows.first.locator("td").all_inner_texts()
    assert cells[0] == f"{record['wild'][0]}1{record['letters'][first]}"
    assert float(cells[2]) == record["effects"][0][first] and float(cells[3]) == record["profile"]["effects"][0][first]
    tab.locator("details.twin th button").nth(2).click()  # the effect: largest first
    expect(tab.locator("details.twin th").nth(2)).to_have_attribute("aria-sort", "descending")
    best = max(max(row) for row in record["effects"])
    assert float(rows.first.locator("td").nth(2).inner_text()) == best


def test_it_begins_with_the_best_and_arrow_keys_move(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.mutations()
    view = sheet(viewport={"width": 700, "height": 900})
    tab = view.open(tmp_path / "page.html", [record])
    best = max(
        (effect, p, a)
        for p, row in enumerate(record["effects"])
        for a, effect in enumerate(row)
        if record["letters"][a] != record["wild"][p]
    )
    effect, p, a = best
    said = tab.locator("[role=status]")
    expect(said).to_contain_text(f"{record['wild'][p]}{p + 1}{record['letters'][a]}: {signed(effect)} nats")
    grid = tab.locator("[role=application]")
    left = grid.evaluate("(node) => node.scrollLeft")
    assert left > 0 or p < 30  # where it begins is in sight
    grid.focus()
    tab.keyboard.press("ArrowLeft" if p else "ArrowRight")
    p += -1 if p else 1
    expect(said).to_have_text(re.compile(f"^{record['wild'][p]}{p + 1}"))
    expect(tab.locator("[role=listitem]")).to_have_count(20)
    assert view.problems == []


def test_the_shade_can_be_the_profiles(sheet: Any, tmp_path: Path) -> None:
    record, plain = figure_records.mutations(length=9), figure_records.mutations(profiled=False, length=9)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    most = max(abs(value) for row in record["profile"]["effects"] for value in row)
    tab.locator("select").select_option("1")
    expect(tab.locator("p.key")).to_contain_text(signed(most))
    bare = sheet()
    other = bare.open(tmp_path / "plain.html", [plain])
    assert other.locator("select").count() == 0 and "profile" not in other.locator("figure").inner_text().lower()
    assert view.problems == [] and bare.problems == []


def test_a_very_long_sequence_is_drawn_in_part_and_listed_whole(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [figure_records.mutations(profiled=False, length=2_100)])
    assert "The first 2,000 of 2,100 positions are drawn" in tab.locator("figure").inner_text()
    assert tab.locator("canvas").evaluate("(node) => node.getContext('2d').getImageData(45, 30, 1, 1).data[3]") == 255
    assert view.problems == []


def test_codons_are_counted_and_every_one_is_a_row(sheet: Any, tmp_path: Path) -> None:
    codons = ["".join(letters) for letters in itertools.product("ACGT", repeat=3)]
    record = figure_records.mutations(profiled=False, length=7, letters=codons)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    expect(tab.get_by_text("64 codons", exact=True)).to_have_count(1)
    view.unfold()
    rows = tab.locator("details.twin tbody tr")
    expect(rows).to_have_count(7 * 63)
    first = next(codon for codon in codons if codon != record["wild"][0])
    assert rows.first.locator("td").all_inner_texts()[0] == f"{record['wild'][0]}1{first}"
    assert view.problems == []

"""The contact map in a browser: its numbers are the record's, and every pair can be reached by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cutaway.array_codec import PackedArray
from tests.browser.reading import expect
from tests.unit import figure_records

pytestmark = pytest.mark.browser


def opened(sheet: Any, path: Path, record: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    view = sheet(**options)
    tab = view.open(path, [record])
    return view, tab


def test_it_begins_with_the_highest_pair_and_arrow_keys_move(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.contacts()
    view, tab = opened(sheet, tmp_path / "page.html", record)
    said = tab.locator("[role=status]").first
    pair = record["pairs"][0]
    text = f"{pair['first']}{pair['i']} – {pair['second']}{pair['j']}: {pair['score']:.4f} (mean of the heads)"
    expect(said).to_have_text(re.compile(re.escape(text)))
    expect(said).to_contain_text("They are known to touch.")
    tab.locator("[role=application]").first.focus()
    tab.keyboard.press("ArrowRight")
    i, j = pair["i"], min(60, pair["j"] + 1)
    scores = PackedArray(**record["scores"]).array()
    expected = f"{scores[i - 1, j - 1]:.4f}".replace("-", "−")
    expect(said).to_contain_text(f"{record['residues'][j - 1]}{j}: {expected}")
    tab.keyboard.press("Home")
    expect(said).to_contain_text(f"{record['residues'][0]}1 – ")
    assert view.problems == []


def test_the_best_head_can_be_shown(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.contacts()
    view, tab = opened(sheet, tmp_path / "page.html", record)
    tab.locator("select").select_option("1")
    pair, scores = record["pairs"][0], PackedArray(**record["best_scores"]).array()
    said = tab.locator("[role=status]")
    expect(said.first).to_contain_text(f"{scores[pair['i'] - 1, pair['j'] - 1]:.4f} (best head, 2.3)")
    expect(tab.locator("figure table").first.locator("tbody tr")).to_have_count(6)
    expect(said.nth(1)).to_contain_text("Head 2.3: of its highest pairs 22.0 % are contacts")
    assert view.problems == []


def test_tables_hold_the_pairs_and_the_heads(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.contacts()
    view, tab = opened(sheet, tmp_path / "page.html", record)
    view.unfold()
    pairs, heads = (details.locator("tbody tr") for details in tab.locator("details.twin").all())
    expect(pairs).to_have_count(60)
    expect(heads).to_have_count(12)
    first = min(record["pairs"], key=lambda pair: (pair["i"], pair["j"]))
    cells = pairs.first.locator("td").all_inner_texts()
    assert cells[0] == f"{first['first']}{first['i']} – {first['second']}{first['j']}"
    assert float(cells[1]) == pytest.approx(first["score"], rel=1e-6) and cells[3] == (
        "yes" if first["known"] else "no"
    )
    pairs.nth(7).locator("button").click()
    expect(tab.locator("[role=status]").first).to_contain_text(pairs.nth(7).locator("td").first.inner_text())
    assert view.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_known_contact_is_painted_below_the_diagonal(sheet: Any, tmp_path: Path, theme: str) -> None:
    record = figure_records.contacts()
    view, tab = opened(sheet, tmp_path / "page.html", record, color_scheme=theme)
    i, j = record["truth"][3]
    pick = """([rows, column, size]) => {
      const canvas = document.querySelector("canvas"), wide = parseFloat(canvas.style.width);
      const sharp = canvas.width / wide, unit = (wide - 34 - 14) / size;
      const at = (index) => Math.round((34 + (index - 0.5) * unit) * sharp);
      const { data } = canvas.getContext("2d").getImageData(at(column), 0, 1, canvas.height);
      return rows.map((row) => [...data.slice(4 * at(row), 4 * at(row) + 4)]);
    }"""
    there, beside = tab.evaluate(pick, [[j, j - 2], i, 60])
    assert there != beside
    ink = tab.evaluate("() => getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()")
    assert "#" + "".join(f"{value:02x}" for value in there[:3]) == ink.lower()
    assert view.problems == []


def test_without_known_contacts_the_map_is_mirrored(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.contacts(told=False)
    view, tab = opened(sheet, tmp_path / "page.html", record)
    text = tab.locator("figure").inner_text()
    assert "The map is the same above and below" in text and "known" not in text.lower() and "recision" not in text
    assert tab.locator("select").count() == 0 and view.problems == []

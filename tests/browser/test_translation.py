"""A translation in a browser: every token can be reached, and the weights are the record's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutaway.array_codec import PackedMaps
from tests.browser.reading import expect
from tests.unit import figure_records

pytestmark = pytest.mark.browser


def maps_of(record: dict[str, Any]) -> Any:
    """Return the weights [L, H, T, S] that a record holds."""
    packed = PackedMaps(**record["attention"])
    return np.stack([packed.layer(layer) for layer in range(len(packed.data))]) / 255


def test_arrow_keys_choose_a_token_and_shade_the_text(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.translated()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    mean_TS, said = maps_of(record).mean((0, 1)), tab.locator("[role=status]").first
    best = int(mean_TS[0].argmax())
    expect(said).to_contain_text(f"looked most at {record['source'][best].strip()}")
    expect(said).to_contain_text(f"weight {mean_TS[0, best]:.3f} (mean of all 18 heads)")
    written = tab.get_by_role("listbox", name="The tokens of the translation")
    written.locator("[data-i='0']").focus()
    tab.keyboard.press("ArrowRight")
    expect(said).to_contain_text("Token 2 of 9")
    shades = tab.get_by_role("listbox", name="The tokens of the text").locator(".tok")
    for piece, weight in zip(shades.all(), mean_TS[1], strict=True):
        expect(piece).to_have_class(f"tok s{int(np.sqrt(weight) * 8 + 0.5)}")
    tab.get_by_role("application").first.focus()
    tab.keyboard.press("ArrowDown")
    expect(said).to_contain_text("Token 3 of 9")
    expect(written.locator("[data-i='2']")).to_have_attribute("aria-selected", "true")
    tab.keyboard.press("Home")
    expect(said).to_contain_text(f"gave The the weight {mean_TS[2, 0]:.3f}")
    assert view.problems == []


def test_the_table_has_the_weights_of_the_head_that_is_chosen(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.translated()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    tab.locator("select").first.select_option(label="head 2.1")
    expect(tab.locator("figure")).to_have_attribute("data-shown", "head 2.1")
    view.unfold()
    rows = tab.locator("details.twin").first.locator("tbody tr").all()
    found = [[float(cell) for cell in row.locator("td.n").all_inner_texts()] for row in rows]
    np.testing.assert_allclose(found, maps_of(record)[2, 1], atol=6e-5)
    assert view.problems == []


def test_warnings_and_beams_are_shown(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.translated()
    tab = sheet().open(tmp_path / "page.html", [record])
    expect(tab.locator(".care")).to_have_text(f"Take care: {record['warnings'][0]}.")
    beams = tab.locator("figure table").filter(has_text="log-probability").locator("tbody tr")
    expect(beams).to_have_count(3)
    for row, beam in zip(beams.all(), record["beams"], strict=True):
        expect(row.locator("td").first).to_have_text(beam["text"])
        expect(row).to_contain_text(f"{beam['score']:.3f}".replace("-", "−"))

"""The view of a forecast in a browser: the series and its fans, their numbers in tables, in both themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.reading import expect, rows_of
from tests.unit import figure_records

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("horizon", "channels"), [(7, 2), (1, 1), (48, 4)])
def test_every_fan_is_drawn_and_in_the_tables(sheet: Any, tmp_path: Path, horizon: int, channels: int) -> None:
    record = figure_records.forecast(horizon, channels)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    pictures = tab.locator("svg[role=img]")
    expect(pictures).to_have_count(channels)
    # Five levels make two bands; the first fan has a median, each of the others two lines.
    expect(pictures.first.locator("path.fan")).to_have_count(2)
    expect(pictures.first.locator("path[stroke-dasharray]")).to_have_count(4)
    view.unfold()
    tables = rows_of(tab)
    for c, channel in enumerate(record["channels"]):
        rows = tables[2 * c]
        assert len(rows) == 3 * horizon
        for f, fan in enumerate(channel["fans"]):
            for h in range(horizon):
                row = rows[f * horizon + h]
                assert (row[0], row[1]) == (str(h + 1), fan["by"])
                assert [float(cell) for cell in row[3:]] == pytest.approx([q[h] for q in fan["quantiles"]], rel=1e-3)
        assert [float(row[1]) for row in tables[2 * c + 1]] == pytest.approx(channel["history"], rel=1e-6)
    assert tab.get_by_text(record["notes"][0]).count() == 1
    assert view.problems == []


def test_a_narrow_page_names_the_lines_below_the_picture(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [figure_records.forecast()])
    tab.set_viewport_size({"width": 420, "height": 800})
    expect(tab.locator(".key").first).to_contain_text("climatology")
    assert view.problems == []

"""Reading a page: its tables back as numbers, and what comes by an event as soon as it is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import UNFOLD

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=20_000)


def rows_of(tab: Any, which: str = "details.twin table") -> list[list[list[str]]]:
    tab.evaluate(UNFOLD)
    read = """(tables) => tables.map((table) =>
      [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)))"""
    found: list[list[list[str]]] = tab.locator(which).evaluate_all(read)
    return found


def column(rows: list[list[str]], at: int) -> list[float]:
    return [float(row[at]) for row in rows]


def near(values: list[float]) -> Any:
    return pytest.approx(values, rel=1e-6)

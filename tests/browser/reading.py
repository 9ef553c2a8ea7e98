"""Reading a page's tables back as numbers."""

from __future__ import annotations

from typing import Any

import pytest


def rows_of(tab: Any, which: str = "details.twin table") -> list[list[list[str]]]:
    tab.evaluate("() => document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    tab.wait_for_timeout(60)
    read = """(tables) => tables.map((table) =>
      [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)))"""
    found: list[list[list[str]]] = tab.locator(which).evaluate_all(read)
    return found


def column(rows: list[list[str]], at: int) -> list[float]:
    return [float(row[at]) for row in rows]


def near(values: list[float]) -> Any:
    return pytest.approx(values, rel=1e-6)

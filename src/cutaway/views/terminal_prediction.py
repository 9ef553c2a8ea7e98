"""Predictions in a terminal: a line for each record, and why to distrust some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import MOST, fact_table, more, new_table, shorten, visible, visible_piece

if TYPE_CHECKING:
    from cutaway.prediction import Prediction


def prediction(result: Prediction) -> RenderableType:
    """Draw the predictions, what was refused, and the notes."""
    shown = result.records[:MOST]
    numbers, near = result.objective == "numbers", any(one.similarity is not None for one in shown)
    head = [f">{result.quantity or 'number'}{f', {result.unit}' if result.unit else ''}"] if numbers else ["label"]
    if numbers and result.level is not None:
        head.append(f">{result.level:.0%} interval")
    elif not numbers:
        head.append(">probability")
    table = new_table("sequence", *head, *([">similarity", ">nearest"] if near else []), "")
    for one in shown:
        name = f"{one.id}  " if len(result.records) > 1 and not one.id.isdigit() else ""
        cells = [Text(visible_piece(shorten(f"{name}{one.sequence}", 48)))]
        if numbers:
            cells.append(Text(number_text(one.number), style="bold"))
            if result.level is not None:
                cells.append(Text(f"{number_text(one.low)} to {number_text(one.high)}"))
        else:
            cells += [Text(visible(one.label or "none"), style="bold"), Text(f"{one.score:.3f}")]
        if near:
            cells += [Text("" if one.similarity is None else f"{one.similarity:.2f}"), Text(visible(one.nearest or ""))]
        table.add_row(*cells, Text("!" if one.warnings else "", style="yellow"))
    facts: list[tuple[str, str | Text]] = [
        *(("! " + shorten(one.sequence, 24), "; ".join(one.warnings)) for one in shown if one.warnings),
        *(("refused " + shorten(one.sequence, 24), one.why) for one in result.refused),
        *(("note", note) for note in result.notes),
    ]
    left = more(len(result.records) - len(shown), "records")
    title = Text(visible(f"{result.model}: {counted(len(result.records), 'record')}"), style="dim")
    return Group(title, table, *left, "", fact_table([(visible_piece(name), value) for name, value in facts]))


def number_text(number: float | None) -> str:
    """Return a number with about four digits.

    >>> number_text(431.96), number_text(0.012345), number_text(None)
    ('432.0', '0.01235', '')
    """
    if number is None:
        return ""
    return f"{number:,.1f}" if abs(number) >= 100 else f"{number:.4g}"

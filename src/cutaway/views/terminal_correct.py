"""Corrections in a terminal: the text with its mistakes marked, each edit with its gain, and the corrected text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import MOST, fact_table, more, new_table, shorten, visible_piece, visible_token

if TYPE_CHECKING:
    from cutaway.prediction import Corrections

WHAT = {"substitute": "wrong", "insert": "missing", "delete": "surplus"}


def corrections(result: Corrections) -> RenderableType:
    """Draw the edits with their gains, then the corrected text and what an edit must gain."""
    table = new_table(">place", "what", "found", "put", ">gain, nats", ">required", ">probability")
    for one in result.corrections[:MOST]:
        found, put = (visible_token(text) if text else "" for text in (one.found, one.put))
        numbers = (f"{one.gain:.2f}", f"{one.required:.2f}", f"{one.probability:.4f}")
        table.add_row(str(one.position), WHAT[one.kind], found, put, *numbers)
    count = counted(len(result.corrections), "probable mistake")
    among = f"{count} among {counted(len(result.elements), result.kind)}"
    facts: list[tuple[str, str | Text]] = [
        ("text", _marked(result)),
        ("corrected", Text(visible_piece(shorten(result.corrected, 2000)), style="bold") if result.corrections else ""),
        ("found", f"{among}; all edits together gain {result.gain:.2f} nats" if result.corrections else among),
        ("model", result.model),
        ("method", f"{result.method}, nats"),
        ("required", needed(result)),
        ("changed", "; ".join(f"{rule}: {number:,}" for rule, number in result.changes.items())),
    ]
    drawn = [table, *more(len(result.corrections) - MOST, "corrections"), ""] if result.corrections else []
    return Group(*drawn, fact_table(facts))


def needed(result: Corrections) -> str:
    """Say what each kind of edit must gain, and why."""
    names = {"substitute": "to replace one", "slip": "to undo a slip in a word", "insert": "to put one in"}
    names |= {"delete": "to take one out", "repeat": "to take out a repeated word"}
    parts = ", ".join(f"{nats:.1f} nats {names[kind]}" for kind, nats in result.required.items())
    return f"{parts}; then a mistake is likelier than not, if {result.error_rate:g} of the elements are wrong"


def _marked(result: Corrections) -> Text:
    """Return the text with what is wrong or surplus struck, and a mark where something is missing."""
    drawn, at = Text(), 0
    for one in result.corrections:
        drawn.append(visible_piece(result.text[at : one.start]))
        drawn.append(visible_piece(result.text[one.start : one.end]) or "▲", style="bold red underline")
        at = max(at, one.end)
    drawn.append(visible_piece(result.text[at:]))
    return drawn if len(drawn) <= 2000 else drawn[:2000].append("…")

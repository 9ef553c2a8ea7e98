"""An evaluation in a terminal: every measure of the model and of the baselines, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import fact_table, new_table, shorten, visible

if TYPE_CHECKING:
    from cutaway.evaluation import Evaluation, Measured


def evaluation(result: Evaluation) -> RenderableType:
    """Draw the verdict, a column for the model and one for each baseline, and how it was measured."""
    others = list(result.baselines)
    table = new_table("", f">{shorten(visible(result.model), 30)}", ">95 % interval", *(f">{name}" for name in others))
    for note in result.about:
        own = result.metrics[note.key]
        better = {"lower": "↓", "higher": "↑"}.get(note.better, "")
        values = [value_text(result.baselines[name].get(note.key)) for name in others]
        table.add_row(f"{note.title} {better}", Text(value_text(own), style="bold"), interval_text(own), *values)
    counts = result.counts
    facts = [
        ("data", f"{result.data}: {counted(result.n, result.units.removesuffix('s'))}, {_size(result)}"),
        *(
            [("learned", f"baselines from {counted(counts['train records'], 'train record')}")]
            if "train records" in counts
            else []
        ),
        *((name, made) for name, made in result.made.items()),
        *(("note", note) for note in result.notes),
    ]
    arrows = Text("↓ lower is better, ↑ higher is better", style="dim")
    return Group(Text(visible(result.verdict), style="bold"), "", table, arrows, "", fact_table(facts))


def value_text(value: Measured | None) -> str:
    """Return a value with as many digits as are read, or a dash."""
    return "–" if value is None or value.value is None else _number(value.value)


def interval_text(value: Measured) -> str:
    """Return the interval of a value, or nothing."""
    return "" if value.low is None or value.high is None else f"{_number(value.low)} to {_number(value.high)}"


def _size(result: Evaluation) -> str:
    tokens = counted(result.counts["tokens"], "token")
    symbols = counted(result.counts["symbols"], result.symbol)
    return f"{tokens}, {symbols}"


def _number(value: float) -> str:
    size = abs(value)
    if size >= 1e6:
        return f"{value:.3g}"
    digits = 4 if size < 10 else 2 if size < 1000 else 0
    return f"{value:,.{digits}f}".replace("-", "−")

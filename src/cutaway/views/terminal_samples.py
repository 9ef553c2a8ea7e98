"""An evaluation of written records in a terminal: each measure of them and of the baselines, and the first records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_evaluation import interval_text, value_text
from cutaway.views.terminal_tables import fact_table, new_table, shorten, visible, visible_piece

if TYPE_CHECKING:
    from cutaway.evaluation import SampleEvaluation

_SIGNS = {"lower": "↓", "higher": "↑", "test": "≈"}
_FEW = 5


def sample_evaluation(result: SampleEvaluation) -> RenderableType:
    """Draw the verdict, a column for the records and one for each baseline, the first records, and how it was done."""
    others = list(result.baselines)
    table = new_table("", f">{shorten(visible(result.model), 30)}", ">95 % interval", *(f">{name}" for name in others))
    for note in result.about:
        own = result.metrics[note.key]
        values = [value_text(result.baselines[name].get(note.key)) for name in others]
        title = f"{note.title} {_SIGNS.get(note.better, '')}"
        table.add_row(title, Text(value_text(own), style="bold"), interval_text(own), *values)
    counts = result.counts
    facts = [
        ("records", f"{result.n:,}, {visible(result.source)}"),
        ("compared", f"{result.data}: {counted(counts['test records'], 'record')}"),
        *([("learned", f"the train part: {counted(known, 'record')}")] if (known := counts["train records"]) else []),
        *result.made.items(),
        *(("note", note) for note in result.notes),
        *(("example", visible_piece(shorten(one, 80))) for one in result.examples[:_FEW]),
    ]
    arrows = Text("↓ lower is better, ↑ higher is better, ≈ best near the value of the test records", style="dim")
    return Group(Text(visible(result.verdict), style="bold"), "", table, arrows, "", fact_table(facts))

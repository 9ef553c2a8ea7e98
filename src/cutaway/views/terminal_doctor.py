"""What `doctor` found, in a terminal: a block for each topic, and advice under the lines that need it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import visible

if TYPE_CHECKING:
    from cutaway.models import Diagnosis

_MARKS = {"good": ("ok", "green"), "note": ("note", "yellow"), "problem": ("problem", "bold red")}


def doctor(result: Diagnosis) -> RenderableType:
    """Draw all findings."""
    blocks: list[RenderableType] = []
    for topic, findings in itertools.groupby(result.findings, key=lambda one: one.topic):
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=len("problem"), no_wrap=True)
        table.add_column(min_width=18, style="dim")
        table.add_column(overflow="fold")
        for one in findings:
            told = Text(visible(one.value))
            if one.advice:
                told.append(f"\n→ {visible(one.advice)}", style="dim")
            word, style = _MARKS[one.state]
            table.add_row(Text(word, style=style), visible(one.name), told)
        blocks += [Text(topic, style="bold"), table, ""]
    return Group(*blocks, counted(result.problems, "problem") if result.problems else "no problems")

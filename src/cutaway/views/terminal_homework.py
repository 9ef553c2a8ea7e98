"""Homework in a terminal: the tasks, a check, and a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.lessons import Checked, Collection, Homework


def tasks(result: Homework) -> RenderableType:
    """Draw the list of tasks."""
    table = new_table("task", "what it is", ">notebook", ">minutes", "models")
    for one in result.tasks:
        table.add_row(one.name, one.title, str(one.notebook), str(one.minutes), ", ".join(one.models) or "none")
    return Group(table, "", "begin one: cutaway homework start TASK --name NAME")


def checked(result: Checked) -> RenderableType:
    """Draw each requirement: passed, or what to do."""
    lines: list[RenderableType] = []
    for one in result.requirements:
        state = Text("passed " if one.passed else "not yet", style="green" if one.passed else "bold red")
        lines.append(Text.assemble(state, "  ", (visible_piece(one.name), "bold"), ": ", visible_piece(one.said)))
    missing = sum(not one.passed for one in result.requirements)
    end = (
        "All that a program can check is right. A teacher reads the explanation."
        if result.passed
        else f"{missing} of {len(result.requirements)} not yet."
    )
    return Group(*lines, *(Text(f"note     {visible_piece(remark)}") for remark in result.remarks), "", end)


def collection(result: Collection) -> RenderableType:
    """Draw a line for each page, and under it what to look at."""
    table = new_table("page", "name", "task", "passed", "what to look at")
    for page in result.pages:
        notes = [*page.missing, *(f"same words as {other}" for other in page.alike), *page.remarks]
        look = Text(visible_piece("; ".join(shorten(note, 160) for note in notes)))
        passed = Text("yes") if page.passed else Text("no", style="bold red")
        table.add_row(*map(visible_piece, (page.file, page.name, page.task)), passed, look)
    return Group(table, "", f"{result.summary}. Read the explanations: -o class.html")

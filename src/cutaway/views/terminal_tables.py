"""What every drawing in a terminal is made of: tables, lists of facts, and text that no terminal obeys."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from cutaway.progress import hush

MOST = 400  # tokens drawn: --json and -o have them all

_PICTURES = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | {0x7F: "␡"}
_PICTURES |= dict.fromkeys((*range(128, 160), *range(8234, 8239), *range(8294, 8298)), "�")


def show(drawing: RenderableType) -> None:
    """Print a drawing to stdout; a string goes out as it is, but for control characters."""
    hush()
    if isinstance(drawing, str):
        sys.stdout.write(visible(drawing) + "\n")
        return
    stdout_console().print(drawing, crop=False)


def visible(text: str) -> str:
    """Return the text with control characters as pictures, so that none of them reaches the terminal."""
    return text.translate(_PICTURES)


def stdout_console() -> Console:
    return Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else 120, markup=False, highlight=False, emoji=False
    )


class _WholeWords(Table):
    """A table that folds its cells in a narrow terminal, but breaks no word of a heading and no number."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for column in self.columns:
            whole = [column.header, *(column.cells if column.justify == "right" else ())]
            column.min_width = max((console.measure(cell).minimum for cell in whole), default=0)
        yield from super().__rich_console__(console, options)


def new_table(*columns: str, rows: Iterable[Sequence[str | Text]] = ()) -> Table:
    """Return a table of these columns, those with ">" flush right, and of these rows; `add_row` adds more."""
    table = _WholeWords(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def bar(length: float, style: str = "cyan") -> Text:
    return Text("▇" * round(length), style=style)


def more(left: int, things: str, where: str = " (--json has all)") -> list[RenderableType]:
    """Return the line that says how many things are not drawn, if there are any."""
    return [Text(f"… and {left:,} more {things}{where}", style="dim")] if left > 0 else []


def fact_table(facts: Sequence[tuple[str, str | Text]]) -> RenderableType:
    """Return names and what is known under them; a name with nothing is left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(name, Text(visible(value)) if isinstance(value, str) else value)
    return table


def visible_piece(text: str) -> str:
    return visible(text.replace("\n", "⏎").replace("\t", "⇥"))


def number_or_unknown(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def visible_token(token: str) -> str:
    """Return a token as `visible_piece` does; one of spaces alone shows each of them."""
    return visible_piece(token) if token.strip(" ") else "␣" * len(token)


def shorten(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

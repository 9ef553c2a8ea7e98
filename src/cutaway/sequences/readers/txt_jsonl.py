"""Lines of text, one record a line, and lines of JSON."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from typing import Any

from cutaway.errors import BadSequence, counted
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.line_blocks import text_lines
from cutaway.sequences.readers.request import Raw, Request, in_line
from cutaway.sequences.readers.series_builder import SeriesBuilder

__all__ = ["json_channels", "read_jsonl", "read_txt"]

_HALF = re.compile("[\ud800-\udfff]")


def read_txt(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each line that is not blank; space around it belongs to a text, and to nothing else.

    Of the alphabet series a line is a time step and each number in it a channel's, parted by space, commas or
    semicolons; between two commas or semicolons a number is missing. A blank line ends a record, and lines that begin
    with # are comments. Commas between digits in a line whose numbers something else parts too may be decimal ones, and
    are an error.
    """
    if request.alphabet == "series":
        yield from _read_steps(request)
        return
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            yield line
        elif not line or line.isspace():
            request.counts["blank lines"] += 1
        else:
            before = len(line) - len(line.lstrip()) if request.letters else 0
            yield Raw(None, request.stripped(line), None, number, in_line(number, before))


def _read_steps(request: Request) -> Iterator[Raw | BadSequence]:
    channels = SeriesBuilder(request)
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            yield from channels.lost(number, line)
            continue
        if line.lstrip().startswith("#"):
            request.counts["comment lines"] += 1
            continue
        if series.commas_unclear(line):
            raise request.bad("are these commas decimal ones, or between numbers?", number, hint=request.points)
        cells = series.cells(line)
        if not cells:
            request.counts["blank lines"] += 1
            yield from channels.end()
        elif len(channels.arrays) not in (0, len(cells)):
            why = f"{counted(len(cells), 'number')}, and {len(channels.arrays):,} in the lines before"
            error = request.bad(why, number)
            yield from channels.lost(number, error)
        else:
            values = [request.number(cell, number, at + 1) for cell, at in cells]
            yield from channels.add(number, values)
    yield from channels.end()


def read_jsonl(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each line's object: its sequence, its "id" if it has one, and its label; or a bare string or list.

    The first object says which key holds the sequence, as the head of a table does. Of the alphabet series the sequence
    is a list of numbers, or a list of such lists, one a channel; null is missing.
    """
    chosen: list[str] = list(request.columns)
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            yield line
        elif not line or line.isspace():
            request.counts["blank lines"] += 1
        else:
            try:
                said = _parsed(request, line, number)
                if isinstance(said, dict) and not chosen:
                    chosen = request.choose(list(said), number)  # once: it is the same one in all lines
                yield _record(request, said, number, chosen)
            except BadSequence as error:
                yield error


def _record(request: Request, said: Any, number: int, columns: list[str]) -> Raw:
    name, label, key = None, None, "sequence"
    if isinstance(said, dict):
        for column in (*columns, *([request.label_column] if request.label_column else [])):
            if column not in said:
                raise request.absent(column, list(said), number)
        if request.label_column is not None:
            label = request.label(said[request.label_column])
        name = request.name(said.get("id"))
        for part in (name, label):
            if part is not None and _HALF.search(part):
                raise request.bad(f"half of a surrogate pair, which is no character, in {part[:40]!r}", number)
        key = columns[0]
        said = [said[column] for column in columns] if len(columns) > 1 else said[key]
    if request.alphabet == "series":
        channels = json_channels(request, said, number, key)
        return Raw(name, channels, label, number, lambda n: f"line {number:,}, step {n:,}")
    if not isinstance(said, str):
        raise request.bad(f"it is no text but {type(said).__name__}", number, key)
    return Raw(name, request.stripped(said), label, number, lambda n: f"line {number:,}, column {key!r}, letter {n:,}")


def json_channels(request: Request, said: Any, line: int, column: str) -> tuple[array[float], ...]:
    """Return a list of numbers as one channel, or a list of lists as several."""
    if not isinstance(said, list):
        raise request.bad(f"it is no list of numbers but {type(said).__name__}", line, column)
    lists = said if said and all(isinstance(part, list) for part in said) else [said]
    return tuple(array("d", [request.number(value, line, column) for value in part]) for part in lists)


def _parsed(request: Request, line: str, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_Constant)
    except json.JSONDecodeError as error:
        raise request.bad(f"it is no JSON ({error.msg})", number, error.colno) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise request.bad(f"it is no JSON that can be read ({str(error).partition(';')[0]})", number) from error
    except RecursionError as error:
        raise request.bad("it is JSON nested too deep", number) from error


class _Constant(str):
    """NaN or Infinity, which JSON lacks and Python reads: kept as what it says, so that it is read as in any file."""

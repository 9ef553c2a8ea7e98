"""Lines of text, one record a line, and lines of JSON."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from typing import Any

from cutaway.errors import BadSequence, counted
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.blocks import text_lines
from cutaway.sequences.readers.channels import Channels
from cutaway.sequences.readers.wanted import Raw, Wanted, in_line

__all__ = ["json_channels", "read_jsonl", "read_txt"]

_HALF = re.compile("[\ud800-\udfff]")


def read_txt(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield each line that is not blank; space around it belongs to a text, and to nothing else.

    Of the alphabet series a line is a time step and each number in it a channel's, parted by space, commas or
    semicolons; between two commas or semicolons a number is missing. A blank line ends a record, and lines that begin
    with # are comments. Commas between digits in a line whose numbers something else parts too may be decimal ones, and
    are an error.
    """
    if wanted.alphabet == "series":
        yield from _read_steps(wanted)
        return
    for number, line in text_lines(wanted):
        if isinstance(line, BadSequence):
            yield line
        elif not line or line.isspace():
            wanted.counts["blank lines"] += 1
        else:
            before = len(line) - len(line.lstrip()) if wanted.letters else 0
            yield Raw(None, wanted.stripped(line), None, number, in_line(number, before))


def _read_steps(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    channels = Channels(wanted)
    for number, line in text_lines(wanted):
        if isinstance(line, BadSequence):
            yield from channels.lost(number, line)
            continue
        if line.lstrip().startswith("#"):
            wanted.counts["comment lines"] += 1
            continue
        if series.commas_unclear(line):
            raise wanted.bad("are these commas decimal ones, or between numbers?", number, hint=wanted.points)
        cells = series.cells(line)
        if not cells:
            wanted.counts["blank lines"] += 1
            yield from channels.end()
        elif len(channels.arrays) not in (0, len(cells)):
            why = f"{counted(len(cells), 'number')}, and {len(channels.arrays):,} in the lines before"
            error = wanted.bad(why, number)
            yield from channels.lost(number, error)
        else:
            values = [wanted.number(cell, number, at + 1) for cell, at in cells]
            yield from channels.add(number, values)
    yield from channels.end()


def read_jsonl(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield each line's object: its sequence, its "id" if it has one, and its label; or a bare string or list.

    The first object says which key holds the sequence, as the head of a table does. Of the alphabet series the sequence
    is a list of numbers, or a list of such lists, one a channel; null is missing.
    """
    chosen: list[str] = list(wanted.columns)
    for number, line in text_lines(wanted):
        if isinstance(line, BadSequence):
            yield line
        elif not line or line.isspace():
            wanted.counts["blank lines"] += 1
        else:
            try:
                said = _parsed(wanted, line, number)
                if isinstance(said, dict) and not chosen:
                    chosen = wanted.choose(list(said), number)  # once: it is the same one in all lines
                yield _record(wanted, said, number, chosen)
            except BadSequence as error:
                yield error


def _record(wanted: Wanted, said: Any, number: int, columns: list[str]) -> Raw:
    name, label, key = None, None, "sequence"
    if isinstance(said, dict):
        for column in (*columns, *([wanted.label_column] if wanted.label_column else [])):
            if column not in said:
                raise wanted.absent(column, list(said), number)
        if wanted.label_column is not None:
            label = wanted.label(said[wanted.label_column])
        name = wanted.name(said.get("id"))
        for part in (name, label):
            if part is not None and _HALF.search(part):
                raise wanted.bad(f"half of a surrogate pair, which is no character, in {part[:40]!r}", number)
        key = columns[0]
        said = [said[column] for column in columns] if len(columns) > 1 else said[key]
    if wanted.alphabet == "series":
        channels = json_channels(wanted, said, number, key)
        return Raw(name, channels, label, number, lambda n: f"line {number:,}, step {n:,}")
    if not isinstance(said, str):
        raise wanted.bad(f"it is no text but {type(said).__name__}", number, key)
    return Raw(name, wanted.stripped(said), label, number, lambda n: f"line {number:,}, column {key!r}, letter {n:,}")


def json_channels(wanted: Wanted, said: Any, line: int, column: str) -> tuple[array[float], ...]:
    """Return a list of numbers as one channel, or a list of lists as several."""
    if not isinstance(said, list):
        raise wanted.bad(f"it is no list of numbers but {type(said).__name__}", line, column)
    lists = said if said and all(isinstance(part, list) for part in said) else [said]
    return tuple(array("d", [wanted.number(value, line, column) for value in part]) for part in lists)


def _parsed(wanted: Wanted, line: str, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_Constant)
    except json.JSONDecodeError as error:
        raise wanted.bad(f"it is no JSON ({error.msg})", number, error.colno) from error
    except ValueError as error:  # a number of more digits than Python reads
        raise wanted.bad(f"it is no JSON that can be read ({str(error).partition(';')[0]})", number) from error
    except RecursionError as error:
        raise wanted.bad("it is JSON nested too deep", number) from error


class _Constant(str):
    """NaN or Infinity, which JSON lacks and Python reads: kept as what it says, so that it is read as in any file."""

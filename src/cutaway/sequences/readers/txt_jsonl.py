"""Read text with one record per line, and JSON lines."""

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

_HALF = re.compile("[\ud800-\udfff]")


def read_txt(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each line that is not blank, without the spaces around it unless the alphabet is text.

    For the alphabet series a line is a time step with one number per channel, separated by spaces, commas or
    semicolons; between two commas or semicolons a number is missing. A blank line ends a record. Lines that begin with
    # are comments. It is an error if commas could be decimal commas: between digits, in a line that has other
    separators, too.
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
            raise request.bad("these commas could be decimal commas or separators", number, hint=request.points)
        cells = series.cells(line)
        if not cells:
            request.counts["blank lines"] += 1
            yield from channels.end()
        elif len(channels.arrays) not in (0, len(cells)):
            why = f"{counted(len(cells), 'number')}, but {len(channels.arrays):,} in the lines before"
            error = request.bad(why, number)
            yield from channels.lost(number, error)
        else:
            values = [request.number(cell, number, at + 1) for cell, at in cells]
            yield from channels.add(number, values)
    yield from channels.end()


def read_jsonl(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the record on each line: an object with a sequence, and perhaps "id" and label, or only a string or list.

    The keys of the first object decide which one holds the sequence, as the header of a table does. For the alphabet
    series the sequence is a list of numbers, or a list of such lists, one per channel; null is a missing number.
    """
    columns: list[str] = list(request.columns)
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            yield line
        elif not line or line.isspace():
            request.counts["blank lines"] += 1
        else:
            try:
                said = _parsed(request, line, number)
                if isinstance(said, dict) and not columns:
                    columns = request.choose(list(said), number)  # once, for all lines
                yield _record(request, said, number, columns)
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
                raise request.bad(f"{part[:40]!r} contains half of a surrogate pair, which is not a character", number)
        key = columns[0]
        said = [said[column] for column in columns] if len(columns) > 1 else said[key]
    if request.alphabet == "series":
        channels = json_channels(request, said, number, key)
        return Raw(name, channels, label, number, lambda n: f"line {number:,}, step {n:,}")
    if not isinstance(said, str):
        raise request.bad(f"expected text, got {type(said).__name__}", number, key)
    return Raw(name, request.stripped(said), label, number, lambda n: f"line {number:,}, column {key!r}, letter {n:,}")


def json_channels(request: Request, said: Any, line: int, column: str) -> tuple[array[float], ...]:
    """Return a list of numbers as one channel, or a list of lists as several."""
    if not isinstance(said, list):
        raise request.bad(f"expected a list of numbers, got {type(said).__name__}", line, column)
    lists = said if said and all(isinstance(part, list) for part in said) else [said]
    return tuple(array("d", [request.number(value, line, column) for value in part]) for part in lists)


def _parsed(request: Request, line: str, number: int) -> Any:
    try:
        return json.loads(line, parse_constant=_Constant)
    except json.JSONDecodeError as error:
        raise request.bad(f"not valid JSON ({error.msg})", number, error.colno) from error
    except ValueError as error:  # a number with more digits than Python reads
        raise request.bad(f"cannot read this JSON ({str(error).partition(';')[0]})", number) from error
    except RecursionError as error:
        raise request.bad("this JSON is nested too deeply", number) from error


class _Constant(str):
    """NaN or Infinity, which Python's JSON parser accepts: kept as text, to be read like text in other files."""

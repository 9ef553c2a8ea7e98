"""Read tables, CSV and Parquet: one record per row, or for series one channel per column."""

from __future__ import annotations

import datetime
import functools
import itertools
import numbers
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from cutaway.errors import BadSequence, counted
from cutaway.extras import library
from cutaway.log import get_logger
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.delimited import Delimited
from cutaway.sequences.readers.line_blocks import local
from cutaway.sequences.readers.request import DECIMAL_COMMA, Raw, Request, listed
from cutaway.sequences.readers.series_builder import SeriesBuilder
from cutaway.sequences.readers.txt_jsonl import json_channels

Rows = Iterator[tuple[int, Any]]  # the first line of a row, and its cells or a BadSequence

_LOOKED_AT = 100
_TIMES = re.compile(
    r"(time|date|datetime|timestamp|epoch|step|frame|index|idx|year|day|hour|unnamed: 0)s?"
    r"(\s*[(\[/].*|[\s_-](f|p|n|u|m)?s|[\s_-](sec|min|h|hours?|days?|utc|gmt|local|number|no|id|index|step))?"
)
_DATE = re.compile(r"\s*(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4}|\d\d?:\d\d)([T\s:.,].*)?")

_logger = get_logger(__name__)


def read_csv(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each row below the header: its sequence, its "id" if there is such a column, and its label.

    `Delimited` chooses the separator and interprets quotes. For the alphabet series the rows are time steps and the
    columns are channels: those requested, or all columns of numbers (the first cell that is not missing, in a hundred
    rows, is a number). Times are left out: a column without a name or called time, date, step, t, index or similar, in
    which each number is larger than the one before. A new record begins when the label changes. With `skip_bad` a bad
    row becomes a time step of missing numbers.
    """
    table = Delimited(request)
    if table.names:
        single = None
        if request.letters and request.alphabet != "series":
            single = table.names.index(request.choose(table.names)[0])
        yield from _records(request, table.names, table.rows(single), table.mark)


def _records(request: Request, names: Sequence[str], rows: Rows, mark: str = "") -> Iterator[Raw | BadSequence]:
    label_at = None
    if request.label_column is not None:
        if request.label_column not in names:
            raise request.absent(request.label_column, names)
        label_at = names.index(request.label_column)
    id_at = next((i for i, name in enumerate(names) if name.strip().lower() == "id"), None)
    if request.alphabet == "series":
        yield from _down(request, names, rows, label_at, {label_at, id_at} - {None}, mark)
        return
    column = request.choose(names)[0]
    at = names.index(column)
    if id_at == at:
        id_at = None
    for line, row in rows:
        if isinstance(row, BadSequence):
            yield row
            continue
        label = None if label_at is None else request.label(row[label_at])
        name = None if id_at is None else request.name(row[id_at])
        yield Raw(name, request.stripped(row[at]), label, line, functools.partial(_in_cell, "line", line, column))


def _down(
    request: Request, names: Sequence[str], rows: Rows, label_at: int | None, others: set[int | None], mark: str
) -> Iterator[Raw | BadSequence]:
    channels, said, label = SeriesBuilder(request), None, None
    if request.columns:
        picked = [names.index(name) for name in request.choose(names)]
    else:
        first = list(itertools.islice(rows, _LOOKED_AT))
        picked = _without_times(request, names, first, _with_numbers(request, names, first, others, mark), label_at)
        dates = [i for i in range(len(names)) if i not in picked]
        rows = _with_dates_alike(request, names, dates, itertools.chain(first, rows))
    for line, row in rows:
        if isinstance(row, BadSequence):
            yield from channels.lost(line, row, label)
            continue
        if label_at is not None and (row[label_at] != said or not channels.begun):
            yield from channels.end(label)
            said, label = row[label_at], request.label(row[label_at])
        yield from channels.add(line, [request.number(row[i], line, names[i]) for i in picked], label)
    yield from channels.end(label)


def _with_numbers(
    request: Request, names: Sequence[str], first: list[tuple[int, Any]], others: set[int | None], mark: str
) -> list[int]:
    """Return the columns whose first non-missing cell is a number; count the other columns by name."""
    picked, words, dates, empty = list[int](), list[str](), list[str](), list[str]()
    rows = [(line, row) for line, row in first if not isinstance(row, BadSequence)]
    if mark and all(_is_number(name) for name in names):
        hint = f"add a header, or read the file with `format='txt'`; if they are names: `column={names[0].strip()!r}`"
        raise request.bad("these are numbers, not names of columns", 1, hint=hint)
    for i, name in enumerate(names):
        if i in others:
            continue
        line, cell = next(((line, row[i]) for line, row in rows if not series.is_missing(row[i])), (1, None))
        if isinstance(cell, str) and DECIMAL_COMMA.fullmatch(cell):
            point = f"write it with a decimal point: {cell.strip().replace(',', '.')}"
            hint = request.points if mark in set(";\t") else f"{point}; or name the columns of numbers: `column=NAME`"
            raise request.bad(f"{cell!r} is written with a decimal comma", line, name, hint)
        if cell is None:
            empty.append(name)
        elif _is_number(cell):
            picked.append(i)
        else:
            (dates if _is_date(cell) else words).append(name)
    if rows and not picked:
        raise request.bad(
            "no column has a number in its first row", rows[0][0], hint=f"the columns are {listed(names)}"
        )
    if dates:
        request.counts[f"columns of times left out ({listed(dates)})"] += len(dates)
    if words:
        request.counts[f"columns of words left out ({listed(words)})"] += len(words)
    if empty and rows:
        many = counted(len(rows), "row")
        request.counts[f"columns without a number in {many} left out ({listed(empty)})"] += len(empty)
    return picked


def _without_times(
    request: Request, names: Sequence[str], first: list[tuple[int, Any]], picked: list[int], label_at: int | None
) -> list[int]:
    """Return the channels without times: columns named like a time whose numbers only grow. Log what is left out."""
    rows = [row for _, row in first if not isinstance(row, BadSequence)]
    times = [i for i in picked if _is_called_time(names[i]) and _grows(rows, i, label_at)]
    kept = [i for i in picked if i not in times]
    if not times or not kept:
        return picked
    left_out = listed([names[i] for i in times])
    request.counts[f"columns of times left out ({left_out})"] += len(times)
    _logger.info(
        f"{request.file}: {left_out} left out as times, because the numbers only grow. "
        f"To include {'it' if len(times) == 1 else 'them'}, name every channel: "
        + " ".join(f"--column {shlex.quote(names[i])}" for i in picked[:4])
        + (" …" if len(picked) > 4 else "")
    )
    return kept


def _is_called_time(name: str) -> bool:
    bare = name.strip()
    return bare in ("", "t") or bool(re.match(r"t\s*[(\[/]|t_(f|p|n|u|m)?s$", bare) or _TIMES.fullmatch(bare.lower()))


def _grows(rows: list[Any], column: int, label_at: int | None) -> bool:
    """Return whether each number of a column is larger than the one before it with the same label."""
    pairs = [(None if label_at is None else row[label_at], row[column]) for row in rows]
    if len(pairs) < 2:
        return False
    try:
        said = [(label, series.number(cell) if isinstance(cell, str) else float(cell)) for label, cell in pairs]
    except (ValueError, TypeError, OverflowError):
        return False
    return all(now > before or label != last for (last, before), (label, now) in itertools.pairwise(said))


def _is_date(cell: object) -> bool:
    """Return whether a cell is a date or a time of day: a Parquet type, or text like 2024-01-31 12:00."""
    return isinstance(cell, (datetime.date, datetime.time)) or (isinstance(cell, str) and bool(_DATE.fullmatch(cell)))


def _with_dates_alike(request: Request, names: Sequence[str], columns: list[int], rows: Rows) -> Rows:
    """Yield the rows; raise `BadSequence` for a date in another style than the first date of its column."""
    styles: dict[int, tuple[str, str]] = {}
    for line, row in rows:
        for i in columns if not isinstance(row, BadSequence) else ():
            style = _style(row[i])
            if style is not None and styles.setdefault(i, (style, row[i]))[0] != style:
                why = f"{row[i].strip()!r} is not in the same date style as {styles[i][1].strip()!r}"
                hint = "write all dates of the column in one style, like 2024-01-31, or name the channels: `column`"
                request.skip(request.bad(why, line, names[i], hint))
                request.counts["dates of another style"] += 1
        yield line, row


def _style(cell: object) -> str | None:
    """Return the style of a date or a time of day: its separator, and whether the year comes first."""
    found = _DATE.fullmatch(cell) if isinstance(cell, str) else None
    if found is None:
        return None
    first = re.match(r"\d+", found[1])
    size = 0 if first is None else first.end()
    return f"{found[1][size]}{'year first' if size == 4 else ''}"


def _is_number(cell: object) -> bool:
    """Return whether a cell is a number. Infinity counts, so that reading the column reports it."""
    if not isinstance(cell, str):
        return isinstance(cell, numbers.Number) and not isinstance(cell, bool)  # a Decimal counts
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_parquet(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each row as `read_csv` does, batch by batch; a row's line is its number, from 1.

    For the alphabet series a column of lists holds one record per row; columns of numbers are channels.
    """
    parquet = need_pyarrow()
    with local(request) as name:
        try:
            file = parquet.ParquetFile(name, pre_buffer=False, buffer_size=1 << 20)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise request.bad(
                f"this is not a complete Parquet file ({_first(error)})", 1, hint="write or download it again"
            ) from error
        with file:
            names = list(file.schema_arrow.names)
            try:
                yield from _parquet_records(request, file, names)
            except (OSError, ValueError) as error:
                raise request.bad(
                    f"the Parquet file is damaged ({_first(error)})", 1, hint="write or download it again"
                ) from error


def _parquet_records(request: Request, file: Any, names: list[str]) -> Iterator[Raw | BadSequence]:
    if request.alphabet == "series" and not _has_lists(request, file, names):
        yield from _records(request, names, _parquet_rows(request, file, names))
        return
    column = request.choose(names)[0]
    if request.label_column is not None and request.label_column not in names:
        raise request.absent(request.label_column, names)
    id_name = next((name for name in names if name.strip().lower() == "id" and name != column), None)
    read = [name for name in (column, request.label_column, id_name) if name is not None]
    for number, row in _parquet_rows(request, file, read):
        cells = dict(zip(read, row, strict=True))
        label = None if request.label_column is None else request.label(cells[request.label_column])
        name = None if id_name is None else request.name(cells[id_name])
        said, place = cells[column], functools.partial(_in_cell, "row", number, column)
        if request.alphabet == "series":
            try:
                yield Raw(name, json_channels(request, said, number, column), label, number, place)
            except BadSequence as error:
                yield error
        elif isinstance(said, str):
            yield Raw(name, request.stripped(said), label, number, place)
        else:
            yield request.bad(f"expected text, got {type(said).__name__}", number, column)


def _has_lists(request: Request, file: Any, names: list[str]) -> bool:
    from pyarrow import types

    kinds = (
        types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view,
    )  # fmt: skip
    looked = request.columns or [name for name in names if name.strip().lower() in {"series", "sequence", "seq"}]
    return any(is_kind(field.type) for field in file.schema_arrow if field.name in looked for is_kind in kinds)


def _parquet_rows(request: Request, file: Any, names: list[str]) -> Iterator[tuple[int, list[Any]]]:
    first, all_names = 1, file.schema_arrow.names
    if twice := [name for name in names if all_names.count(name) > 1]:
        raise request.bad(
            f"{all_names.count(twice[0])} columns have this name", 1, twice[0], "rename all but one of them"
        )
    for batch in file.iter_batches(batch_size=128, columns=names):
        columns = [batch.column(name).to_pylist() for name in names]
        yield from enumerate(map(list, zip(*columns, strict=True)), first)
        first += batch.num_rows


def need_pyarrow() -> Any:
    """Return pyarrow's Parquet module. Raises `InputError` if it is not installed."""
    return library("pyarrow.parquet", "reading Parquet needs pyarrow")


def _in_cell(kind: str, line: int, column: str, letter: int) -> str:
    return f"{kind} {line:,}, column {column!r}, letter {letter:,}"


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:120]

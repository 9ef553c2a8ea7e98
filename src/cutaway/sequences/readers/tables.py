"""Tables: CSV with one record a row, Parquet the same; numbers run down the columns."""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from cutaway.errors import BadSequence, InputError
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.blocks import decoded, lines, local
from cutaway.sequences.readers.channels import Channels
from cutaway.sequences.readers.plain import json_channels
from cutaway.sequences.readers.wanted import Raw, Wanted

__all__ = ["need_pyarrow", "read_csv", "read_parquet"]

_LONGEST = 1 << 28  # characters in a cell; csv's own limit of 131,072 is less than a gene may have


def read_csv(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield each row below the header: its sequence, its "id" if there is such a column, and its label.

    A .csv file is parted by commas, or where its header has none by tabs or semicolons; a .tsv file by tabs. Of the
    alphabet series the rows are time steps and the columns channels: those asked for, or all whose first cell is a
    number; a new record begins where the label changes.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
    broken: list[BadSequence] = []
    source = _csv_lines(wanted, broken)
    first = next(source, "")
    if broken:
        raise broken[0]
    found = "\t" if wanted.format == "tsv" else next((mark for mark in ",\t;" if mark in first), ",")
    reader = csv.reader(_again(first, source), delimiter=found, strict=True)
    rows = _rows(wanted, reader, broken)
    header = next(rows, None)
    if isinstance(header, BadSequence):
        raise header
    if header is not None:
        yield from _records(wanted, header[1], rows)


def _csv_lines(wanted: Wanted, broken: list[BadSequence]) -> Iterator[str]:
    for number, line in lines(wanted):
        text = decoded(wanted, line, number)
        if isinstance(text, BadSequence):
            broken.append(text)
            text = line.decode("utf-8", "replace")
        yield text + "\n"


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _rows(wanted: Wanted, reader: Any, broken: list[BadSequence]) -> Iterator[tuple[int, list[str]] | BadSequence]:
    """Yield rows with the line they begin in, or what is wrong with them."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield wanted.bad(f"it is no row of a table ({error})", line)
            continue
        if broken:
            yield broken[0]
            broken.clear()
        elif not row:
            wanted.counts["blank lines"] += 1
        else:
            yield line, row


def _records(
    wanted: Wanted, names: Sequence[str], rows: Iterator[tuple[int, list[str]] | BadSequence]
) -> Iterator[Raw | BadSequence]:
    label_at = None
    if wanted.label_column is not None:
        if wanted.label_column not in names:
            raise wanted.absent(wanted.label_column, names)
        label_at = names.index(wanted.label_column)
    id_at = next((i for i, name in enumerate(names) if name.strip().lower() == "id"), None)
    whole = _whole(wanted, len(names), rows)
    if wanted.alphabet == "series":
        yield from _down(wanted, names, whole, {label_at, id_at} - {None}, label_at)
        return
    column = wanted.choose(names)[0]
    at = names.index(column)
    if id_at == at:
        id_at = None
    for found in whole:
        if isinstance(found, BadSequence):
            yield found
            continue
        line, row = found
        label = None if label_at is None else wanted.label(row[label_at])
        name = None if id_at is None else row[id_at].strip() or None
        yield Raw(name, wanted.stripped(row[at]), label, line, functools.partial(_in_cell, "line", line, column))


def _whole(
    wanted: Wanted, width: int, rows: Iterator[tuple[int, list[str]] | BadSequence]
) -> Iterator[tuple[int, list[str]] | BadSequence]:
    for found in rows:
        if not isinstance(found, BadSequence) and len(found[1]) != width:
            cells = len(found[1])
            yield wanted.bad(
                f"{cells} cell{'s' * (cells != 1)}, where the header has {width}", found[0], min(cells, width)
            )
        else:
            yield found


def _down(
    wanted: Wanted, names: Sequence[str], rows: Iterator[Any], others: set[int | None], label_at: int | None
) -> Iterator[Raw | BadSequence]:
    channels, label, picked = Channels(wanted), None, list[int]()
    if wanted.columns:
        picked = [names.index(name) for name in wanted.choose(names)]
    for found in rows:
        if isinstance(found, BadSequence):
            yield found
            continue
        line, row = found
        if not picked:
            picked = [i for i, cell in enumerate(row) if i not in others and _is_number(cell)]
            if not picked:
                raise wanted.bad(
                    "no column begins with a number", line, hint=f"the columns are {', '.join(names[:12])}"
                )
            if left := len(names) - len(picked) - len(others):
                wanted.counts["columns without numbers left out"] += left
        said = None if label_at is None else row[label_at]
        if said != label:
            yield from channels.end(label)
            label = said
        yield from channels.add(line, [wanted.number(row[i], line, names[i]) for i in picked], label)
    yield from channels.end(label)


def _is_number(cell: object) -> bool:
    if not isinstance(cell, str):
        return isinstance(cell, (int, float)) and not isinstance(cell, bool)
    try:
        return not math.isnan(series.number(cell))
    except ValueError:
        return False


def read_parquet(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield each row as from a CSV, a batch at a time; a row's line is its number, from 1.

    Of the alphabet series a column of lists holds a record a row; columns of numbers are channels that run down.
    """
    parquet = need_pyarrow()
    with local(wanted) as name:
        try:
            file = parquet.ParquetFile(name, pre_buffer=False, buffer_size=1 << 20)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise wanted.bad(
                f"it is no whole Parquet file ({_first(error)})", 1, hint="write or fetch it anew"
            ) from error
        with file:
            names = list(file.schema_arrow.names)
            try:
                yield from _parquet_records(wanted, file, names)
            except (OSError, ValueError) as error:
                raise wanted.bad(f"damaged Parquet file ({_first(error)})", 1, hint="write or fetch it anew") from error


def _parquet_records(wanted: Wanted, file: Any, names: list[str]) -> Iterator[Raw | BadSequence]:
    if wanted.alphabet == "series" and not _has_lists(wanted, file, names):
        yield from _records(wanted, names, _parquet_rows(file, names))
        return
    column = wanted.choose(names)[0]
    if wanted.label_column is not None and wanted.label_column not in names:
        raise wanted.absent(wanted.label_column, names)
    id_name = next((name for name in names if name.strip().lower() == "id" and name != column), None)
    read = [name for name in (column, wanted.label_column, id_name) if name is not None]
    for number, row in _parquet_rows(file, read):
        cells = dict(zip(read, row, strict=True))
        label = None if wanted.label_column is None else wanted.label(cells[wanted.label_column])
        name = str(cells[id_name]) if id_name is not None and cells[id_name] is not None else None
        said, place = cells[column], functools.partial(_in_cell, "row", number, column)
        if wanted.alphabet == "series":
            try:
                yield Raw(name, json_channels(wanted, said, number, column), label, number, place)
            except BadSequence as error:
                yield error
        elif isinstance(said, str):
            yield Raw(name, wanted.stripped(said), label, number, place)
        else:
            yield wanted.bad(f"it is no text but {type(said).__name__}", number, column)


def _has_lists(wanted: Wanted, file: Any, names: list[str]) -> bool:
    from pyarrow import types

    looked = wanted.columns or [name for name in names if name.strip().lower() in {"series", "sequence", "seq"}]
    return any(name in names and types.is_list(file.schema_arrow.field(name).type) for name in looked)


def _parquet_rows(file: Any, names: list[str]) -> Iterator[tuple[int, list[Any]]]:
    first = 1
    for batch in file.iter_batches(batch_size=128, columns=names):
        columns = [batch.column(name).to_pylist() for name in names]
        yield from enumerate(map(list, zip(*columns, strict=True)), first)
        first += batch.num_rows


def need_pyarrow() -> Any:
    """Return pyarrow's Parquet module. Raises `InputError` where there is none."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            "reading Parquet needs pyarrow, which is not installed", hint="pip install 'cutaway[science]'"
        ) from error
    return parquet


def _in_cell(kind: str, line: int, column: str, letter: int) -> str:
    return f"{kind} {line:,}, column {column!r}, letter {letter:,}"


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:120]

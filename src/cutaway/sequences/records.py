"""`read_records`: read the records of files, check each against an alphabet, and count every change."""

from __future__ import annotations

import dataclasses
import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from cutaway.errors import BadSequence, InputError, MissingText
from cutaway.result import Result
from cutaway.sequences.alphabets import CHECKS, smiles
from cutaway.sequences.readers import LIBRARIES, READERS, format_of
from cutaway.sequences.readers.request import MEND, Raw, Request
from cutaway.sequences.seen_ids import SeenIds

_KEEP = "make the ids unique, number the later ones with `rename_duplicates=True`, or skip them with `skip_bad=True`"
_COPIES = 1 << 16

if TYPE_CHECKING:
    Channel = array[float]
else:
    Channel = array  # which can't be subscripted when `load_result` reads the type hints

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclasses.dataclass(frozen=True, repr=False)
class Record(Result):
    """One sequence and where it came from.

    `id` is its name in the file, or else file and line. `sequence` is a text in the letters of its alphabet. For the
    alphabet series it is a tuple of channels, each an `array.array` of doubles in which NaN is a missing number.
    `line` is the line where the record starts, from 1 (the row of a Parquet file, the frame of a trajectory).
    """

    __slots__ = ("file", "id", "label", "line", "sequence")

    schema: ClassVar[str] = "record"

    id: str
    sequence: str | tuple[Channel, ...]
    label: str | None
    file: str
    line: int


class Records(Iterator[Record]):
    """An iterator over records, with counts of what was read, changed and skipped so far.

    `counts` has "records", "skipped", and an entry for each rule that changed or found something; the rules are in the
    modules of `cutaway.sequences.alphabets`. `first_skipped` has the error messages of the first five skipped records.
    """

    def __init__(
        self,
        files: Sequence[tuple[str, str]],
        alphabet: str,
        columns: tuple[str, ...],
        label_column: str | None,
        skip_bad: bool,
        check: Callable[[Any], object] | None,
        rename_duplicates: bool,
    ) -> None:
        counts = Counter(records=0, skipped=0)
        self.counts: dict[str, int] = counts
        self.first_skipped: list[str] = []
        self._requests = [
            Request(file, kind, alphabet, columns, label_column, skip_bad, counts, self.first_skipped)
            for file, kind in files
        ]
        self._check, self._also = CHECKS[alphabet], check
        self._rename = rename_duplicates
        self._stream = self._all()

    def __iter__(self) -> Iterator[Record]:
        return self._stream

    def __next__(self) -> Record:
        return next(self._stream)

    def __repr__(self) -> str:
        said = ", ".join(f"{rule}: {count:,}" for rule, count in self.counts.items())
        return f"Records({', '.join(request.file for request in self._requests)}; {said})"

    def _all(self) -> Iterator[Record]:
        for request in self._requests:
            try:
                yield from self._of(request)
            except (BadSequence, MissingText) as error:
                self._skip(request, error)
        if not self.counts["records"]:
            names = ", ".join(repr(request.file) for request in self._requests[:3])
            lost = self.counts["skipped"]
            why = f"no record of {names} could be used: {lost:,} {'was' if lost == 1 else 'were'} skipped"
            raise MissingText(why, hint=next(iter(self.first_skipped), None))

    def _of(self, request: Request) -> Iterator[Record]:
        if Path(request.file).is_dir():
            raise BadSequence(f"{request.file!r} is a directory", hint="give the names of the files in it")
        seen, counts, found = SeenIds(), self.counts, False
        copies, last, alike = dict[str, int](), 0, 0
        name = "stdin" if request.file == "-" else PurePath(request.file).name
        for raw in READERS[request.format](request):
            found = True
            try:
                if isinstance(raw, BadSequence):
                    raise raw
                sequence, changes = self._checked(request, raw)
                called = raw.id
                if called is None:
                    alike = alike + 1 if raw.line == last else 1  # several records without an id may begin on one line
                    last, called = raw.line, f"{name}:{raw.line}" + (f"/{alike}" if alike > 1 else "")
                elif not seen.add(called):
                    if not self._rename:
                        raise request.bad(f"there is already a record {_short(called)}", raw.line, hint=_KEEP)
                    called = _renamed(called, seen, copies)
                    counts["duplicate ids renamed"] += 1
            except BadSequence as error:
                self._skip(request, error)
                continue
            for rule, count in changes.items():
                counts[rule] += count
            if seen.full:
                counts["ids not compared"] += 1
            counts["records"] += 1
            record = [Record(called, sequence, raw.label, request.file, raw.line)]
            del raw, sequence  # a chromosome needs the memory
            yield record.pop()
        if not found:
            raise MissingText(
                f"{request.file!r} has no records", hint=f"it was read as {request.format}; `format` changes that"
            )

    def _checked(self, request: Request, raw: Raw) -> tuple[Any, dict[str, int]]:
        try:
            sequence, changes = self._check(raw.sequence)
            if self._also is not None:
                self._also(sequence)
            return sequence, changes
        except BadSequence as error:
            which = "" if raw.id is None else f" (record {_short(raw.id)})"
            message = f"{raw.place(error.column)} of {request.file!r}: {error.message}{which}"
            raise BadSequence(message, hint=error.hint or MEND, column=error.column) from error

    def _skip(self, request: Request, error: BadSequence | MissingText) -> None:
        request.skip(error)
        self.counts["skipped"] += 1


def _renamed(name: str, seen: SeenIds, copies: dict[str, int]) -> str:
    """Return the id with the first free number after it; `copies` remembers the last number of each id."""
    number = copies.get(name, 1) + 1
    while not seen.add(f"{name}/{number}"):
        number += 1
    if len(copies) == _COPIES:
        copies.clear()
    copies[name] = number
    return f"{name}/{number}"


_WITH_NUMBERS = frozenset({"txt", "jsonl", "csv", "tsv", "parquet", "xtc", "dcd", "trr", "pdb"})
_FRAMES = frozenset({"xtc", "dcd", "trr", "pdb"})
_WITH_COLUMNS = _WITH_NUMBERS - {"txt"}
_WITH_LABELS = _WITH_COLUMNS - _FRAMES | {"fasta", "fastq", "genbank", "sdf"}


def _fits(file: str, kind: str, alphabet: str, columns: tuple[str, ...], label_column: str | None) -> None:
    """Raise `InputError` if the format cannot hold what is requested, or if its library is not installed."""
    if alphabet == "series" and kind not in _WITH_NUMBERS:
        raise InputError(f"{file!r} ({kind}) cannot hold series of numbers", hint="choose another `alphabet`")
    if kind in _FRAMES and alphabet != "series":
        raise InputError(
            f"{file!r} ({kind}) holds coordinates, not {alphabet}", hint="read it with `alphabet='series'`"
        )
    if columns and kind not in _WITH_COLUMNS:
        raise InputError(f"{file!r} ({kind}) has no columns; got column {columns[0]!r}", hint="leave `column` out")
    if label_column is not None and kind not in _WITH_LABELS:
        raise InputError(f"{file!r} ({kind}) has no labels", hint="leave `label_column` out")
    if kind in {"fasta", "fastq"} and label_column not in (None, "description"):
        raise InputError(
            f"there is no label {label_column!r} in {file!r} ({kind})",
            hint="only `label_column='description'`, the text after the id",
        )
    if kind in LIBRARIES:
        LIBRARIES[kind]()
    if alphabet == "smiles":
        smiles.reader()


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # the name is too long
        return False


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")


def read_records(
    paths: Paths,
    alphabet: str = "text",
    *,
    format: str | None = None,  # noqa: A002
    column: str | Sequence[str] | None = None,
    label_column: str | None = None,
    skip_bad: bool = False,
    check: Callable[[Any], object] | None = None,
    rename_duplicates: bool = False,
) -> Records:
    """Return an iterator over the records of one or more files; memory is bounded by the longest record.

    - `alphabet`: text, dna, rna, codon, protein, smiles or series. Its rules are in the module of that name in
      `cutaway.sequences.alphabets`.
    - `format`: txt, jsonl, csv, tsv, parquet, fasta, fastq, genbank, smi, sdf, xtc, dcd, trr or pdb; by default what
      the suffix says, with or without .gz. How each is read is in its function in `cutaway.sequences.readers`.
    - `column`: the column of a table, or the key of a JSON object, that has the sequence; for a series one or more
      channels. For a trajectory it is a selection of atoms or a collective variable ("distance 1 10",
      "dihedral 5 7 9 15", "phi", "psi"): see `cutaway.sequences.readers.selection`.
    - `label_column`: where the label is. For FASTA and FASTQ "description" means the header after the id; for SDF it
      is a property, for GenBank a qualifier.
    - `skip_bad`: count bad records under "skipped" and continue.
    - `check`: a further check, called with each sequence that its alphabet allows; it raises `BadSequence`.
    - `rename_duplicates`: call the second record with one id "id/2" and count it; otherwise it is an error.

    The path "-" means standard input and needs a `format`.

    Raises `InputError` for an unknown alphabet or format, a missing file or a missing library. While reading it raises
    `BadSequence`, with line, column and what to do, for errors in a file, and `MissingText` for an empty file; with
    `skip_bad` it raises `MissingText` only if no record is left.

    Example:
        >>> file = Path("genes.fa")
        >>> _ = file.write_text(">one\\nacgt\\nNNA\\n>two\\nUUR\\n")
        >>> records = read_records(file, "dna")
        >>> [(record.id, record.sequence, record.line) for record in records]
        [('one', 'ACGTNNA', 1), ('two', 'TTR', 4)]
        >>> records.counts["lower case to upper"], records.counts["N runs"], records.counts["U to T"]
        (4, 1, 2)
    """
    names = [os.fspath(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    columns = () if column is None else (column,) if isinstance(column, str) else tuple(column)
    if not names:
        raise InputError("no file was given", hint="give the name of at least one")
    if alphabet not in CHECKS:
        raise InputError(f"there is no alphabet {alphabet!r}", hint=f"choose from {', '.join(CHECKS)}")
    if format is not None and format not in READERS:
        raise InputError(f"there is no format {format!r}", hint=f"choose from {', '.join(READERS)}")
    if len(columns) > 1 and alphabet != "series":
        why = f"a {alphabet} sequence is one column, not {len(columns)}"
        raise InputError(why, hint="only `alphabet='series'` takes several")
    files = []
    for name in names:
        if name == "-" and format is None:
            hint = f"name it with `format`: {', '.join(READERS)}"
            raise InputError("standard input ('-') needs a format", hint=hint)
        if name != "-" and not _exists(name):
            hint = "check the name and the folder you are in"
            if len(name) > 255 or "\n" in name:
                hint = "to pass a sequence itself, use a pipe: printf 'ACGT' | cutaway records - --format txt"
            raise InputError(f"there is no file {_short(name)}", hint=hint)
        kind = format or ("txt" if Path(name).is_dir() else format_of(name))
        _fits(name, kind, alphabet, columns, label_column)
        files.append((name, kind))
    return Records(files, alphabet, columns, label_column, skip_bad, check, rename_duplicates)

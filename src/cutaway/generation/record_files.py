"""Files of sampled records: FASTA, SMILES, a table, JSON lines or plain lines. No torch is needed."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cutaway.errors import InputError, counted
from cutaway.result import write_chunks

if TYPE_CHECKING:
    from cutaway.generation.sampled_records import SampledRecord

SUFFIXES: Final = (".fasta", ".fa", ".smi", ".csv", ".jsonl", ".txt")
_LETTERS: Final = {".fasta": "text dna rna codon protein", ".fa": "text dna rna codon protein", ".smi": "text smiles"}
_COLUMNS: Final = ("id", "sequence", "finished", "tokens", "logprob", "seed")


@dataclasses.dataclass(frozen=True)
class WrittenRecords:
    """How many records a file has, and how many of all were not ended by the model, differ, or have no line in it.

    `left_out` counts records by why the file can't hold them: "empty", "unreadable", "of several lines", "with
    spaces" (in a .smi file).
    """

    path: Path
    records: int
    sampled: int
    unfinished: int
    different: int
    left_out: dict[str, int]

    def __str__(self) -> str:
        lost = "".join(f"; left out: {number:,} {why}" for why, number in self.left_out.items())
        return (
            f"{counted(self.records, 'record')} in {self.path}, {self.different:,} different; "
            f"{self.unfinished:,} unfinished (cut at the longest length){lost}"
        )


def check_alphabet(path: str | os.PathLike[str], alphabet: str | None) -> None:
    """Raise `InputError` if the suffix of a file is for other sequences than a tokenizer of this alphabet writes."""
    suffix = Path(path).suffix
    holds = _LETTERS.get(suffix, "").split()
    if holds and (alphabet or "text") not in holds:
        raise InputError(f"a {suffix} file can't hold sequences of {alphabet}", hint="end the name in .jsonl")
    if alphabet == "series" and suffix != ".jsonl":
        raise InputError(f"a {suffix} file can't hold several series", hint="end the name in .jsonl")


def write_records(records: Iterable[SampledRecord], path: str | os.PathLike[str]) -> WrittenRecords:
    """Write records in the format of the suffix, and count them; the file is there whole or not at all.

    FASTA, SMILES and plain lines have one line for a sequence: empty records and those with line ends are left out.
    Unfinished records are marked (in the header, the name or a column; plain lines have no place for it).

    Raises `InputError` if no record could be written, and `OutputError` if the file can't be.
    """
    target, counts, left_out, seen = Path(path), Counter[str](), Counter[str](), set[int]()

    def lines() -> Iterator[bytes]:
        if target.suffix == ".csv":
            yield _row(_COLUMNS)
        for record in records:
            counts["sampled"] += 1
            counts["unfinished"] += not record.finished
            why = _unfit(record.sequence, target.suffix)
            if why is not None:
                left_out[why] += 1
                continue
            counts["records"] += 1
            seen.add(hash(_plain_text(record.sequence)))
            yield _line(record, target.suffix)
        if not counts["records"]:
            raise InputError(
                f"none of {counted(counts['sampled'], 'record')} can be written to {str(target)!r}: "
                + ", ".join(f"{number:,} {why}" for why, number in left_out.items()),
                hint="train the model longer, or give how a record begins as `text`; a .jsonl file holds any text",
            )

    write_chunks(target, lines())
    return WrittenRecords(target, counts["records"], counts["sampled"], counts["unfinished"], len(seen), dict(left_out))


def printed(record: SampledRecord, as_json: bool) -> str:
    """Return a record as it is printed: its sequence as it stands (numbers with four digits), or an object of JSON.

    >>> from cutaway.generation import SampledRecord
    >>> printed(SampledRecord(1, "CCO", True, 4, -2.5, 0), as_json=False)
    'CCO'
    """
    if as_json:
        return json.dumps(dict(zip(_COLUMNS, _values(record), strict=True)), ensure_ascii=False, allow_nan=False)
    if record.sequence is None:
        return "(no sequence)"
    return record.sequence if isinstance(record.sequence, str) else json.dumps(_short(_plain(record.sequence)))


def _short(numbers: Any) -> Any:
    if isinstance(numbers, list):
        return [_short(one) for one in numbers]
    return float(f"{numbers:.4g}") if isinstance(numbers, float) else numbers


def _values(record: SampledRecord) -> tuple[Any, ...]:
    sequence = None if record.sequence is None else _plain(record.sequence)
    name = f"sample-{record.number}"
    return name, sequence, record.finished, record.tokens, round(record.logprob, 6), record.seed


def _unfit(sequence: Any, suffix: str) -> str | None:
    if sequence is None:
        return "unreadable"
    if not isinstance(sequence, str) or suffix in (".csv", ".jsonl"):
        return None
    if not sequence.strip():
        return "empty"
    if suffix == ".smi" and len(sequence.split()) > 1:
        return "with spaces"
    return "of several lines" if len(sequence.splitlines()) > 1 else None


def _line(record: SampledRecord, suffix: str) -> bytes:
    name, mark = f"sample-{record.number}", "" if record.finished else " unfinished"
    if suffix in (".fasta", ".fa"):
        return f">{name} tokens={record.tokens} logprob={record.logprob:.4f}{mark}\n{record.sequence}\n".encode()
    if suffix == ".smi":
        return f"{record.sequence} {name}{mark.replace(' ', '-')}\n".encode()
    if suffix == ".txt":
        return f"{record.sequence}\n".encode("utf-8", "backslashreplace")
    return _row(_values(record)) if suffix == ".csv" else (printed(record, as_json=True) + "\n").encode()


def _plain(sequence: Any) -> Any:
    """Return a text, or a series as lists; a missing number is None."""
    if isinstance(sequence, str):
        return sequence
    channels = [[None if np.isnan(x) else float(x) for x in channel] for channel in sequence]
    return channels[0] if len(channels) == 1 else channels


def _plain_text(sequence: Any) -> str:
    return sequence if isinstance(sequence, str) else repr(_plain(sequence))


def _row(cells: Iterable[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "backslashreplace")

"""What tokenizers are compared on: the first symbols of a file, or given sequences."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from cutaway.errors import InputError, counted

SYMBOLS: Final = 1_000_000


@dataclasses.dataclass(frozen=True)
class Sample:
    """Sequences of one alphabet: texts, or series of C channels of T numbers each.

    `whole` is False if the file holds more; `skipped` counts the broken records that were left out.
    """

    name: str
    alphabet: str
    sequences: Sequence[Any]
    whole: bool = True
    skipped: int = 0


def read_sample(
    file: str | os.PathLike[str],
    alphabet: str = "text",
    *,
    symbols: int = SYMBOLS,
    format: str | None = None,  # noqa: A002
    column: str | Sequence[str] | None = None,
    check: Callable[[str], object] | None = None,
    skip_bad: bool = False,
    rename_duplicates: bool = False,
) -> Sample:
    """Read the records of a file, as `cutaway.sequences.read_records` does, up to `symbols` symbols.

    The record that reaches the limit is cut there; a SMILES is left out, because a part of one is not a molecule.
    Raises `InputError` for errors in the file up to there; `check` is a further check of each sequence.

    >>> from pathlib import Path
    >>> _ = Path("genes.fa").write_text(">one\\nACGT\\n>two\\nACGTAC\\n")
    >>> read_sample("genes.fa", "dna", symbols=6).sequences
    ['ACGT', 'AC']
    """
    from cutaway.sequences import read_records  # takes 30 ms, which other verbs of tokens don't need

    if symbols < 1:
        raise InputError(f"`symbols` is {symbols:,}; it must be 1 or above", hint="for example `symbols=1000000`")
    found: list[Any] = []
    left, whole = symbols, True
    records = read_records(
        file,
        alphabet,
        format=format,
        column=column,
        check=check,
        skip_bad=skip_bad,
        rename_duplicates=rename_duplicates,
    )
    for record in records:
        sequence: Any = record.sequence
        channels = 1 if isinstance(sequence, str) else len(sequence)
        room = left // channels
        length = len(sequence if isinstance(sequence, str) else sequence[0])
        if room == 0 or (length > room and alphabet == "smiles"):
            whole = False
            break
        if length > room:
            sequence = sequence[:room] if isinstance(sequence, str) else tuple(part[:room] for part in sequence)
            whole = False
        found.append(sequence)
        left -= min(length, room) * channels
        if not whole:
            break
    if not found:
        what = "molecule" if alphabet == "smiles" else "step"
        raise InputError(
            f"{counted(symbols, 'symbol')} can't hold one {what} of {os.fspath(file)!r}",
            hint="for example `symbols=1000000`",
        )
    return Sample(os.fspath(file), alphabet, found, whole, records.counts["skipped"])

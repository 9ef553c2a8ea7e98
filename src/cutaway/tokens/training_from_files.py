"""`train_from_files`: from the records of files to a saved tokenizer."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cutaway.errors import BadSequence, InputError, counted
from cutaway.tokens.saving import SavedTokenizer, check_folder, save_tokenizer
from cutaway.tokens.selfies import selfies_text
from cutaway.tokens.training import KINDS, check_kind, train_tokenizer

if TYPE_CHECKING:
    from cutaway.sequences import Record


def train_from_files(
    files: Sequence[str | os.PathLike[str]],
    directory: str | os.PathLike[str],
    kind: str = "bpe",
    *,
    alphabet: str | None = None,
    vocab_size: int | None = None,
    format: str | None = None,  # noqa: A002
    column: Sequence[str] = (),
    skip_bad: bool = False,
    rename_duplicates: bool = False,
    force: bool = False,
    **options: Any,
) -> SavedTokenizer:
    """Read the records of files, make a tokenizer of a kind from them, and save it in a folder.

    `alphabet` is that of the files, by default the kind's first. `force` replaces an existing tokenizer. The other
    parameters are those of `cutaway.sequences.read_records` and of `train_tokenizer`. All records are read and checked,
    even if the kind learns nothing from them. Raises what those two raise, `InputError` if the alphabet of files with
    sequences is not given, and `OutputError` if the folder is taken or can't be written.

    >>> from pathlib import Path
    >>> _ = Path("genes.fa").write_text(">one\\nATGAAA\\n")
    >>> train_from_files(["genes.fa"], "codons", "codon").vocab_size
    84
    """
    from cutaway.sequences import read_records  # takes 30 ms, which other verbs of tokens don't need

    check_folder(directory, force=force)
    check_kind(kind, alphabet, vocab_size, options)
    if options.get("angles") and (lengths := [name for name in column if name.split()[:1] == ["distance"]]):
        raise InputError(f"column {lengths[0]!r} is not an angle", hint="leave it out, or leave `angles` out")
    start = time.perf_counter()
    alphabet = alphabet or _alphabet_of(files, format, kind)
    records = read_records(
        files,
        alphabet,
        format=format,
        column=column or None,
        skip_bad=skip_bad,
        check=selfies_text if kind == "selfies" else None,  # so that a molecule without one is named with its line
        rename_duplicates=rename_duplicates,
    )
    # The end of a line is part of a text, but the readers leave it out.
    lines = alphabet == "text" and kind != "smiles"
    sequences = (f"{record.sequence}\n" if lines else record.sequence for record in _checked(records, kind))
    tokenizer = train_tokenizer(sequences, kind, alphabet=alphabet, vocab_size=vocab_size, **options)
    for _ in sequences:  # check those that the kind did not learn from
        pass
    if kind == "bins" and column:
        tokenizer.config["cutaway"]["columns"] = [column] if isinstance(column, str) else list(column)
    return dataclasses.replace(
        save_tokenizer(tokenizer, directory, force=force),
        records=records.counts["records"],
        read=dict(records.counts),
        first_skipped=records.first_skipped,
        seconds=time.perf_counter() - start,
    )


def _alphabet_of(files: Sequence[str | os.PathLike[str]], format_: str | None, kind: str) -> str:
    """Return the kind's first alphabet. Raises `InputError` if that is text and the files are not."""
    from cutaway.sequences.readers import suffix_format

    alphabets = KINDS[kind]
    formats = {os.fspath(file): format_ or suffix_format(os.fspath(file)) for file in files}
    holding = [file for file, found in formats.items() if found in {"fasta", "fastq", "genbank", "smi", "sdf"}]
    if alphabets[0] != "text" or not holding:
        return alphabets[0]
    if {*formats.values()} <= {"smi", "sdf"} and "smiles" in alphabets:
        return "smiles"
    others = ", ".join(name for name in alphabets if name != "text")
    raise InputError(
        f"{holding[0]!r} holds sequences, not text",
        hint=f"give their `alphabet`: {others}" if others else f"choose another `kind`; {kind} is for text",
    )


def _checked(records: Iterable[Record], kind: str) -> Iterator[Record]:
    """Yield the records; for states raise `BadSequence` if one has more or fewer channels than those before it."""
    channels = 0
    for record in records:
        if kind == "states" and len(record.sequence) != (channels or len(record.sequence)):
            raise BadSequence(
                f"record {record.id!r} (line {record.line:,} of {record.file!r}) has "
                f"{counted(len(record.sequence), 'channel')}, and those before it {channels:,}",
                hint="states need series with equally many channels: choose them with `column`",
            )
        channels = len(record.sequence)
        yield record

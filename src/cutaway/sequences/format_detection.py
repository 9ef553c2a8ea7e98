"""Detect whether a file holds plain text, or records whose headers, names and punctuation are not sequence."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from cutaway.errors import InputError
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers import suffix_format
from cutaway.sequences.text_files import read_text

_LOOKED_AT = 200
_NUCLEIC = re.compile(r"[ACGTURYKMSWBDHVN*.-]+", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z*.-]+")
_ALPHABETS = {"smi": "smiles", "sdf": "smiles", "genbank": "dna"}
_NUMBERS = frozenset({"xtc", "dcd", "trr", "pdb"})


def read_plain_text(path: str | os.PathLike[str], *, as_text: bool = False) -> str:
    """Return the text of a file, as `read_text` does, unless the file holds records.

    It holds records if its suffix or its first lines say so. `as_text` turns this check off. Raises `InputError` for
    records; the hint says how to read them.

    Example:
        >>> file = Path("genes.fa")
        >>> _ = file.write_text(">one\\nACGT\\n")
        >>> read_plain_text(file)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        cutaway.errors.InputError: 'genes.fa' holds records (fasta), not plain text: ...
    """
    name = os.fspath(path)
    if as_text or not Path(name).is_file():
        return read_text(path)
    said = suffix_format(name)
    if said not in (None, "txt") and said in _NUMBERS | {"parquet"}:
        raise _refused(name, said, "")
    text = read_text(path)
    kind = detect_format(text) or (said if said != "txt" else None)
    if kind is not None:
        raise _refused(name, kind, text)
    return text


def detect_format(text: str) -> str | None:
    """Return the format of the records in a text, judged by its first lines, or None for plain text.

    A line that begins with ">" or "@" is not enough: the lines below it must look like sequences.

    >>> detect_format(">one\\nACGT\\n>two\\nGGTT\\n"), detect_format("> he said\\nYes, I will.\\n")
    ('fasta', None)
    """
    lines = [line for line in text[: 1 << 16].split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    if not lines:
        return None
    if lines[0].startswith("LOCUS  "):
        return "genbank"
    if sum(line.startswith(("ATOM  ", "HETATM")) and len(line) > 50 for line in lines) > 2:
        return "pdb"
    if any(line.startswith("M  END") for line in lines) and any(re.search(r"V[23]000$", line) for line in lines):
        return "sdf"
    if _is_fasta(lines):
        return "fasta"
    if _is_fastq(lines):
        return "fastq"
    if all(map(_is_object, lines[:-1] or lines)):
        return "jsonl"
    return _table(lines)


def _is_fasta(lines: list[str]) -> bool:
    if not lines[0].startswith(">"):
        return False
    rows = [line.strip() for line in lines if line[0] not in ">;"]
    if all(map(_NUCLEIC.fullmatch, rows)) or all(map(_LETTERS.fullmatch, rows)):
        return bool(rows)
    return bool(rows) and all(row.isalpha() and row.isascii() for row in rows) and max(map(len, rows)) > 40


def _is_fastq(lines: list[str]) -> bool:
    plus = next((at for at, line in enumerate(lines) if line.startswith("+")), 0)
    rows = [line.strip() for line in lines[1:plus]]
    return lines[0].startswith("@") and bool(rows) and all(row.isalpha() for row in rows)


def _is_object(line: str) -> bool:
    try:
        return line.lstrip().startswith("{") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _table(lines: list[str]) -> str | None:
    """Return csv or tsv if all lines have as many cells as the first and a named column holds numbers."""
    for mark, kind in (("\t", "tsv"), (",", "csv"), (";", "csv")):
        rows = [line.split(mark) for line in (lines[:-1] if len(lines) > 5 else lines)]
        head = rows[0]
        if len(head) < 2 or len(rows) < 3 or any(len(row) != len(head) for row in rows):
            continue
        if not any(map(_is_number, head)) and any(map(_holds_numbers, zip(*rows[1:], strict=True))):
            return kind
    return None


def _holds_numbers(column: Iterable[str]) -> bool:
    """Return whether a column holds numbers; some may be missing, but not all (as after a trailing comma)."""
    said = [cell for cell in column if not series.is_missing(cell)]
    return bool(said) and all(map(_is_number, said))


def _is_number(cell: str) -> bool:
    try:
        series.number(cell)
    except ValueError:
        return False
    return True


def _refused(name: str, kind: str, text: str) -> InputError:
    alphabet, column = _alphabet(kind, text)
    said = "" if suffix_format(name) == kind else f"`format={kind!r}` and "
    return InputError(
        f"{name!r} holds records ({kind}), not plain text: a model would learn names and punctuation as sequence",
        hint=f"read the records with {said}`alphabet={alphabet!r}`{column}; `as_text=True` uses the file as it is",
    )


def _alphabet(kind: str, text: str) -> tuple[str, str]:
    """Return the likely alphabet of the records, and further options that are needed to read them."""
    if kind in _ALPHABETS:
        return _ALPHABETS[kind], ""
    if kind in ("fasta", "fastq"):
        rows = "".join(line for line in text[: 1 << 16].split("\n")[1:40] if not line.startswith((">", "@", "+", ";")))
        if kind == "fastq" or _NUCLEIC.fullmatch(rows):
            return ("rna" if "U" in rows.upper() and "T" not in rows.upper() else "dna"), ""
        return "protein", ""
    lines = [line for line in text[: 1 << 16].split("\n", _LOOKED_AT)[:_LOOKED_AT] if line.strip()]
    if kind in _NUMBERS | {"parquet"} or (kind in ("csv", "tsv") and lines and _table(lines)):
        return "series", ""
    return "text", " and `column='NAME'`"

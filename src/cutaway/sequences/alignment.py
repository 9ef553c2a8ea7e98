"""Read an alignment from a FASTA or A3M file: rows of equal length, with gaps as "-"."""

from __future__ import annotations

import re
from pathlib import Path

from cutaway.errors import InputError, counted
from cutaway.sequences.text_files import read_text

_OTHERS = re.compile(r"\s*#?\s*(STOCKHOLM|CLUSTAL)\b", re.IGNORECASE)


def read_alignment(path: str | Path) -> list[tuple[str, str]]:
    """Return the names and aligned rows of a FASTA or A3M file, in upper case, with every gap as "-".

    In A3M (known by its suffix) lower-case letters are insertions between columns: they are left out, and so are the
    dots that stand for them in other rows. A stop ("*") at the end of every row is not counted as a column. Raises
    `InputError`, with the line, if the file is not an alignment.
    """
    file, a3m = Path(path), Path(path).suffix.lower() == ".a3m"
    rows: list[tuple[str, list[str], int]] = []
    whole = read_text(file)
    if other := _OTHERS.match(whole):
        raise InputError(
            f"{str(file)!r} is in {other[1].capitalize()} format; only FASTA and A3M can be read",
            hint="convert it with esl-reformat afa FILE, or with Bio.AlignIO.convert(FILE, FORMAT, NEW, 'fasta')",
        )
    for number, line in enumerate(whole.splitlines(), 1):
        text = line.strip()
        if text.startswith(">"):
            rows.append((text[1:].split(maxsplit=1)[0] if text[1:].strip() else "", [], number))
        elif text and not text.startswith((";", "#")):
            if not rows:
                raise InputError(
                    f"{str(file)!r}, line {number}: there is a sequence before the first header",
                    hint="the first line of a FASTA or A3M file must begin with >",
                )
            rows[-1][1].append(text)
    if not rows:
        raise InputError(f"{str(file)!r} has no sequences", hint="give an alignment in FASTA or A3M")
    found = [(name, _row("".join(parts), a3m)) for name, parts, _ in rows]
    if all(row.endswith("*") for _, row in found):
        found = [(name, row[:-1]) for name, row in found]
    for (name, row), (_, _, number) in zip(found, rows, strict=True):
        if len(row) != len(found[0][1]):
            raise InputError(
                f"{str(file)!r}, line {number}: {name!r} has {counted(len(row), 'column')}, "
                f"but the first row has {len(found[0][1]):,}",
                hint="all rows must be equally long; if lower-case letters are insertions, name the file .a3m",
            )
    return found


def _row(text: str, a3m: bool) -> str:
    if a3m:
        text = "".join(letter for letter in text if not letter.islower() and letter != ".")
    return text.upper().replace(".", "-")

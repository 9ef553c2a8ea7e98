"""`Request`: what a reader is asked to read. `Raw`: a record as the reader returns it."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from cutaway.errors import BadSequence, InputError
from cutaway.sequences.alphabets import series

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")

MEND = "fix it, or skip such records with `skip_bad=True`"


class Raw(NamedTuple):
    """A record as the file states it. `place(n)` names the place in the file of letter n (from 1) of the sequence."""

    id: str | None
    sequence: Any
    label: str | None
    line: int
    place: Callable[[int], str]


@dataclasses.dataclass
class Request:
    """One file and how to read it; `counts` and `places` are shared by all files of one call."""

    file: str
    format: str
    alphabet: str
    columns: tuple[str, ...]
    label_column: str | None
    skip_bad: bool
    counts: Counter[str]
    places: list[str]

    @property
    def stem(self) -> str:
        """The file's name without folders and suffixes."""
        return PurePath(self.file).name.removesuffix(".gz").rsplit(".", 1)[0]

    @property
    def letters(self) -> bool:
        """Whether spaces around a sequence are ignored: for every alphabet except text."""
        return self.alphabet != "text"

    @property
    def points(self) -> str:
        """A hint for files with decimal commas."""
        return f"use decimal points; this converts the file: tr , . < {self.file} > FILE"

    def bad(self, why: str, line: int, column: int | str = 1, hint: str = MEND) -> BadSequence:
        """Return an error at a line and a column, given by its number, or by its name in a table."""
        where = f"column {column:,}" if isinstance(column, int) else f"column {column!r}"
        return BadSequence(f"line {line:,}, {where} of {self.file!r}: {why}", hint=hint)

    def skip(self, error: Exception) -> None:
        """Raise the error; with `skip_bad`, remember its message instead."""
        if not self.skip_bad:
            raise error
        if len(self.places) < 5:
            self.places.append(str(error).splitlines()[0])

    def stripped(self, text: str) -> str:
        """Return a sequence without the spaces around it; count those that were removed."""
        bare = text.strip() if self.letters else text
        if len(bare) < len(text):
            self.counts["spaces around removed"] += 1
        return bare

    def number(self, said: object, line: int, column: int | str) -> float:
        """Return the number in a cell or a JSON value: NaN if it is missing, or bad and skipped."""
        try:
            if said is None:
                return math.nan
            if isinstance(said, str):
                return series.number(said)
            if isinstance(said, bool) or math.isinf(said):  # type: ignore[arg-type]
                raise ValueError
            return float(said)  # type: ignore[arg-type]
        except (ValueError, TypeError, OverflowError):
            hint = "write NA (null in JSON) for a missing number, or treat it as missing with `skip_bad=True`"
            if isinstance(said, str) and DECIMAL_COMMA.fullmatch(said):
                hint = f"write it with a decimal point: {said.strip().replace(',', '.')}"
            self.skip(self.bad(f"{_short(said)} is not a finite number", line, column, hint))
            self.counts["bad numbers to missing"] += 1
            return math.nan

    def choose(self, names: Sequence[str], line: int = 1) -> list[str]:
        """Return the columns that hold sequences: those requested, or the one with a likely name.

        Likely names, in this order and in upper or lower case: the alphabet's name (for smiles also
        "canonical_smiles"), "sequence", "seq" and "text". If there is only one column, it is that one.
        """
        if absent := [name for name in self.columns if name not in names]:
            raise self.absent(absent[0], names, line)
        if twice := [name for name in self.columns if names.count(name) > 1]:
            hint = "rename them so that each name is unique"
            raise self.bad(f"{names.count(twice[0])} columns have this name", line, twice[0], hint)
        if self.columns:
            return list(self.columns)
        also = ["canonical_smiles"] if self.alphabet == "smiles" else []
        for likely in (self.alphabet, *also, "sequence", "seq", "text"):
            if found := [name for name in names if name.strip().lower() == likely]:
                return found[:1]
        if len(names) == 1 and self._is_sequence(names[0]):
            hint = f"add a header line, or read the file with `format='txt'`; if this is a name: `column={names[0]!r}`"
            raise self.bad(f"{_short(names[0])} looks like a sequence, not like the name of a column", line, hint=hint)
        if len(names) == 1:
            return list(names)
        numbers = "; for columns of numbers: `alphabet='series'`" if self.alphabet == "text" else ""
        why = f"which column holds the sequences? The columns are {listed(names)}"
        raise self.bad(why, line, hint=f"choose: `column=NAME`{numbers}")

    def _is_sequence(self, name: str) -> bool:
        """Return whether this name looks like a sequence, so that the table seems to have no header."""
        from cutaway.sequences.alphabets import CHECKS

        if self.alphabet in ("text", "series") or len(name) < 3 or name.upper() != name:
            return False
        try:
            CHECKS[self.alphabet](name)
        except InputError:
            return False
        return True

    def absent(self, name: str, names: Sequence[str], line: int = 1) -> BadSequence:
        """Return the error that the table has no column of this name."""
        return self.bad(f"there is no column {name!r}", line, hint=f"the columns are {listed(names)}")

    def name(self, said: object) -> str | None:
        """Return an id as text, or None if it is empty."""
        return None if said is None else str(said).strip() or None

    def label(self, said: object) -> str | None:
        """Return a label as text; if it is empty, count it and return None."""
        if said is None or said == "":
            self.counts["missing labels"] += 1
            return None
        return said if isinstance(said, str) else str(said)


def in_line(line: int, before: int = 0) -> Callable[[int], str]:
    """Return the `place` function of a sequence on one line, after `before` other characters."""
    return functools.partial(_column, line, before)


def _column(line: int, before: int, letter: int) -> str:
    return f"line {line:,}, column {before + letter:,}"


def _short(said: object) -> str:
    text = repr(said)
    return text if len(text) <= 40 else text[:37] + "..."


def listed(names: Sequence[str]) -> str:
    """Return the first twelve names as text, and how many more there are."""
    shown = [_short(name) for name in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12:,} more" if len(names) > 12 else "")

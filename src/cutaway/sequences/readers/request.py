"""What a reader is asked for and what it hands back."""

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

__all__ = ["DECIMAL_COMMA", "Raw", "Request", "in_line", "listed"]

DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")

MEND = "mend it, or leave such records out with --skip-bad"


class Raw(NamedTuple):
    """A record as its file says it. `place(n)` says where letter n (from 1) of the sequence stands."""

    id: str | None
    sequence: Any
    label: str | None
    line: int
    place: Callable[[int], str]


@dataclasses.dataclass
class Request:
    """One file, what is asked of it, and the tally of what was noticed, which all files share."""

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
        """Whether space around a sequence is no part of it: in every alphabet but text."""
        return self.alphabet != "text"

    @property
    def points(self) -> str:
        """What to do about decimal commas."""
        return f"numbers are written with points: tr , . < {self.file} > FILE makes them so"

    def bad(self, why: str, line: int, column: int | str = 1, hint: str = MEND) -> BadSequence:
        """Return the error that something is wrong at a line and column; a column of a table is called by its name."""
        where = f"column {column:,}" if isinstance(column, int) else f"column {column!r}"
        return BadSequence(f"line {line:,}, {where} of {self.file!r}: {why}", hint=hint)

    def skip(self, error: Exception) -> None:
        """Raise the error, or with `skip_bad` remember where it was."""
        if not self.skip_bad:
            raise error
        if len(self.places) < 5:
            self.places.append(str(error).splitlines()[0])

    def stripped(self, text: str) -> str:
        """Return a sequence without the space around it, which is counted."""
        bare = text.strip() if self.letters else text
        if len(bare) < len(text):
            self.counts["spaces around removed"] += 1
        return bare

    def number(self, said: object, line: int, column: int | str) -> float:
        """Return the number that a cell or a JSON value says, NaN for a missing (or a skipped bad) one."""
        try:
            if said is None:
                return math.nan
            if isinstance(said, str):
                return series.number(said)
            if isinstance(said, bool) or math.isinf(said):  # type: ignore[arg-type]
                raise ValueError
            return float(said)  # type: ignore[arg-type]
        except (ValueError, TypeError, OverflowError):
            hint = "write NA (in JSON null) if it is missing; --skip-bad makes it so"
            if isinstance(said, str) and DECIMAL_COMMA.fullmatch(said):
                hint = f"write it with a decimal point: {said.strip().replace(',', '.')}"
            self.skip(self.bad(f"{_short(said)} is no finite number", line, column, hint))
            self.counts["bad numbers to missing"] += 1
            return math.nan

    def choose(self, names: Sequence[str], line: int = 1) -> list[str]:
        """Return the columns that hold sequences: those asked for, or the one whose name says so.

        Without being told it is the column called like the alphabet (of smiles also "canonical_smiles"), "sequence",
        "seq" or "text" (in any case), or the only one there is.
        """
        if absent := [name for name in self.columns if name not in names]:
            raise self.absent(absent[0], names, line)
        if twice := [name for name in self.columns if names.count(name) > 1]:
            hint = "give each a name of its own"
            raise self.bad(f"{names.count(twice[0])} columns have this name", line, twice[0], hint)
        if self.columns:
            return list(self.columns)
        also = ["canonical_smiles"] if self.alphabet == "smiles" else []
        for likely in (self.alphabet, *also, "sequence", "seq", "text"):
            if found := [name for name in names if name.strip().lower() == likely]:
                return found[:1]
        if len(names) == 1 and self._is_sequence(names[0]):
            hint = f"put its name above it, or read it with --format txt; if it is a name: --column {names[0]}"
            raise self.bad(f"{_short(names[0])} is no name of a column, but a sequence", line, hint=hint)
        if len(names) == 1:
            return list(names)
        numbers = "; columns of numbers: --alphabet series" if self.alphabet == "text" else ""
        raise self.bad(
            f"which column holds the sequences? There are {listed(names)}", line, hint=f"say it: --column NAME{numbers}"
        )

    def _is_sequence(self, name: str) -> bool:
        """Say whether what should be a column's name looks like the first sequence of a table without a head."""
        from cutaway.sequences.alphabets import CHECKS

        if self.alphabet in ("text", "series") or len(name) < 3 or name.upper() != name:
            return False
        try:
            CHECKS[self.alphabet](name)
        except InputError:
            return False
        return True

    def absent(self, name: str, names: Sequence[str], line: int = 1) -> BadSequence:
        """Return the error that there is no column of that name."""
        return self.bad(f"there is no column {name!r}", line, hint=f"the columns are {listed(names)}")

    def name(self, said: object) -> str | None:
        """Return an id as text; an empty one is none."""
        return None if said is None else str(said).strip() or None

    def label(self, said: object) -> str | None:
        """Return a label as text; an empty one is none, and counted."""
        if said is None or said == "":
            self.counts["missing labels"] += 1
            return None
        return said if isinstance(said, str) else str(said)


def in_line(line: int, before: int = 0) -> Callable[[int], str]:
    """Return the places of a sequence in one line, behind so many characters."""
    return functools.partial(_column, line, before)


def _column(line: int, before: int, letter: int) -> str:
    return f"line {line:,}, column {before + letter:,}"


def _short(said: object) -> str:
    text = repr(said)
    return text if len(text) <= 40 else text[:37] + "..."


def listed(names: Sequence[str]) -> str:
    """Return the first twelve names, and how many more there are."""
    shown = [_short(name) for name in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12:,} more" if len(names) > 12 else "")

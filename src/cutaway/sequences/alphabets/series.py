"""Series of numbers: one or more channels of equal length, one number per time step.

A channel is an `array.array` of doubles: eight bytes per number. It compares like a list, and
`numpy.asarray(channel)` is a view of it, not a copy.

Rules, each counted under the name in quotation marks:

- "missing numbers" (numbers): an empty cell, NA, NaN, N/A, #N/A, <NA>, null or None, in upper or lower case; it is kept
  in its place as NaN;
- "bad numbers to missing" (numbers): infinity, or text that is not a number, is an error; with `skip_bad` it
  becomes a missing number;
- "bad steps to missing" (time steps): with `skip_bad` a bad row or line inside a series becomes a step of missing
  numbers, so that the steps after it keep their places;
- "long series cut" (cuts): a series of more than 4,194,304 numbers is split into several records, so that memory stays
  bounded.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from cutaway.errors import BadSequence

PIECE = 1 << 22
"""The most numbers in one record, all channels together."""

_MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "null", "none", "nan", "-nan", "+nan"})
_CELL = re.compile(r"[^\s,;]+|(?<=[,;])\s*(?=[,;])|^\s*(?=[,;])")
_INSIDE = re.compile(r"\d,\d")
_BETWEEN = re.compile(r"[^\s,;]\s*[\s;]\s*[^\s,;]")  # numbers that are not separated by a comma


def check(sequence: Sequence[Iterable[float]]) -> tuple[tuple[array[float], ...], dict[str, int]]:
    """Return the channels as arrays of doubles, and how many numbers are missing (NaN).

    Raises `BadSequence` for channels of unequal length, for infinity (the column is its time step, from 1), and for a
    series without any number.

    >>> check([[1, 2.5], [0, math.nan]])
    ((array('d', [1.0, 2.5]), array('d', [0.0, nan])), {'missing numbers': 1})
    """
    channels = tuple(channel if isinstance(channel, array) else array("d", channel) for channel in sequence)
    if len({len(channel) for channel in channels}) > 1:
        lengths = ", ".join(f"{len(channel):,}" for channel in channels[:8])
        raise BadSequence(f"the channels have different lengths: {lengths}", hint="make them equally long")
    missing = 0
    for channel in channels:
        values = np.frombuffer(channel)
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            first = int(infinite[0])
            raise BadSequence(f"{channel[first]} is not a finite number", hint="use NaN", column=first + 1)
        missing += int(np.isnan(values).sum())
    if not channels or missing == len(channels) * len(channels[0]):
        raise BadSequence("the series has no numbers", hint="add some, or skip such records with `skip_bad=True`")
    return channels, {"missing numbers": missing} if missing else {}


def number(text: str) -> float:
    """Return the number in a cell, or NaN if it is missing. Raises `ValueError` for anything else.

    >>> number("-1.5e3"), number(" NA "), number("nan")
    (-1500.0, nan, nan)
    """
    if is_missing(text):
        return math.nan
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError
    return value


def cells(line: str) -> list[tuple[str, int]]:
    """Return the numbers in a line as text, and where each begins, from 0.

    They are separated by spaces, commas or semicolons; between two commas or semicolons a number is missing.

    >>> cells("1.5, NA;;3")
    [('1.5', 0), ('NA', 5), ('', 8), ('3', 9)]
    """
    return [(cell[0].strip(), cell.start()) for cell in _CELL.finditer(line)]


def commas_unclear(line: str) -> bool:
    """Return whether the commas in a line could be decimal commas as well as separators.

    >>> commas_unclear("1,5 2,5"), commas_unclear("1, 2"), commas_unclear("1,2")
    (True, False, False)
    """
    return "," in line and bool(_INSIDE.search(line) and _BETWEEN.search(line))


def is_missing(cell: object) -> bool:
    """Return whether a cell means a missing number.

    >>> is_missing("NA"), is_missing(" "), is_missing("nan")
    (True, True, True)
    """
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _MISSING)

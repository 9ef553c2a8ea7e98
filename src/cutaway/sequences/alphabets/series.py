"""Series of numbers: one or more channels of equal length, a number a time step.

A channel is an `array.array` of doubles: eight bytes a number, compared like a list, and `numpy.asarray(channel)` is a
view of it without a copy.

Rules, each counted under the name in quotation marks:

- "missing numbers" (numbers): an empty cell, NA, NaN, N/A, #N/A, <NA>, null or None, in any case; it is kept in its
  place as NaN;
- infinity and anything else that is not a number are errors; with `skip_bad` each becomes a missing number, counted
  under "bad numbers to missing";
- "bad steps to missing" (time steps): with `skip_bad` a row of a table or a line that is none, inside a series, is kept
  in its place as a step of missing numbers, so that those behind it do not move;
- "long series cut" (cuts): a series of more than 4,194,304 numbers goes on in a further record, so that memory is
  bounded whatever a file holds.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from cutaway.errors import BadSequence

__all__ = ["PIECE", "cells", "check", "commas_unclear", "is_missing", "number"]

PIECE = 1 << 22
"""The most numbers in one record, over all its channels."""

_MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "null", "none", "nan", "-nan", "+nan"})
_CELL = re.compile(r"[^\s,;]+|(?<=[,;])\s*(?=[,;])|^\s*(?=[,;])")
_INSIDE = re.compile(r"\d,\d")
_BETWEEN = re.compile(r"[^\s,;]\s*[\s;]\s*[^\s,;]")  # numbers that something else than a comma parts


def check(sequence: Sequence[Iterable[float]]) -> tuple[tuple[array[float], ...], dict[str, int]]:
    """Return the channels as arrays of doubles, and how many numbers are missing (NaN).

    Raises `BadSequence` for channels of unequal length, infinity (the column is its time step, from 1), and for a
    series without a number.

    >>> check([[1, 2.5], [0, math.nan]])
    ((array('d', [1.0, 2.5]), array('d', [0.0, nan])), {'missing numbers': 1})
    """
    channels = tuple(channel if isinstance(channel, array) else array("d", channel) for channel in sequence)
    if len({len(channel) for channel in channels}) > 1:
        lengths = ", ".join(f"{len(channel):,}" for channel in channels[:8])
        raise BadSequence(f"its channels are of unequal length: {lengths}", hint="give each as many numbers")
    missing = 0
    for channel in channels:
        values = np.frombuffer(channel)
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            first = int(infinite[0])
            raise BadSequence(f"{channel[first]} is no finite number", hint="leave it out: missing", column=first + 1)
        missing += int(np.isnan(values).sum())
    if not channels or missing == len(channels) * len(channels[0]):
        raise BadSequence("there is no number", hint="give it one, or leave such records out with --skip-bad")
    return channels, {"missing numbers": missing} if missing else {}


def number(text: str) -> float:
    """Return the number that a cell says, NaN for a missing one. Raises `ValueError` for anything else.

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
    """Return the numbers in a line, as they are written, and where each begins, from 0.

    Space, commas or semicolons part them; between two commas or semicolons a number is missing.

    >>> cells("1.5, NA;;3")
    [('1.5', 0), ('NA', 5), ('', 8), ('3', 9)]
    """
    return [(cell[0].strip(), cell.start()) for cell in _CELL.finditer(line)]


def commas_unclear(line: str) -> bool:
    """Say whether the commas in a line may be decimal ones as well as between numbers.

    >>> commas_unclear("1,5 2,5"), commas_unclear("1, 2"), commas_unclear("1,2")
    (True, False, False)
    """
    return "," in line and bool(_INSIDE.search(line) and _BETWEEN.search(line))


def is_missing(cell: object) -> bool:
    """Say whether a cell says that there is no number.

    >>> is_missing("NA"), is_missing(" "), is_missing("nan")
    (True, True, True)
    """
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in _MISSING)

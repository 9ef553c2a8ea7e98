"""How a series of numbers goes through bins: value → scaled → bin → decoded value, and the error."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.tokens.bins import Bins

_LINE: Final = re.compile(r"[^\r\n]+")


@dataclasses.dataclass(frozen=True)
class BinnedNumber:
    """One number on its way through the bins; a missing number is None, and so is the bin of one outside all bins.

    `scaled` is the value divided by its channel's scale, `word` how it is written, `back` the decoded value. `error` is
    |value - back|, and `bound` is its upper bound.
    """

    step: int
    channel: int
    value: float | None
    scaled: float | None
    bin: int | None
    word: str
    back: float | None
    error: float | None
    bound: float


@dataclasses.dataclass(frozen=True)
class BinnedSeries:
    """The scale of each channel, the number of bins, and every number, step by step.

    `worst` is the largest error divided by its bound.
    """

    scales: list[float]
    bins: int
    numbers: list[BinnedNumber]
    worst: float


@dataclasses.dataclass(frozen=True)
class SeriesText:
    """The numbers of a text, C channels of T each, and the place of each in the text, step by step."""

    channels: NDArray[np.float64]
    spans: list[tuple[int, int]]


def series_in(text: str) -> SeriesText | None:
    """Read a text as a series: one line for each time step, with a number for each channel, or one channel on one line.

    The numbers are read as in a text file: spaces, commas or semicolons separate them, and NA, nan or nothing between
    two commas is a missing number. Lines that begin with # are comments. Returns None if the text is something else.
    Raises `InputError` if the lines have unequal counts of numbers, for infinity, and if commas may be decimal commas.

    >>> series_in("1.5 2\\n3,nan").channels.tolist()
    [[1.5, 3.0], [2.0, nan]]
    """
    from cutaway.sequences.alphabets import series  # needed only for series

    rows: list[list[float]] = []
    spans: list[tuple[int, int]] = []
    wrong: InputError | None = None
    for line in _LINE.finditer(text):
        cells = series.cells(line[0])
        if not cells or line[0].lstrip().startswith("#"):
            continue
        if series.commas_unclear(line[0]):
            hint = "use decimal points, and put spaces between the numbers"
            why = f"the commas in {line[0][:40]!r} could be decimal commas or separators"
            wrong = wrong or InputError(why, hint=hint)
        try:
            rows.append([_number(cell) for cell, _ in cells])
        except ValueError:
            return None
        except OverflowError as error:
            wrong = wrong or InputError(str(error), hint="write NA for a number that is missing")
            continue
        spans += [(line.start() + at, line.start() + at + len(cell)) for cell, at in cells]
    if wrong is not None:
        raise wrong
    if not rows:
        return None
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise InputError(
            f"lines have unequal counts of numbers: {widths[0]:,} and {widths[-1]:,}",
            hint="write one time step per line, with a number for each channel; NA is a missing number",
        )
    values = np.array(rows, dtype=np.float64)
    return SeriesText(values if len(rows) == 1 else values.T, spans)


def binned(bins: Bins, given: NDArray[np.float64], written: str, decoded: str) -> BinnedSeries | None:
    """Follow C × T numbers through bins; None if the decoded text is not a series of that shape.

    >>> from cutaway.tokens.bins import uniform_bins
    >>> bins, given = uniform_bins(101), np.array([[1.0, 2.2]])
    >>> [(n.scaled, n.bin, n.back) for n in binned(bins, given, bins.write(given), bins.write(given)).numbers]
    [(0.5, 51, 1.0), (1.1, 52, 2.0)]
    """
    try:
        back_CT = bins.read(decoded)
    except InputError:
        return None
    if back_CT.shape != given.shape:
        return None
    scales_C, scaled_CT, bins_CT = bins.place(given)
    error_CT, bound_CT = np.abs(given - back_CT), bins.bound(given)
    words = _words(written, 3 * len(given))
    numbers = [
        BinnedNumber(
            step=t,
            channel=c,
            value=or_none(given[c, t]),
            scaled=or_none(scaled_CT[c, t]),
            bin=int(bins_CT[c, t]) if bins_CT[c, t] >= 0 else None,
            word=words[t * len(given) + c],
            back=or_none(back_CT[c, t]),
            error=or_none(error_CT[c, t]),
            bound=float(bound_CT[c, t]),
        )
        for t in range(given.shape[1])
        for c in range(len(given))
    ]
    shares = [n.error / n.bound for n in numbers if n.error and n.bound]
    return BinnedSeries(scales_C.tolist(), len(bins.edges) - 1, numbers, max(shares, default=0.0))


def spans_of(written: str) -> list[tuple[int, int]]:
    """Return which number each word of a written series stands for, as (i, i + 1); (0, 0) for words of a scale.

    >>> spans_of("s d15 d40 b5 b4")
    [(0, 0), (0, 0), (0, 0), (0, 1), (1, 2)]
    """
    header = 3 * written.split().count("s")
    found = [(0, 0)] * header
    for i, number in enumerate(_words(written, header)):
        found += [(i, i + 1)] * len(number.split())
    return found


def _words(written: str, header: int) -> list[str]:
    """Return the words of each number: one word, or five for a number outside all bins."""
    words, at, found = written.split(), header, list[str]()
    while at < len(words):
        size = 5 if words[at] in ("+", "-") else 1
        found.append(" ".join(words[at : at + size]))
        at += size
    return found


def _number(cell: str) -> float:
    """Return the number in a cell. Raises `OverflowError` for infinity and `ValueError` for anything else."""
    from cutaway.sequences.alphabets import series

    try:
        return series.number(cell)
    except ValueError:
        if "_" not in cell and np.isinf(float(cell)):
            raise OverflowError(f"{cell!r} is not a finite number") from None
        raise


def or_none(value: Any) -> float | None:
    """Return a number as JSON has it: None for NaN."""
    return None if np.isnan(value) else float(value)

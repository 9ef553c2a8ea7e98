"""What measures of written records share: shares, means and statistics of a whole sample, each with a 95 % interval.

A file of measures, one for each kind of sequence, has three names. `measures(samples, test, train)` returns a value for
each key; a sample is a text or C × T numbers, or None if the model's tokens are no sequence. `NOTES` says what the keys
mean, in the order in which they are shown; `HEADLINE` is the key that the verdict is about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.resampling import Measured
from cutaway.intervals import interval

SampleMeasure = Measured
"""A value and the ends of its 95 % interval; None if it is not defined, or if there is no interval."""

_Z = 1.959963984540054  # of a normal distribution, 2.5 % lie above
_GROUPS = 20
_T = 2.093024054408263  # Student's t for _GROUPS - 1 degrees of freedom


def share(hits: Iterable[bool]) -> SampleMeasure:
    """Return the share of records that are hits, with Wilson's interval (1927, doi:10.2307/2276774).

    >>> share([True] * 98 + [False] * 2)  # doctest: +ELLIPSIS
    Measured(value=0.98, low=0.92..., high=0.99...)
    """
    flags = list(hits)
    count = len(flags)
    if not count:
        return SampleMeasure(None, None, None)
    value = sum(flags) / count
    middle = (value + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(value * (1 - value) / count + _Z**2 / (4 * count**2))
    return SampleMeasure(value, max(0.0, middle - half), min(1.0, middle + half))


def average(values: Sequence[float]) -> SampleMeasure:
    """Return the mean of numbers, one for each record, with Student's interval."""
    return SampleMeasure(*interval(values))


def jackknifed(
    statistic: Callable[[NDArray[np.int64]], float], count: int, least: float = -math.inf, most: float = math.inf
) -> SampleMeasure:
    """Return a statistic of a whole sample of `count` records, with the interval of a grouped jackknife.

    `statistic` takes the numbers of the records it is of. It is taken of all, and 20 times with a twentieth left out;
    the spread of these gives the interval, cut at the `least` and the `most` that the statistic can be. A bootstrap
    would repeat records, which moves distances between distributions. Source: Tukey 1958; Efron and Tibshirani 1993,
    chapter 11.

    >>> jackknifed(lambda chosen_N: float(np.mean(chosen_N)), 100).value
    49.5
    """
    number_N = np.arange(count)
    value = statistic(number_N)
    if count < 2 * _GROUPS or not math.isfinite(value):
        return SampleMeasure(value if math.isfinite(value) else None, None, None)
    left = np.array([statistic(number_N[number_N % _GROUPS != group]) for group in range(_GROUPS)])
    half = _T * math.sqrt((_GROUPS - 1) / _GROUPS * float(((left - left.mean()) ** 2).sum()))
    return SampleMeasure(value, max(least, value - half), min(most, value + half))


def divergence(counts: Mapping[Any, float], others: Mapping[Any, float]) -> float:
    """Return the Jensen–Shannon divergence of two distributions in bits, given as counts: 0 if equal, 1 if disjoint.

    Source: Lin 1991, doi:10.1109/18.61115.

    >>> divergence({"A": 1, "C": 1}, {"A": 5, "C": 5}), divergence({"A": 1}, {"C": 1})
    (0.0, 1.0)
    """
    names = list({**counts, **others})
    both_2K = np.array([[float(one.get(name, 0)) for name in names] for one in (counts, others)])
    totals_2 = both_2K.sum(1, keepdims=True)
    if not totals_2.all():
        return math.nan
    both_2K /= totals_2
    middle_K = both_2K.mean(0)
    ratio_2K = np.divide(both_2K, middle_K, out=np.ones_like(both_2K), where=both_2K > 0)
    return max(0.0, float((both_2K * np.log2(ratio_2K)).sum()) / 2)

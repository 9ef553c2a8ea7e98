"""Means with 95 % intervals, for one sample or several independent ones."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

EQUAL = 6  # so many equal values are unlikely to be chance (2 × 0.5^6 < 0.05); fewer give no interval

Interval = tuple[float | None, float | None, float | None]
Term = tuple[float, Sequence[float], bool]


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of some values and the ends of its 95 % interval by Student's t.

    The ends are None if there are fewer than two values, or fewer than six that are all equal.

    >>> interval([1.0, 2.0, 3.0])
    (2.0, -0.4841377117503298, 4.48413771175033)
    """
    if not values or not all(map(math.isfinite, values)):
        return None, None, None
    return contrast([(1.0, values, True)])


def contrast(terms: Sequence[Term]) -> Interval:
    """Return Σ weight × mean over independent samples, and the ends of its 95 % interval (Welch 1947).

    A term is (weight, values, drawn). Values that are not drawn are the same in every run and add no variance. The ends
    are None if a drawn term has fewer than two values, or if all values are equal and fewer than six are drawn.

    >>> [round(x, 4) for x in contrast([(1.0, [2.0, 4.0], True), (-1.0, [1.0], False)])]
    [2.0, -10.7062, 14.7062]
    """
    mean = math.fsum(weight * mean_of(values) for weight, values, _ in terms)
    drawn = [(weight, values) for weight, values, is_drawn in terms if is_drawn]
    if not drawn or any(len(values) < 2 for _, values in drawn):
        return mean, None, None
    parts = [(weight**2 * variance_of(values) / len(values), len(values) - 1) for weight, values in drawn]
    total = math.fsum(variance for variance, _ in parts)
    if not total:
        return (mean, mean, mean) if sum(len(values) for _, values in drawn) >= EQUAL else (mean, None, None)
    freedom = total**2 / math.fsum(variance**2 / one for variance, one in parts)
    half = _quantile(freedom) * math.sqrt(total)
    return mean, mean - half, mean + half


def mean_of(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def variance_of(values: Sequence[float]) -> float:
    mean = mean_of(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


@functools.cache
def _quantile(freedom: float) -> float:
    from scipy.special import stdtrit  # a tenth of the time that scipy.stats takes to import

    return float(stdtrit(freedom, 0.975))

"""Intervals by the bootstrap: the records are drawn again, with replacement, and every measure is taken on each draw.

A measure is a function of weights: row d says how often each record is in draw d, and the function returns one value
for each draw. The measure itself is its value with every weight 1. The same draws serve the model and all baselines, so
differences between them are paired. Sources: Efron 1979, doi:10.1214/aos/1176344552 (bootstrap); Efron and Tibshirani
1993, chapter 13 (percentile intervals).

Axis letters: `D` draws, `N` records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cutaway.random_streams import stream

Floats = NDArray[np.float64]
Measure = Callable[[Floats], Floats]
K = TypeVar("K", bound=Hashable)

DRAWS = 2000
FEWEST = 5  # records from which an interval is drawn
_NUMBERS = 4_000_000  # weights held at once: 32 MB


@dataclasses.dataclass(frozen=True)
class Measured:
    """A value and the ends of its 95 % interval; None if it is not defined, or if no draw differs from another."""

    value: float | None
    low: float | None
    high: float | None


def resampled(
    measures: Mapping[K, Measure], count: int, *, seed: int, draws: int = DRAWS, groups: Sequence[int] | None = None
) -> dict[K, Floats]:
    """Return each measure's value on the `count` records themselves, followed by its values on `draws` draws.

    Of fewer than `FEWEST` records there are no draws: they would say little. With the `groups` of the records, whole
    groups are drawn: records that are alike don't count as independent.

    >>> values = resampled({"mean": lambda weights_DN: weights_DN @ np.arange(5.0) / 5}, 5, seed=0, draws=10)["mean"]
    >>> len(values), float(values[0])
    (11, 2.0)
    """
    found: dict[K, list[Floats]] = {name: [] for name in measures}
    group_N = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    size = int(group_N.max()) + 1
    for weights_DG in _weights(size, seed, draws if size >= FEWEST else 0):
        weights_DN = weights_DG[:, group_N]
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw may lack a class: its value is NaN
            for name, measure in measures.items():
                found[name].append(measure(weights_DN))
    return {name: np.concatenate(values) for name, values in found.items()}


def measured(values: Floats) -> Measured:
    """Return the first value with the 2.5 % and 97.5 % quantiles of the others; draws that are NaN do not count.

    >>> measured(np.array([2.0, 1.0, 2.0, 3.0]))
    Measured(value=2.0, low=1.05, high=2.95)
    """
    value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(value):
        return Measured(None, None, None)
    if len(drawn) < 2 or np.ptp(drawn) == 0:
        return Measured(value, None, None)
    return Measured(value, *ends_of(drawn))


def ends_of(drawn: Floats) -> tuple[float, float]:
    """Return the 2.5 % and the 97.5 % quantile of draws."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _weights(count: int, seed: int, draws: int) -> Iterator[Floats]:
    """Yield the weights of the records themselves, then those of the draws, some draws at a time."""
    yield np.ones((1, count))
    random, most = stream(seed, "bootstrap"), max(1, _NUMBERS // count)
    for start in range(0, draws, most):
        size = min(most, draws - start)
        drawn = random.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)

"""Forecasts without a model: the last value with past changes, and what was there at the same time of the season.

Each gives for every channel and step a set of equally likely numbers, as a model's samples are. Axis letters: `C`
channels, `T` time steps, `H` steps ahead, `N` numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError

Floats = NDArray[np.float64]

FEWEST = 5  # numbers that make a set
_MOST = 1000  # changes in a set, evenly spaced
_SEASONS = 30


def persistence(values_CT: Floats, horizon: int) -> list[Floats] | None:
    """Return for each step ahead the last value of C channels plus every change over so many steps: H arrays C × N.

    Numbers stay within what the channel had so far. None if there are fewer than `FEWEST` changes.

    >>> [step.tolist() for step in persistence(np.array([[0.0, 1, 2, 3, 4, 4, 5]]), 1)]
    [[[5.0, 5.0, 5.0, 5.0, 5.0, 5.0]]]
    """
    steps = values_CT.shape[1]
    if steps - horizon < FEWEST:
        return None
    low_C1, high_C1 = np.nanmin(values_CT, 1, keepdims=True), np.nanmax(values_CT, 1, keepdims=True)
    found = []
    for ahead in range(1, horizon + 1):
        starts = np.linspace(0, steps - ahead - 1, min(_MOST, steps - ahead)).round().astype(int)
        changes_CN = values_CT[:, starts + ahead] - values_CT[:, starts]
        found.append((values_CT[:, -1:] + _known(changes_CN)).clip(low_C1, high_C1))
    return found


def climatology(values_CT: Floats, horizon: int, season: float) -> list[Floats] | None:
    """Return for each step ahead the numbers at the same place of the last 30 seasons: H arrays C × N.

    The same place is within a fiftieth of a season, so a week for days and a year. None if a step has fewer than
    `FEWEST` such numbers. Raises `InputError` for a season below 2 steps.

    >>> days = np.arange(40.0)[None] % 4
    >>> [step[0].tolist()[:3] for step in climatology(days, 2, 4)]
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    if not 2 <= season < np.inf:
        raise InputError(f"`season` is {season:g}", hint="it must be 2 steps or more")
    steps, near = values_CT.shape[1], int(season // 50)
    found = []
    for ahead in range(horizon):
        middles = steps + ahead - np.round(season * np.arange(1, _SEASONS + 1)).astype(int)
        places = (middles[:, None] + np.arange(-near, near + 1)).ravel()
        known_CN = values_CT[:, places[(places >= 0) & (places < steps)]]
        if known_CN.shape[1] < FEWEST:
            return None
        found.append(_known(known_CN))
    return found


def _known(values_CN: Floats) -> Floats:
    """Return the columns in which no number is missing."""
    return values_CN[:, ~np.isnan(values_CN).any(0)]

"""The numbers of a contact map: the average product correction, and the precision of its highest pairs.

Axis letters: P residues, Q pairs of residues.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[Any]

SEPARATIONS = (6, 24)  # least distances in the sequence: no close neighbours; only pairs that are far apart
SHARES = (("L", 1), ("L/2", 2), ("L/5", 5))


@dataclasses.dataclass(frozen=True)
class Precision:
    """The share of known contacts among the `taken` highest pairs, and by chance among all pairs.

    Only pairs at least `separation` residues apart count.
    """

    separation: int
    top: str
    taken: int
    precision: float
    chance: float


def apc(scores_PP: Map) -> Map:
    """Return a symmetric map after the average product correction: S_ij - S_i. S_.j / S_.. (Dunn et al. 2008).

    >>> apc(np.array([[1.0, 2.0], [2.0, 4.0]])).round(6).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    rows_P1, columns_1P = scores_PP.sum(1, keepdims=True), scores_PP.sum(0, keepdims=True)
    whole = scores_PP.sum()
    corrected: Map = scores_PP - rows_P1 * columns_1P / whole if whole else scores_PP
    return corrected


def precision(scores_PP: Map, known_PP: Map, separation: int, share: int = 1) -> tuple[int, float, float]:
    """Return how many pairs are taken (L / share), their precision, and the precision by chance.

    Only pairs at least `separation` apart count; if they are fewer, all are taken. Among equal scores the pair with the
    lower positions comes first.

    >>> precision(np.eye(3)[::-1], np.eye(3)[::-1] > 0, 1, 3)
    (1, 1.0, 0.3333333333333333)
    """
    first, second = np.triu_indices(len(scores_PP), separation)
    if not len(first):
        return 0, math.nan, math.nan
    taken = min(max(1, len(scores_PP) // share), len(first))
    order = np.argsort(-scores_PP[first, second], kind="stable")[:taken]
    hits_Q = known_PP[first, second]
    return taken, float(hits_Q[order].mean()), float(hits_Q.mean())


def precisions(scores_PP: Map, known: Map) -> list[Precision]:
    """Return the precision at L, L/2 and L/5 of pairs at least 6 and at least 24 residues apart."""
    found = []
    for separation in SEPARATIONS:
        for name, share in SHARES:
            taken, value, chance = precision(scores_PP, known, separation, share)
            if taken:
                found.append(Precision(separation, name, taken, value, chance))
    return found

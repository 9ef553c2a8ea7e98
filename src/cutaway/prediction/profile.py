"""The baseline for mutation effects: how often each letter occurs in a column of an alignment.

Axis letters: P positions, A letters.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.errors import InputError, counted
from cutaway.sequences import read_alignment


@dataclasses.dataclass(frozen=True)
class Profile:
    """Log-odds of an alignment's column frequencies, in nats, and their correlation with the model's effects.

    effects[p][a] = ln (n_a + pseudocount) / (n_wild + pseudocount), where n counts letters in that column of `rows`
    rows. `spearman` is the rank correlation over `pairs` substitutions, None if one side is constant.
    """

    alignment: str
    rows: int
    pseudocount: float
    effects: list[list[float]]
    spearman: float | None
    pairs: int


def column_profile(
    alignment: str | os.PathLike[str],
    sequence: Sequence[str],
    wild: Sequence[tuple[int, str]],
    letters: Sequence[str],
    pseudocount: float,
) -> tuple[int, npt.NDArray[np.float64]]:
    """Return how many rows an alignment has and its log-odds [P, A], nats.

    `sequence` are the tokens of the text; `wild` are the scored positions among them (from 0) and their letters. One
    row of the alignment must be the sequence: it says which column is which position. Raises `InputError`.
    """
    if not pseudocount > 0:
        raise InputError(
            f"`pseudocount` is {pseudocount:g}; it must be above 0, because a letter may be in no row",
            hint="leave it out to use 1",
        )
    rows = read_alignment(Path(alignment))
    text = "".join(sequence).upper()
    query = next((row for _, row in rows if row.replace("-", "") == text), None)
    if query is None or len(text) != len(sequence):
        raise InputError(
            f"no row of {os.fspath(alignment)!r} is the sequence with gaps ({counted(len(text), 'letter')})",
            hint="add the sequence to the alignment as its first row; lower-case insertions need the suffix .a3m",
        )
    columns = [column for column, letter in enumerate(query) if letter != "-"]
    table = np.array([list(row) for _, row in rows])
    counts_PA = np.array(
        [[np.count_nonzero(table[:, columns[at]] == letter.upper()) for letter in letters] for at, _ in wild], float
    ).reshape(len(wild), len(letters))
    log_PA = np.log(counts_PA + pseudocount)
    own_P = np.array([log_PA[p, list(letters).index(letter)] for p, (_, letter) in enumerate(wild)])
    return len(rows), log_PA - own_P[:, None]


def spearman(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float | None:
    """Return Spearman's rank correlation, ties at their mean rank, or None if one side is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))
    1.0
    """
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (first, second)]
    if len(first) < 2 or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.clip(np.corrcoef(*ranks)[0, 1], -1, 1))

"""How many bits a sequence costs under a simple model of its tokens, so that tokenizers can be compared.

Axis letters: `N` places in a text, `V` tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Ids = NDArray[np.int64]


def bigram_bits(learned: Sequence[_Ids], scored: Sequence[_Ids], size: int) -> float:
    """Return the total bits of sequences of ids, ends included, under a bigram model learned from other sequences.

    Interpolated Witten–Bell: P(w | v) = (c(v, w) + n(v) P(w)) / (c(v) + n(v)), where n(v) is how many different tokens
    followed v; P(w) falls back on 1 / (size + 1) in the same way. It is a distribution over all `size` tokens and the
    end, so a large vocabulary pays for its tokens. Sources: Witten and Bell 1991, doi:10.1109/18.87000; Chen and
    Goodman 1999, doi:10.1006/csla.1999.0128, for the interpolation.

    >>> round(bigram_bits([np.array([0, 1, 0, 1])], [np.array([0, 1])], 2), 3)
    2.293
    """
    whole = size + 1
    before_N, after_N = _neighbours(learned, size)
    count_V = np.bincount(after_N, minlength=whole)
    distinct = np.count_nonzero(count_V)
    alone_V = (count_V + distinct / whole) / (len(after_N) + distinct)
    pairs, count_of_pair = np.unique(before_N * whole + after_N, return_counts=True)
    total_V, followers_V = (np.bincount(ids, minlength=whole) for ids in (before_N, pairs // whole))
    left_N, right_N = _neighbours(scored, size)
    key_N = left_N * whole + right_N
    at_N = np.searchsorted(pairs, key_N).clip(max=len(pairs) - 1)
    found_N = np.where(pairs[at_N] == key_N, count_of_pair[at_N], 0)
    smoothed_N = followers_V[left_N] * alone_V[right_N]
    mass_N = total_V[left_N] + followers_V[left_N]
    share_N = np.where(mass_N > 0, (found_N + smoothed_N) / np.maximum(mass_N, 1), alone_V[right_N])
    return float(-np.log2(share_N).sum())


def _neighbours(sequences: Sequence[_Ids], end: int) -> tuple[_Ids, _Ids]:
    """Return each token and the one after it; an end stands before and after every sequence."""
    edge = np.array([end], dtype=np.int64)
    line = np.concatenate([edge, *(part for ids in sequences for part in (ids.astype(np.int64), edge))])
    return line[:-1], line[1:]

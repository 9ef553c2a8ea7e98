"""Records that repeat another one exactly, found by their hashes without a table in memory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_AT_ONCE: Final = 1 << 20


def first_of_each(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return for each of N records the first one with the same hash: of 64 bits, shape (N,), or of 128, shape (N, 2).

    >>> first_of_each(np.array([[7, 1], [7, 2], [7, 1]], dtype=np.uint64))
    array([0, 1, 0], dtype=int32)
    """
    words = hashes.reshape(len(hashes), -1)
    first = np.arange(len(words), dtype=np.int32)
    groups = 1 << max(0, (len(words) // _AT_ONCE).bit_length())
    group_of = ((words[:, 0] >> np.uint64(48)) * np.uint64(groups) >> np.uint64(16)).astype(np.uint16)
    for group in range(groups):
        records = np.flatnonzero(group_of == group)
        ordered = records[np.lexsort((records, *words[records].T[::-1]))]
        new = np.ones(len(ordered), dtype=bool)
        new[1:] = (words[ordered[1:]] != words[ordered[:-1]]).any(axis=1)
        first[ordered] = ordered[np.maximum.accumulate(np.where(new, np.arange(len(ordered)), 0))]
    return first

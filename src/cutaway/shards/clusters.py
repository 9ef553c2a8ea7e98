"""Clusters of near-duplicates: records that agree in most of their tokens, and records that agree with those.

Two records are near-duplicates if the Jaccard similarity of their n-grams is what about 85 % of equal tokens give.
Pairs are looked for in 32 rounds, one for each bin of the signatures: records with the same number there, next to each
other when sorted, are compared exactly. If more than four fifths of the tokens come into one cluster, records that are
alike by nature are being joined (small molecules, antibodies), and the bar is raised to 90, 95 or 98 %.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutaway.progress import step
from cutaway.shards.signatures import BINS, EMPTY, similarities, similarity_of
from cutaway.shards.token_files import TokenFiles

IntArray = NDArray[np.int64]

IDENTITIES: Final = (0.85, 0.90, 0.95, 0.98)
_PAIRS: Final = 1 << 17
_MOST_IN_ONE: Final = 0.8
_IN_VAIN: Final = 8
"""A pair is not compared if both records were compared this often without success."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each record (the number of its first record), and what joins two records.

    `identity` is the share of equal tokens that the bar stands for, `length` the n of the n-grams.
    `crossing` are pairs of near-duplicates in two clusters, shape (pairs, 2); there are some only if the bar was
    raised.
    """

    numbers: IntArray
    identity: float
    length: int
    crossing: IntArray


def clusters_of(
    files: TokenFiles,
    first: IntArray,
    contents: NDArray[np.uint64],
    column: Callable[[int], NDArray[np.uint32]],
    length: int,
) -> Clusters:
    """Return the clusters of N records.

    `first` is the first record with the same content, `contents` a hash of the content, and `column(b)` has bin b of
    all signatures. Nothing depends on the order of the records.
    """
    alone = first == np.arange(len(first))
    lengths = np.where(alone, np.diff(files.starts), 0)
    most = int(lengths.sum()) * _MOST_IN_ONE
    with step("looking for near-duplicates", total=BINS) as progress:
        for identity in IDENTITIES:
            parent, vain = first.copy(), np.zeros(len(first), dtype=np.int8)
            crossing = list[IntArray]()
            progress.reach(0)
            for number in range(BINS):
                for one, other in _pairs(column(number), column((number + 1) % BINS), contents, alone):
                    crossing += _compare(files, parent, vain, one, other, length, identity)
                progress.advance()
                parent = _roots(parent, np.arange(len(parent)))
                if identity < IDENTITIES[-1] and np.bincount(parent, weights=lengths).max() > most:
                    break
            else:
                pairs = np.concatenate(crossing) if crossing else np.empty((0, 2), dtype=np.int64)
                return Clusters(parent, identity, length, pairs[parent[pairs[:, 0]] != parent[pairs[:, 1]]])
    raise AssertionError("the last bar is not raised")


def _pairs(
    values: NDArray[np.uint32], following: NDArray[np.uint32], contents: NDArray[np.uint64], alone: NDArray[np.bool_]
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield pairs of records with the same value, next to each other by the value of the following bin."""
    records = np.flatnonzero(alone & (values != EMPTY))
    keys = values[records].astype(np.uint64) << np.uint64(32)
    keys |= (following[records].astype(np.uint64) >> np.uint64(16)) << np.uint64(16)
    keys |= contents[records] >> np.uint64(48)
    ordered = records[np.argsort(keys)]
    del keys, records
    same = np.flatnonzero(values[ordered[1:]] == values[ordered[:-1]])
    for begin in range(0, len(same), _PAIRS):
        place = same[begin : begin + _PAIRS]
        yield ordered[place], ordered[place + 1]


def _compare(
    files: TokenFiles,
    parent: IntArray,
    vain: NDArray[np.int8],
    one: IntArray,
    other: IntArray,
    length: int,
    identity: float,
) -> list[IntArray]:
    """Join the near-duplicates among some pairs; return the pairs that are near-duplicates only below the bar."""
    least, bar = similarity_of(IDENTITIES[0], length), similarity_of(identity, length)
    sizes = files.lengths(one), files.lengths(other)
    small, large = np.minimum(*sizes), np.maximum(*sizes)
    open_ = (_roots(parent, one) != _roots(parent, other)) & (small >= least * large)
    open_ &= (vain[one] < _IN_VAIN) | (vain[other] < _IN_VAIN)
    one, other = one[open_], other[open_]
    if not len(one):
        return []
    found = similarities(files, one, other, length, least)
    joined = found >= bar
    _join(parent, one[joined], other[joined])
    for records in (one[~joined], other[~joined]):
        vain[records] = np.minimum(vain[records] + 1, _IN_VAIN)
    below = ~joined & (found >= least)
    return [np.stack([one[below], other[below]], axis=1)] if below.any() else []


def _join(parent: IntArray, one: IntArray, other: IntArray) -> None:
    """Bring pairs of records into one cluster each; the root of a cluster is its record with the smallest number."""
    while True:
        roots = _roots(parent, one), _roots(parent, other)
        apart = roots[0] != roots[1]
        if not apart.any():
            return
        low, high = np.minimum(*roots)[apart], np.maximum(*roots)[apart]
        np.minimum.at(parent, high, low)


def _roots(parent: IntArray, records: IntArray) -> IntArray:
    roots = parent[records]
    while True:
        above = parent[roots]
        if (above == roots).all():
            return roots
        roots = above

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
from cutaway.shards.duplicates import first_of_each
from cutaway.shards.signatures import BINS, EMPTY, similarities, similarity_of
from cutaway.shards.token_files import TokenFiles

IntArray = NDArray[np.int64]

IDENTITIES: Final = (0.85, 0.90, 0.95, 0.98)
_PAIRS: Final = 1 << 17
_AT_ONCE: Final = 1 << 20
_SAMPLE: Final = 4096
_MOST_IN_ONE: Final = 0.8
_IN_VAIN: Final = 8
"""A pair is not compared if both records were compared this often without success."""


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each record (the number of its first record), and what joins two records.

    `identity` is the share of equal tokens that the bar stands for, `length` the n of the n-grams.
    `partners` has for each record one that is near-duplicate to it in another cluster, or -1; there are some only if
    the bar was raised.
    """

    numbers: NDArray[np.int32]
    identity: float
    length: int
    partners: NDArray[np.int32]


def clusters_of(
    files: TokenFiles,
    first: NDArray[np.int32],
    contents: NDArray[np.uint64],
    column: Callable[[int], NDArray[np.uint32]],
    length: int,
) -> Clusters:
    """Return the clusters of N records.

    `first` is the first record with the same content, `contents` a hash of the content, and `column(b)` has bin b of
    all signatures. Nothing depends on the order of the records.
    """
    alone = first == np.arange(len(first))
    sample = _smallest(contents, alone)
    weights = files.lengths(sample)
    with step("looking for near-duplicates", total=BINS) as progress:
        for identity in IDENTITIES:
            parent, vain = first.copy(), np.zeros(len(first), dtype=np.int8)
            partners = np.full(len(first), -1, dtype=np.int32)
            progress.reach(0)
            for number in range(BINS):
                for one, other in _pairs(column(number), column((number + 1) % BINS), contents, alone):
                    _compare(files, parent, vain, partners, one, other, length, identity)
                progress.advance()
                _, roots = np.unique(_roots(parent, sample), return_inverse=True)
                largest = np.bincount(roots, weights=weights).max()
                if identity < IDENTITIES[-1] and largest > _MOST_IN_ONE * weights.sum():
                    break
            else:
                for begin in range(0, len(parent), _PAIRS):
                    parent[begin : begin + _PAIRS] = _roots(parent, np.arange(begin, min(begin + _PAIRS, len(parent))))
                return Clusters(parent, identity, length, partners)
    raise AssertionError("the last bar is not raised")


def equal_records(contents: NDArray[np.uint64]) -> Clusters:
    """Return the clusters of N records that join equal ones alone."""
    return Clusters(first_of_each(contents), 1.0, 0, np.full(len(contents), -1, dtype=np.int32))


def _smallest(contents: NDArray[np.uint64], alone: NDArray[np.bool_]) -> IntArray:
    """Return the records with the smallest hashes: a sample that does not depend on their order."""
    limit = np.uint64(min(1.0, 2 * _SAMPLE / max(1, len(contents))) * (2.0**64 - 2**11))
    records = np.flatnonzero(alone & (contents <= limit))
    return records[np.argsort(contents[records])][:_SAMPLE] if len(records) else np.flatnonzero(alone)[:1]


def _pairs(
    values: NDArray[np.uint32], following: NDArray[np.uint32], contents: NDArray[np.uint64], alone: NDArray[np.bool_]
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield pairs of records with the same value, next to each other by the value of the following bin."""
    groups = 1 << (len(values) // _AT_ONCE).bit_length()  # to sort a part of the values at a time
    for group in range(groups):
        low, high = (group << 32) // groups, ((group + 1) << 32) // groups
        records = np.flatnonzero(alone & (values >= low) & (values < min(high, int(EMPTY))))
        keys = values[records].astype(np.uint64) << np.uint64(32)
        keys |= (following[records].astype(np.uint64) >> np.uint64(16)) << np.uint64(16)
        keys |= contents[records] >> np.uint64(48)
        ordered = records[np.argsort(keys)]
        same = np.flatnonzero(values[ordered[1:]] == values[ordered[:-1]])
        for begin in range(0, len(same), _PAIRS):
            place = same[begin : begin + _PAIRS]
            yield ordered[place], ordered[place + 1]


def _compare(
    files: TokenFiles,
    parent: NDArray[np.int32],
    vain: NDArray[np.int8],
    partners: NDArray[np.int32],
    one: IntArray,
    other: IntArray,
    length: int,
    identity: float,
) -> None:
    """Join the near-duplicates among some pairs; those below the bar become partners."""
    least, bar = similarity_of(IDENTITIES[0], length), similarity_of(identity, length)
    sizes = files.lengths(one), files.lengths(other)
    small, large = np.minimum(*sizes), np.maximum(*sizes)
    open_ = (_roots(parent, one) != _roots(parent, other)) & (small >= least * large)
    open_ &= (vain[one] < _IN_VAIN) | (vain[other] < _IN_VAIN)
    one, other = one[open_], other[open_]
    if not len(one):
        return
    found = similarities(files, one, other, length, least)
    joined = found >= bar
    _join(parent, one[joined], other[joined])
    for records in (one[~joined], other[~joined]):
        vain[records] = np.minimum(vain[records] + 1, _IN_VAIN)
    below = ~joined & (found >= least)
    partners[one[below]], partners[other[below]] = other[below], one[below]


def _join(parent: NDArray[np.int32], one: IntArray, other: IntArray) -> None:
    """Bring pairs of records into one cluster each; the root of a cluster is its record with the smallest number."""
    while True:
        roots = _roots(parent, one), _roots(parent, other)
        apart = roots[0] != roots[1]
        if not apart.any():
            return
        low, high = np.minimum(*roots)[apart], np.maximum(*roots)[apart]
        np.minimum.at(parent, high, low)


def _roots(parent: NDArray[np.int32], records: IntArray) -> NDArray[np.int32]:
    roots = parent[records]
    while True:
        above = parent[roots]
        if (above == roots).all():
            return roots
        roots = above

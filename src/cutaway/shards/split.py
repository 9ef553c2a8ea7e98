"""Which records are held out: whole clusters of near-duplicates, or the last part of long records if those are few."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted

IntArray = NDArray[np.int64]
Clusters = NDArray[np.int32]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

FEWEST: Final = 20
"""With fewer clusters the ends of records are held out."""
_AT_ONCE: Final = 1 << 20


def split(
    lengths: IntArray,
    clusters: Clusters,
    hashes: Words,
    kept: Mask,
    share: float,
    *,
    whole: bool,
    classes: IntArray | None = None,
) -> IntArray:
    """Return where the held-out part of each of N records begins: at 0, at its length (nothing is), or in between.

    `clusters` has the number of the first record of each record's cluster, `hashes` a hash of its content, and `kept`
    says whether it is used at all. About `share` of the tokens are held out. Which clusters is decided by the smallest
    hash in each, so that neither a seed nor the order of the records matters. With `whole`, or with 20 clusters or
    more, records stay whole; else the last `share` of each record is held out. With `classes`, records of a class that
    would be held out altogether stay.

    Raises `InputError` if nothing is left to train on or to hold out.

    >>> lengths, clusters, kept = np.full(40, 10), np.arange(40, dtype=np.int32), np.full(40, True)
    >>> int((split(lengths, clusters, np.arange(40, dtype=np.uint64), kept, 0.1, whole=False) == 0).sum())
    4
    """
    if share == 0:
        return lengths.copy()
    roots = np.zeros(len(lengths), dtype=bool)
    roots[clusters[kept]] = True
    many = int(np.count_nonzero(roots))
    if not whole and many < FEWEST:
        starts = lengths.copy()
        starts[kept] -= np.round(lengths[kept] * share).astype(np.int64)
        if (starts == lengths).all() or not (starts[kept] > 0).any():
            raise _empty(counted(int(lengths[kept].sum()), "token"), share)
        return starts
    sizes = np.zeros(len(lengths), dtype=np.int64)
    least = np.full(len(lengths), np.iinfo(np.uint64).max, dtype=np.uint64)
    for begin in range(0, len(lengths), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        numbers = clusters[part][kept[part]]
        np.add.at(sizes, numbers, lengths[part][kept[part]])
        np.minimum.at(least, numbers, hashes[part][kept[part]])
    out = kept & _chosen(sizes, least, roots, int(sizes.sum()) * share)[clusters]
    del sizes, least
    if classes is not None:
        in_train = np.unique(classes[kept & ~out])
        stay = np.zeros(len(lengths), dtype=bool)
        stay[clusters[out & ~np.isin(classes, in_train)]] = True
        out &= ~stay[clusters]
    if not out.any() or (out == kept).all():
        raise _empty(counted(many, "cluster of records", "clusters of records"), share)
    return np.where(out, 0, lengths)


def _chosen(sizes: IntArray, least: Words, roots: Mask, room: float) -> Mask:
    """Choose the clusters with the smallest hashes that come nearest to the room, without those larger than it."""
    chosen = np.zeros(len(sizes), dtype=bool)
    fitting = roots & (sizes <= room)
    if not fitting.any():
        chosen[np.flatnonzero(roots)[np.argmin(sizes[roots])]] = True
        return chosen
    limit, total = 0.0, int(sizes[fitting].sum())
    candidates = np.flatnonzero(fitting)[:0]
    while limit < 1 and int(sizes[candidates].sum()) <= room:  # so that not all clusters are sorted
        limit = min(1.0, max(2 * limit, 1.5 * room / total))
        candidates = np.flatnonzero(fitting & (least <= np.uint64(min(int(limit * 2.0**64), 2**64 - 1))))
    candidates = candidates[np.argsort(least[candidates], kind="stable")]
    chosen[candidates[: int(np.abs(np.cumsum(sizes[candidates]) - room).argmin()) + 1]] = True
    return chosen


def leaks(
    lengths: IntArray, starts: IntArray, clusters: Clusters, partners: Clusters, hashes: Words, kept: Mask
) -> dict[str, float]:
    """Return the share of held-out records that have a near-duplicate to train on, for two ways of splitting.

    "by record" is for a plain split of single records by their hashes, "by cluster" for the split that was made:
    `starts`, as `split` returns them. `partners` has for each record a near-duplicate in another cluster, or -1.

    >>> lengths, clusters, none = np.full(4, 9), np.array([0, 0, 2, 3]), np.full(4, -1)
    >>> hashes = np.array([1, 2**63, 2**62, 2**63], dtype=np.uint64)
    >>> leaks(lengths, np.array([9, 9, 0, 9]), clusters, none, hashes, np.full(4, True))
    {'by record': 0.5, 'by cluster': 0.0}
    """
    out = kept & (starts < lengths)
    share = float(out.sum()) / max(1.0, float(kept.sum()))
    if not share:
        return {"by record": 0.0, "by cluster": 0.0}
    plain = kept & (hashes <= np.uint64(min(share, 0.5) * 2.0**64))
    if not plain.any():
        plain = kept & (hashes == hashes[kept].min())
    return {
        "by record": _leak(plain, kept & ~plain, clusters, partners),
        "by cluster": _leak(out, kept & (starts > 0), clusters, partners),
    }


def _leak(out: Mask, train: Mask, clusters: Clusters, partners: Clusters) -> float:
    others = np.zeros(len(clusters), dtype=np.int32)
    np.add.at(others, clusters[train], 1)
    near = others[clusters] > train
    near |= (partners >= 0) & train[partners]
    return float(near[out].mean())


def _empty(what: str, share: float) -> InputError:
    return InputError(
        f"{what} can't be split into a part to train on and {share:g} of it held out",
        hint="give more data, or another `held_out` (0 holds nothing out)",
    )

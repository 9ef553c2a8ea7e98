"""Which records are held out: whole clusters of near-duplicates, or the last part of long records if those are few."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted

IntArray = NDArray[np.int64]

FEWEST: Final = 20
"""With fewer clusters the ends of records are held out."""


def split(
    lengths: IntArray,
    clusters: IntArray,
    hashes: NDArray[np.uint64],
    kept: NDArray[np.bool_],
    share: float,
    *,
    whole: bool,
    classes: IntArray | None = None,
) -> tuple[IntArray, IntArray]:
    """Return the spans (record, start, end) to train on and those held out: shapes (N, 3) and (M, 3).

    `clusters` has the cluster of each record, `hashes` a hash of its content, `kept` whether it is used at all. About
    `share` of the tokens are held out. Which clusters is decided by the smallest hash in each, so that neither a seed
    nor the order of the records matters. With `whole`, or with 20 clusters or more, records stay whole; else the last
    `share` of each record is held out. With `classes`, records of a class that would be held out altogether stay.

    Raises `InputError` if nothing is left to train on or to hold out.
    """
    records = np.flatnonzero(kept)
    whole_spans = np.stack([records, np.zeros_like(records), lengths[records]], axis=1)
    if share == 0:
        return whole_spans, whole_spans[:0]
    members, number = np.unique(clusters[records], return_inverse=True)
    if not whole and len(members) < FEWEST:
        ends = whole_spans[:, 2] - np.round(whole_spans[:, 2] * share).astype(np.int64)
        train, held_out = whole_spans.copy(), whole_spans.copy()
        train[:, 2] = held_out[:, 1] = ends
        train, held_out = (spans[spans[:, 2] > spans[:, 1]] for spans in (train, held_out))
        if not len(held_out) or not len(train):
            raise _empty(int(lengths[records].sum()), "token", share)
        return train, held_out
    sizes = np.bincount(number, weights=lengths[records]).astype(np.int64)
    first = np.full(len(members), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(first, number, hashes[records])
    room = int(sizes.sum()) * share
    out = _chosen(sizes, np.argsort(first, kind="stable"), room)
    if classes is not None:
        in_train = np.unique(classes[records][~out[number]])
        out &= ~np.isin(np.arange(len(members)), number[~np.isin(classes[records], in_train)])
    chosen = out[number]
    if not chosen.any() or chosen.all():
        raise _empty(len(members), "cluster of records", share)
    return whole_spans[~chosen], whole_spans[chosen]


def _chosen(sizes: IntArray, order: IntArray, room: float) -> NDArray[np.bool_]:
    """Choose the first clusters in this order that come nearest to the room, without those that are larger than it."""
    order = order[sizes[order] <= room]
    out = np.zeros(len(sizes), dtype=bool)
    if len(order):
        out[order[: int(np.abs(np.cumsum(sizes[order]) - room).argmin()) + 1]] = True
    else:
        out[np.argmin(sizes)] = True
    return out


def leaks(
    clusters: IntArray, crossing: IntArray, hashes: NDArray[np.uint64], train: IntArray, held_out: IntArray
) -> dict[str, float]:
    """Return the share of held-out records that have a near-duplicate to train on, for two ways of splitting.

    "by record" is for a plain split of single records by their hashes, "by cluster" for the split that was made.
    `crossing` are pairs of near-duplicates in two clusters.

    >>> clusters, hashes = np.array([0, 0, 2]), np.array([1, 3, 2], dtype=np.uint64)
    >>> leaks(clusters, np.empty((0, 2), int), hashes, np.array([[0, 0, 9], [1, 0, 9]]), np.array([[2, 0, 9]]))
    {'by record': 1.0, 'by cluster': 0.0}
    """
    used = np.union1d(train[:, 0], held_out[:, 0])
    if not len(held_out):
        return {"by record": 0.0, "by cluster": 0.0}
    share = len(held_out) / len(used)
    plain = used[np.argsort(hashes[used], kind="stable")[: max(1, round(len(used) * min(share, 0.5)))]]
    found = {}
    for name, out, rest in (
        ("by record", plain, np.setdiff1d(used, plain)),
        ("by cluster", held_out[:, 0], train[:, 0]),
    ):
        in_train = np.zeros(len(clusters), dtype=bool)
        in_train[rest] = True
        others = np.bincount(clusters[rest], minlength=len(clusters))
        near = others[clusters] - in_train > 0
        for one, other in (crossing.T, crossing.T[::-1]):
            near[one[in_train[other]]] = True
        found[name] = float(near[out].mean())
    return found


def _empty(many: int, what: str, share: float) -> InputError:
    return InputError(
        f"{counted(many, what)} can't be split into a part to train on and {share:g} of it held out",
        hint="give more data, or another `held_out` (0 holds nothing out)",
    )

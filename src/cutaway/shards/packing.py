"""Which parts of the records share a row: records are cut into pieces, and pieces are packed into rows.

A place is one id of a row. A piece takes a place for each of its tokens, one for the beginning token if the tokenizer
has one, and one for the end token if the piece ends its record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted
from cutaway.random_streams import stream
from cutaway.shards.permutation import mixed

IntArray = NDArray[np.int64]

LONG: Final = ("split", "cut", "refuse")
FREE: Final = 64
"""A span of this many windows or more begins its windows anywhere; no other piece shares a row with them."""

_DRAWN: Final = 1 << 19
_PATTERNS: Final = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of spans, P in all: piece p is part `part[p]` of span `span[p]` and takes `places[p]` places.

    `counts` has "pieces", "records split", "records cut" and "tokens cut off".
    """

    span: IntArray
    part: IntArray
    places: IntArray
    parts: IntArray
    counts: dict[str, int]


def pieces(
    spans: IntArray, lengths: NDArray[np.integer], context: int, long: str = "split", *, begins: int = 1, ends: int = 1
) -> Pieces:
    """Cut spans of records (record, start, end; shape (N, 3)) into pieces that fit into `context` places.

    `lengths` are the tokens of each record; `begins` and `ends` are 1 if the tokenizer has a beginning and an end
    token. A span that is too long is split into windows, cut after the first window, or refused (`long`).

    Raises `InputError` for a context below 3, an unknown `long`, and a span too long if `long` is "refuse".

    >>> pieces(np.array([[0, 0, 5], [1, 0, 9]]), np.array([5, 9]), context=7).places
    array([7, 7, 5])
    """
    if context < 3:
        raise InputError(f"`context` is {context}", hint="it must be 3 or above")
    if long not in LONG:
        raise InputError(f"`long` is {long!r}", hint=f"choose from {', '.join(LONG)}")
    window = context - begins
    stream_lengths = spans[:, 2] - spans[:, 1] + ends * (spans[:, 2] == lengths[spans[:, 0]])
    parts = np.maximum(-(-stream_lengths // window), 1)
    too_long = np.flatnonzero(parts > 1)
    counts = {"records split": 0, "records cut": 0, "tokens cut off": 0}
    if len(too_long) and long == "refuse":
        record, start, end = spans[too_long[0]].tolist()
        raise InputError(
            f"record {record:,} (counted from 0) has {counted(end - start, 'token')}, and {len(too_long):,} such "
            f"{'record is' if len(too_long) == 1 else 'records are'} too long: at most {window - ends:,} fit into the "
            "context",
            hint="choose a larger `context`, or `long='split'` or `long='cut'`",
        )
    if long == "cut":
        counts["records cut"] = len(too_long)
        counts["tokens cut off"] = int((spans[too_long, 2] - spans[too_long, 1] - window).sum())
        stream_lengths, parts = np.minimum(stream_lengths, window), np.minimum(parts, 1)
    else:
        counts["records split"] = len(too_long)
    span = np.repeat(np.arange(len(spans)), parts)
    part = np.arange(len(span)) - np.repeat(np.cumsum(parts) - parts, parts)
    places = np.full(len(span), context)
    last = np.cumsum(parts) - 1
    rest = stream_lengths - (parts - 1) * window + begins
    places[last] = np.where(parts < FREE, rest, context)
    return Pieces(span, part, places, parts, {"pieces": len(span), **counts})


def window_of(part: int, parts: int, length: int, window: int, key: int | None) -> list[tuple[int, int]]:
    """Return the parts of a stream of `length` tokens that one of its pieces reads, in the epoch of a key.

    Without a key the windows follow each other, the short one last. All pieces together read each token once. In each
    epoch the borders are elsewhere. If there are few pieces, the short one takes another place among the others. If
    there are `FREE` or more, the first window begins with fewer tokens, and the piece with the rest reads the end of
    the stream, and also its beginning if both fit.

    >>> [window_of(part, 3, 10, 4, key=1) for part in range(3)]
    [[(0, 4)], [(6, 10)], [(4, 6)]]
    """
    if parts == 1:
        return [(0, length)]
    rest = length - (parts - 1) * window
    if parts < FREE:
        short = parts - 1 if key is None else key % parts
        if rest == 1 and short == parts - 1:  # it would be the end token alone
            short -= 1
        if part == parts - 1:
            return [(short * window, short * window + rest)]
        start = part * window if part < short else part * window + rest
        return [(start, start + window)]
    first = 0 if key is None else key % window  # the tokens of the first window
    if first == rest - 1:  # the last window would be the end token alone
        first = rest
    if first < rest and rest == window:  # the two ends together would be a place too long
        first = 0
    start = first + part * window
    if part < parts - 1:
        return [(start, min(start + window, length))]
    ends = [(start, length), (0, first)]
    return [(begin, end) for begin, end in ends if begin < end]


def bins(places: IntArray, context: int) -> tuple[IntArray, IntArray]:
    """Pack pieces into rows of `context` places: row r holds the pieces `order[starts[r] : starts[r + 1]]`.

    Most rows are drawn: sizes at random, as often as they occur, kept if they fill a row exactly. What is left goes by
    best fit, the largest first. If best fit alone needs fewer rows (as for pieces as long as half a row), it packs all.
    Nothing depends on the seed of a run.

    Raises `InputError` if there is no piece, or one that takes more than `context` places.

    >>> order, starts = bins(np.array([5, 3, 8, 2, 6]), context=8)
    >>> sorted(sorted(row.tolist()) for row in np.split(order, starts[1:-1]))
    [[0, 1], [2], [3, 4]]
    """
    if not len(places) or places.max() > context:
        raise InputError(
            f"a piece of {places.max():,} places does not fit into a row of {context:,}"
            if len(places)
            else "there is nothing to pack",
            hint="give pieces that fit",
        )
    key = stream(0, "packing").integers(0, 2**64, dtype=np.uint64)
    hashed = np.argsort(mixed(np.arange(len(places), dtype=np.uint64) + key))
    hashed = hashed[np.argsort(places[hashed], kind="stable")]
    drawn, packed = (_packed(places, hashed, context, draw=draw) for draw in (True, False))
    row_of = min(drawn, packed, key=lambda rows: int(rows.max()))
    order = np.argsort(row_of, kind="stable")
    return order, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.bincount(row_of))])


def _packed(places: IntArray, hashed: IntArray, context: int, *, draw: bool) -> IntArray:
    """Return the row of each piece; `hashed` has the pieces by size, those of one size in the order of a hash."""
    row_of, opened = np.full(len(places), -1), 0
    if draw:
        numbers = np.bincount(places, minlength=context + 1)
        next_of = np.cumsum(numbers) - numbers  # the place in `hashed` of the next piece of each size
        for sizes, times in _exact_rows(numbers, context):
            rows = np.arange(opened, opened + times)
            for size in sizes:
                row_of[hashed[next_of[size] : next_of[size] + times]] = rows
                next_of[size] += times
            opened += times
    _best_fit(row_of, places, hashed[row_of[hashed] < 0][::-1], opened, context)
    return row_of


def _exact_rows(numbers: IntArray, context: int) -> Iterator[tuple[list[int], int]]:
    """Yield sizes that fill a row exactly, and for how many rows; `numbers` counts the pieces of each size."""
    left, sizes, rng = numbers.copy(), np.arange(context + 1), stream(0, "packing", "rows")
    while (rows := int(left @ sizes) // context) >= 2:
        width = min(context // int(np.flatnonzero(left)[0]), 4 * context * int(left.sum()) // int(left @ sizes) + 1)
        drawn = rng.choice(sizes, (_DRAWN // width + 1, width), p=left / left.sum())
        ends = np.cumsum(drawn, axis=1)
        exact = np.flatnonzero((ends == context).any(axis=1))[: min(_PATTERNS, -(-rows // 2))]
        before = rows
        for row in exact:
            held = drawn[row, : int((ends[row] == context).argmax()) + 1]
            needed = np.bincount(held, minlength=context + 1)
            used = needed > 0
            times = min(max(1, before // (2 * len(exact))), int((left[used] // needed[used]).min()))
            if times:
                left -= times * needed
                yield held.tolist(), times
        if int(left @ sizes) // context == before:
            return


def _best_fit(row_of: IntArray, places: IntArray, waiting: IntArray, opened: int, context: int) -> None:
    """Put each waiting piece, the largest first, into the row with the least room for it; open rows as needed."""
    with_room: list[list[IntArray]] = [[] for _ in range(context + 1)]
    for group in np.split(waiting, np.flatnonzero(np.diff(places[waiting])) + 1):
        size, left = (int(places[group[0]]), group) if len(group) else (1, group)
        while len(left):
            before = len(left)
            for room in range(size, context + 1):
                if with_room[room]:
                    rows = np.concatenate(with_room[room])
                    taken = rows[: len(left)]
                    with_room[room] = [rows[len(taken) :]] if len(taken) < len(rows) else []
                    with_room[room - size].append(taken)
                    row_of[left[: len(taken)]] = taken
                    left = left[len(taken) :]
                    if not len(left):
                        break
            if len(left) == before:
                new = -(-len(left) // (context // size))
                with_room[context].append(np.arange(opened, opened + new))
                opened += new

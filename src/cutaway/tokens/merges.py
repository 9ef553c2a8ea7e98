"""Byte-pair merges of long sequences without spaces: exact, and not quadratic in their length.

A cell holds one unit (a base, an atom, a codon). A token covers one or more cells: its id is in the first and the last
of them, and the cells between are dead. So the next token begins at `start + length`, and the cell to the left names
the token before. Merging a pair touches only its own places. For every pair the places where it arose are listed, in
the order of the text; when the pair is merged, the cells show which of the places still hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError

MOST_TOKENS: Final = 32_768  # counts are a table of tokens × tokens with four bytes each

_Ids = NDArray[np.uint16]
_Places = NDArray[Any]  # int32 if they fit


def learn_merges(
    sequences: Sequence[NDArray[np.unsignedinteger]], units: Sequence[str], tokens: int, *, min_count: int = 2
) -> list[tuple[str, str]]:
    """Return the merges of greedy byte-pair encoding until there are `tokens` tokens, in the order they are made.

    `sequences` hold indices into `units`; a larger number is a wall, which is in no pair. No pair crosses from one
    sequence into the next. Each round merges the most frequent pair; every place where its halves are neighbours counts
    (three in AAAA). Of equally frequent pairs it is the one with the smaller left id, then the smaller right id, as in
    the `tokenizers` library. A pair is merged from left to right. If two merges spell the same token, it counts once.
    Stops early if no pair occurs `min_count` times. Work is proportional to the number of merged places; memory is
    about 12 bytes a unit and 4 · tokens². Source: Sennrich et al. 2016, doi:10.18653/v1/P16-1162.

    >>> learn_merges([np.array([0, 1, 0, 1, 2])], ["A", "B", "C"], 5)
    [('A', 'B')]
    """
    if tokens > MOST_TOKENS:
        raise InputError(
            f"{tokens:,} tokens are too many for these merges", hint=f"give a `vocab_size` of at most {MOST_TOKENS:,}"
        )
    if tokens <= len(units):
        return []
    learner = _Learner(sequences, units, tokens)
    merges: list[tuple[str, str]] = []
    while len(learner.spelled) < tokens:
        left, right, count = learner.best()
        if count < max(1, min_count):
            break
        merges.append((learner.spelled[left], learner.spelled[right]))
        learner.merge(left, right)
    return merges


class _Grown:
    """The places where a token got a new neighbour on one side, ordered by neighbour, then by place."""

    def __init__(self, neighbours: _Ids, places: _Places, tokens: int) -> None:
        order = np.argsort(neighbours, kind="stable")
        self.places = places[order]
        counts = np.bincount(neighbours, minlength=tokens)
        self.who = np.flatnonzero(counts).astype(np.uint16)
        self.ends = np.cumsum(counts[self.who])

    def of(self, neighbour: int) -> _Places:
        i = int(np.searchsorted(self.who, neighbour))
        if i == len(self.who) or self.who[i] != neighbour:
            return self.places[:0]
        return self.places[self.ends[i - 1] if i else 0 : self.ends[i]]


class _Learner:
    def __init__(self, sequences: Sequence[NDArray[np.unsignedinteger]], units: Sequence[str], tokens: int) -> None:
        self.tokens, self.wall, self.dead = tokens, tokens, tokens + 1
        self.spelled = list(units)
        self.ids_of = {token: i for i, token in enumerate(units)}
        self.lengths = np.ones(tokens + 2, dtype=np.int32)
        cells = 1 + sum(len(sequence) + 1 for sequence in sequences)
        self.cells: _Ids = np.full(cells, self.wall, dtype=np.uint16)
        start = 1
        for sequence in sequences:
            self.cells[start : start + len(sequence)] = np.where(sequence < len(units), sequence, self.wall)
            start += len(sequence) + 1
        self.place_type = np.int32 if cells < 2**31 else np.int64
        self.counts = np.zeros((tokens, tokens), dtype=np.int32 if cells < 2**31 else np.int64)
        self._count_units()
        self.most = self.counts.max(axis=1).astype(np.int64)  # an upper bound for each row: see `best`
        # By token, for each merge that made it: the places of pairs in which it is the left or the right half.
        self.as_left: dict[int, list[_Grown]] = {}
        self.as_right: dict[int, list[_Grown]] = {}
        self.units = len(units)

    def _count_units(self, block: int = 1 << 22) -> None:
        size = len(self.spelled)
        for start in range(0, len(self.cells) - 1, block):
            part = self.cells[start : start + block + 1].astype(np.int64)
            inside = (part[:-1] < size) & (part[1:] < size)
            codes = part[:-1][inside] * size + part[1:][inside]
            self.counts[:size, :size] += np.bincount(codes, minlength=size * size).reshape(size, size).astype(np.int32)

    def best(self) -> tuple[int, int, int]:
        # Until a row is looked at again its counts only fall, so the noted maximum is never too small. `argmax` takes
        # the first of equals, which has the smallest id, on the left and on the right.
        while True:
            left = int(self.most.argmax())
            row = self.counts[left]
            right = int(row.argmax())
            if row[right] == self.most[left]:
                return left, right, int(row[right])
            self.most[left] = row[right]

    def merge(self, left: int, right: int) -> None:
        cells, counts = self.cells, self.counts
        new, size = self._name(left, right), self.tokens
        starts = self._places(left, right)
        seconds = starts + self.lengths[left]
        afters = seconds + self.lengths[right]
        before, after = cells[starts - 1], cells[afters]
        cells[seconds - 1] = self.dead
        cells[seconds] = self.dead
        cells[starts] = new
        cells[afters - 1] = new
        now_before, now_after = cells[starts - 1], cells[afters]
        # If two merged pairs are side by side, the pair between them goes once, and one new pair comes.
        last = now_after == after
        counts[left, right] -= len(starts)
        counts[:, left] -= self._tally(before)
        counts[right] -= self._tally(after[last])
        inside = now_before < size
        self._grow(self.as_right, new, now_before[inside], starts[inside], on_left=True)
        inside = last & (now_after < size)
        self._grow(self.as_left, new, now_after[inside], starts[inside], on_left=False)

    def _grow(
        self, side: dict[int, list[_Grown]], new: int, neighbours: _Ids, starts: _Places, *, on_left: bool
    ) -> None:
        tally = self._tally(neighbours)
        if on_left:
            self.counts[:, new] += tally
            np.maximum(self.most, self.counts[:, new], out=self.most)
            starts = starts - self.lengths[neighbours]
        else:
            self.counts[new] += tally
            self.most[new] = self.counts[new].max()
        side.setdefault(new, []).append(_Grown(neighbours, starts.astype(self.place_type), self.tokens))

    def _name(self, left: int, right: int) -> int:
        token = self.spelled[left] + self.spelled[right]
        if token not in self.ids_of:
            self.ids_of[token] = len(self.spelled)
            self.spelled.append(token)
        new = self.ids_of[token]
        self.lengths[new] = self.lengths[left] + self.lengths[right]
        return new

    def _places(self, left: int, right: int) -> _Places:
        """Return where the pair begins, in order, without overlaps."""
        if left < self.units and left not in self.as_left:
            self.as_left[left] = [self._of_units(left)]
        found = [grown.of(right) for grown in self.as_left.get(left, [])]
        found += [grown.of(left) for grown in self.as_right.get(right, [])]
        starts: _Places = np.concatenate(found).astype(np.int64)
        valid = (self.cells[starts] == left) & (self.cells[starts + self.lengths[left]] == right)
        starts = starts[valid]
        if sum(len(places) > 0 for places in found) > 1:
            starts.sort()
        if left != right:
            return starts
        follows = np.zeros(len(starts), dtype=bool)
        follows[1:] = np.diff(starts) == self.lengths[left]
        number = np.arange(len(starts))
        first = np.maximum.accumulate(np.where(follows, 0, number))
        every_other: _Places = starts[(number - first) % 2 == 0]
        return every_other

    def _of_units(self, left: int, block: int = 1 << 22) -> _Grown:
        # The places of a unit are listed on first use. Its pairs with merged tokens are already in those tokens' lists;
        # here are its pairs with other units.
        starts, neighbours = [], []
        for start in range(0, len(self.cells) - 1, block):
            part = self.cells[start : start + block + 1]
            found = np.flatnonzero((part[:-1] == left) & (part[1:] < self.units))
            starts.append((found + start).astype(self.place_type))
            neighbours.append(part[found + 1])
        return _Grown(np.concatenate(neighbours), np.concatenate(starts), self.tokens)

    def _tally(self, neighbours: _Ids) -> NDArray[np.int32]:
        return np.bincount(neighbours, minlength=self.tokens)[: self.tokens].astype(self.counts.dtype)

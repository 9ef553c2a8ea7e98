"""Rows to train on; each is a pure function of (seed, index), so no data loader with a state is needed.

`P` pieces, `T` places.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted
from cutaway.random_streams import check_seed, stream
from cutaway.shards.opened import Shards
from cutaway.shards.packing import Pieces, bins, pieces, window_of
from cutaway.shards.permutation import Permutation
from cutaway.tokens.tokenizer import Tokenizer

IntArray = NDArray[np.int64]

LAYOUTS: Final = ("packed", "single")


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One row: the ids of P pieces one after another, T in all, and where they come from.

    - `ids`: [beginning token] tokens [end token] of each piece, as far as the tokenizer has such tokens. The end token
      is there only if the piece ends its record;
    - `lengths` and `records`: the places and the record of each piece;
    - `symbols`: the original symbols that the tokens stand for;
    - `target_ids` and `target_lengths`: the targets of the pieces, each with an end token (sequence to sequence).
    """

    ids: IntArray
    lengths: tuple[int, ...]
    records: tuple[int, ...]
    symbols: int
    target_ids: IntArray | None = None
    target_lengths: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class _Part:
    """The rows of one side of the split: row r holds the pieces `order[starts[r] : starts[r + 1]]`."""

    spans: IntArray
    pieces: Pieces
    order: IntArray
    starts: IntArray

    def __len__(self) -> int:
        return len(self.starts) - 1


class RecordRows:
    """The rows of shards for a context of T places.

    In each epoch every token of the part to train on is read exactly once; the order, and the borders of windows in
    long records, differ between epochs. `layout` "packed" puts several pieces in a row, up to `context` places, and
    "single" one piece. `long` says what happens to a record that does not fit: "split", "cut" or "refuse". `frame` are
    the ids that a record begins and ends with, if not those of `frame_of`.

    `per_epoch` is the number of rows of an epoch. `counts` has "rows", "pieces", "records split", "records cut",
    "tokens cut off", and "filled", the share of the places that hold a token.

    Raises `InputError` for an unknown layout, what `pieces` raises, and if targets are to be packed or split.

    >>> from cutaway.shards import prepare_shards
    >>> from cutaway.tokens import characters
    >>> from pathlib import Path
    >>> _ = Path("dna.txt").write_text("ACGT\\nGATTA\\n")
    >>> tokenizer = characters(["ACGT"])
    >>> shards = prepare_shards("dna.txt", "dna", tokenizer, alphabet="dna", held_out=0)
    >>> rows = RecordRows(shards, tokenizer, context=16)
    >>> row = rows.row(seed=0, index=0)
    >>> row.ids.tolist(), row.lengths
    ([0, 2, 3, 4, 5, 0, 0, 4, 2, 5, 5, 2, 0], (6, 7))
    """

    def __init__(
        self,
        shards: Shards,
        tokenizer: Tokenizer,
        context: int,
        *,
        long: str = "split",
        layout: str = "packed",
        frame: tuple[int | None, int | None] | None = None,
    ) -> None:
        if layout not in LAYOUTS:
            raise InputError(f"`layout` is {layout!r}", hint=f"choose from {', '.join(LAYOUTS)}")
        if shards.targets is not None and layout == "packed":
            raise InputError("rows with targets can't be packed", hint="use `layout='single'`")
        self._shards, self._context, self._long, self._layout = shards, context, long, layout
        self._begin, self._end = frame_of(tokenizer) if frame is None else frame
        self._train = self._part(shards.train)
        self._held_out = self._part(shards.held_out) if len(shards.held_out) else None
        self._targets_cut = self._check_targets()
        filled = int(self._train.pieces.places.sum()) / (len(self._train) * context)
        self.counts: dict[str, Any] = {
            "rows": len(self._train),
            **self._train.pieces.counts,
            "targets cut": self._targets_cut,
            "filled": filled,
        }

    @property
    def per_epoch(self) -> int:
        """The rows of an epoch."""
        return len(self._train)

    def row(self, seed: int, index: int) -> Row:
        """Return a row; `index` counts over all epochs. Raises `InputError` for a seed that is not one."""
        epoch, place = divmod(index, len(self._train))
        row = Permutation(check_seed(seed), epoch, len(self._train))[place]
        return self._row(self._train, row, (seed, epoch))

    def held_out(self, count: int) -> list[Row]:
        """Return at most `count` held-out rows, spread over the held-out part; the same for every seed."""
        if self._held_out is None:
            return []
        rows = len(self._held_out)
        chosen = np.unique(np.linspace(0, rows - 1, max(0, min(count, rows))).round().astype(np.int64))
        return [self._row(self._held_out, int(row), None) for row in chosen]

    def digest(self, seed: int, index: int) -> str:
        """Return a hash of a row: its ids, the pieces and their records."""
        row = self.row(seed, index)
        digest = hashlib.blake2b(row.ids.astype("<i8").tobytes(), digest_size=16)
        digest.update(repr((row.lengths, row.records, row.target_lengths)).encode())
        if row.target_ids is not None:
            digest.update(row.target_ids.astype("<i8").tobytes())
        return digest.hexdigest()

    def _part(self, spans: IntArray) -> _Part:
        begins, ends = int(self._begin is not None), int(self._end is not None)
        cut = pieces(spans, self._shards.lengths, self._context, self._long, begins=begins, ends=ends)
        if self._shards.targets is not None and cut.counts["records split"]:
            raise InputError(
                f"{counted(cut.counts['records split'], 'record')} with a target can't be split to fit a context of "
                f"{self._context:,}",
                hint="choose a larger `context`, or `long='cut'`",
            )
        if self._layout == "packed":
            return _Part(spans, cut, *bins(cut.places, self._context))
        rows = np.arange(len(cut.span) + 1)
        return _Part(spans, cut, rows[:-1], rows)

    def _check_targets(self) -> int:
        """Return how many targets do not fit. Raises `InputError` if they may not be cut."""
        if self._shards.targets is None:
            return 0
        lengths = np.diff(self._shards.targets.starts) + (self._end is not None)
        records = np.concatenate([self._shards.train[:, 0], self._shards.held_out[:, 0]])
        too_long = records[lengths[records] > self._context]
        if len(too_long) and self._long != "cut":
            raise InputError(
                f"the target of record {too_long[0]:,} (counted from 0) has {lengths[too_long[0]]:,} tokens, and the "
                f"context {self._context:,}",
                hint="choose a larger `context`, or `long='cut'`",
            )
        return len(too_long)

    def _row(self, part: _Part, row: int, epoch: tuple[int, int] | None) -> Row:
        ids, lengths, records, symbols = list[IntArray](), list[int](), list[int](), 0
        for piece in part.order[part.starts[row] : part.starts[row + 1]].tolist():
            number = int(part.pieces.span[piece])
            record, first, last = map(int, part.spans[number])
            for start, end in self._windows(part.pieces, piece, number, last - first, record, last, epoch):
                found, read = self._piece(record, first + start, min(first + end, last), first + end > last)
                ids.append(found)
                lengths.append(len(found))
                records.append(record)
                symbols += read
        target_ids, target_lengths = self._targets(records)
        return Row(np.concatenate(ids), tuple(lengths), tuple(records), symbols, target_ids, target_lengths)

    def _windows(
        self, cut: Pieces, piece: int, number: int, length: int, record: int, last: int, epoch: tuple[int, int] | None
    ) -> list[tuple[int, int]]:
        """Return which tokens of its span a piece reads; place `length` is the end token."""
        window = self._context - (self._begin is not None)
        ends = self._end is not None and last == int(self._shards.lengths[record])
        if self._long == "cut":
            return [(0, min(length + ends, window))]
        parts, key = int(cut.parts[number]), None
        if parts > 1 and epoch is not None:
            key = int(stream(epoch[0], "windows", epoch[1], record).integers(1 << 32))
        return window_of(int(cut.part[piece]), parts, length + ends, window, key)

    def _piece(self, record: int, start: int, end: int, ends: bool) -> tuple[IntArray, int]:
        """Return the ids of a part of a record, with special tokens, and how many symbols they stand for."""
        tokens = self._shards.ids(record)[start:end].astype(np.int64)
        frame = [[self._begin] if self._begin is not None else [], [self._end] if ends else []]
        symbols, length = int(self._shards.symbols[record]), int(self._shards.lengths[record])
        read = symbols * end // length - symbols * start // length
        return np.concatenate([np.array(frame[0], np.int64), tokens, np.array(frame[1], np.int64)]), read

    def _targets(self, records: list[int]) -> tuple[IntArray | None, tuple[int, ...]]:
        if self._shards.targets is None:
            return None, ()
        end = [] if self._end is None else [self._end]
        room = self._context - len(end)
        found = [np.append(self._shards.targets.ids(record)[:room].astype(np.int64), end) for record in records]
        return np.concatenate(found).astype(np.int64), tuple(map(len, found))


def frame_of(tokenizer: Tokenizer) -> tuple[int | None, int | None]:
    """Return the ids of the beginning and the end token of a piece: bos and eos, or else cls and sep.

    >>> from cutaway.tokens import characters
    >>> frame_of(characters(["ab"]))
    (0, 0)
    """
    begin, end = tokenizer.special_id("bos"), tokenizer.special_id("eos")
    return (
        tokenizer.special_id("cls") if begin is None else begin,
        tokenizer.special_id("sep") if end is None else end,
    )

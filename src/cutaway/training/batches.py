"""Rows become batches: what a model reads, and what it is to predict.

`B` batch, `T` positions, `V` vocabulary. A batch of packed rows hides the pieces of a row from each other by a mask
that is made here, and counts positions anew in each piece.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from cutaway.random_streams import stream
from cutaway.shards import Row

IGNORED: Final = -100
"""The target of a position at which nothing is predicted, as in torch and transformers."""

IntArray = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Batch:
    """A micro-batch: the arguments of the module, the targets, and how much it counts.

    `targets` are ids of shape (B, T) in which `IGNORED` predicts nothing, classes (B,), several labels (B, V) or
    numbers (B,). `predictions` is how many there are, `symbols` how many letters (or numbers) of the data they stand
    for.
    """

    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    predictions: int
    symbols: int


@dataclasses.dataclass(frozen=True)
class Batcher:
    """Makes the batches of one objective.

    `pad`, `mask` and `start` are ids (what fills a row, what hides a token, what a decoder starts from). `begins_word`
    says of each id whether a word begins with it, so that words are hidden whole; `unit` is how many tokens are hidden
    together. `labels` has one entry for each record. `first_position` is the position of a row's first token.
    """

    objective: str
    pad: int
    mask: int | None = None
    start: int | None = None
    mask_share: float = 0.15
    mask_rule: str = "all"
    begins_word: NDArray[np.bool_] | None = None
    unit: int = 1
    vocabulary: int = 0
    specials: frozenset[int] = frozenset()
    labels: NDArray[Any] | None = None
    first_position: int = 0

    def batch(self, rows: Sequence[Row], seed: int, numbers: Sequence[int]) -> Batch:
        """Return the batch of some rows. `numbers` are the rows' places in the run: what is hidden depends on them."""
        match self.objective:
            case "causal":
                return self._causal(rows)
            case "masked":
                return self._masked(rows, seed, numbers)
            case "seq2seq":
                return self._pairs(rows)
        return self._labelled(rows)

    def _causal(self, rows: Sequence[Row]) -> Batch:
        # Nothing is predicted from what fills a row. It is not the padding token, for which transformers wants a mask.
        ids_BT = _padded([row.ids for row in rows], int(self.pad == 0))
        targets_BT = _padded([_after_border(row) for row in rows], IGNORED)[:, 1:]
        inputs = {"input_ids": torch.from_numpy(ids_BT[:, :-1])}
        if any(len(row.lengths) > 1 for row in rows):
            inputs |= isolated(rows, ids_BT.shape[1] - 1, causal=True, first=self.first_position)
        return _batch(inputs, targets_BT, rows)

    def _masked(self, rows: Sequence[Row], seed: int, numbers: Sequence[int]) -> Batch:
        shown, targets = [], []
        for row, number in zip(rows, numbers, strict=True):
            rng = stream(seed, "masked", number)
            hidden = self._hidden(row.ids, rng)
            targets.append(np.where(hidden, row.ids, IGNORED))
            shown.append(self._shown(row.ids, hidden, rng))
        ids_BT = _padded(shown, self.pad)
        inputs = {"input_ids": torch.from_numpy(ids_BT)}
        if any(len(row.lengths) > 1 for row in rows):
            inputs |= isolated(rows, ids_BT.shape[1], causal=False, first=self.first_position)
        elif len({len(row.ids) for row in rows}) > 1:
            inputs["attention_mask"] = _places([row.ids for row in rows])
        return _batch(inputs, _padded(targets, IGNORED), rows)

    def _pairs(self, rows: Sequence[Row]) -> Batch:
        targets_BT = _padded([_target(row) for row in rows], IGNORED)
        read_BT = np.where(targets_BT == IGNORED, self.pad, targets_BT)
        starts_B1 = np.full((len(rows), 1), self.start, dtype=np.int64)
        inputs = {
            "input_ids": torch.from_numpy(_padded([row.ids for row in rows], self.pad)),
            "attention_mask": _places([row.ids for row in rows]),
            "decoder_input_ids": torch.from_numpy(np.concatenate([starts_B1, read_BT[:, :-1]], axis=1)),
        }
        return _batch(inputs, targets_BT, rows)

    def _labelled(self, rows: Sequence[Row]) -> Batch:
        if self.labels is None:
            raise ValueError("this objective needs labels")
        inputs = {
            "input_ids": torch.from_numpy(_padded([row.ids for row in rows], self.pad)),
            "attention_mask": _places([row.ids for row in rows]),
        }
        targets = torch.from_numpy(self.labels[[row.records[0] for row in rows]])
        return Batch(inputs, targets, len(rows), len(rows))

    def _hidden(self, ids_T: IntArray, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Choose whole units of about `mask_share` of the tokens; at least one, and never a special token."""
        open_T = ~np.isin(ids_T, list(self.specials))
        if self.begins_word is None:
            units_T = np.arange(len(ids_T)) // self.unit
        else:
            begins_T = self.begins_word[ids_T] | ~open_T
            begins_T[1:] |= ~open_T[:-1]
            units_T = np.cumsum(begins_T)
        units_T = units_T - units_T[0]
        chosen = rng.random(int(units_T[-1]) + 1) < self.mask_share
        hidden_T = chosen[units_T] & open_T
        if not hidden_T.any() and open_T.any():
            hidden_T = (units_T == rng.choice(units_T[open_T])) & open_T
        return np.asarray(hidden_T, dtype=np.bool_)

    def _mask_id(self) -> int:
        if self.mask is None:
            raise ValueError("this objective needs a mask token")
        return self.mask

    def _shown(self, ids_T: IntArray, hidden_T: NDArray[np.bool_], rng: np.random.Generator) -> IntArray:
        """Put the mask token over what is hidden; "80/10/10" leaves a tenth and swaps a tenth (Devlin et al. 2019)."""
        shown_T = ids_T.copy()
        shown_T[hidden_T] = self._mask_id()
        if self.mask_rule == "all":
            return shown_T
        draw_T = rng.random(len(ids_T))
        random_T = rng.integers(self.vocabulary, size=len(ids_T))
        shown_T = np.where(hidden_T & (draw_T < 0.1), ids_T, shown_T)
        return np.where(hidden_T & (draw_T >= 0.9), random_T, shown_T)


def _batch(inputs: dict[str, torch.Tensor], targets_BT: IntArray, rows: Sequence[Row]) -> Batch:
    predictions = int((targets_BT != IGNORED).sum())
    targets = torch.from_numpy(np.ascontiguousarray(targets_BT))
    return Batch(inputs, targets, predictions, sum(row.symbols for row in rows))


def _padded(rows: Sequence[IntArray], fill: int) -> IntArray:
    padded_BT = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for row_T, ids in zip(padded_BT, rows, strict=True):
        row_T[: len(ids)] = ids
    return padded_BT


def _places(rows: Sequence[IntArray]) -> torch.Tensor:
    """Return a mask of shape (B, T): 1 where a row has a token."""
    lengths_B1 = np.array([[len(row)] for row in rows])
    return torch.from_numpy((np.arange(lengths_B1.max()) < lengths_B1).astype(np.int64))


def _after_border(row: Row) -> IntArray:
    """Return the row's ids, without those that would be predicted from another piece."""
    targets_T = row.ids.copy()
    targets_T[np.cumsum([0, *row.lengths[:-1]])] = IGNORED
    return targets_T


def _target(row: Row) -> IntArray:
    if row.target_ids is None:
        raise ValueError("this row has no target")
    return row.target_ids


def isolated(rows: Sequence[Row], length: int, *, causal: bool, first: int = 0) -> dict[str, torch.Tensor]:
    """Return positions counted in each piece, and a mask (B, 1, T, T) that is True where both are in one piece.

    `first` is the position of the first token.
    """
    piece_BT = np.full((len(rows), length), -1, dtype=np.int64)
    place_BT = np.zeros((len(rows), length), dtype=np.int64)
    for piece_T, place_T, row in zip(piece_BT, place_BT, rows, strict=True):
        pieces = np.repeat(np.arange(len(row.lengths)), row.lengths)[:length]
        piece_T[: len(pieces)] = pieces
        places = np.concatenate([np.arange(n) for n in row.lengths])[:length]
        place_T[: len(places)] = places
    seen_BTT = piece_BT[:, :, None] == piece_BT[:, None, :]
    if causal:
        seen_BTT &= np.tri(length, dtype=bool)
    return {"position_ids": torch.from_numpy(place_BT + first), "attention_mask": torch.from_numpy(seen_BTT[:, None])}

"""Rows to train on; each is a pure function of (seed, step, index), so no data loader with a state is needed.

A row is T + 1 ids: `<|end|>`, then T tokens. Positions 0 to T - 1 are read and positions 1 to T predicted. Steps count
from 1; the rows of step 0 are for validation only. These don't depend on the seed, so that runs with different seeds
are measured on the same rows.

`B` batch, `T` positions.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted
from cutaway.random_streams import stream
from cutaway.sequences import KnownSource
from cutaway.tokens import Tokenizer
from cutaway.tokens.char_word import END
from cutaway.training.character_vocabulary import text_ids

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_HELD_OUT: Final = 0.05


class Rows(Protocol):
    """What the training loop needs from its data."""

    def row(self, seed: int, step: int, index: int) -> IntArray:
        """Return row `index` of step `step` (from 1): T + 1 ids."""

    def validation(self, count: int) -> IntArray:
        """Return the rows to validate on, at most `count` of them: shape (rows, T + 1)."""

    def floor(self, rows_BT: IntArray) -> float | None:
        """Return the exact nats per token of the source on these rows, or None if it is unknown."""


@dataclasses.dataclass(frozen=True)
class SourceRows:
    """Rows of new texts of a source of known entropy; a row is the start of a text, cut to T characters."""

    source: KnownSource
    tokenizer: Tokenizer
    context: int

    def row(self, seed: int, step: int, index: int) -> IntArray:
        """Return row `index` of step `step`: T + 1 ids, the same whatever else was asked before."""
        text = self.source.sample(stream(seed, "rows", step, index), self.context)
        ids = self.tokenizer.vocabulary
        return np.array([ids[END], *(ids[character] for character in text)], dtype=np.int64)

    def validation(self, count: int) -> IntArray:
        """Return `count` rows that no training step draws."""
        return np.stack([self.row(0, 0, index) for index in range(count)])

    def floor(self, rows_BT: IntArray) -> float:
        """Return the mean of -ln p(character | row so far) under the source itself, in nats per token."""
        texts = ["".join(self._characters[id_] for id_ in row_T[1:].tolist()) for row_T in rows_BT]
        return float(np.mean([self.source.surprisal(text).mean() for text in texts]))

    @functools.cached_property
    def _characters(self) -> dict[int, str]:
        return {id_: token for token, id_ in self.tokenizer.vocabulary.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class TextRows:
    """Windows of a text: random ones to train on; in the last twentieth of the text, adjacent ones to validate on."""

    training_ids: IntArray
    held_out_ids: IntArray
    end: int
    context: int

    @classmethod
    def of(cls, text: str, tokenizer: Tokenizer, context: int, path: str | os.PathLike[str]) -> TextRows:
        """Split a text into a part to train on and a held-out part: its last twentieth, or one row if that is more.

        Raises `InputError` if the text has fewer tokens than one row of each needs.
        """
        ids = text_ids(text, tokenizer)
        if len(ids) < 2 * context:
            raise InputError(
                f"{os.fspath(path)!r} has {counted(len(ids), 'token')}; training needs at least {2 * context:,}: "
                f"one row of {context:,} to train on and one to validate on",
                hint="give a longer text or a smaller `context`",
            )
        held_out = max(context, round(_HELD_OUT * len(ids)))
        return cls(ids[:-held_out], ids[-held_out:], tokenizer.vocabulary[END], context)

    def row(self, seed: int, step: int, index: int) -> IntArray:
        """Return row `index` of step `step`: T + 1 ids, the same whatever else was asked before."""
        rng = stream(seed, "rows", step, index)
        start = int(rng.integers(len(self.training_ids) - self.context + 1))
        return self._window(self.training_ids, start)

    def validation(self, count: int) -> IntArray:
        """Return up to `count` windows of the held-out part, spread over it without overlap."""
        whole = len(self.held_out_ids) // self.context
        chosen = np.linspace(0, whole - 1, min(count, whole)).round().astype(int)
        return np.stack([self._window(self.held_out_ids, int(index) * self.context) for index in chosen])

    def floor(self, rows_BT: IntArray) -> None:
        """Return None, because the entropy of a text is unknown."""

    def _window(self, ids: IntArray, start: int) -> IntArray:
        return np.concatenate([np.array([self.end], dtype=np.int64), ids[start : start + self.context]])

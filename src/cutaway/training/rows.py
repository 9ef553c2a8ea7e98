"""Rows of a source with a known entropy, made as they are asked for; those of files are `cutaway.shards.RecordRows`.

A row is `<|end|>` and then T characters. Rows of the held-out part are those of a stream that no training row has; they
don't depend on the seed, so that runs with different seeds are measured on the same rows.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from cutaway.random_streams import stream
from cutaway.sequences import KnownSource
from cutaway.shards import Row
from cutaway.tokens import Tokenizer
from cutaway.tokens.char_word import END


@dataclasses.dataclass(frozen=True)
class SourceRows:
    """Rows of new text of a source; each begins where the source begins and has T characters."""

    source: KnownSource
    tokenizer: Tokenizer
    context: int

    def row(self, seed: int, index: int) -> Row:
        """Return row `index`: T + 1 ids, the same whatever else was asked before."""
        text = self.source.sample(stream(seed, "rows", index), self.context)
        ids = self.tokenizer.vocabulary
        row_T = np.array([ids[END], *(ids[character] for character in text)], dtype=np.int64)
        return Row(ids=row_T, lengths=(len(row_T),), records=(index,), symbols=len(text))

    def held_out(self, count: int) -> list[Row]:
        """Return `count` rows that no training step draws."""
        return [self.row(0, -1 - index) for index in range(count)]

    def floor(self, rows: Sequence[Row]) -> float:
        """Return the mean of -ln p(character | row so far) under the source itself, in nats per token."""
        texts = ["".join(self._characters[id_] for id_ in row.ids[1:].tolist()) for row in rows]
        return float(np.mean([self.source.surprisal(text).mean() for text in texts]))

    @functools.cached_property
    def _characters(self) -> dict[int, str]:
        return {id_: token for token, id_ in self.tokenizer.vocabulary.items()}

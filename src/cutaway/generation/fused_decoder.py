"""A fused forward as a `Decoder`: each row has a slot of the cache, and a prompt is read by itself, once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cutaway.generation.rows import Row
from cutaway.models.fused import Fused
from cutaway.models.kv_cache import Cache
from cutaway.models.text_model import TextModel

__all__ = ["FusedDecoder"]


class FusedDecoder:
    """Rows come and go at any time; what a row says does not depend on the rows beside it, up to rounding."""

    joins = True

    def __init__(self, model: TextModel, fused: Fused) -> None:
        self.model, self.fused = model, fused
        self._cache = Cache(fused.shape)
        self._later = 0  # positions that the rows to come may fill
        self._last: tuple[list[int], torch.Tensor, list[torch.Tensor]] | None = None

    def begin(self, row: Row) -> None:
        """Note how long it may get; a model that has rules of its own is not run this way."""
        self._later = max(self._later, len(row.prompt_ids) + row.max_new_tokens)

    @torch.inference_mode()
    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> torch.Tensor:
        """Read each prompt, unless it was the last one read, and copy its keys and values into every new slot."""
        self._cache.reserve(len(self._cache.lengths) + sum(copies), max(map(len, prompts)) + 1, self._later)
        logits = []
        for ids, number in zip(prompts, copies, strict=True):
            if self._last is None or self._last[0] != list(ids):
                self._last = (list(ids), *self.fused.prefill(ids))
            self._cache.append(self._last[2], number)
            logits.append(self._last[1].expand(number, -1))
        return torch.cat(logits)

    @torch.inference_mode()
    def keep(self, slots: Sequence[int]) -> None:
        """Keep these slots of the cache."""
        self._cache.keep(slots)
        if not slots:
            self._last, self._later = None, 0

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> torch.Tensor:
        """Run one token a slot."""
        return self.fused.step([[i] for i in ids], self._cache)[:, 0]

    @torch.inference_mode()
    def extend(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Put C tokens into every slot and return the logits_BCV behind each: those of C steps, up to rounding."""
        return self.fused.step(ids, self._cache)

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens of every slot."""
        self._cache.lengths = [length - tokens for length in self._cache.lengths]

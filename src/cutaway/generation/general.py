"""Any transformers model as a `Decoder`: its own forward, its own cache, prompts padded on the left.

Axis letters: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from cutaway.models.loading import Model

__all__ = ["ModuleDecoder"]


class ModuleDecoder:
    """A causal transformers model, unmodified; rows begin together and leave one by one."""

    joins = False

    def __init__(self, model: Model) -> None:
        self.model = model
        self._accepted = inspect.signature(model.module.forward).parameters
        self._cache: Any = None

    @torch.inference_mode()
    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> torch.Tensor:
        """Read each prompt once and repeat its cache."""
        ids_BT, self._mask_BT = _left_padded(prompts, self.model.device)
        self._positions_BT = (self._mask_BT.cumsum(-1) - 1).clamp_min(0)
        logits_BV = self._forward(ids_BT)
        slots = [p for p, n in enumerate(copies) for _ in range(n)]
        if slots == list(range(len(prompts))):
            return logits_BV
        self.keep(slots)
        return logits_BV[slots]

    @torch.inference_mode()
    def keep(self, slots: Sequence[int]) -> None:
        """Select rows of the cache."""
        if not slots:
            self._cache = None
            return
        index_B = torch.tensor(slots, device=self.model.device)
        self._cache.batch_select_indices(index_B)
        self._mask_BT, self._positions_BT = self._mask_BT[index_B], self._positions_BT[index_B]

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> torch.Tensor:
        """Run one token a row."""
        ids_BT = torch.tensor(ids, device=self.model.device)[:, None]
        self._mask_BT = torch.cat([self._mask_BT, torch.ones_like(ids_BT)], dim=1)
        self._positions_BT = self._positions_BT[:, -1:] + 1
        return self._forward(ids_BT)

    def _forward(self, ids_BT: torch.Tensor) -> torch.Tensor:
        inputs: dict[str, Any] = {
            "input_ids": ids_BT,
            "attention_mask": self._mask_BT,
            "past_key_values": self._cache,
            "use_cache": True,
        }
        # Models with relative positions (ALiBi) take none; all others must not count the padding.
        inputs |= {"position_ids": self._positions_BT} if "position_ids" in self._accepted else {}
        inputs |= {"logits_to_keep": 1} if "logits_to_keep" in self._accepted else {}
        output = self.model.module(**inputs)
        self._cache = output.past_key_values
        logits_BV: torch.Tensor = output.logits[:, -1].float().cpu()
        return logits_BV


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    # The pad id is never attended to, so any id will do; 0 exists in every vocabulary.
    longest = max(len(ids) for ids in prompts)
    ids = [[0] * (longest - len(p)) + list(p) for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

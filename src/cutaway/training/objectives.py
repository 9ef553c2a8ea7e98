"""The loss of a batch under each objective, in nats for each prediction (squared error for numbers).

`B` batch, `T` positions, `V` vocabulary or labels.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import torch
from torch.nn import functional

from cutaway.training.batches import IGNORED, Batch


def losses_of(module: Any, batch: Batch) -> torch.Tensor:
    """Return the loss of every prediction of a batch, in the order of its targets: nats, or squared errors."""
    logits = logits_of(module, batch.inputs)
    targets = batch.targets.to(module.device)
    if targets.dtype.is_floating_point:
        if targets.dim() == 1:
            return (logits.squeeze(-1).float() - targets).square()
        return functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").sum(-1)
    if targets.dim() == 1:
        return functional.cross_entropy(logits.float(), targets, reduction="none")
    chosen = targets != IGNORED
    return functional.cross_entropy(logits[chosen].float(), targets[chosen], reduction="none")


def logits_of(module: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits of a model for the inputs of a batch."""
    inputs = {name: value.to(module.device) for name, value in inputs.items()}
    if (mask := inputs.get("attention_mask")) is not None and mask.dim() == 4:
        inputs["attention_mask"] = _for_attention(module, mask)
    options = {"use_cache": False} if "use_cache" in inspect.signature(type(module).forward).parameters else {}
    logits: torch.Tensor = module(**inputs, **options).logits
    return logits


@dataclasses.dataclass(frozen=True)
class Scale:
    """How numbers are standardised for training: (y - mean) / spread."""

    mean: float
    spread: float

    @torch.no_grad()
    def apply(self, module: Any) -> None:
        """Change the last layer so that a model that gives numbers in their own unit gives standardised ones."""
        head = head_of(module)
        head.weight.div_(self.spread)
        if head.bias is not None:
            head.bias.sub_(self.mean).div_(self.spread)

    @torch.no_grad()
    def undo(self, module: Any) -> None:
        """Change the last layer so that the model gives numbers in their own unit."""
        head = head_of(module)
        head.weight.mul_(self.spread)
        if head.bias is not None:
            head.bias.mul_(self.spread).add_(self.mean)
        elif self.mean:
            raise ValueError("the head has no bias to add the mean to")


def head_of(module: Any) -> Any:
    """Return the last linear layer of a model that gives labels or numbers."""
    head = getattr(module, "classifier", None) or getattr(module, "score", None)
    for name in ("out_proj", "dense"):
        if head is not None and not isinstance(head, torch.nn.Linear):
            head = getattr(head, name, head)
    return head


def _for_attention(module: Any, mask_B1TT: torch.Tensor) -> torch.Tensor:
    """Return a mask in the form that the attention reads: eager attention adds it to the scores."""
    if getattr(module.config, "_attn_implementation", "eager") != "eager":
        return mask_B1TT
    dtype = torch.float32
    hidden = torch.full((), torch.finfo(dtype).min, dtype=dtype, device=mask_B1TT.device)
    return torch.where(mask_B1TT, torch.zeros((), dtype=dtype, device=mask_B1TT.device), hidden)

"""Attention as two matrix products and a softmax, for short rows on a CPU.

At 36 tokens torch's fused attention spends a third of a training step in its backward pass; plain products take less
(measured: see docs/LOG.md). It is registered with transformers under the name `cutaway_plain`.

`B` batch, `H` heads, `T` positions, `K` head width.
"""

from __future__ import annotations

from typing import Any, Final

import torch

NAME: Final = "cutaway_plain"


def register() -> None:
    """Let every transformers model take the attention implementation `NAME`."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, plain_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)


def plain_attention(
    module: Any,
    query_BHTK: torch.Tensor,
    key_BHTK: torch.Tensor,
    value_BHTK: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: torch.Tensor | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Return attention's output, of shape (B, T, H, K), in the form that transformers' modules expect.

    A mask is True where a position may be seen, or is added to the scores, as `position_bias` is (T5).

    Raises `ValueError` for what some models do to the scores and this does not.
    """
    if any(more.get(name) is not None for name in ("softcap", "s_aux")):
        raise ValueError("plain attention has no softcap and no sinks")
    groups = query_BHTK.shape[1] // key_BHTK.shape[1]
    if groups > 1:
        key_BHTK, value_BHTK = (x.repeat_interleave(groups, dim=1) for x in (key_BHTK, value_BHTK))
    scaling = query_BHTK.shape[-1] ** -0.5 if scaling is None else scaling
    scores_BHTT = (query_BHTK * scaling) @ key_BHTK.mT
    if position_bias is not None:
        scores_BHTT = scores_BHTT + position_bias
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            scores_BHTT = scores_BHTT.masked_fill(~attention_mask, torch.finfo(scores_BHTT.dtype).min)
        else:
            scores_BHTT = scores_BHTT + attention_mask
    elif causal and query_BHTK.shape[2] > 1:
        length = query_BHTK.shape[2]
        hidden_TT = torch.ones(length, key_BHTK.shape[2], dtype=torch.bool, device=query_BHTK.device).triu(1)
        scores_BHTT = scores_BHTT.masked_fill(hidden_TT, torch.finfo(scores_BHTT.dtype).min)
    weights_BHTT = scores_BHTT.softmax(-1, dtype=torch.float32).to(value_BHTK.dtype)
    if dropout:
        weights_BHTT = torch.nn.functional.dropout(weights_BHTT, dropout, module.training)
    return (weights_BHTT @ value_BHTK).transpose(1, 2).contiguous(), None

"""`attention`: every head's weights on one text, as transformers' eager attention computes them.

A first view for short texts: it stores L × H × T × T weights. Axis letters: L layers, H heads, T positions.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from cutaway.errors import InputError, MissingText, ModelError
from cutaway.models.loading import ModelLike, load
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.result import Result

__all__ = ["AttentionMaps", "attention"]

LIMIT = 256  # tokens: 270 heads of 256 × 256 weights are what a page can still carry as numbers


@dataclasses.dataclass(frozen=True, repr=False)
class AttentionMaps(Result):
    """Attention weights[L][H][T][T] of one text: row t holds what position t takes from each position; rows sum to 1.

    Rounded to 4 decimals; `causal` says that no position looks ahead.
    """

    schema: ClassVar[str] = "attention"

    model: str
    text: str
    tokens: list[str]
    causal: bool
    layers: int
    heads: int
    weights: list[list[list[list[float]]]]


def attention(text: str, model: ModelLike = DEFAULT) -> AttentionMaps:
    """Run a text through a model and keep the attention weights of every head.

    Raises `MissingText`, `InputError` for more than 256 tokens, or `ModelError` where the model hands out no weights.

    >>> maps = attention("No, I am your father")
    >>> maps.layers, maps.heads, len(maps.weights[0][0])
    (30, 9, 6)
    """
    if not text:
        raise MissingText("there is no text to look at", hint='give some: attention("No, I am your father")')
    loaded = load(model, "any")
    ids = fit_context(loaded, loaded.tokenizer.encode(text).ids)
    if len(ids) > LIMIT:
        raise InputError(f"the text has {len(ids):,} tokens: this view takes {LIMIT}", hint="give a shorter text")
    before = loaded.config._attn_implementation
    loaded.module.set_attn_implementation("eager")  # sdpa computes no weights: it would hand out nothing, silently
    try:
        with torch.inference_mode():
            output = loaded.module(input_ids=torch.tensor([ids], device=loaded.device), output_attentions=True)
    finally:
        loaded.module.set_attn_implementation(before)
    if not output.attentions or any(layer is None for layer in output.attentions):
        raise ModelError(
            f"{loaded.name} ({loaded.config.model_type}) hands out no attention weights", hint="take another model"
        )
    weights_LHTT = torch.stack([layer[0].float() for layer in output.attentions])
    return AttentionMaps(
        model=loaded.name,
        text=text,
        tokens=[loaded.tokenizer.piece(i) for i in ids],
        causal=bool(weights_LHTT.triu(1).amax() == 0),
        layers=weights_LHTT.shape[0],
        heads=weights_LHTT.shape[1],
        weights=weights_LHTT.double().round(decimals=4).tolist(),
    )

"""`ablate`: how much the loss of a text rises when a head is silenced.

A head's output [T, K], before the layer mixes its heads, is replaced by zeros or by the head's own mean over the text;
the rest of the model runs as it is. Axis letters: B batch, T positions, H heads, K head width, D width, V vocabulary.

Source: Michel et al. 2019, "Are sixteen heads really better than one?"; the mean in place of zeros, Wang et al. 2022,
"Interpretability in the wild".
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch.nn.functional import cross_entropy

from cutaway.errors import InputError, MissingText
from cutaway.inside.capture import Call, watch
from cutaway.inside.forward import Reading, not_finite, random_repeated, read
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step
from cutaway.result import Result

METHODS = ("zero", "mean")
TOGETHER = 1024  # most tokens in a batch of copies of the text, each with another head silenced


@dataclasses.dataclass(frozen=True)
class AblatedHead:
    """A head, the loss without it, and the change in loss, in nats per token."""

    layer: int
    head: int
    loss: float
    change: float


@dataclasses.dataclass(frozen=True, repr=False)
class Ablation(Result):
    """The loss of a text with all heads, and with each head silenced by `method`, in nats per token."""

    schema: ClassVar[str] = "ablation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")
    table: ClassVar[str] = "heads"

    model: str
    text: str
    tokens: list[str]
    method: str
    loss: float
    layers: int
    heads_per_layer: int
    heads: list[AblatedHead]


def ablate(
    text: str | None = None,
    model: ModelLike = DEFAULT,
    *,
    heads: Sequence[tuple[int, int]] | None = None,
    together: bool = False,
    method: str = "zero",
    random: int | None = None,
    seed: int = 0,
    truncate: str | None = None,
) -> Ablation:
    """Silence each head in turn, or each of `heads` (layer, head), and measure the loss in nats per token.

    `together` silences the chosen heads at once, so all rows have the same loss. With `random` N the text is N random
    tokens, repeated; the loss is that of the second half, which the model can predict only by looking back. Raises
    `MissingText`, `InputError`, `AttentionHidden` or another `ModelError`.

    >>> found = ablate("The capital of France is Paris.", heads=[(2, 0)])
    >>> len(found.heads), found.loss > 0
    (1, True)
    """
    if method not in METHODS:
        raise InputError(f"`method` is {method!r}", hint=f"choose one of {', '.join(METHODS)}")
    loaded = shared(model)
    if random is not None:
        reading, first = random_repeated(loaded, random, seed=seed), random
    else:
        reading, first = read(text or "", loaded, truncate=truncate), 1
    if len(reading.ids) < 2:
        raise MissingText(
            f"{(text or '')[:40]!r} is a single token of {loaded.name}, and the first token has no loss",
            hint="give a longer text",
        )
    with watch(loaded, lambda call: None) as seen, torch.inference_mode():
        loaded.module(torch.tensor([reading.ids[:1]], device=loaded.device), use_cache=False)
    layers, width = seen.shape["self"]
    chosen = [(layer, head) for layer in range(layers) for head in range(width)] if heads is None else list(heads)
    for layer, head in chosen:
        if not (0 <= layer < layers and 0 <= head < width):
            raise InputError(
                f"{loaded.name} has no head {layer}.{head}",
                hint=f"layers go from 0 to {layers - 1}, heads from 0 to {width - 1}",
            )
    base = _losses(reading, first, [[]], method)[0]
    groups = [chosen] if together else [[place] for place in chosen]
    losses = _losses(reading, first, groups, method) * (len(chosen) if together else 1)
    return Ablation(
        model=loaded.name,
        text=reading.text,
        tokens=reading.pieces(reading.ids),
        method=method,
        loss=base,
        layers=layers,
        heads_per_layer=width,
        heads=[AblatedHead(*place, loss, loss - base) for place, loss in zip(chosen, losses, strict=True)],
    )


def _losses(reading: Reading, first: int, groups: list[list[tuple[int, int]]], method: str) -> list[float]:
    """Return for each group of heads the mean negative logprob (nats) from token `first` on when it is silenced."""
    found: list[float] = []
    size = max(1, min(8, TOGETHER // len(reading.ids)))
    with step("silencing heads", len(groups)) as silencing:
        for at in range(0, len(groups), size):
            some = groups[at : at + size]
            with watch(reading.model, functools.partial(_silence, groups=some, method=method)):
                found += _run(reading.model, reading.ids, len(some), first)
            silencing.advance(len(some))
    return found


def _silence(call: Call, groups: list[list[tuple[int, int]]], method: str) -> torch.Tensor | None:
    """Silence group r in row r of the batch."""
    places = [(row, head) for row, group in enumerate(groups) for layer, head in group if layer == call.layer]
    if not places:
        return None
    output_BTHK = call.output().clone()
    for row, head in places:
        silent_TK = output_BTHK[row, :, head]
        silent_TK.copy_(silent_TK.mean(0).expand_as(silent_TK) if method == "mean" else torch.zeros_like(silent_TK))
    return output_BTHK


@torch.inference_mode()
def _run(model: Model, ids: list[int], count: int, first: int) -> list[float]:
    given = torch.tensor([ids], device=model.device).expand(count, -1)
    logits_BTV = model.module(given, use_cache=False).logits[:, first - 1 : -1]
    targets_T = given[0, first:]
    # Row by row, so that each vocabulary is contiguous: sums over strided float32 are wrong in the fourth decimal.
    losses = [
        float(cross_entropy(logits_TV.float(), targets_T, reduction="none").double().mean()) for logits_TV in logits_BTV
    ]
    if not all(map(math.isfinite, losses)):
        raise not_finite(model)
    return losses

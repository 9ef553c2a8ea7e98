"""The samplers, written to be read: from a model's logits to the probabilities from which a token is drawn.

The settings, their order (repetition penalty, presence penalty, temperature, top-k, top-p, min-p) and their meaning are
those of transformers' `GenerationConfig`; the presence penalty is that of OpenAI's API and of vLLM. `drawing.py` draws
from the same distributions, fast and for many rows at once. Axis letters: B rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from cutaway.generation.settings import Sampling

COLDEST = 1e-35  # smaller temperatures have no inverse in float32; long before, only ties with the largest can be drawn


def distribution(
    logits_BV: torch.Tensor,
    sampling: Sampling,
    seen: Sequence[Sequence[int]] | None = None,
    generated: Sequence[Sequence[int]] | None = None,
) -> torch.Tensor:
    """Return the probabilities_BV from which the next tokens are drawn.

    `seen` are each row's ids so far, for the repetition penalty (Keskar et al. 2019, CTRL). `generated` are those
    without the prompt, for the presence penalty, which is subtracted once from the logit of each. Top-p is nucleus
    sampling (Holtzman et al. 2020); min-p keeps tokens with at least that share of the likeliest token's probability
    (Nguyen et al. 2024). Of tokens tied at the edge of top-k all stay; at the edge of top-p the first ids stay.

    >>> distribution(torch.tensor([[2.0, 1.0, 0.0]]), Sampling(temperature=1.0, top_k=2)).round(decimals=2)
    tensor([[0.7300, 0.2700, 0.0000]])
    """
    scores_BV = logits_BV.float()
    if sampling.penalises:
        scores_BV = scores_BV.clone()
        none: list[list[int]] = [[]] * len(scores_BV)
        for scores_V, ids, new in zip(scores_BV.numpy(), seen or none, generated or none, strict=True):
            penalised(scores_V, sampling, ids, new)
    if sampling.temperature == 0:
        return torch.zeros_like(scores_BV).scatter_(1, scores_BV.argmax(-1, keepdim=True), 1.0)
    # Subtracting the largest changes no probability, and a tiny temperature then can't overflow.
    scores_BV = (scores_BV - scores_BV.amax(-1, keepdim=True)) / max(sampling.temperature, COLDEST)
    if sampling.top_k is not None and sampling.top_k < scores_BV.shape[-1]:
        smallest_B1 = scores_BV.topk(sampling.top_k).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < smallest_B1, -torch.inf)
    if sampling.top_p is not None and sampling.top_p < 1:
        sorted_BV, order_BV = scores_BV.sort(descending=True, stable=True)
        sorted_BV = sorted_BV.double().softmax(-1)
        # A token is dropped if those before it already have top_p; the first one always stays.
        before_BV = sorted_BV.cumsum(-1) - sorted_BV
        drop_BV = torch.zeros_like(scores_BV, dtype=torch.bool).scatter_(1, order_BV, before_BV >= sampling.top_p)
        scores_BV = scores_BV.masked_fill(drop_BV, -torch.inf)
    probabilities_BV = scores_BV.softmax(-1)
    if sampling.min_p:
        floor_B1 = sampling.min_p * probabilities_BV.amax(-1, keepdim=True)
        probabilities_BV = probabilities_BV.masked_fill(probabilities_BV < floor_B1, 0.0)
        probabilities_BV = probabilities_BV / probabilities_BV.sum(-1, keepdim=True)
    return probabilities_BV


def penalised(
    scores_V: npt.NDArray[np.float32], sampling: Sampling, seen: Sequence[int], generated: Sequence[int]
) -> None:
    """Change one row's logits in place by the repetition and the presence penalty."""
    if sampling.repetition_penalty not in {None, 1.0} and seen:
        ids = np.asarray(seen)
        said = scores_V[ids]  # a copy, so that an id that occurs twice is penalised only once
        scores_V[ids] = np.where(said < 0, said * sampling.repetition_penalty, said / sampling.repetition_penalty)
    if sampling.presence_penalty and generated:
        ids = np.asarray(generated)
        scores_V[ids] = scores_V[ids] - sampling.presence_penalty

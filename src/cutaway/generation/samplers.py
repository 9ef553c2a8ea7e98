"""The samplers, written to be read: from a model's logits to the probabilities from which a token is drawn.

The settings, their order (repetition penalty, presence penalty, temperature, top-k, top-p, min-p) and their meaning are
those of transformers' `GenerationConfig`; the presence penalty is that of OpenAI's API and of vLLM. `drawing.py` draws
from the same distributions, fast and for many rows at once. Axis letters: B rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.generation.settings import Sampling

COLDEST = 1e-35  # smaller temperatures have no inverse in float32; long before, only ties with the largest can be drawn


def distribution(
    logits_BV: npt.ArrayLike,
    sampling: Sampling,
    seen: Sequence[Sequence[int]] | None = None,
    generated: Sequence[Sequence[int]] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the probabilities_BV from which the next tokens are drawn.

    `seen` are each row's ids so far, for the repetition penalty (Keskar et al. 2019, CTRL). `generated` are those
    without the prompt, for the presence penalty, which is subtracted once from the logit of each. Top-p is nucleus
    sampling (Holtzman et al. 2020); min-p keeps tokens with at least that share of the likeliest token's probability
    (Nguyen et al. 2024). Of tokens tied at the edge of top-k all stay; at the edge of top-p the first ids stay.

    >>> distribution([[2.0, 1.0, 0.0]], Sampling(temperature=1.0, top_k=2)).round(2).tolist()
    [[0.73, 0.27, 0.0]]
    """
    scores_BV = np.asarray(logits_BV).astype(np.float32)
    if sampling.penalises:
        none: list[list[int]] = [[]] * len(scores_BV)
        for scores_V, ids, new in zip(scores_BV, seen or none, generated or none, strict=True):
            penalised(scores_V, sampling, ids, new)
    if sampling.temperature == 0:
        certain_BV = np.zeros(scores_BV.shape)
        certain_BV[np.arange(len(scores_BV)), scores_BV.argmax(-1)] = 1.0
        return certain_BV
    # Subtracting the largest changes no probability, and a tiny temperature then can't overflow.
    scores_BV = (scores_BV - scores_BV.max(-1, keepdims=True)) / np.float32(max(sampling.temperature, COLDEST))
    if sampling.top_k is not None and sampling.top_k < scores_BV.shape[-1]:
        smallest_B1 = np.partition(scores_BV, -sampling.top_k)[:, -sampling.top_k, None]
        scores_BV[scores_BV < smallest_B1] = -np.inf
    if sampling.top_p is not None and sampling.top_p < 1:
        order_BV = np.argsort(-scores_BV, stable=True)
        sorted_BV = np.exp(log_softmax(np.take_along_axis(scores_BV, order_BV, -1)))
        # A token is dropped if those before it already have top_p; the first one always stays.
        before_BV = sorted_BV.cumsum(-1) - sorted_BV
        drop_BV = np.zeros(scores_BV.shape, bool)
        np.put_along_axis(drop_BV, order_BV, before_BV >= sampling.top_p, -1)
        scores_BV[drop_BV] = -np.inf
    probabilities_BV = np.exp(log_softmax(scores_BV))
    if sampling.min_p:
        probabilities_BV[probabilities_BV < sampling.min_p * probabilities_BV.max(-1, keepdims=True)] = 0.0
        probabilities_BV /= probabilities_BV.sum(-1, keepdims=True)
    return probabilities_BV


def log_softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the log-probabilities of logits along the last axis, in nats and float64."""
    less = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    found: npt.NDArray[np.float64] = less - np.log(np.exp(less).sum(-1, keepdims=True))
    return found


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

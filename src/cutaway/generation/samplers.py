"""The samplers: from a model's logits to the distribution that the next token is drawn from.

The settings, their order (penalty, temperature, top-k, top-p, min-p) and their meaning are those of transformers'
`GenerationConfig`. Axis letters: B rows, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cutaway.errors import InputError, ModelError

if TYPE_CHECKING:
    from cutaway.generation.rows import Row

__all__ = ["Chosen", "Sampling", "choose", "distribution", "draw"]


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; `temperature` 0 is greedy, the other settings are off where they are None."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None

    def __post_init__(self) -> None:
        finite = 0 <= self.temperature < math.inf
        _check("temperature", self.temperature, finite, "0 (greedy) or above, and finite")
        _check("top-k", self.top_k, self.top_k is None or self.top_k >= 1, "1 or above")
        _check("top-p", self.top_p, self.top_p is None or 0 < self.top_p <= 1, "above 0 and at most 1")
        _check("min-p", self.min_p, self.min_p is None or 0 <= self.min_p <= 1, "from 0 to 1")
        penalty = self.repetition_penalty
        _check("repetition-penalty", penalty, penalty is None or penalty > 0, "above 0 (1 is none)")


def _check(name: str, value: float | None, good: bool, range_: str) -> None:
    if not good:  # a NaN fails every comparison, and so lands here too
        raise InputError(f"{name} is {value}", hint=f"it has to be {range_}")


def distribution(logits_BV: torch.Tensor, sampling: Sampling, seen: list[list[int]] | None = None) -> torch.Tensor:
    """Return the probabilities_BV that a sampler draws from.

    `seen` are each row's ids so far, for the repetition penalty (Keskar et al. 2019, CTRL). Top-p is nucleus sampling
    (Holtzman et al. 2020); min-p keeps what has at least that share of the likeliest token's probability (Nguyen et
    al. 2024).

    >>> distribution(torch.tensor([[2.0, 1.0, 0.0]]), Sampling(temperature=1.0, top_k=2)).round(decimals=2)
    tensor([[0.7300, 0.2700, 0.0000]])
    """
    scores_BV = logits_BV.float()
    if sampling.repetition_penalty not in {None, 1.0} and seen is not None:
        scores_BV = _penalise(scores_BV.clone(), seen, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return torch.zeros_like(scores_BV).scatter_(1, scores_BV.argmax(-1, keepdim=True), 1.0)
    # Less the largest first, which changes no probability: a tiny temperature then can't overflow.
    scores_BV = (scores_BV - scores_BV.amax(-1, keepdim=True)) / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < scores_BV.shape[-1]:
        smallest_B1 = scores_BV.topk(sampling.top_k).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < smallest_B1, -torch.inf)
    if sampling.top_p is not None and sampling.top_p < 1:
        scores_BV = _nucleus(scores_BV, sampling.top_p)
    probabilities_BV = scores_BV.softmax(-1)
    if sampling.min_p:
        floor_B1 = sampling.min_p * probabilities_BV.amax(-1, keepdim=True)
        probabilities_BV = probabilities_BV.masked_fill(probabilities_BV < floor_B1, 0.0)
        probabilities_BV = probabilities_BV / probabilities_BV.sum(-1, keepdim=True)
    return probabilities_BV


def draw(probabilities_BV: torch.Tensor, generators: list[torch.Generator]) -> torch.Tensor:
    """Draw one id a row, each from its own stream: a row's choice never depends on who sits beside it.

    One uniform number a row is looked up in the cumulative distribution, in float64.
    """
    cumulative_BV = probabilities_BV.cpu().double().cumsum(-1)
    if not bool((cumulative_BV[:, -1] > 0).all()):  # a NaN fails every comparison
        raise ModelError("the model's logits are not numbers: there is nothing to draw", hint="try --dtype float32")
    uniform_B1 = torch.stack([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ids_B = torch.searchsorted(cumulative_BV, uniform_B1 * cumulative_BV[:, -1:], right=True).squeeze(-1)
    return ids_B.clamp_max(probabilities_BV.shape[-1] - 1)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """For each of B rows the id that was chosen, its log-probability and the entropy, nats, both before any sampler."""

    ids: list[int]
    logprobs: list[float]
    entropies: list[float]


def choose(logits_BV: torch.Tensor, rows: Sequence[Row], end_ids: frozenset[int]) -> Chosen:
    """Choose every row's next id by its own settings and its own stream.

    A row below its `min_new_tokens` can't choose an id that ends it. Raises `ModelError` where logits are not numbers.
    """
    logprobs_BV = logits_BV.log_softmax(-1)
    entropies_B = -(logprobs_BV.exp() * logprobs_BV.clamp_min(-1e4)).sum(-1)
    ids = []
    for row, logits_V in zip(rows, logits_BV, strict=True):
        if len(row.ids) < row.min_new_tokens:
            logits_V = logits_V.index_fill(0, torch.tensor(sorted(end_ids), dtype=torch.long), -torch.inf)
        probabilities_BV = distribution(logits_V[None], row.sampling, [row.seen])
        greedy = row.sampling.temperature == 0
        ids.append(int(probabilities_BV.argmax(-1)) if greedy else int(draw(probabilities_BV, [row.generator])))
    logprobs_B = logprobs_BV.gather(1, torch.tensor(ids)[:, None])[:, 0]
    return Chosen(ids, logprobs_B.tolist(), entropies_B.tolist())


def _penalise(scores_BV: torch.Tensor, seen: list[list[int]], penalty: float | None) -> torch.Tensor:
    for scores_V, ids in zip(scores_BV, seen, strict=True):
        index = torch.tensor(sorted(set(ids)), device=scores_V.device)
        chosen = scores_V[index]
        scores_V[index] = torch.where(chosen < 0, chosen * penalty, chosen / penalty)
    return scores_BV


def _nucleus(scores_BV: torch.Tensor, top_p: float) -> torch.Tensor:
    sorted_BV, order_BV = scores_BV.sort(descending=True)
    probabilities_BV = sorted_BV.softmax(-1)
    # A token goes when those before it already hold top_p; the first always stays.
    before_BV = probabilities_BV.cumsum(-1) - probabilities_BV
    drop_BV = torch.zeros_like(scores_BV, dtype=torch.bool).scatter_(1, order_BV, before_BV >= top_p)
    return scores_BV.masked_fill(drop_BV, -torch.inf)

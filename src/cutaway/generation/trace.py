"""What each sampler did to the distribution of one step. Axis letters: V vocabulary."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from cutaway.generation.rows import Row, SamplerEffect, TraceOption, TraceStep
from cutaway.generation.samplers import distribution, log_softmax
from cutaway.generation.settings import Sampling
from cutaway.tokens import Tokenizer

LISTED = 10  # options listed, unless the row says how many alternatives to keep


def trace(
    logits_V: npt.NDArray[np.float32],
    row: Row,
    token_id: int,
    tokenizer: Tokenizer,
    end_ids: frozenset[int] = frozenset(),
) -> TraceStep:
    """Return what each sampler of the row did before `token_id` was chosen, computed with the plain `distribution`.

    `row` is as it was before the token was added.
    """
    model_V = _shares(logits_V, Sampling(temperature=1.0), row)
    effects, removals = list[SamplerEffect](), list[tuple[str, npt.NDArray[np.bool_]]]()
    now_V = model_V
    for name, setting, next_V in _stages(logits_V, row, end_ids):
        gone_V = (now_V > 0) & (next_V == 0) if name in REMOVING else np.zeros(len(now_V), bool)
        moved = float(np.abs(next_V - now_V).sum()) / 2
        mass, before = float(now_V[gone_V].sum()), float(model_V[gone_V].sum())
        effects.append(SamplerEffect(name, setting, moved, int(gone_V.sum()), mass, before))
        removals.append((name, gone_V))
        now_V = next_V
    count = min(row.keep or LISTED, len(model_V))
    drawable = [i for i in _likeliest(now_V, count) if now_V[i] > 0]
    listed = {token_id, *_likeliest(model_V, count), *drawable}
    order = sorted(listed, key=lambda i: (-float(model_V[i]), i))
    removed_by = {i: name for name, gone_V in removals for i in listed if gone_V[i]}
    return TraceStep(
        token=tokenizer.piece(token_id),
        id=token_id,
        before=float(model_V[token_id]),
        after=float(now_V[token_id]),
        rank=1 + int((logits_V > logits_V[token_id]).sum()),
        surprisal_bits=-float(log_softmax(logits_V)[token_id]) / math.log(2),
        entropy_bits=_entropy(model_V),
        entropy_after_bits=_entropy(now_V),
        effects=effects,
        options=[
            TraceOption(tokenizer.piece(i), i, float(model_V[i]), float(now_V[i]), removed_by.get(i)) for i in order
        ],
    )


REMOVING = {"min new tokens", "greedy", "top-k", "top-p", "min-p"}
_FIELDS = {
    "repetition_penalty": "repetition penalty",
    "presence_penalty": "presence penalty",
    "temperature": "temperature",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
}
_NOTHING = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "temperature": 1.0, "top_p": 1.0, "min_p": 0.0}


def _stages(
    logits_V: npt.NDArray[np.float32], row: Row, end_ids: frozenset[int]
) -> list[tuple[str, float, npt.NDArray[np.float64]]]:
    """Return each active sampler: its name, its setting, and the probabilities_V after it."""
    found, so_far = list[tuple[str, float, npt.NDArray[np.float64]]](), Sampling(temperature=1.0)
    if len(row.ids) < row.min_new_tokens and end_ids:
        logits_V = logits_V.copy()
        logits_V[sorted(end_ids)] = -np.inf
        found.append(("min new tokens", float(row.min_new_tokens), _shares(logits_V, so_far, row)))
    for field, name in _FIELDS.items():
        setting = getattr(row.sampling, field)
        if setting is None or setting == _NOTHING.get(field):
            continue
        if field == "temperature" and setting == 0:
            found.append(("greedy", 0.0, _shares(logits_V, dataclasses.replace(so_far, temperature=0.0), row)))
            break
        so_far = dataclasses.replace(so_far, **{field: setting})
        found.append((name, float(setting), _shares(logits_V, so_far, row)))
    return found


def _shares(logits_V: npt.NDArray[np.float32], sampling: Sampling, row: Row) -> npt.NDArray[np.float64]:
    shares_V: npt.NDArray[np.float64] = distribution(logits_V[None], sampling, [row.seen], [row.ids])[0]
    return shares_V


def _likeliest(shares_V: npt.NDArray[np.float64], count: int) -> list[int]:
    found: list[int] = np.argsort(-shares_V, stable=True)[:count].tolist()
    return found


def _entropy(shares_V: npt.NDArray[np.float64]) -> float:
    present = shares_V[shares_V > 0]
    return max(0.0, -float((present * np.log2(present)).sum()))

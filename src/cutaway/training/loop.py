"""The training loop: rows in, a trained model and a record of every step out.

`B` batch, `T` positions, `V` vocabulary. Losses are in nats per token.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from cutaway.errors import TrainingError
from cutaway.training.config import Settings
from cutaway.training.rows import Rows

VALIDATION_ROWS: Final = 64

_CLIP: Final = 1.0
_BETAS: Final = (0.9, 0.95)
_LAST_FRACTION: Final = 0.1


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One step: the loss before the update (nats per token), the learning rate, the gradient's norm before clipping,
    and the number of tokens predicted so far."""

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int


@dataclasses.dataclass(frozen=True)
class ValidationRecord:
    """The loss on the validation rows after `step` updates, and the exact loss of the source on the same rows.

    Both are in nats per token; `floor` is None for a file, because its entropy is unknown.
    """

    step: int
    loss: float
    floor: float | None


def learning_rate(step: float, *, peak: float, warmup: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 1: linear warm-up to `peak`, then a cosine to a tenth of it.

    The peak is at step `warmup`, the tenth at step `steps`. If time runs short, `step` may be a fraction. (Loshchilov &
    Hutter 2017, without restarts.)

    Example:
        >>> learning_rate(5, peak=1.0, warmup=10, steps=100)
        0.5
    """
    if step <= warmup:
        return peak * step / warmup
    progress = (step - warmup) / (steps - warmup)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return peak * (_LAST_FRACTION + (1 - _LAST_FRACTION) * cosine)


def fit(module: Any, rows: Rows, settings: Settings) -> Iterator[StepRecord | ValidationRecord]:
    """Train a causal language model in place; yield a record of every step and of every validation as it happens.

    The model is validated before the first step, after every `validate_every` steps and after the last. The optimizer
    is AdamW (Loshchilov & Hutter 2019) with weight decay on matrices only; gradients are clipped to norm 1. Raises
    `TrainingError`, which names the step, if the loss or the gradient becomes NaN or infinite; the model then stays as
    it was before that step.

    With `settings.seconds`, if there is not enough time for all steps, the learning rate follows the clock: it reaches
    its end when the time is over, and that step is the last.

    Example:
        >>> from cutaway.training import Settings, TrainingRun
        >>> run = TrainingRun(Settings(steps=2))
        >>> [type(record).__name__ for record in fit(run.model.module, run.rows, run.settings)]
        ['ValidationRecord', 'StepRecord', 'StepRecord', 'ValidationRecord']
    """
    optimizer = _optimizer(module, settings)
    validation_BT = rows.validation(VALIDATION_ROWS)
    floor = rows.floor(validation_BT)
    started = time.perf_counter()
    yield ValidationRecord(0, validate(module, validation_BT, settings.batch_size), floor)
    for step in range(1, settings.steps + 1):
        place = _place(step, settings, time.perf_counter() - started)
        rate = learning_rate(place, peak=settings.learning_rate, warmup=settings.warmup_steps, steps=settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        module.train()
        losses_N = losses_of(module, rows_of(rows, settings, step))
        loss, told = losses_N.mean(), float(losses_N.detach().double().mean())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(module.parameters(), _CLIP)
        for name, value in (("loss", told), ("gradient's norm", norm.item())):
            _check_finite(name, value, step, settings)
        optimizer.step()
        tokens = step * settings.batch_size * settings.context
        yield StepRecord(step, told, rate, norm.item(), tokens)
        if step % settings.validate_every == 0 or place >= settings.steps:
            held_out = validate(module, validation_BT, settings.batch_size)
            _check_finite("loss on held-out rows", held_out, step, settings)
            yield ValidationRecord(step, held_out, floor)
        if place >= settings.steps:
            break
    module.eval()


def _check_finite(name: str, value: float, step: int, settings: Settings) -> None:
    if not math.isfinite(value):
        raise TrainingError(
            f"the {name} is {value} at step {step}",
            hint=f"lower `learning_rate` (it is {settings.learning_rate:g}) or raise `warmup`",
        )


def _place(step: int, settings: Settings, elapsed: float) -> float:
    """Return the place of a step in the schedule: its number, or further on if time runs out before the steps do.

    In the first tenth of the time it is always the number, because slow first steps say little about the others.
    """
    if settings.seconds is None or elapsed < settings.seconds / 10:
        return step
    return min(max(step, settings.steps * elapsed / settings.seconds), settings.steps)


@torch.no_grad()
def validate(module: Any, rows_BT: np.ndarray[Any, np.dtype[np.int64]], batch_size: int) -> float:
    """Return the mean loss over all rows, in nats per token; rows have T + 1 ids."""
    module.eval()
    batches = [rows_BT[start : start + batch_size] for start in range(0, len(rows_BT), batch_size)]
    total = math.fsum(float(losses_of(module, batch_BT).double().sum()) for batch_BT in batches)
    return total / rows_BT[:, 1:].size


def rows_of(rows: Rows, settings: Settings, step: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the rows of a step: shape (B, T + 1)."""
    return np.stack([rows.row(settings.seed, step, index) for index in range(settings.batch_size)])


def losses_of(module: Any, rows_BT: np.ndarray[Any, np.dtype[np.int64]]) -> torch.Tensor:
    """Return the loss of each of the N = B × T predictions, in nats."""
    ids_BT = torch.from_numpy(rows_BT).to(module.device)
    # Rows have no padding, so they need no mask; without a mask attention takes its fastest path.
    logits_BTV = module(input_ids=ids_BT[:, :-1], use_cache=False).logits
    return functional.cross_entropy(logits_BTV.flatten(0, 1).float(), ids_BT[:, 1:].flatten(), reduction="none")


def _optimizer(module: Any, settings: Settings) -> torch.optim.Optimizer:
    """Make an AdamW that decays matrices (embeddings included) but not biases and normalisation."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=_BETAS, fused=True)

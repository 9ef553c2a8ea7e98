"""What guesses without a model lose on the held-out rows: a model that has learned something lies below them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from cutaway.training.batches import IGNORED
from cutaway.training.loop import Job, step_batches

ENOUGH: Final = 20_000  # predictions from which frequencies are counted
_MOST_STEPS: Final = 64


def guesses(job: Job) -> dict[str, float]:
    """Return the loss of guesses on the held-out rows, in nats per prediction (for numbers the squared error).

    "uniform" finds every token or class equally likely, "frequencies" as likely as it is in the first training rows,
    one added to each count; "mean" is the mean of the training rows' numbers.
    """
    seen = list(_first_targets(job))
    rows = job.held_out
    held_out = [job.batcher.batch([row], 0, [-1 - i]).targets for i, row in enumerate(rows)]
    if seen[0].is_floating_point():
        return _of_numbers(_stacked(seen), _stacked(held_out))
    size = job.module.config.num_labels if seen[0].dim() == 1 else job.batcher.vocabulary
    counts = np.bincount(_predicted(seen), minlength=size) + 1.0
    nats = -np.log(counts / counts.sum())
    return {"uniform": math.log(size), "frequencies": float(nats[_predicted(held_out)].mean())}


def _of_numbers(seen: NDArray[Any], held_out: NDArray[Any]) -> dict[str, float]:
    if seen.ndim == 1:
        return {"mean": float(np.square(held_out - seen.mean()).mean())}
    shares = (seen.sum(0) + 1) / (len(seen) + 2)
    nats = -(held_out * np.log(shares) + (1 - held_out) * np.log1p(-shares)).sum(1)
    return {"uniform": seen.shape[1] * math.log(2), "frequencies": float(nats.mean())}


def _first_targets(job: Job) -> Iterable[torch.Tensor]:
    found = 0
    for step in range(1, _MOST_STEPS + 1):
        for make in step_batches(job, step):
            batch, _ = make()
            found += batch.predictions
            yield batch.targets
            if found >= ENOUGH:
                return


def _predicted(targets: list[torch.Tensor]) -> NDArray[np.int64]:
    flat: NDArray[np.int64] = np.concatenate([one.numpy().ravel() for one in targets])
    predicted: NDArray[np.int64] = flat[flat != IGNORED]
    return predicted


def _stacked(targets: list[torch.Tensor]) -> NDArray[Any]:
    return np.concatenate([one.numpy() for one in targets]).astype(np.float64)

"""How fast a run can go on this machine now: how many threads help, and how many steps fit in the given seconds.

Threads of torch wait for each other many times in a step. On a busy machine a second thread can make a step many times
slower, so a larger model is timed before it is trained. A small one is trained on one thread, because a second would
save a third of the time at best.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any, Final

import torch

from cutaway.training.config import Settings
from cutaway.training.loop import VALIDATION_ROWS, losses_of, rows_of
from cutaway.training.rows import Rows

# Steps of fewer operations always take one thread, so that their losses do not depend on how busy the machine is.
SMALL: Final = 4e9
_WORTH: Final = 0.85  # more threads are used if a step then takes at most this share of the time
_MARGIN: Final = 0.9
_TIMED: Final = 5


@dataclasses.dataclass(frozen=True)
class Pace:
    """How many threads to train on, and how many steps to make: all, or as many as fit in the given seconds."""

    threads: int
    steps: int


def measured(module: Any, rows: Rows, settings: Settings) -> Pace:
    """Time a few steps that do not change the model, and return the pace to train at.

    Threads are not measured on a GPU, or if `settings.threads` says how many. The number of steps follows from the
    fastest timed step, with a tenth of the time to spare; if others are slower, the schedule follows the clock.
    """
    began = time.perf_counter()
    available = torch.get_num_threads()
    small = 6.0 * module.num_parameters() * settings.batch_size * settings.context < SMALL
    if settings.threads is not None:
        candidates = [settings.threads]
    elif settings.device.partition(":")[0] != "cpu":
        candidates = [available]
    elif small:
        candidates = [1]
    else:
        candidates = [*(2**i for i in range(available.bit_length()) if 2**i < available), available]
    threads, step = candidates[0], math.inf
    if settings.seconds is None and len(candidates) == 1:
        return Pace(threads, settings.steps)
    for candidate in candidates:
        with threads_set(candidate):
            taken = _step_seconds(module, rows, settings)
        if taken > _WORTH * step:
            break
        threads, step = candidate, taken
    if settings.seconds is None:
        return Pace(threads, settings.steps)
    # Without gradients a row takes about a third of the time.
    validation = step / 3 * VALIDATION_ROWS / settings.batch_size
    left = settings.seconds - (time.perf_counter() - began) - 2 * validation
    fit = int(_MARGIN * left / (step + validation / settings.validate_every))
    return Pace(threads, min(max(fit, 1), settings.steps))


@contextlib.contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """Let torch use so many threads inside the block, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _step_seconds(module: Any, rows: Rows, settings: Settings) -> float:
    """Return the seconds of a step without its update: the shortest of a few."""
    best = math.inf
    for _ in range(_TIMED):
        began = time.perf_counter()
        losses_of(module, rows_of(rows, settings, 1)).mean().backward()  # type: ignore[no-untyped-call]
        module.zero_grad(set_to_none=True)
        if settings.device.startswith("cuda"):
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return best

"""The learning rate as a function of how much of the run is done, and the clock that says how much that is.

A place is a share of the whole run: 0 at its start, 1 at its last step. It follows from the step's number, or from the
time if the run has a length in minutes.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Final

WSD_DECAY: Final = 0.3
"""The share of a run in which "wsd" lowers the rate to 0."""

_COSINE_END: Final = 0.1
WARMUP_PLACE: Final = 0.05
"""Where the warm-up ends at the latest unless its steps are given: a clock can end a run long before its steps do."""

_UNTRUSTED: Final = 0.02  # of the time: the first steps are slow and say little about the others


def rate_at(place: float, schedule: str) -> float:
    """Return the learning rate at a place after the warm-up, as a share of the peak.

    - "wsd" (warm-up, stable, decay): 1, then in a straight line to 0 over the last three tenths (Hu et al. 2024,
      MiniCPM).
    - "cosine": from 1 to a tenth along half a cosine (Loshchilov & Hutter 2017, without restarts).

    >>> rate_at(0.5, "wsd"), round(rate_at(0.85, "wsd"), 6), round(rate_at(1.0, "cosine"), 6)
    (1.0, 0.5, 0.1)
    """
    if schedule == "wsd":
        return min(1.0, max(0.0, (1 - place) / WSD_DECAY))
    return _COSINE_END + (1 - _COSINE_END) * (1 + math.cos(math.pi * place)) / 2


def learning_rate(
    step: int, place: float, *, peak: float, warmup: int, schedule: str, warmup_place: float = math.inf
) -> float:
    """Return the learning rate of a step, counted from 1: linear warm-up, then the schedule.

    The warm-up ends after `warmup` steps or at `warmup_place`, whichever comes first.

    >>> learning_rate(5, 0.05, peak=1.0, warmup=10, schedule="wsd")
    0.5
    >>> learning_rate(5, 0.05, peak=1.0, warmup=1000, schedule="wsd", warmup_place=0.1)
    0.5
    """
    rise = min(1.0, max(step / warmup, place / warmup_place)) if warmup else 1.0
    return peak * rise * rate_at(place, schedule)


@dataclasses.dataclass
class Clock:
    """Says at which place of the run each step is, and remembers what it said.

    The place of step s is s / steps, or the time trained so far, `before` included, divided by `seconds`, whichever is
    further on. The steps that are repeated after a resume take their `recorded` places.
    """

    steps: int | None
    seconds: float | None
    recorded: Mapping[int, float] = dataclasses.field(default_factory=dict)
    before: float = 0.0
    now: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self._started = self.now()

    @property
    def elapsed(self) -> float:
        """Seconds trained, those before a resume included."""
        return self.before + self.now() - self._started

    def place(self, step: int) -> float:
        """Return the place of a step, counted from 1; 1.0 means that it is the last."""
        if step in self.recorded:
            return self.recorded[step]
        by_number = step / self.steps if self.steps else 0.0
        if self.seconds is None:
            return min(1.0, by_number)
        # The time of one more step is added, so that the last step ends with the time and not after it.
        share = self.elapsed * (1 + 1 / step) / self.seconds if step > 1 else 0.0
        return min(1.0, max(by_number, share if share > _UNTRUSTED else 0.0))

"""How many steps a run has."""

from __future__ import annotations

import math
from typing import Final

from cutaway.errors import InputError
from cutaway.training.run_data import RunData
from cutaway.training.settings import Settings

DEFAULT_STEPS: Final = 500


def planned_steps(settings: Settings, data: RunData) -> int | None:
    """Return how many steps the run has; None if only the clock ends it. Raises `InputError` for endless epochs."""
    loop = settings.loop
    if loop.epochs is not None:
        if data.per_epoch is None:
            raise InputError(f"{data.record['source']!r} never ends, so it has no epochs", hint="give `steps`")
        return max(1, math.ceil(loop.epochs * data.per_epoch / loop.batch_size))
    if loop.tokens is not None:
        return max(1, math.ceil(loop.tokens / (data.tokens_per_row * loop.batch_size)))
    return loop.steps or (None if loop.minutes is not None else DEFAULT_STEPS)

"""The result of a training run: what was trained, how, and its losses step by step."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.result import Result
from cutaway.training.loop import StepRecord, ValidationRecord


@dataclasses.dataclass(frozen=True, repr=False)
class Training(Result):
    """How a model was trained. Losses and floors are in nats per token.

    `floor` is the entropy rate of the source, and `final_floor` the exact loss of the source on the validation rows;
    compare `final_loss` with it. Both are None for a file. `seconds` is the time of the loop, validation included.
    `steps` were made on `threads` threads. `hurried_at` is the step from which on the learning rate followed the clock,
    because time was running out. If it is None, the same settings with these `steps` and `threads` and without a time
    limit give the same weights. `metrics` has a record for every step, `validation` one for every validation.
    """

    schema: ClassVar[str] = "training"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    name: str
    source: str
    directory: str | None
    architecture: str
    parameters: int
    context: int
    batch_size: int
    steps: int
    threads: int
    hurried_at: int | None
    tokens_seen: int
    seconds: float
    floor: float | None
    floor_label: str
    metrics: tuple[StepRecord, ...]
    validation: tuple[ValidationRecord, ...]
    final_loss: float
    final_floor: float | None

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per step; validation steps add the held-out loss and the source's entropy."""
        checks = {check.step: check for check in self.validation}
        rows = {step.step: dataclasses.asdict(step) for step in self.metrics}
        for number, check in checks.items():
            rows.setdefault(number, {"step": number}).update(validation_loss=check.loss, floor=check.floor)
        return [rows[number] for number in sorted(rows)]

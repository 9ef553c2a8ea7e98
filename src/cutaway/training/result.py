"""The result of a training run: what was trained, how, and its losses step by step."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.result import Result
from cutaway.training.records import SampleRecord, StepRecord, ValidationRecord


@dataclasses.dataclass(frozen=True, repr=False)
class Training(Result):
    """How a model was trained. Losses and floors are in nats per prediction: a token, a hidden token, a label.

    - `floor` is the entropy rate of the source, and `final_floor` the exact loss of the source on the validation rows;
      compare `final_loss` with it. Both are None for files. `baselines` are losses of guesses on the same rows: all
      tokens equally likely, or as likely as in the training rows (for numbers: their mean). `bits_per_symbol` is the
      final loss in bits for each letter or number of the data, None if the objective does not predict all of them.
    - `steps` were made on `ranks` processes of `threads` threads each, with this `precision` and `attention`.
      `hurried_at` is the step from which on the learning rate followed the clock; the places are in `metrics`, so a
      resume repeats them. `resumed_at` is the step from which this call went on, None if it began the run.
    - `data` has the counts of what was read. `best_step` is the validation with the lowest loss.
    - `metrics` has a record for every step, `validation` one for every validation, `samples` what the model wrote.
    """

    schema: ClassVar[str] = "training"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    name: str
    source: str
    directory: str | None
    objective: str
    architecture: str
    parameters: int
    trained_parameters: int
    vocab_size: int
    context: int
    batch_size: int
    micro_batch: int
    steps: int
    ranks: int
    threads: int
    precision: str
    attention: str
    optimizer: str
    peak_learning_rate: float
    hurried_at: int | None
    resumed_at: int | None
    stopped: str
    tokens_seen: int
    seconds: float
    data: dict[str, Any]
    floor: float | None
    floor_label: str
    baselines: dict[str, float]
    metrics: tuple[StepRecord, ...]
    validation: tuple[ValidationRecord, ...]
    samples: tuple[SampleRecord, ...]
    final_loss: float
    final_floor: float | None
    bits_per_symbol: float | None
    best_step: int

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per step; validation steps add the held-out loss and the source's entropy."""
        checks = {check.step: check for check in self.validation}
        rows = {step.step: dataclasses.asdict(step) for step in self.metrics}
        for number, check in checks.items():
            row = rows.setdefault(number, {"step": number})
            row |= {"validation_loss": check.loss, "floor": check.floor}
        return [rows[number] for number in sorted(rows)]

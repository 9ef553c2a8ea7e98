"""The result of `compare_runs`: two runs of training side by side."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.result import Result
from cutaway.training.records import SampleRecord


@dataclasses.dataclass(frozen=True)
class Difference:
    """What differs between two runs: the part of `run.json` that says so, its name, and the values of A and B."""

    group: str
    name: str
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """A loss in nats per prediction, after so many steps, predictions and seconds of training."""

    step: int
    tokens: int
    seconds: float
    loss: float


@dataclasses.dataclass(frozen=True)
class RunSide:
    """One of two compared runs: the facts of `Training`, and its losses.

    `learned` has at most about 400 points, each the mean loss of some steps on the training data; `checked` has every
    validation. `best_loss` is the lowest of these, at `best_step`.
    """

    name: str
    directory: str
    source: str
    objective: str
    architecture: str
    parameters: int
    steps: int
    tokens_seen: int
    seconds: float
    ranks: int
    threads: int
    precision: str
    stopped: str
    floor: float | None
    baselines: dict[str, float]
    final_loss: float
    bits_per_symbol: float | None
    best_loss: float
    best_step: int
    learned: tuple[CurvePoint, ...]
    checked: tuple[CurvePoint, ...]
    samples: tuple[SampleRecord, ...]


@dataclasses.dataclass(frozen=True, repr=False)
class RunComparison(Result):
    """Two runs side by side.

    `same_rows` says that both were validated on the same rows with the same tokenizer, so that their losses can be
    compared; with different tokenizers of the same data only bits per symbol can. `summary` says in sentences what
    differs in the outcome, `differences` what differs in what was given and decided.
    """

    schema: ClassVar[str] = "run_comparison"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    a: RunSide
    b: RunSide
    same_rows: bool
    summary: tuple[str, ...]
    differences: tuple[Difference, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each point of a curve."""
        return [
            {"run": side.name, "data": data, **dataclasses.asdict(point)}
            for side in (self.a, self.b)
            for data, points in (("training", side.learned), ("held out", side.checked))
            for point in points
        ]

"""`Evaluation`: measures of a model and of baselines on the same records, with intervals."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.resampling import Measured
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class Difference:
    """The model minus the best baseline on the same draws. `clear`: "better", "worse", or None if it may be chance."""

    baseline: str
    value: float
    low: float | None
    high: float | None
    clear: str | None


@dataclasses.dataclass(frozen=True)
class CalibrationBin:
    """Records whose label got a probability from `low` to `high`: how many, its mean, and the share that is right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclasses.dataclass(frozen=True)
class Point:
    """A record's number and what the model says."""

    id: str
    truth: float
    predicted: float


@dataclasses.dataclass(frozen=True)
class WrittenText:
    """A record's source and target, and what the model writes for the source, as it is."""

    id: str
    source: str
    target: str
    written: str


@dataclasses.dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """How good a model is on `n` test records, beside baselines that learned from the train part.

    `objective` is "causal", "masked", "seq2seq", "classes", "many" (several labels a record) or "numbers". Intervals
    are 95 %, from `draws` bootstrap draws of `units` ("records", or "pieces" if there are few records). `differences`
    compares each measure with the best baseline, `verdict` says the most telling one in words, and `notes` how it was
    measured. `made` says how each baseline was made. `counts` has records, tokens, symbols and what was left out.
    `calibration` is for labels, `confusion`[truth][guess] for at most 20 of them, `points` for numbers. `texts` has the
    first 20 texts of an encoder-decoder; a hash says which records come first.
    """

    schema: ClassVar[str] = "evaluation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")

    model: str
    data: str
    objective: str
    alphabet: str
    symbol: str
    n: int
    units: str
    draws: int
    seed: int
    verdict: str
    headline: str
    metrics: dict[str, Measured]
    baselines: dict[str, dict[str, Measured]]
    differences: dict[str, Difference]
    about: list[MetricNote]
    made: dict[str, str]
    counts: dict[str, int]
    notes: list[str]
    labels: list[str]
    calibration: list[CalibrationBin]
    confusion: list[list[int]]
    points: list[Point]
    texts: list[WrittenText]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each measure of the model and of each baseline."""
        by = {self.model: self.metrics} | self.baselines
        return [
            {"by": name, "metric": key, **dataclasses.asdict(value)}
            for name, measures in by.items()
            for key, value in measures.items()
        ]

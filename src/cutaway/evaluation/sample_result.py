"""`SampleEvaluation`: measures of records that a model wrote, with intervals, beside records of known worth."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.resampling import Measured
from cutaway.result import Result


@dataclasses.dataclass(frozen=True, repr=False)
class SampleEvaluation(Result):
    """How `n` records that a model wrote compare with test records and with what it learned from.

    `baselines` are other records measured in the same way: "test" are the test records themselves, the best there is;
    "train" records of the train part, which a model that only remembers would write; "shuffled" these with their
    letters in a random order; "markov" records of a Markov chain of letters. `about` says what each measure is and
    which way is better ("test": near the value of the test records). `headline` names the measure of the `verdict`,
    `made` says how each baseline was made, `examples` are the first records as they are. `source` says where the
    records came from. Intervals are 95 %.
    """

    schema: ClassVar[str] = "sample_evaluation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")

    model: str
    source: str
    data: str
    alphabet: str
    n: int
    units: str
    seed: int
    verdict: str
    headline: str
    metrics: dict[str, Measured]
    baselines: dict[str, dict[str, Measured]]
    about: list[MetricNote]
    made: dict[str, str]
    counts: dict[str, int]
    notes: list[str]
    examples: list[str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each measure of the records and of each baseline."""
        by = {self.model: self.metrics} | self.baselines
        return [
            {"by": name, "metric": key, **dataclasses.asdict(value)}
            for name, measures in by.items()
            for key, value in measures.items()
        ]

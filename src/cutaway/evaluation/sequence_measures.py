"""How written sequences of letters compare with held-out ones: readable, different, new, of the same letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.sample_measures import SampleMeasure, average, divergence, jackknifed, share

HEADLINE: Final = "pairs"

NOTES: Final = [
    MetricNote("readable", "readable", "", "higher", 1.0, "Share of records that have letters at all."),
    MetricNote("unique", "unique", "", "higher", 1.0, "Different records, divided by all readable ones."),
    MetricNote("novel", "novel", "", "higher", 1.0, "Share of the different records that are not in the train part."),
    MetricNote("length", "length", "letters", "test", None, "Mean number of letters of a record."),
    MetricNote(
        "letters",
        "distance of letters",
        "bits",
        "lower",
        0.0,
        "Jensen–Shannon divergence between the letters of the records and those of the test records.",
    ),
    MetricNote("pairs", "distance of pairs", "bits", "lower", 0.0, "The same of two letters in a row."),
    MetricNote("triples", "distance of triples", "bits", "lower", 0.0, "The same of three letters in a row."),
]


def measures(samples: Sequence[Any], test: Sequence[Any], train: Sequence[Any]) -> dict[str, SampleMeasure]:
    """Return the measures of written texts; see `NOTES`."""
    read = [text for text in samples if text]
    different = list(dict.fromkeys(read))
    known = set(train)
    found = {
        "readable": share(bool(text) for text in samples),
        "unique": SampleMeasure(len(different) / len(read) if read else None, None, None),
        "novel": share(text not in known for text in different),
        "length": average([len(text) for text in read]),
    }
    for size, key in ((1, "letters"), (2, "pairs"), (3, "triples")):
        found[key] = _distance([_runs(text, size) for text in read], _summed([_runs(text, size) for text in test]))
    return found


def _runs(text: str, size: int) -> Counter[str]:
    """Count the runs of so many letters in a text."""
    return Counter(text[i : i + size] for i in range(len(text) - size + 1))


def _summed(counts: Sequence[Counter[str]]) -> Counter[str]:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return total


def _distance(counts: Sequence[Counter[str]], wanted: Counter[str]) -> SampleMeasure:
    def of(chosen_N: NDArray[np.int64]) -> float:
        return divergence(_summed([counts[i] for i in chosen_N]), wanted)

    return jackknifed(of, len(counts), 0.0, 1.0)

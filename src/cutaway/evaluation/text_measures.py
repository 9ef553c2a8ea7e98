"""BLEU and chrF of written texts, by sacrebleu (Post 2018; Papineni et al. 2002; Popović 2015).

Axis letters: `D` draws, `N` records, `S` counts that sacrebleu takes of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cutaway.evaluation.resampling import Floats, Measure
from cutaway.extras import library

_WHY = "measuring BLEU and chrF needs sacrebleu"


def text_measures(written: Sequence[str], wanted: Sequence[str]) -> dict[str, Measure]:
    """Return BLEU and chrF, from 0 to 100, of texts of which each has one reference."""
    return {name: _corpus(make(), written, wanted) for name, make in _metrics().items()}


def signatures() -> dict[str, str]:
    """Return sacrebleu's signatures of the two scores, by which a paper says how they were computed."""
    found = {}
    for name, make in _metrics().items():
        metric = make()
        metric.corpus_score(["a"], [["a"]])  # a signature counts the references
        found[name] = str(metric.get_signature())
    return found


def _metrics() -> dict[str, Callable[[], Any]]:
    metrics = library("sacrebleu.metrics", _WHY, extra="train")
    return {"bleu": metrics.BLEU, "chrf": metrics.CHRF}


def _corpus(metric: Any, written: Sequence[str], wanted: Sequence[str]) -> Measure:
    # sacrebleu scores a corpus from sums over its records; so does its own bootstrap.
    counts_NS = np.array(metric._extract_corpus_statistics(written, [wanted]), np.float64)

    def measure(weights_DN: Floats) -> Floats:
        sums_DS = weights_DN @ counts_NS
        return np.array([metric._compute_score_from_stats(list(map(int, sums_S))).score for sums_S in sums_DS])

    return measure

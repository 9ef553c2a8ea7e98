"""What an objective has to say about the test part: measures of the model and of each baseline.

Axis letters: `N` records, `K` labels, `U` units that the bootstrap draws (records, or pieces of records).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.encoding import Encoded
from cutaway.evaluation.likelihood import Piece
from cutaway.evaluation.measures import (
    BINS,
    calibration_bins,
    class_measures,
    label_measures,
    mean,
    number_measures,
    ratio,
)
from cutaway.evaluation.resampling import Floats, Measure
from cutaway.evaluation.result import CalibrationBin
from cutaway.evaluation.symbol_baselines import SymbolBaseline

Ints = NDArray[np.int64]
Texts = Callable[[Sequence[str], Sequence[str]], dict[str, Measure]]

ENOUGH = 5  # records that are drawn whole; fewer are drawn in pieces
MODEL = "model"
LOGISTIC, RIDGE = "k-mer logistic", "k-mer ridge"


@dataclasses.dataclass(frozen=True)
class Task:
    """Measures by who predicts (`MODEL` or a baseline), of so many units; how each baseline was made.

    `groups` are the clusters of the units; the bootstrap draws these, if they are known.
    """

    by: dict[str, dict[str, Measure]]
    made: dict[str, str]
    count: int
    units: str
    groups: list[int] | None = None


def loss_task(
    pieces: Sequence[Piece],
    records: Sequence[Encoded],
    baselines: Sequence[SymbolBaseline],
    *,
    whole: bool,
    masked: bool,
    groups: Sequence[int | None] = (),
) -> Task:
    """Return the losses of scored pieces, per token and per original symbol; `whole` records are drawn if possible.

    `groups` are the clusters of the records.
    """
    record_U, unit_P = np.unique([piece.record for piece in pieces], return_inverse=True)
    whole = whole and len(record_U) >= ENOUGH
    if not whole:
        unit_P = np.arange(len(pieces))
    count = int(unit_P.max()) + 1

    def summed(values_P: Sequence[float]) -> Floats:
        return np.bincount(unit_P, weights=np.asarray(values_P, np.float64), minlength=count).astype(np.float64)

    def along(values: Sequence[Any]) -> Floats:
        sums = [np.concatenate([[0.0], np.cumsum(one)]) for one in values]
        return summed([sums[p.record][min(p.stop, len(sums[p.record]) - 1)] - sums[p.record][p.start] for p in pieces])

    tokens_U = summed([piece.tokens for piece in pieces])
    symbols_U = along([one.originals for one in records])
    nats = {MODEL: summed([piece.nats for piece in pieces])} | {one.name: along(one.nats) for one in baselines}
    name = "pseudo_perplexity" if masked else "perplexity"

    def bits(nats_D: Floats) -> Floats:
        return np.asarray(nats_D / math.log(2))

    by = {
        who: {
            "bits_per_symbol": ratio(nats_U, symbols_U, bits),
            "bits_per_token": ratio(nats_U, tokens_U, bits),
            name: ratio(nats_U, tokens_U, np.exp),
        }
        for who, nats_U in nats.items()
    }
    known = [groups[record] for record in record_U] if whole and groups else []
    return Task(
        by,
        {one.name: one.made for one in baselines},
        count,
        "records" if whole else "pieces",
        known_groups(known),
    )


def known_groups(groups: Sequence[int | None]) -> list[int] | None:
    """Return the clusters of records if all are known and they tell records apart, else None."""
    found = [group for group in groups if group is not None]
    return found if found and len(found) == len(groups) and len(set(found)) > 1 else None


def text_task(
    losses: Task, written: Sequence[str], wanted: Sequence[str], others: Mapping[str, Sequence[str]], measures: Texts
) -> Task:
    """Return the losses with measures of written texts added; `others` are the texts of baselines."""
    made = {
        "copying the source": "the source itself is taken for the target",
        "nearest neighbour": "the target of the train record whose source shares most k-mers",
        "phrase lookup": "the longest runs of up to 5 words that are known from train records, each replaced by the "
        "words it is most often aligned with (IBM model 1 in both directions); unknown words are copied",
    }

    def judged(texts: Sequence[str]) -> dict[str, Measure]:
        same_N = np.array([a == b for a, b in zip(texts, wanted, strict=True)], np.float64)
        return measures(texts, wanted) | {"exact": mean(same_N)}

    by = {who: dict(found) for who, found in losses.by.items()}
    by[MODEL] |= judged(written)
    by |= {who: judged(texts) for who, texts in others.items()}
    return dataclasses.replace(losses, by=by, made=losses.made | {who: made[who] for who in others})


def class_task(truth_N: Ints, chance_NK: Floats, train_N: Ints, nearest_N: Ints, linear_NK: Floats) -> Task:
    """Return the measures of one label a record; `linear_NK` are the probabilities of the k-mer baseline."""
    classes, count = chance_NK.shape[1], len(truth_N)
    share_K = np.bincount(train_N, minlength=classes) / len(train_N)
    found = {
        MODEL: chance_NK,
        "majority": np.tile(share_K, (count, 1)),
        "nearest neighbour": np.eye(classes)[train_N[nearest_N]],
        LOGISTIC: linear_NK,
    }
    return Task({who: class_measures(truth_N, p_NK) for who, p_NK in found.items()}, _made(*found), count, "records")


def many_task(truth_NK: Ints, chance_NK: Floats, train_NK: Ints, nearest_N: Ints, linear_NK: Floats) -> Task:
    """Return the measures of several labels a record; `linear_NK` are the probabilities of the k-mer baseline."""
    found = {
        MODEL: chance_NK,
        "majority": np.tile(train_NK.mean(0), (len(truth_NK), 1)),
        "nearest neighbour": train_NK[nearest_N].astype(np.float64),
        LOGISTIC: linear_NK,
    }
    by = {who: label_measures(truth_NK, p_NK) for who, p_NK in found.items()}
    return Task(by, _made(*found), len(truth_NK), "records")


def number_task(truth_N: Floats, guess_N: Floats, train_N: Floats, nearest_N: Ints, linear_N: Floats) -> Task:
    """Return the measures of one number a record; `linear_N` are the numbers of the k-mer baseline."""
    found = {
        MODEL: guess_N,
        "mean": np.full(len(truth_N), train_N.mean()),
        "nearest neighbour": train_N[nearest_N],
        RIDGE: linear_N,
    }
    by = {who: number_measures(truth_N, p_N) for who, p_N in found.items()}
    return Task(by, _made(*found), len(truth_N), "records")


_MADE = {
    "majority": "the most frequent label of the train part, with the labels' frequencies as probabilities",
    "nearest neighbour": "what the train record has that shares most k-mers",
    "mean": "the mean of the train part",
    LOGISTIC: "logistic regression on the TF-IDF of k-mers, learned from the train part",
    RIDGE: "ridge regression on the TF-IDF of k-mers, learned from the train part",
}


def _made(*names: str) -> dict[str, str]:
    return {name: _MADE[name] for name in names if name in _MADE}


def reliability(sure: Floats, right: Floats) -> list[CalibrationBin]:
    """Return how often probabilities came true, bin by bin; empty bins are left out."""
    at, sure_M, right_M = calibration_bins(sure).ravel(), sure.ravel(), right.ravel()
    return [
        CalibrationBin(
            b / BINS, (b + 1) / BINS, int(here.sum()), float(sure_M[here].mean()), float(right_M[here].mean())
        )
        for b in range(BINS)
        if (here := at == b).any()
    ]

"""Measures of predictions as functions of weights; see `resampling.py`.

Their values are those of scikit-learn and SciPy on the records that the weights stand for.

Axis letters: `D` draws, `N` records, `K` classes, `G` groups of equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.resampling import Floats, Measure

Ints = NDArray[np.int64]

BINS = 15  # of a reliability diagram, as Guo et al. 2017 take them


def ratio(over_N: Floats, under_N: Floats, then: Callable[[Floats], Floats] = lambda values: values) -> Measure:
    """Return the measure Σ over / Σ under, with a function applied to it at the end.

    >>> ratio(np.array([1.0, 4.0]), np.array([1.0, 1.0]), np.sqrt)(np.ones((1, 2))).round(4)
    array([1.5811])
    """
    both_N2 = np.stack([over_N, under_N], 1)

    def measure(weights_DN: Floats) -> Floats:
        sums_D2 = weights_DN @ both_N2
        return np.asarray(then(sums_D2[:, 0] / sums_D2[:, 1]), np.float64)

    return measure


def mean(values_N: Floats, then: Callable[[Floats], Floats] = lambda values: values) -> Measure:
    return ratio(np.asarray(values_N, np.float64), np.ones(len(values_N)), then)


def class_measures(truth_N: Ints, chance_NK: Floats) -> dict[str, Measure]:
    """Return the measures of one label a record from the probabilities of K classes.

    The label is the likeliest one. AUROC is that of class 1 if there are two, else the mean of one class against the
    rest. The calibration error is the expected one of the label's probability in `BINS` bins of equal width (Guo et al.
    2017, arXiv:1706.04599). The Brier score sums over the classes; of two it is that of class 1.
    """
    classes = chance_NK.shape[1]
    guess_N = chance_NK.argmax(1)
    right_N = (guess_N == truth_N).astype(np.float64)
    hit_NK = np.eye(classes)[truth_N]
    brier_N = ((chance_NK - hit_NK) ** 2).sum(1) / (2 if classes == 2 else 1)
    judged = range(1, 2) if classes == 2 else range(classes)
    areas = [area(hit_NK[:, k] > 0, chance_NK[:, k]) for k in judged]

    def confused(then: Callable[[Floats], Floats]) -> Measure:
        return lambda weights_DN: then(_confusion(truth_N, guess_N, classes, weights_DN))

    return {
        "accuracy": mean(right_N),
        "balanced_accuracy": confused(_balanced),
        "mcc": confused(_correlation),
        "f1": confused(_f1),
        "auroc": average(areas),
        "calibration_error": calibration_error(chance_NK.max(1), right_N),
        "brier": mean(brier_N),
    }


def label_measures(truth_NK: Ints, chance_NK: Floats) -> dict[str, Measure]:
    """Return the measures of several labels a record from the probability of each; a label is given from 0.5 on.

    Accuracy is the share of records with exactly the right labels. The other measures are means over the labels, except
    that the calibration error takes all records and labels together.
    """
    pairs = zip(truth_NK.T, chance_NK.T, strict=True)
    each = [class_measures(truth_N, np.stack([1 - p_N, p_N], 1)) for truth_N, p_N in pairs]
    exact_N = ((chance_NK > 0.5) == (truth_NK > 0)).all(1).astype(np.float64)
    positive = [_f1_of_ones(truth_NK[:, k], chance_NK[:, k] > 0.5) for k in range(truth_NK.shape[1])]
    sure_NK = np.maximum(chance_NK, 1 - chance_NK)
    found = {name: average([one[name] for one in each]) for name in ("balanced_accuracy", "mcc", "auroc", "brier")}
    right_NK = ((chance_NK > 0.5) == (truth_NK > 0)).astype(np.float64)
    return {
        "accuracy": mean(exact_N),
        "balanced_accuracy": found["balanced_accuracy"],
        "mcc": found["mcc"],
        "f1": average(positive),
        "auroc": found["auroc"],
        "calibration_error": calibration_error(sure_NK, right_NK),
        "brier": found["brier"],
    }


def number_measures(truth_N: Floats, guess_N: Floats) -> dict[str, Measure]:
    """Return the measures of one number a record. R² is against the mean of the records themselves."""
    error_N = guess_N - truth_N
    return {
        "mae": mean(np.abs(error_N)),
        "rmse": mean(error_N**2, np.sqrt),
        "spearman": _rank_correlation(truth_N, guess_N),
        "r2": _explained(truth_N, error_N),
    }


def average(measures: Sequence[Measure]) -> Measure:
    """Return the mean of measures; one that is not defined on a draw, because a class is missing, does not count."""

    def measure(weights_DN: Floats) -> Floats:
        values_DK = np.stack([one(weights_DN) for one in measures], 1)
        known_DK = np.isfinite(values_DK)
        return np.asarray(np.where(known_DK, values_DK, 0).sum(1) / known_DK.sum(1), np.float64)

    return measure


def area(truth_N: NDArray[np.bool_], score_N: Floats) -> Measure:
    """Return the measure AUROC: the probability that a true record scores above a false one, ties half.

    >>> area(np.array([False, True, True]), np.array([0.1, 0.1, 0.9]))(np.ones((1, 3)))
    array([0.75])
    """
    order_N, starts_G = _groups(score_N)
    true_N = truth_N[order_N].astype(np.float64)

    def measure(weights_DN: Floats) -> Floats:
        sorted_DN = weights_DN[:, order_N]
        true_DG = np.add.reduceat(sorted_DN * true_N, starts_G, axis=1)
        false_DG = np.add.reduceat(sorted_DN * (1 - true_N), starts_G, axis=1)
        below_DG = np.cumsum(false_DG, axis=1) - false_DG / 2
        pairs_D = true_DG.sum(1) * false_DG.sum(1)
        return np.asarray((true_DG * below_DG).sum(1) / pairs_D, np.float64)

    return measure


def calibration_bins(sure_N: Floats) -> Ints:
    """Return the bin of each probability: bin b is for (b / BINS, (b + 1) / BINS], and 0 is in the first."""
    return np.clip(np.ceil(sure_N * BINS).astype(np.int64) - 1, 0, BINS - 1)


def calibration_error(sure: Floats, right: Floats) -> Measure:
    """Return the expected calibration error of probabilities (N) or (N, K), given whether each came true."""
    gap, at = (right - sure).reshape(len(sure), -1), calibration_bins(sure).reshape(len(sure), -1)
    gap_NB = np.stack([np.where(at == b, gap, 0).sum(1) for b in range(BINS)], 1)

    def measure(weights_DN: Floats) -> Floats:
        return np.asarray(np.abs(weights_DN @ gap_NB).sum(1) / (weights_DN.sum(1) * gap.shape[1]), np.float64)

    return measure


def _confusion(truth_N: Ints, guess_N: Ints, classes: int, weights_DN: Floats) -> Floats:
    """Return the counts [D, K, K] of truth × guess."""
    from scipy.sparse import csr_array

    pair_N = truth_N * classes + guess_N
    cells = csr_array((np.ones(len(pair_N)), (pair_N, np.arange(len(pair_N)))), shape=(classes**2, len(pair_N)))
    return np.asarray((cells @ weights_DN.T).T.reshape(-1, classes, classes), np.float64)


def _balanced(counts_DKK: Floats) -> Floats:
    there_DK = counts_DKK.sum(2)
    recall_DK = np.where(there_DK > 0, np.diagonal(counts_DKK, axis1=1, axis2=2) / np.maximum(there_DK, 1), 0)
    return np.asarray(recall_DK.sum(1) / (there_DK > 0).sum(1), np.float64)


def _correlation(counts_DKK: Floats) -> Floats:
    """Return Matthews' correlation for K classes (Gorodkin 2004), 0 if all guesses or all truths are one class."""
    truth_DK, guess_DK, all_D = counts_DKK.sum(2), counts_DKK.sum(1), counts_DKK.sum((1, 2))
    right_D = np.trace(counts_DKK, axis1=1, axis2=2)
    both_D = right_D * all_D - (truth_DK * guess_DK).sum(1)
    spread_D = (all_D**2 - (truth_DK**2).sum(1)) * (all_D**2 - (guess_DK**2).sum(1))
    return np.asarray(np.where(spread_D > 0, both_D / np.sqrt(np.maximum(spread_D, 1)), 0.0), np.float64)


def _f1(counts_DKK: Floats) -> Floats:
    """Return the mean F1 over the classes that are true or guessed anywhere."""
    right_DK = np.diagonal(counts_DKK, axis1=1, axis2=2)
    size_DK = counts_DKK.sum(1) + counts_DKK.sum(2)
    each_DK = np.where(size_DK > 0, 2 * right_DK / np.maximum(size_DK, 1), 0)
    return np.asarray(each_DK.sum(1) / (size_DK > 0).sum(1), np.float64)


def _f1_of_ones(truth_N: Ints, guess_N: NDArray[np.bool_]) -> Measure:
    given_N, said_N = (truth_N > 0).astype(np.float64), guess_N.astype(np.float64)

    def measure(weights_DN: Floats) -> Floats:
        size_D = weights_DN @ (given_N + said_N)
        return np.asarray(np.where(size_D > 0, 2 * (weights_DN @ (given_N * said_N)) / np.maximum(size_D, 1), 0))

    return measure


def _explained(truth_N: Floats, error_N: Floats) -> Measure:
    centred_N = truth_N - truth_N.mean()  # the spread does not depend on it, its rounding does
    parts_N3 = np.stack([error_N**2, centred_N, centred_N**2], 1)

    def measure(weights_DN: Floats) -> Floats:
        error_D, sum_D, square_D = (weights_DN @ parts_N3).T
        spread_D = square_D - sum_D**2 / weights_DN.sum(1)
        return np.asarray(np.where(spread_D > 1e-12 * square_D, 1 - error_D / spread_D, np.nan), np.float64)

    return measure


def _rank_correlation(first_N: Floats, second_N: Floats) -> Measure:
    groups = [_groups(values_N) for values_N in (first_N, second_N)]

    def measure(weights_DN: Floats) -> Floats:
        total_D1 = weights_DN.sum(1, keepdims=True)
        ranks = []
        for order_N, starts_G in groups:
            size_DG = np.add.reduceat(weights_DN[:, order_N], starts_G, axis=1)
            middle_DG = np.cumsum(size_DG, axis=1) - (size_DG - 1) / 2
            rank_DN = np.empty_like(weights_DN)
            rank_DN[:, order_N] = np.repeat(middle_DG, np.diff([*starts_G, len(order_N)]), axis=1)
            ranks.append(rank_DN - (total_D1 + 1) / 2)  # mid-ranks of any draw have this mean
        first_DN, second_DN = ranks
        both_D = (weights_DN * first_DN * second_DN).sum(1)
        spread_D = (weights_DN * first_DN**2).sum(1) * (weights_DN * second_DN**2).sum(1)
        return np.asarray(np.where(spread_D > 0, both_D / np.sqrt(np.maximum(spread_D, 1e-300)), np.nan), np.float64)

    return measure


def _groups(values_N: Floats) -> tuple[Ints, Ints]:
    """Return the order of the values, ascending, and where each group of equal values begins in it."""
    order_N = np.argsort(values_N, kind="stable")
    sorted_N = values_N[order_N]
    return order_N, np.flatnonzero(np.concatenate([[True], sorted_N[1:] != sorted_N[:-1]]))

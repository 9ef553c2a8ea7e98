"""Baselines that learn: linear models of the k-mers of records.

Axis letters: `N` records, `K` labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.neighbours import kmer_weights
from cutaway.evaluation.resampling import Floats
from cutaway.progress import step

_C, _ALPHA = 10.0, 0.1  # how little the weights are held down

Ints = NDArray[np.int64]


def kmer_logistic(
    train: Sequence[str],
    labels_N: Ints,
    test: Sequence[str],
    k: int,
    classes: int,
) -> Floats:
    """Return the probability of each of K labels for every test record, by logistic regression on TF-IDF of k-mers.

    A label that no train record has gets 0; if all have the same, it is certain.

    >>> kmer_logistic(["AAAA", "AAAC", "GGGG", "GGGC"], np.array([0, 0, 1, 1]), ["AACA"], 2, 2).argmax(1)
    array([0])
    """
    from sklearn.linear_model import LogisticRegression

    chance_NK = np.zeros((len(test), classes))
    there = np.unique(labels_N)
    if len(there) == 1:
        chance_NK[:, there] = 1
        return chance_NK
    with step("learning a k-mer baseline"):
        learned, asked = kmer_weights(train, test, k)
        model = LogisticRegression(C=_C, max_iter=1000).fit(learned, labels_N)
        chance_NK[:, model.classes_] = model.predict_proba(asked)
    return chance_NK


def kmer_ridge(train: Sequence[str], numbers_N: Floats, test: Sequence[str], k: int) -> Floats:
    """Return a number for every test record, by ridge regression on TF-IDF of k-mers.

    >>> bool(kmer_ridge(["AAAA", "AAAC", "GGGG", "GGGC"], np.array([1.0, 1, 5, 5]), ["AACA"], 2)[0] < 3)
    True
    """
    from sklearn.linear_model import Ridge

    with step("learning a k-mer baseline"):
        learned, asked = kmer_weights(train, test, k)
        model = Ridge(alpha=_ALPHA, solver="lsqr").fit(learned, numbers_N)
        return np.asarray(model.predict(asked), np.float64)

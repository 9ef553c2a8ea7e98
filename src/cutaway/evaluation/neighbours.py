"""The most similar record of the train part, by the k-mers that two records share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIMILARITIES = 20_000_000  # held at once: 160 MB at most

Ints = NDArray[np.int64]


def nearest(train: Sequence[str], test: Sequence[str], k: int) -> Ints:
    """Return for each test record the number of the most similar train record; of equal ones the first.

    The similarity is the cosine of the counts of all k-mers of 1 to k letters, weighted by how rare they are in the
    train part (TF-IDF of scikit-learn).

    >>> nearest(["ACGTACGT", "TTTTTTTT"], ["TTTTTTTA"], 3)
    array([1])
    """
    learned, asked = kmer_weights(train, test, k)
    found, most = list[Ints](), max(1, _SIMILARITIES // len(train))
    for start in range(0, len(test), most):
        alike = (asked[start : start + most] @ learned.T).toarray().round(9)
        found.append(alike.argmax(1))
    return np.concatenate(found)


def kmer_weights(train: Sequence[str], test: Sequence[str], k: int) -> tuple[Any, Any]:
    """Return TF-IDF of all k-mers of 1 to k letters as sparse rows, of the train and of the test records."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    counter = TfidfVectorizer(analyzer="char", ngram_range=(1, k), lowercase=False)
    learned = counter.fit_transform(train)
    return learned, counter.transform(test)

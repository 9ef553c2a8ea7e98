"""The most similar record of the train part, by the k-mers that two records share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K = {"dna": 6, "rna": 6, "codon": 6, "protein": 3, "smiles": 4, "text": 5, "series": 3}
_SIMILARITIES = 20_000_000  # held at once: 160 MB at most

Ints = NDArray[np.int64]


def nearest(train: Sequence[str], test: Sequence[str], k: int) -> Ints:
    """Return for each test record the number of the most similar train record; of equal ones the first.

    The similarity is the cosine of the counts of all k-mers of 1 to k letters, weighted by how rare they are in the
    train part (TF-IDF of scikit-learn).

    >>> nearest(["ACGTACGT", "TTTTTTTT"], ["TTTTTTTA"], 3)
    array([1])
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    counter = TfidfVectorizer(analyzer="char", ngram_range=(1, k), lowercase=False)
    learned = counter.fit_transform(train)
    asked = counter.transform(test)
    found, most = list[Ints](), max(1, _SIMILARITIES // len(train))
    for start in range(0, len(test), most):
        alike = (asked[start : start + most] @ learned.T).toarray().round(9)
        found.append(alike.argmax(1))
    return np.concatenate(found)

"""Word vectors from a corpus: static vectors from counts, and a model's vectors averaged over a word's occurrences.

Static vectors need no neural network: count how often two words stand near each other, compare that with chance (PPMI),
and reduce it to few dimensions (SVD). Levy & Goldberg 2014, with the smoothed contexts of Levy, Goldberg & Dagan 2015,
equation 3.

Axis letters: V words of the vocabulary, D width.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cutaway.errors import InputError, MissingText, counted
from cutaway.inside.embeddings import Embeddings, TextVectors, hidden_vectors, said_cut
from cutaway.inside.pooling_recipe import recipe_of
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT_ENCODER
from cutaway.models.text_model import ModelLike

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
MOST_LINES = 2000  # most lines of a corpus that `contextual_vectors` reads


def words_of(text: str) -> list[tuple[str, int, int]]:
    """Return a text's words in lower case, each with the characters where it begins and ends (end excluded).

    >>> words_of("Don't panic!")
    [("don't", 0, 5), ('panic', 6, 11)]
    """
    return [(found[0].lower(), *found.span()) for found in _WORD.finditer(text)]


def static_vectors(
    corpus: str | Iterable[str],
    *,
    window: int = 4,
    dimensions: int = 100,
    min_count: int = 2,
    max_words: int = 20_000,
    smoothing: float = 0.75,
    name: str = "corpus",
) -> Embeddings:
    """Learn a vector for each word of a corpus from its neighbours: counts, PPMI, truncated SVD.

    A word's neighbours are the `window` words on either side in its line. Words that occur fewer than `min_count` times
    are not counted, but keep their places; of the others the `max_words` most frequent are kept, most frequent first.
    Row w of the vectors is U_w √Σ. Raises `MissingText` for an empty corpus and `InputError` if no two words occur
    together more often than by chance.

    >>> static_vectors(["the cat sat", "the dog sat", "a stone fell"], min_count=1, dimensions=2).texts[:3]
    ['the', 'sat', 'cat']
    """
    from sklearn.decomposition import TruncatedSVD

    for option, value in (("window", window), ("dimensions", dimensions), ("min_count", min_count)):
        if value < 1:
            raise InputError(f"`{option}` is {value}", hint="it must be 1 or above")
    lines = _lines(corpus)
    counts = collections.Counter(word for line in lines for word in line)
    if not counts:
        raise MissingText("the corpus has no words", hint="give some lines of text")
    # A Counter keeps ties in order of first appearance, so the same corpus gives the same vocabulary.
    words = [word for word, count in counts.most_common(max_words) if count >= min_count]
    if len(words) < 3:
        raise InputError(
            f"{counted(len(words), 'word')} of the corpus {'occurs' if len(words) == 1 else 'occur'} {min_count} times "
            "or more; 3 are needed",
            hint="give more text, or a lower `min_count`",
        )
    weights_VV = ppmi(cooccurrences(lines, words, window), smoothing)
    if not weights_VV.nnz:
        raise InputError("no two words of the corpus occur together more often than by chance", hint="give more text")
    width = min(dimensions, len(words) - 1)
    svd = TruncatedSVD(width, n_iter=10, random_state=0)
    scaled_VD = svd.fit_transform(weights_VV)  # U Σ
    kept = svd.singular_values_ > 1e-9 * svd.singular_values_[0]  # smaller ones are rounding errors
    vectors_VD = scaled_VD[:, kept] / np.sqrt(svd.singular_values_[kept])
    return Embeddings(
        model=name,
        space=f"PPMI of words within {window}, SVD to {int(kept.sum())} dimensions",
        layer=None,
        layers=None,
        pooling=None,
        normalized=False,
        width=int(kept.sum()),
        texts=words,
        counts=[counts[word] for word in words],
        tokens=None,
        vectors=vectors_VD.astype(np.float32),
    )


def cooccurrences(lines: Sequence[Sequence[str]], words: Sequence[str], window: int) -> Any:
    """Count how often each word stands within `window` places of every other: a scipy.sparse array [V, V].

    Lines are lists of words; a word that is not in `words` keeps its place but is not counted.
    """
    from scipy import sparse

    at = {word: i for i, word in enumerate(words)}
    size = len(words)
    counts_VV: Any = sparse.csr_array((size, size), dtype=np.float64)
    # One long row of ids, with a window of gaps between lines: a distance is then a shift of the whole row.
    ids = np.array(
        [i for line in lines for i in [*(at.get(word, -1) for word in line), *[-1] * window]], dtype=np.int64
    )
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0)
        pairs = (np.ones(int(both.sum())), (left[both], right[both]))
        counts_VV = counts_VV + sparse.coo_array(pairs, shape=(size, size)).tocsr()
    return (counts_VV + counts_VV.T).tocsr()


def ppmi(counts_VV: Any, smoothing: float = 0.75) -> Any:
    """Turn counts into positive pointwise mutual information, in nats: a scipy.sparse array [V, V].

    PPMI(w, c) = max(0, ln P(w, c) / (P(w) P_α(c))), with P_α(c) = #(c)^α / Σ #(c)^α for α = `smoothing`.
    """
    table = counts_VV.tocoo()
    rows_V, columns_V = np.asarray(counts_VV.sum(1)).ravel(), np.asarray(counts_VV.sum(0)).ravel()
    smooth_V = columns_V**smoothing
    smooth_V /= smooth_V.sum() or 1.0
    row, column = table.coords
    table.data = np.maximum(0, np.log(table.data / (rows_V[row] * smooth_V[column])))
    weights_VV = table.tocsr()
    weights_VV.eliminate_zeros()
    return weights_VV


def contextual_vectors(
    corpus: str | Iterable[str],
    words: Sequence[str],
    model: ModelLike = DEFAULT_ENCODER,
    *,
    layer: int = -1,
    occurrences: int = 20,
) -> Embeddings:
    """Average a model's vectors of each word over its occurrences in a corpus (Bommasani et al. 2020).

    The vector of an occurrence is the mean over the word's tokens there. A line is read if it has a word that was found
    fewer than `occurrences` times before. At most 2,000 lines are read, each up to the limit of the model's recipe or
    context. Words that do not occur are left out. Raises `InputError` if no word occurs, or a `ModelError`.

    >>> contextual_vectors("the cat sat\\na dog sat", ["cat", "sat", "fish"]).counts
    [1, 2]
    """
    loaded = shared(model, "any")
    wanted = dict.fromkeys((word.lower() for word in words), 0)
    chosen: list[str] = []
    for line in corpus.splitlines() if isinstance(corpus, str) else corpus:
        found = [word for word, _, _ in words_of(line) if wanted.get(word, occurrences) < occurrences]
        if found and len(chosen) < MOST_LINES:
            chosen.append(line)
            for word in found:
                wanted[word] += 1
    if not chosen:
        which = repr(next(iter(words))) if len(words) == 1 else f"any of the {len(words):,} words"
        raise InputError(f"the corpus does not contain {which}", hint="give a corpus that does")
    sums: dict[str, np.ndarray[Any, Any]] = {}
    counts: collections.Counter[str] = collections.Counter()
    at = layers = 0
    cut = [0] * len(chosen)
    for text in hidden_vectors(loaded, chosen, layer=layer, truncate="right"):
        at, layers, cut[text.index] = text.layer, text.layers, text.cut
        for word, start, end in words_of(chosen[text.index]):
            vector_D = span_vector(text, start, end) if word in wanted else None
            if vector_D is not None:
                sums[word] = sums.get(word, 0) + vector_D.astype(np.float64)
                counts[word] += 1
    kept = [word for word in wanted if word in sums]
    limit = recipe_of(loaded).max_tokens or loaded.context
    return Embeddings(
        model=loaded.name,
        space=f"layer {at} of {layers}, mean over a word's occurrences in the corpus{said_cut(cut, limit)}",
        layer=at,
        layers=layers,
        pooling="mean",
        normalized=False,
        width=len(sums[kept[0]]),
        texts=kept,
        counts=[counts[word] for word in kept],
        tokens=None,
        vectors=np.stack([sums[word] / counts[word] for word in kept]).astype(np.float32),
    )


def span_vector(text: TextVectors, start: int, end: int) -> np.ndarray[Any, Any] | None:
    """Return the mean vector [D] of the tokens that share a character with text[start:end]; None if none does."""
    own = [t for t, (a, b) in enumerate(text.offsets) if a < end and b > start]
    return text.vectors[own].mean(0).numpy() if own else None


def _lines(corpus: str | Iterable[str]) -> list[list[str]]:
    lines = corpus.splitlines() if isinstance(corpus, str) else corpus
    return [[word for word, _, _ in words_of(line)] for line in lines]

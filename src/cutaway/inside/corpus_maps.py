"""`corpus_maps`: the same words on two maps: vectors learned from a corpus, and a model's vectors in that corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cutaway.inside.cooccurrence import contextual_vectors, static_vectors
from cutaway.inside.projection import EmbeddingMap, embedding_map
from cutaway.models.shelf import DEFAULT_ENCODER
from cutaway.models.text_model import ModelLike


def corpus_maps(
    groups: Mapping[str, Sequence[str]] | Sequence[str],
    corpus: str | Iterable[str],
    model: ModelLike = DEFAULT_ENCODER,
    *,
    min_count: int = 2,
    layer: int = -1,
    method: str = "pca",
    perplexity: float | None = None,
    seed: int = 0,
    name: str = "corpus",
) -> tuple[EmbeddingMap, EmbeddingMap]:
    """Map words twice: first by `static_vectors` learned from a corpus, then by a model's `contextual_vectors`.

    Raises `InputError`, `MissingText` for an empty corpus, or a `ModelError`.

    >>> [found.model for found in corpus_maps(["rain", "river", "bank"], "rain river\\nriver bank\\nbank rain")]
    ['corpus', 'minilm-l6']
    """
    lines = corpus.splitlines() if isinstance(corpus, str) else list(corpus)
    learned = static_vectors(lines, min_count=min_count, name=name)
    first = embedding_map(groups, learned, method=method, perplexity=perplexity, seed=seed)
    in_context = contextual_vectors(lines, learned.texts, model, layer=layer)
    return first, embedding_map(groups, in_context, method=method, perplexity=perplexity, seed=seed)

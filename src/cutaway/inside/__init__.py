"""What happens inside while a model runs: attention weights, and the vectors of tokens, words and sequences."""

from cutaway.inside.cooccurrence import contextual_vectors, static_vectors
from cutaway.inside.embeddings import Embeddings, embed
from cutaway.inside.heads import AttentionMaps, attention
from cutaway.inside.plane import EmbeddingMap, embedding_map
from cutaway.inside.vectors import Neighbours, neighbours

__all__ = [
    "AttentionMaps",
    "EmbeddingMap",
    "Embeddings",
    "Neighbours",
    "attention",
    "contextual_vectors",
    "embed",
    "embedding_map",
    "neighbours",
    "static_vectors",
]

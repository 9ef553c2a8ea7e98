"""What happens inside while a model runs: attention weights, and the vectors of its vocabulary."""

from cutaway.inside.capture import watch
from cutaway.inside.heads import AttentionMaps, attention
from cutaway.inside.vectors import EmbeddingMap, Neighbours, embedding_map, neighbours

__all__ = ["AttentionMaps", "EmbeddingMap", "Neighbours", "attention", "embedding_map", "neighbours", "watch"]

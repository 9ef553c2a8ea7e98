"""What happens inside while a model runs: attention weights, what each layer would say, vectors of the vocabulary."""

from cutaway.inside.heads import AttentionMaps, attention
from cutaway.inside.logit_lens import Lens, lens
from cutaway.inside.vectors import EmbeddingMap, Neighbours, embedding_map, neighbours

__all__ = ["AttentionMaps", "EmbeddingMap", "Lens", "Neighbours", "attention", "embedding_map", "lens", "neighbours"]

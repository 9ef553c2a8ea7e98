"""What happens inside while a model runs: attention, what heads do, and the vectors of its vocabulary."""

from cutaway.inside.ablation import AblatedHead, Ablation, ablate
from cutaway.inside.atlas import Head, Heads, heads
from cutaway.inside.capture import Call, Tile, watch
from cutaway.inside.comparison import Comparison, compare
from cutaway.inside.maps import AttentionMaps, attention
from cutaway.inside.recording import Calls, Maps
from cutaway.inside.rollout import rollout, rollout_row
from cutaway.inside.statistics import Statistics
from cutaway.inside.vectors import EmbeddingMap, Neighbours, embedding_map, neighbours

__all__ = [
    "AblatedHead",
    "Ablation",
    "AttentionMaps",
    "Call",
    "Calls",
    "Comparison",
    "EmbeddingMap",
    "Head",
    "Heads",
    "Maps",
    "Neighbours",
    "Statistics",
    "Tile",
    "ablate",
    "attention",
    "compare",
    "embedding_map",
    "heads",
    "neighbours",
    "rollout",
    "rollout_row",
    "watch",
]

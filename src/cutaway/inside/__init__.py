"""What happens inside while a model runs: attention, what heads and layers do, and the vectors of tokens and texts.

Exports are imported on first use: torch comes with the verb that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.inside.ablation import AblatedHead, Ablation, ablate
    from cutaway.inside.atlas import Head, Heads, heads
    from cutaway.inside.attention_rollout import rollout, rollout_row
    from cutaway.inside.capture import Call, Tile, watch
    from cutaway.inside.compared import Comparison
    from cutaway.inside.comparison import compare
    from cutaway.inside.contact_map import Contact, Contacts, apc, contacts
    from cutaway.inside.cooccurrence import contextual_vectors, static_vectors
    from cutaway.inside.embeddings import Embeddings, embed
    from cutaway.inside.logit_lens import Lens, lens
    from cutaway.inside.maps import AttentionMaps, attention
    from cutaway.inside.plane import EmbeddingMap, embedding_map
    from cutaway.inside.recording import Calls, Maps
    from cutaway.inside.statistics import Statistics
    from cutaway.inside.vectors import Neighbours, neighbours

__all__ = [
    "AblatedHead",
    "Ablation",
    "AttentionMaps",
    "Call",
    "Calls",
    "Comparison",
    "Contact",
    "Contacts",
    "EmbeddingMap",
    "Embeddings",
    "Head",
    "Heads",
    "Lens",
    "Maps",
    "Neighbours",
    "Statistics",
    "Tile",
    "ablate",
    "apc",
    "attention",
    "compare",
    "contacts",
    "contextual_vectors",
    "embed",
    "embedding_map",
    "heads",
    "lens",
    "neighbours",
    "rollout",
    "rollout_row",
    "static_vectors",
    "watch",
]

__getattr__ = exports(
    __name__,
    {
        "ablation": ["AblatedHead", "Ablation", "ablate"],
        "atlas": ["Head", "Heads", "heads"],
        "capture": ["Call", "Tile", "watch"],
        "compared": ["Comparison"],
        "comparison": ["compare"],
        "contact_map": ["Contact", "Contacts", "apc", "contacts"],
        "cooccurrence": ["contextual_vectors", "static_vectors"],
        "embeddings": ["Embeddings", "embed"],
        "logit_lens": ["Lens", "lens"],
        "maps": ["AttentionMaps", "attention"],
        "plane": ["EmbeddingMap", "embedding_map"],
        "recording": ["Calls", "Maps"],
        "attention_rollout": ["rollout", "rollout_row"],
        "statistics": ["Statistics"],
        "vectors": ["Neighbours", "neighbours"],
    },
)

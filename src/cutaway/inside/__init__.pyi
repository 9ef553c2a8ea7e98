from .ablation import AblatedHead as AblatedHead, Ablation as Ablation, ablate as ablate
from .head_roles import Head as Head, Heads as Heads, heads as heads
from .attention_rollout import rollout as rollout, rollout_row as rollout_row
from .capture import Call as Call, Tile as Tile, watch as watch
from .comparison_result import Comparison as Comparison
from .comparison import compare as compare
from .contact_map import Contact as Contact, Contacts as Contacts, contacts as contacts
from .contact_precision import apc as apc
from .cooccurrence import contextual_vectors as contextual_vectors, static_vectors as static_vectors
from .corpus_maps import corpus_maps as corpus_maps
from .map_points import word_groups as word_groups
from .embeddings import Embeddings as Embeddings, embed as embed
from .logit_lens import Lens as Lens, lens as lens
from .attention_maps import attention as attention
from .attention_result import AttentionMaps as AttentionMaps
from .projection import EmbeddingMap as EmbeddingMap, embedding_map as embedding_map
from .recording import Calls as Calls, Maps as Maps
from .head_statistics import Statistics as Statistics
from .vectors import Neighbours as Neighbours, neighbours as neighbours

"""Models by name: the shelf, the sources, the cache, loading and saving, and a model's build.

Exports are resolved on first use: asking for the shelf imports nothing, for a tokenizer no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.models.anatomy import Architecture, architecture
    from cutaway.models.data import DataInfo, DataList, get_data, list_data
    from cutaway.models.listing import ModelInfo, ModelList, card, get, info, list_models, remove
    from cutaway.models.loading import Model, ModelLike, load
    from cutaway.models.prompt import encode_prompt, fit_context
    from cutaway.models.saving import Saved, save
    from cutaway.models.shelf import DEFAULT, DEFAULT_ENCODER, SHELF, ShelfEntry
    from cutaway.models.vocabulary import compare_tokenizers, load_tokenizer, tokenize

__all__ = [
    "DEFAULT",
    "DEFAULT_ENCODER",
    "SHELF",
    "Architecture",
    "DataInfo",
    "DataList",
    "Model",
    "ModelInfo",
    "ModelLike",
    "ModelList",
    "Saved",
    "ShelfEntry",
    "architecture",
    "card",
    "compare_tokenizers",
    "encode_prompt",
    "fit_context",
    "get",
    "get_data",
    "info",
    "list_data",
    "list_models",
    "load",
    "load_tokenizer",
    "remove",
    "save",
    "tokenize",
]

__getattr__ = exports(
    __name__,
    {
        "anatomy": ("Architecture", "architecture"),
        "data": ("DataInfo", "DataList", "get_data", "list_data"),
        "listing": ("ModelInfo", "ModelList", "card", "get", "info", "list_models", "remove"),
        "loading": ("Model", "ModelLike", "load"),
        "prompt": ("encode_prompt", "fit_context"),
        "saving": ("Saved", "save"),
        "shelf": ("DEFAULT", "DEFAULT_ENCODER", "SHELF", "ShelfEntry"),
        "vocabulary": ("compare_tokenizers", "load_tokenizer", "tokenize"),
    },
)

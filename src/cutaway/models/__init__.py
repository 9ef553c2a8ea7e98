"""Models by name: the shelf, the sources, the cache, loading and saving, and a model's build.

What needs torch is resolved on first use, so that asking for a tokenizer or for the list never imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cutaway.models.listing import ModelInfo, ModelList, card, get, info, list_models, remove
from cutaway.models.shelf import DEFAULT, DEFAULT_ENCODER, SHELF, ShelfEntry
from cutaway.models.vocabulary import load_tokenizer, tokenize

if TYPE_CHECKING:
    from cutaway.models.anatomy import Architecture, architecture
    from cutaway.models.loading import Model, ModelLike, load
    from cutaway.models.prompt import encode_prompt, fit_context
    from cutaway.models.saving import Saved, save

__all__ = [
    "DEFAULT",
    "DEFAULT_ENCODER",
    "SHELF",
    "Architecture",
    "Model",
    "ModelInfo",
    "ModelLike",
    "ModelList",
    "Saved",
    "ShelfEntry",
    "architecture",
    "card",
    "encode_prompt",
    "fit_context",
    "get",
    "info",
    "list_models",
    "load",
    "load_tokenizer",
    "remove",
    "save",
    "tokenize",
]

_WITH_TORCH = {
    "Architecture": "anatomy",
    "architecture": "anatomy",
    "Model": "loading",
    "ModelLike": "loading",
    "load": "loading",
    "encode_prompt": "prompt",
    "fit_context": "prompt",
    "Saved": "saving",
    "save": "saving",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TORCH:
        return getattr(importlib.import_module(f"cutaway.models.{_WITH_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

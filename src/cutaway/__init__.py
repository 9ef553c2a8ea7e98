"""cutaway: language models of sequences with the casing off.

Every verb is one function that returns one frozen result; a result prints, turns into JSON, saves a page and shows
itself in a notebook. Verbs are resolved on first use: `import cutaway` imports neither torch nor transformers.

>>> import cutaway
>>> cutaway.tokenize("No, I am your father", model="gpt2-vocab").ids
[2949, 11, 314, 716, 534, 2988]
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

from cutaway import errors, views
from cutaway._version import __version__
from cutaway.errors import CutawayError
from cutaway.log import get_logger
from cutaway.result import Result

if TYPE_CHECKING:
    from cutaway.generation import generate, sweep
    from cutaway.guide import tour
    from cutaway.inside import (
        ablate,
        attention,
        compare,
        contacts,
        contextual_vectors,
        embed,
        embedding_map,
        heads,
        lens,
        neighbours,
        static_vectors,
    )
    from cutaway.models import (
        architecture,
        card,
        compare_tokenizers,
        get,
        get_data,
        info,
        list_data,
        list_models,
        load,
        save,
        tokenize,
    )
    from cutaway.predict import classify, mutate, score
    from cutaway.tokens import check_tokenizer, save_tokenizer, train_tokenizer
    from cutaway.training import train

__all__ = [
    "CutawayError",
    "Result",
    "__version__",
    "ablate",
    "architecture",
    "attention",
    "card",
    "check_tokenizer",
    "classify",
    "compare",
    "compare_tokenizers",
    "contacts",
    "contextual_vectors",
    "embed",
    "embedding_map",
    "errors",
    "generate",
    "get",
    "get_data",
    "get_logger",
    "heads",
    "info",
    "lens",
    "list_data",
    "list_models",
    "load",
    "mutate",
    "neighbours",
    "save",
    "save_tokenizer",
    "score",
    "static_vectors",
    "sweep",
    "tokenize",
    "tour",
    "train",
    "train_tokenizer",
]

if "ipykernel" in sys.modules:
    # tqdm, which transformers imports, warns in a notebook without ipywidgets; cutaway shows progress as lines.
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")
        importlib.import_module("tqdm.auto")

Result.page = staticmethod(views.page)
Result.notebook = staticmethod(views.notebook)
Result.figure = staticmethod(views.figure)

_ROOMS = {
    "ablate": "inside",
    "architecture": "models",
    "attention": "inside",
    "card": "models",
    "check_tokenizer": "tokens",
    "classify": "predict",
    "compare": "inside",
    "compare_tokenizers": "models",
    "contacts": "inside",
    "contextual_vectors": "inside",
    "embed": "inside",
    "embedding_map": "inside",
    "generate": "generation",
    "get": "models",
    "get_data": "models",
    "heads": "inside",
    "info": "models",
    "lens": "inside",
    "list_data": "models",
    "list_models": "models",
    "load": "models",
    "mutate": "predict",
    "neighbours": "inside",
    "save": "models",
    "save_tokenizer": "tokens",
    "score": "predict",
    "static_vectors": "inside",
    "sweep": "generation",
    "tokenize": "models",
    "tour": "guide",
    "train": "training",
    "train_tokenizer": "tokens",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(importlib.import_module(f"cutaway.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

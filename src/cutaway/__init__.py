"""cutaway: language models of sequences with the casing off.

Every verb is one function that returns one frozen result; a result prints, turns into JSON, saves a page and shows
itself in a notebook. The verbs are listed in `__init__.pyi` and imported on first use: `import cutaway` imports neither
torch nor transformers.

>>> import cutaway
>>> cutaway.tokenize("No, I am your father", model="gpt2-vocab").ids
[2949, 11, 314, 716, 534, 2988]
"""

import contextlib
import importlib
import sys
import warnings

import lazy_loader

from cutaway import views
from cutaway.result import Result

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if "ipykernel" in sys.modules:
    # tqdm, which transformers imports, warns in a notebook without ipywidgets; cutaway shows progress as lines.
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")
        importlib.import_module("tqdm.auto")

Result.page = staticmethod(views.page)
Result.notebook = staticmethod(views.notebook)
Result.figure = staticmethod(views.figure)

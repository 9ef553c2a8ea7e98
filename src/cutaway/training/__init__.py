"""Training a model from nothing: rows of a text or of the built-in source, a GPT-2 or a Llama, and a loop.

A row depends on nothing but the seed, the step and its place in the batch, so a run can be repeated, or cut over any
number of processes, without a loader that remembers where it was.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

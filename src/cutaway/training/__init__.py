"""Training a model from scratch: rows of a text or of the built-in source, a GPT-2 or a Llama, and a loop.

A row depends only on the seed, the step and its place in the batch. So a run can be repeated, or divided among any
number of processes, without a data loader that has a state.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

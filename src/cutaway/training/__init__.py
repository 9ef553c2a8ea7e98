"""Training: from rows of any kind of sequence to a saved model, on one process or many.

A row depends only on the seed and its place in the run. So a run can be cut off and resumed, repeated, or divided among
any number of processes, without a data loader that has a state.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

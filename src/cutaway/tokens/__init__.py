"""Sequence → ids and back: load, make, train, save, check and compare tokenizers; encode, show every piece.

This room uses the `tokenizers` library and never imports torch.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

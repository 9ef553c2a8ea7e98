"""Predictions about a given text: its probability, its label, what fills its gaps, the effect of changing a letter.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

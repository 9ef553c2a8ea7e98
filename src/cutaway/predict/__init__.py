"""What a model makes of a given text: how probable it finds it, which label, and what a changed letter does to it.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

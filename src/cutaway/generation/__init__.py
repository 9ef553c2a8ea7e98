"""Generating text: the decode loop, the samplers that choose each token, beam search, traces and sweeps.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The guided tour: the hands-on, run in order on a real model, as one result; and homework that grades itself.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

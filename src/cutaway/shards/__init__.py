"""Tokenized records on disk, split and packed: files → ids that are mapped into memory → rows to train on.

`prepare_shards` reads files once and writes their ids; `RecordRows` gives any row of any epoch. This room knows tokens,
and no models.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

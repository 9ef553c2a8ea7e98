"""Where sequences come from: files of records, plain text, and a synthetic source of known entropy.

`read_records` reads files one record at a time. Each format has a reader (a function in `readers`), and each kind of
sequence has rules (a module in `alphabets`). This room knows letters, numbers and probabilities, but no tokens and no
models.

The names are listed in `__init__.pyi` and imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

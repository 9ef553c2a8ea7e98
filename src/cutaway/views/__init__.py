"""The room where results are drawn: plain JSON records in, one self-contained page or one figure out.

Each view is one ES module in `static/`, the same file for a page on a disk, a notebook cell and the lab; each figure is
one file in `figures/`. Views know the records' keys and nothing of models, so this room imports neither torch nor
transformers.
"""

from __future__ import annotations

from cutaway.views.figures import figure as figure
from cutaway.views.page import notebook as notebook
from cutaway.views.page import page as page

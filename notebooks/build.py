"""Builds the notebooks, one way: each `NN_name.py` (jupytext's percent format) → `NN_name.ipynb`, without outputs.

    python notebooks/build.py

Edit the `.py` files, run this, and commit both. The same source gives the same bytes: a cell's id is a hash of what is
in it, and nothing of the machine is written. tests/unit/test_notebook_files.py checks that every `.ipynb` is current.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """Return the notebooks' sources in the order of their numbers."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def notebook(source: Path) -> nbformat.NotebookNode:
    """Return a source as a notebook without outputs. Raises `ValueError` if two cells are equal."""
    made = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    cells, ids = [], set[str]()
    for cell in made.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        if name in ids:
            raise ValueError(f"{source.name}: two cells are equal:\n{cell.source}")
        ids.add(name)
        new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        cells.append(new(cell.source, id=name))
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def text(source: Path) -> str:
    """Return the text of a source's `.ipynb` file."""
    made = notebook(source)
    nbformat.validate(made)
    return str(nbformat.writes(made)) + "\n"


def main() -> None:
    for source in sources():
        target = source.with_suffix(".ipynb")
        new = text(source)
        if not target.exists() or target.read_text(encoding="utf-8") != new:
            target.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{target.name}\n")


if __name__ == "__main__":
    main()

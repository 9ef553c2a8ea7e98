"""Markdown that forges and the site read alike: anchors, tables, docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

MADE = "<!-- Made by docs/generate.py from the code. Do not edit. -->\n"


def anchor(heading: str) -> str:
    """Return the anchor that a forge and the site give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; cells are Markdown on one line."""
    heads = list(heads)
    lines = [
        heads,
        ["---"] * len(heads),
        *[[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows],
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def prose(doc: str | None) -> str:
    """Return a docstring as Markdown; examples become blocks."""
    out, example = [], False
    for line in inspect.cleandoc(doc or "").splitlines():
        text = line.strip()
        if text.startswith(">>>") and not example:
            out, example = [*out, "", "```pycon"], True
        if example and not text:
            out, example = [*out, "```"], False
        out.append(re.sub(r"\s*# doctest:.*", "", text) if example else line)
    return "\n".join([*out, *["```"] * example]).replace("\n\n\n", "\n\n").strip() + "\n"

"""Values shortened to one line, as results print them."""

from __future__ import annotations

import dataclasses
import reprlib
from pathlib import Path
from typing import Any


def shortened(value: Any) -> str:
    """Return a value in about 80 characters: numbers with 6 digits; of a long value the beginning and the size.

    Example:
        >>> shortened([0.123456789, 2.0]), shortened(list(range(1000))[:3])
        ('[0.123457, 2]', '[0, 1, 2]')
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return repr(value) if len(value) <= 72 else f"{value[:60]!r}… ({len(value):,} characters)"
    if isinstance(value, dict):
        pairs = [f"{reprlib.repr(key)}: {shortened(item) if _is_plain(item) else '…'}" for key, item in value.items()]
        return "{" + _begun(pairs, len(value)) + "}"
    if isinstance(value, (list, tuple)):
        if all(map(_is_plain, value[:100])):
            return "[" + _begun([shortened(item) for item in value[:20]], len(value)) + "]"
        return f"{len(value):,} × {type(value[0]).__name__}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}(…)"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if not value.shape:
            return shortened(value.item())
        return f"array of {' × '.join(f'{size:,}' for size in value.shape)} {value.dtype}"
    return reprlib.repr(value)


def _begun(items: list[str], size: int) -> str:
    """Return as many items as fit in a line, and the number of items if they do not all fit."""
    shown: list[str] = []
    while len(shown) < len(items) and (not shown or len(", ".join([*shown, items[len(shown)]])) <= 60):
        shown.append(items[len(shown)])
    return ", ".join(shown) + (f", … ({size:,})" if len(shown) < size else "")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, Path))

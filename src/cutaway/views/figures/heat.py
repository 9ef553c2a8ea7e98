"""Maps of numbers with a label on every row and column, and the bar that says what a colour means.

Axis letters: R rows, C columns; colours_RC3 are bytes, as `style.ramp` and `style.diverge` give them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.array_codec import PackedMaps
from cutaway.views.figures.style import INK, LINE, MUTED, SHEET, Sheet, signed, text_width

_SIZE = 10.0  # of a label, in pixels
NUMBER_HEIGHT = 14.0
_SLANT = math.radians(60)
WEIGHT_TICKS = [(math.sqrt(weight), f"{weight:g}") for weight in (0, 0.05, 0.25, 0.5, 1)]
"""Ticks of a bar of attention weights, whose shade grows with the square root."""


def labels_width(labels: Sequence[str]) -> float:
    """Return the room that row labels need, in pixels."""
    return max((text_width(label, _SIZE) for label in labels), default=0) + 7


def slant_height(labels: Sequence[str]) -> float:
    """Return the room that slanted column labels need, in pixels; to the right they need half of it."""
    return labels_width(labels) * math.sin(_SLANT) + 6


def heat_map(
    sheet: Sheet,
    place: tuple[float, float],
    cell: tuple[float, float],
    colours_RC3: npt.NDArray[np.uint8],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    slanted: bool = False,
    marks: Sequence[Sequence[str]] | None = None,
    mark_size: float | None = None,
) -> None:
    """Draw cells from `place` (left, top) on, `cell` (width, height) pixels each, labels to their left and above them.

    `marks` are letters or words to write into the cells, `mark_size` pixels high. Where labels would stand on each
    other, every second, fifth … is left.
    """
    (left, top), (wide, high) = place, cell
    count_R, count_C = colours_RC3.shape[:2]
    axes = sheet.picture(left, top, wide * count_C, high * count_R, colours_RC3)
    if min(wide, high) >= 7:
        axes.hlines(range(1, count_R), 0, count_C, color=SHEET, linewidth=0.5)
        axes.vlines(range(1, count_C), 0, count_R, color=SHEET, linewidth=0.5)
    sheet.box(left, top, wide * count_C, high * count_R)
    for row in range(0, count_R, _every(high, 11)):
        y = top + (row + 0.5) * high
        sheet.text(left - 5, y, rows[row], size=_SIZE, colour=MUTED, ha="right", va="center_baseline")
    room = 11.0 if slanted else max(map(len, columns), default=1) * 7 + 4.0
    for column in range(0, count_C, _every(wide, room)):
        x = left + (column + 0.5) * wide
        if slanted:
            turn = {"rotation": 60, "rotation_mode": "anchor", "ha": "left", "va": "baseline"}
            sheet.text(x + 4, top - 4, columns[column], size=_SIZE, colour=INK, **turn)
        else:
            sheet.text(x, top - 4, columns[column], size=_SIZE, colour=MUTED, ha="center")
    for row, column in np.ndindex(count_R, count_C) if marks is not None else ():
        letter = marks[row][column] if marks is not None else ""
        if letter:
            size = mark_size or min(wide, high) * 0.62
            x, y = left + (column + 0.5) * wide, top + (row + 0.5) * high
            options: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
            sheet.text(x, y, letter, size=size, colour=_on(colours_RC3[row, column]), **options)


def colour_bar(
    sheet: Sheet,
    place: tuple[float, float],
    paint: Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]],
    ticks: Sequence[tuple[float, str]],
    caption: str,
    *,
    width: float = 180,
) -> None:
    """Draw what the colours mean: `paint` over the fractions from the first tick's to the last's, each tick's text
    under it, the caption, with the unit, after them."""
    left, top = place
    low, high = ticks[0][0], ticks[-1][0]
    sheet.picture(left, top, width, 9, paint(np.linspace(low, high, 181))[None])
    sheet.box(left, top, width, 9)
    for fraction, label in ticks:
        x = left + width * (fraction - low) / (high - low)
        sheet.line([x, x], [top + 9, top + 12], colour=LINE)
        sheet.text(x, top + 23, label, size=_SIZE, colour=MUTED, ha="center")
    sheet.text(left + width + 22, top + 9, caption, size=11, colour=MUTED)


def around_zero(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[tuple[float, str]]]:
    """Return values as fractions from -1 to 1 for `diverge`, by their square root, and the ticks of their bar."""
    most = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    ticks = [(math.copysign(math.sqrt(abs(share)), share), signed(share * most)) for share in (-1, -0.25, 0, 0.25, 1)]
    return np.sign(values) * np.sqrt(np.abs(values) / most), ticks


def maps_of(packed: dict[str, Any]) -> PackedMaps:
    """Return the packed maps of a record."""
    return PackedMaps(**{key: packed[key] for key in ("layout", "rows", "columns", "pool", "data")})


def _on(colour_3: npt.NDArray[np.uint8]) -> str:
    """Return black or white, whichever can be read better on that colour."""
    linear_3 = (colour_3 / 255) ** 2.2
    return "#ffffff" if linear_3 @ np.array([0.2126, 0.7152, 0.0722]) < 0.18 else "#000000"


def _every(size: float, room: float) -> int:
    needed = room / size
    return next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if step >= needed)

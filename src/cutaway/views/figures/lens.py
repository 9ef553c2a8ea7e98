"""What each layer would have said: the embeddings at the bottom, the model's own output at the top.

Axis letters: N layers and the embeddings (rows), P positions (columns).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.views.figures.heat import colour_bar, heat_map, slant_height
from cutaway.views.figures.style import ACCENT, Sheet, clip, fitted, legible, ramp, text_width

_WIDE, _NARROW, _ROW, _SIZE = 74, 36, 17, 9.5  # pixels: a cell's widths with words in it, its height, the words


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.lens/1` record: shades are the probability of each layer's likeliest token."""
    grid, positions = record["grid"][::-1], record["positions"]
    sure_NP = np.array([[_first(cell)[1] for cell in row["cells"]] for row in grid], float)
    wide = max(2.0, min(_WIDE, 1010 / len(positions)))
    said = (
        [[fitted(legible(_first(cell)[0]), _SIZE, wide - 4) for cell in row["cells"]] for row in grid]
        if wide >= _NARROW
        else None
    )
    columns = [clip(legible(record["tokens"][position]), 16) for position in positions]
    names = [str(row["layer"]) for row in grid]
    names[0], names[-1] = f"output {names[0]}", f"embeddings {names[-1]}"
    left, top = 20 + max(text_width(name, 10) for name in names) + 7, 74 + slant_height(columns)
    width, height = wide * len(positions), _ROW * len(grid)
    overhang = (top - 74) / 2
    title = f"Logit lens of {record['model']}"
    sheet = Sheet(max(left + width + overhang + 20, 640), top + height + 66, title)
    hint = f"What each layer would say is the {record['predicts']}. Above the red line the answer no longer changes."
    sheet.heading("Logit lens", record["model"], hint)
    sheet.quote(record["text"])
    colours_NP3 = ramp(sure_NP)
    cell = (wide, float(_ROW))
    heat_map(
        sheet, (left, top), cell, colours_NP3, rows=names, columns=columns, slanted=True, marks=said, mark_size=_SIZE
    )
    _settled(sheet, record, (left, top), wide, len(grid))
    ticks = [(share, f"{share:g}") for share in (0, 0.25, 0.5, 0.75, 1)]
    colour_bar(sheet, (left, top + height + 22), ramp, ticks, "probability of the layer's likeliest token")
    return sheet


def _settled(sheet: Sheet, record: dict[str, Any], place: tuple[float, float], wide: float, rows: int) -> None:
    """Draw the line under the cells from which on each position's answer stays what the output says."""
    (left, top), layers = place, record["layers"]
    xs, ys = [], []
    for column, layer in enumerate(record["settled"]):
        y = top + _ROW * (rows - layers.index(layer))
        xs += [left + column * wide, left + (column + 1) * wide]
        ys += [y, y]
    sheet.line(xs, ys, colour=ACCENT, weight=1.5)


def _first(cell: dict[str, Any]) -> tuple[str, float]:
    top = cell["top"]
    return (top[0]["token"], top[0]["probability"]) if top else ("", float("nan"))

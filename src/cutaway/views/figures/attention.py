"""Attention on paper: every head's map as a thumbnail, or one head's matrix with its tokens.

Axis letters: L layers, H heads, T rows (queries), S columns (keys).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PolyCollection

from cutaway.views.figures.heat import (
    NUMBER_HEIGHT,
    WEIGHT_TICKS,
    colour_bar,
    heat_map,
    labels_width,
    maps_of,
    slant_height,
)
from cutaway.views.figures.style import LINE, MUTED, Sheet, clip, legible, ramp

_WIDE = 1100  # pixels that panels may fill side by side
_GAP, _MOST, _LETTERS = 3, 450, 18
_NAMES = {"self": "", "encoder": "encoder", "decoder": "decoder", "cross": "cross: decoder looks at encoder"}
Weights = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class _Panel:
    """One stack and the room it takes, in pixels: `left` and `top` for its labels, then the cells."""

    stack: dict[str, Any]
    one: bool
    left: float
    top: float
    cell: float
    width: float
    height: float


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.attention/1` record: a panel a stack."""
    panels = [_panel(stack) for stack in record["stacks"]]
    places, x, y, tall, widest = [], 0.0, 0.0, 0.0, 0.0
    for panel in panels:
        if x and x + panel.width > _WIDE:
            x, y, tall = 0.0, y + tall + 26, 0.0
        places.append((20 + x, 84 + y))
        x, tall = x + panel.width + 26, max(tall, panel.height)
        widest = max(widest, x - 26)
    text = clip(legible(record["text"], spaces=False), 110)
    sheet = Sheet(max(widest + 40, 620), 84 + y + tall + 58, f"Attention of {record['model']}")
    sheet.heading("Attention", record["model"], _hint(panels))
    sheet.text(20, 60, f"“{text}”", size=11, colour=MUTED)
    for panel, (left, top) in zip(panels, places, strict=True):
        (_draw_one if panel.one else _draw_all)(sheet, panel, left, top)
    colour_bar(sheet, (20, sheet.height - 36), ramp, WEIGHT_TICKS, "weight (shade: its square root)")
    return sheet


def _hint(panels: list[_Panel]) -> str:
    if all(panel.one for panel in panels):
        maps = panels[0].stack["maps"]
        size = maps["pool"] * math.ceil(maps["rows"] / _fewer(maps["rows"]))
        cells = f" A cell is {size} × {size} tokens, named by the first." if size > 1 else ""
        return f"Rows look at columns; every row adds up to 1.{cells}"
    return "A thumbnail a head: layers across, heads down. Rows look at columns; every row adds up to 1."


def _panel(stack: dict[str, Any]) -> _Panel:
    layers, heads, maps = len(stack["layers"]), len(stack["heads"]), stack["maps"]
    if layers * heads > 1:
        cell = float(max(20, min(48, 1010 // layers)))
        top = NUMBER_HEIGHT + (18 if _NAMES[stack["kind"]] else 0)
        return _Panel(stack, False, 24, top, cell, 24 + layers * cell, top + heads * cell)
    rows, columns = _fewer(maps["rows"]), _fewer(maps["columns"])
    cell = max(2, min(26, 820 / max(rows, columns)))
    left, top = labels_width(_labels(stack, "queries")), slant_height(_labels(stack, "keys")) + 22
    return _Panel(stack, True, left, top, cell, left + columns * cell + top / 2, top + rows * cell)


def _draw_all(sheet: Sheet, panel: _Panel, left: float, top: float) -> None:
    """Draw all heads as one picture of thumbnails."""
    stack, cell, maps = panel.stack, panel.cell, maps_of(panel.stack["maps"])
    layers, heads, side = len(stack["layers"]), len(stack["heads"]), 2 * round(cell - _GAP)
    pitch = 2 * round(cell)
    mosaic = np.full((heads * pitch, layers * pitch), np.nan)
    for layer in range(layers):
        for head, bytes_TS in enumerate(maps.layer(layer)):
            thumbnail = _sized(bytes_TS / 255, side)
            at = head * pitch, layer * pitch
            mosaic[at[0] : at[0] + side, at[1] : at[1] + side] = np.sqrt(thumbnail)
    sheet.text(left, top + 10, _NAMES[stack["kind"]], size=12, weight="bold")
    x, y = left + panel.left, top + panel.top
    axes = sheet.picture(x, y, layers * cell, heads * cell, ramp(mosaic))
    corners = [(layer * pitch, head * pitch) for layer in range(layers) for head in range(heads)]
    outlines = [[(a, b), (a + side, b), (a + side, b + side), (a, b + side)] for a, b in corners]
    axes.add_collection(PolyCollection(outlines, facecolors="none", edgecolors=LINE, linewidths=0.4, clip_on=False))
    every = 1 if cell >= 18 else 2
    for column, layer in enumerate(stack["layers"]):
        if column % every == 0:
            sheet.text(x + column * cell + (cell - _GAP) / 2, y - 5, str(layer), size=10, colour=MUTED, ha="center")
    for row, head in enumerate(stack["heads"]):
        middle = y + row * cell + (cell - _GAP) / 2
        sheet.text(x - 6, middle, str(head), size=10, colour=MUTED, ha="right", va="center_baseline")


def _draw_one(sheet: Sheet, panel: _Panel, left: float, top: float) -> None:
    """Draw one head's matrix, a token a row and a column."""
    stack, bytes_TS = panel.stack, maps_of(panel.stack["maps"]).layer(0)[0]
    name, head = _NAMES[stack["kind"]], f"head {stack['layers'][0]}.{stack['heads'][0]}"
    sheet.text(left, top + 10, f"{name}, {head}" if name else head, size=12, weight="bold")
    weights_TS = _pooled(bytes_TS / 255, _fewer(bytes_TS.shape[0]), _fewer(bytes_TS.shape[1]))
    if stack["causal"]:
        weights_TS = np.where(np.tri(*weights_TS.shape) > 0, weights_TS, np.nan)
    heat_map(
        sheet,
        (left + panel.left, top + panel.top),
        (panel.cell, panel.cell),
        ramp(np.sqrt(weights_TS)),
        rows=_labels(stack, "queries"),
        columns=_labels(stack, "keys"),
        slanted=True,
    )


def _labels(stack: dict[str, Any], side: str) -> list[str]:
    """Return a label a cell: its token, or the first of the tokens it stands for."""
    cells = stack["maps"]["rows" if side == "queries" else "columns"]
    tokens, drawn = stack[side], _fewer(cells)
    a_cell = stack["maps"]["pool"] * math.ceil(cells / drawn)
    return [clip(legible(tokens[min(at * a_cell, len(tokens) - 1)]), _LETTERS) for at in range(drawn)]


def _fewer(cells: int) -> int:
    return math.ceil(cells / math.ceil(cells / _MOST))


def _pooled(weights_TS: Weights, rows: int, columns: int) -> Weights:
    """Return fewer cells: the sum over a cell's keys, averaged over its queries, so that rows still add up to 1."""
    down, across = (math.ceil(size / wanted) for size, wanted in zip(weights_TS.shape, (rows, columns), strict=True))
    if down == across == 1:
        return weights_TS
    starts = np.arange(0, weights_TS.shape[0], down)
    counts = np.diff([*starts, weights_TS.shape[0]])
    averaged = np.add.reduceat(weights_TS, starts, axis=0) / counts[:, None]
    return np.minimum(np.add.reduceat(averaged, np.arange(0, weights_TS.shape[1], across), axis=1), 1)


def _sized(weights_TS: Weights, side: int) -> Weights:
    """Return the map as side × side dots: pooled if it is larger, repeated if it is smaller."""
    most = max(weights_TS.shape)
    pool = math.ceil(most / side)
    few = _pooled(weights_TS, *(math.ceil(size / pool) for size in weights_TS.shape))
    rows, columns = (np.arange(side) * size // side for size in few.shape)
    return few[np.ix_(rows, columns)]

"""A translation on paper: the text, the translation, and where the model looked when it wrote each token.

Axis letters: T tokens of the translation (rows), S tokens of the text (columns).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.views.figures.heat import WEIGHT_TICKS, colour_bar, heat_map, labels_width, maps_of, slant_height
from cutaway.views.figures.style import INK, Sheet, clip, legible, ramp

_LETTERS = 18


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.translation/1` record: the mean of all heads of all layers."""
    maps = maps_of(record["attention"])
    layers = len(maps.data)
    mean_TS = np.mean([maps.layer(layer).mean(0) for layer in range(layers)], axis=0) / 255
    rows = [clip(legible(token["token"]), _LETTERS) for token in record["tokens"]]
    columns = [clip(legible(piece), _LETTERS) for piece in record["source"]]
    cell = max(3.0, min(26.0, 820 / max(len(rows), len(columns), 1)))
    left, top = 20 + labels_width(rows), 90 + slant_height(columns)
    below = top + len(rows) * cell
    wide = left + len(columns) * cell + slant_height(columns) / 2 + 20
    sheet = Sheet(max(wide, 620), below + 62, f"Translation by {record['model']}")
    heads = layers * record["heads"]
    hint = f"Rows, the translation, look at columns, the text; mean of {heads:,} heads. Every row adds up to 1."
    sheet.heading("Translation", record["model"], hint)
    sheet.quote(record["text"])
    sheet.text(20, 78, clip(f"“{legible(record['translation'], spaces=False)}”", 400), size=11, colour=INK)
    heat_map(sheet, (left, top), (cell, cell), ramp(np.sqrt(mean_TS)), rows=rows, columns=columns, slanted=True)
    colour_bar(sheet, (20, below + 22), ramp, WEIGHT_TICKS, "weight (shade: its square root)")
    return sheet

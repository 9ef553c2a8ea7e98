"""What breaks without a head: layers × heads around a zero that means "nothing changed".

Axis letters: L layers (across), H heads (down).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.views.figures.heat import NUMBER_HEIGHT, around_zero, colour_bar, heat_map
from cutaway.views.figures.style import MUTED, Sheet, diverge, signed

_METHODS = {"zero": "its output set to zero", "mean": "its output set to its mean over the text"}
_SEEN = 0.05  # a head with this share of the largest change has its sign written into its cell


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.ablation/1` record."""
    layers, heads = record["layers"], record["heads_per_layer"]
    change_HL = np.full((heads, layers), np.nan)
    for entry in record["heads"]:
        if entry["change"] is not None:
            change_HL[entry["head"], entry["layer"]] = entry["change"]
    shade_HL, ticks = around_zero(change_HL)
    marks = [[_sign(shade) for shade in row] for row in shade_HL]
    cell = max(12, min(40, 1010 // layers))
    left, top = 46.0, 90 + NUMBER_HEIGHT
    sheet = Sheet(max(left + layers * cell + 20, 660), top + heads * cell + 82, f"Ablation of {record['model']}")
    method = _METHODS.get(record["method"], record["method"])
    hint = (
        f"Each head was switched off alone ({method}): how much the loss rises above {record['loss']:.3f} nats/token."
    )
    sheet.heading("Ablation", record["model"], hint)
    sheet.quote(record["text"])
    sheet.text(20, top - 22, "layers across, heads down", size=11, colour=MUTED)
    numbers = [str(i) for i in range(max(layers, heads))]
    heat_map(sheet, (left, top), (cell, cell), diverge(shade_HL), rows=numbers, columns=numbers, marks=marks)
    top += heads * cell + 20
    colour_bar(sheet, (left, top), diverge, ticks, "nats/token (shade: square root)", width=240)
    largest = sorted((e for e in record["heads"] if e["change"] is not None), key=lambda entry: -entry["change"])[:6]
    named = "   ".join(f"{entry['layer']}.{entry['head']} {signed(entry['change'])}" for entry in largest)
    sheet.text(left, top + 45, f"most missed (layer.head):   {named}", size=11)
    return sheet


def _sign(shade: float) -> str:
    return "" if math.isnan(shade) or shade**2 < _SEEN else "+" if shade > 0 else "−"

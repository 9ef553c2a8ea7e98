"""A contact map: above the diagonal the model, below it the contacts that are known, or the same map mirrored.

Axis letters: P residues.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.array_codec import PackedArray
from cutaway.views.figures.heat import NUMBER_HEIGHT, colour_bar, heat_map
from cutaway.views.figures.style import INK, MUTED, Sheet, number, ramp

_NEAR = 6  # pairs closer than that do not set the scale
_SIDE = 440.0


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.contacts/1` record: the mean of the heads, and beside it the best one if contacts are known."""
    parts = [("mean of the heads", _array(record["scores"]), record["precisions"])]
    if best := record["best"]:
        name = f"best head, {best['layer']}.{best['head']}"
        parts.append((name, _array(record["best_scores"]), record["best_precisions"]))
    size = len(record["residues"])
    cell = _SIDE / size
    sheet = Sheet(max(50 + len(parts) * (_SIDE + 46), 700), 100 + _SIDE + 104, f"Contacts of {record['model']}")
    below = "below it the known contacts" if record["truth"] is not None else "the same below it"
    correction = ", average product correction" if record["apc"] else ""
    hint = f"Attention between residues, both ways added up{correction}; above the diagonal the model, {below}."
    sheet.heading("Contacts", record["model"], hint)
    sheet.quote(record["text"])
    for index, (title, scores_PP, precisions) in enumerate(parts):
        left, top = 50 + index * (_SIDE + 46), 84 + NUMBER_HEIGHT
        first, second = np.triu_indices(size, min(_NEAR, size - 1))
        most = float(scores_PP[first, second].max(initial=0)) or 1.0
        colours_PP3 = ramp(np.sqrt(np.clip(scores_PP / most, 0, 1)))
        if record["truth"] is not None:
            _put_truth(colours_PP3, record["truth"])
        numbers = [str(position) for position in range(1, size + 1)]
        sheet.text(left, 80, title, size=11)
        heat_map(sheet, (left, top), (cell, cell), colours_PP3, rows=numbers, columns=numbers)
        sheet.line([left, left + _SIDE], [top, top + _SIDE])
        ticks = [(0.0, "0"), (0.5, number(most / 4)), (1.0, number(most))]
        colour_bar(sheet, (left, top + _SIDE + 14), ramp, ticks, "score (shade: square root)")
        if precisions:
            told = "   ".join(f"{p['top']} ≥{p['separation']}: {p['precision']:.2f}" for p in precisions)
            sheet.text(left, top + _SIDE + 60, "precision at", size=11, colour=MUTED)
            sheet.text(left, top + _SIDE + 76, told, size=10)
    return sheet


def _array(packed: dict[str, Any]) -> npt.NDArray[Any]:
    return PackedArray(**packed).array()


def _put_truth(colours_PP3: npt.NDArray[np.uint8], truth: list[list[int]]) -> None:
    """Paint the lower triangle: ink for a known contact, paper for none."""
    lower = np.tril_indices(len(colours_PP3), -1)
    colours_PP3[lower] = ramp(np.zeros(1))[0]
    for i, j in truth:
        colours_PP3[j - 1, i - 1] = [int(INK[at : at + 2], 16) for at in (1, 3, 5)]

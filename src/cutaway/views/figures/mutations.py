"""What every substitution does: letters down, positions across, in as many lines as the sequence needs.

Axis letters: P positions, A letters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.errors import counted
from cutaway.views.figures.heat import NUMBER_HEIGHT, around_zero, colour_bar, heat_map
from cutaway.views.figures.style import Sheet, diverge, number

_LINE = 60  # positions of a line
_CELL = 14.0


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.mutations/1` record: the model's effects, and below them those of the column profile."""
    letters, wild, positions = record["letters"], record["wild"], record["positions"]
    parts = [(f"model: {record['method']}", np.array(record["effects"], float))]
    if profile := record["profile"]:
        alike = "undefined" if profile["spearman"] is None else number(profile["spearman"])
        title = f"column profile of {counted(profile['rows'], 'row')}; Spearman {alike} between the two"
        parts.append((title, np.array(profile["effects"], float)))
    lines = math.ceil(len(positions) / _LINE)
    left = 26 + 7 * max(map(len, letters))
    high = NUMBER_HEIGHT + len(letters) * _CELL + 16
    width = max(left + min(_LINE, len(positions)) * _CELL + 20, 680)
    sheet = Sheet(width, 70 + len(parts) * (lines * high + 74), f"Mutations of {record['model']}")
    hint = "Positions across, letters down; a dot is the wild type, below 0 the mutant is less probable than it."
    sheet.heading("Mutations", record["model"], hint)
    sheet.quote(record["text"])
    top = 70.0
    for title, effects_PA in parts:
        shade_PA, ticks = around_zero(effects_PA)
        sheet.text(20, top + 16, title, size=11)
        top += 24
        for start in range(0, len(positions), _LINE):
            end = min(start + _LINE, len(positions))
            heat_map(
                sheet,
                (left, top + NUMBER_HEIGHT),
                (_CELL, _CELL),
                diverge(shade_PA[start:end].T),
                rows=letters,
                columns=[str(position) for position in positions[start:end]],
                marks=_marks(letters, wild[start:end]),
            )
            top += high
        colour_bar(sheet, (left, top), diverge, ticks, f"{record['unit']} (shade: square root)", width=240)
        top += 50
    return sheet


def _marks(letters: list[str], wild: list[str]) -> list[list[str]]:
    return [["•" if letter == own else "" for own in wild] for letter in letters]

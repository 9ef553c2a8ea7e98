"""What every head does: a map of layers × heads for each score, and one of the roles, as letters.

Axis letters: L layers (across; the kinds of an encoder–decoder one after another), H heads (down).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.views.figures.heat import NUMBER_HEIGHT, WEIGHT_TICKS, colour_bar, heat_map
from cutaway.views.figures.style import Sheet, number, ramp

# The letters of the roles, on the page as well (static/heads.js).
LETTERS = {
    "first token": "F",
    "previous token": "P",
    "next token": "N",
    "same token": "S",
    "duplicate token": "D",
    "induction": "I",
    "local": "L",
    "broad": "B",
    "mixed": "·",
}
_SHARES = {
    "sink": "looks at the first token",
    "previous": "looks at the previous token",
    "current": "looks at itself",
    "next": "looks at the next token",
    "duplicate": "looks at an earlier same token",
    "induction": "looks after an earlier copy of the token",
    "received": "on its most attended token",
}
_PALE = 0.375  # of the ramp: how far the shade behind a letter goes
_KINDS = ("self", "encoder", "decoder", "cross")


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.heads/1` record: roles, then a map a score, those that are defined nowhere left out."""
    columns, names = _columns(record)
    cell = max(6, min(22, 500 // len(columns)))
    deep = record["heads_per_layer"]
    scores = [
        score for score in ("entropy_bits", "distance", *_SHARES) if np.isfinite(_values(record, score, columns)).any()
    ]
    wide, high = 46 + len(columns) * cell, 34 + NUMBER_HEIGHT + deep * cell
    across = 2 if 2 * wide + 60 <= 1200 else 1
    rows = math.ceil((1 + len(scores)) / across)
    used = [letter for letter in LETTERS if any(entry["role"] == letter for entry in record["heads"])]
    width, height = max(40 + across * wide + (across - 1) * 26, 700), 70 + rows * (high + 14) + 78
    sheet = Sheet(width, height, f"Heads of {record['model']}")
    hint = "Layers across, heads down. Each value is a mean over the positions at which it is defined; blank: at none."
    sheet.heading("Heads", record["model"], hint)
    sheet.quote(record["text"])
    for index, score in enumerate(["role", *scores]):
        left, top = 20 + index % across * (wide + 26), 70 + index // across * (high + 14)
        chance = (record.get("chance") or {}).get(score)
        values_HC = _values(record, "certainty" if score == "role" else score, columns)
        title, most = _title(score, values_HC)
        shade_HC = np.sqrt(values_HC / most) if score in _SHARES else values_HC / most
        if score == "role":
            shade_HC = shade_HC * _PALE
        sheet.text(left, top + 20, title + (f"; by chance {number(chance)}" if chance is not None else ""), size=11)
        heat_map(
            sheet,
            (left + 26, top + 20 + NUMBER_HEIGHT + 6),
            (cell, cell),
            ramp(shade_HC),
            rows=[str(head) for head in range(deep)],
            columns=names,
            marks=_letters(record, columns) if score == "role" else None,
        )
    foot = sheet.height - 66
    caption = "share of the attention (shade: square root); other maps: 0 to the largest value, evenly"
    colour_bar(sheet, (20, foot), ramp, WEIGHT_TICKS, caption)
    letters = "   ".join(f"{LETTERS[role]} {role}" for role in used)
    sheet.text(20, foot + 46, f"roles (shade: how certain):   {letters}", size=11)
    return sheet


def _columns(record: dict[str, Any]) -> tuple[list[tuple[str, int]], list[str]]:
    """Return the layers in their order, kind by kind, and the numbers to write above them."""
    found = {(entry["kind"], entry["layer"]) for entry in record["heads"]}
    columns = sorted(found, key=lambda column: (_KINDS.index(column[0]), column[1]))
    several = len({kind for kind, _ in columns}) > 1
    return columns, [f"{kind[0] if several else ''}{layer}" for kind, layer in columns]


def _values(record: dict[str, Any], score: str, columns: list[tuple[str, int]]) -> npt.NDArray[Any]:
    values_HC = np.full((record["heads_per_layer"], len(columns)), np.nan)
    for entry in record["heads"]:
        if entry[score] is not None:
            values_HC[entry["head"], columns.index((entry["kind"], entry["layer"]))] = entry[score]
    return values_HC


def _letters(record: dict[str, Any], columns: list[tuple[str, int]]) -> list[list[str]]:
    letters = [[""] * len(columns) for _ in range(record["heads_per_layer"])]
    for entry in record["heads"]:
        letters[entry["head"]][columns.index((entry["kind"], entry["layer"]))] = LETTERS.get(entry["role"], "?")
    return letters


def _title(score: str, values_HC: npt.NDArray[Any]) -> tuple[str, float]:
    """Return what the map is called, with its unit, and the value that has the darkest shade."""
    if score == "role":
        return "role", 1.0
    if score in _SHARES:
        return f"{score}: {_SHARES[score]}", 1.0
    low, most = float(np.nanmin(values_HC)), float(np.nanmax(values_HC))
    name, unit = ("entropy", "bits") if score == "entropy_bits" else ("distance", "tokens")
    return f"{name}: {low:.2f} to {most:.2f} {unit}", most or 1.0

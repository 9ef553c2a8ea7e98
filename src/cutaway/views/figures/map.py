"""A flat map of vectors: points with their names beside them, groups by the shape of the mark and its colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.errors import counted
from cutaway.views.figures.style import ACCENT, GROUPS, INK, MUTED, SHEET, Sheet, clip, legible, number, text_width

_MARKS = [("o", True), ("s", True), ("^", True), ("D", False), ("x", False), ("o", False)]
_WIDTH, _HEIGHT, _TOP, _NAMED = 860.0, 656.0, 80.0, 400
# Where a name may stand: shifted left by a share of its width, then across and down in pixels.
_PLACES = [(0, 9, 4), (-1, -9, 4), (-0.5, 0, -9), (-0.5, 0, 19), (0, 8, -6), (0, 8, 15), (-1, -8, -6), (-1, -8, 15)]


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.map/1` record."""
    points, explained = record["points"], [share for share in record.get("explained") or [] if share is not None]
    sheet = Sheet(_WIDTH, _HEIGHT, f"Map of {record['model']}")
    kept = [f"{sum(explained):.1%} of the variance is kept"] if explained else []
    if record.get("trustworthiness") is not None:
        trust = f"trustworthiness {record['trustworthiness']:.2f}"
        kept.append(f"{trust} (1: whatever is near here is near in truth; by chance 0.5)")
    method = clip(legible(record["method"], spaces=False), 60)
    sheet.heading("Map", record["model"], f"{len(points):,} points, {method}. Near each other: alike to the model.")
    sheet.text(20, 60, "; ".join(kept), size=11, colour=MUTED)
    spots_N2, unit = _spots(np.array([[point["x"], point["y"]] for point in points], float))
    _frame(sheet, explained, unit if len(points) > 1 else None)
    groups = list(dict.fromkeys(point.get("group") or "" for point in points))
    for at, group in enumerate(groups):
        mark, filled = _MARKS[at % len(_MARKS)]
        own_N2 = spots_N2[[(point.get("group") or "") == group for point in points]]
        colour = GROUPS[at % len(GROUPS)]
        looks: dict[str, Any] = {
            "marker": mark,
            "markersize": 6 if len(points) <= 250 else 3,
            "markeredgewidth": 1.2,
            "linestyle": "none",
        }
        sheet.line(*own_N2.T.tolist(), colour=colour, markerfacecolor=colour if filled else "none", **looks)
    _names(sheet, points, groups, spots_N2)
    return sheet


def _spots(places_N2: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], float]:
    """Return where the points stand, in pixels, and how many pixels a unit has: the same number both ways."""
    low, high = places_N2.min(0), places_N2.max(0)
    room = np.array([_WIDTH - 150, _HEIGHT - _TOP - 130])
    unit = float((room / np.maximum(high - low, 1e-12)).min())
    middle = np.array([_WIDTH / 2, _TOP + (_HEIGHT - _TOP - 30) / 2])
    return middle + (places_N2 - (low + high) / 2) * [unit, -unit], unit


def _frame(sheet: Sheet, explained: list[float], unit: float | None) -> None:
    """Draw the edges; where the axes are directions of the vectors, their names and a length to measure by."""
    left, bottom = 20.0, _HEIGHT - 30
    sheet.line([left, left, _WIDTH - 20], [_TOP, bottom, bottom], colour=INK)
    if not explained or unit is None:
        note = "no unit: only who lies near whom means something"
        sheet.text(_WIDTH - 20, bottom + 16, note, size=11, colour=MUTED, ha="right")
        return
    shares = [f", {share:.1%} of the variance" for share in explained[:2]] + ["", ""]
    across = f"first direction{shares[0]} →"
    sheet.text(_WIDTH - 20, bottom + 16, across, size=11, colour=MUTED, ha="right")
    sheet.text(left + 6, _TOP + 8, f"↑ second direction{shares[1]}", size=11, colour=MUTED)
    length = 10.0 ** np.floor(np.log10(200 / unit))
    length *= 5 if length * 5 * unit <= 200 else 2 if length * 2 * unit <= 200 else 1
    sheet.line([left, left + length * unit], [bottom + 8, bottom + 8], colour=INK, weight=2)
    sheet.text(left + length * unit + 6, bottom + 12, f"length {number(length)}", size=11, colour=MUTED)


def _names(sheet: Sheet, points: list[dict[str, Any]], groups: list[str], spots_N2: npt.NDArray[Any]) -> None:
    """Write each name at the first place around its point where it hides nothing, else further off on a leader."""
    taken = [np.array([x - 5, y - 5, x + 5, y + 5]) for x, y in spots_N2]
    halo: dict[str, Any] = {"bbox": {"facecolor": SHEET, "edgecolor": "none", "pad": 0.4, "alpha": 0.8}}

    def put(text: str, spot: Any, size: float, reach: tuple[int, ...], leader: bool = True, **options: Any) -> bool:
        wide, boxes_N4 = text_width(text, size), np.array(taken)
        for far in reach:
            for side, gap, down in _PLACES:
                across = gap + side * wide
                x = spot[0] + across + np.sign(across + wide / 2) * far
                y = spot[1] + down + (-far if down < 0 else far if down > 5 else 0)
                box = np.array([x - 1, y - size + 1, x + wide + 1, y + 3])
                inside = box[0] > 22 and box[2] < _WIDTH - 8 and box[1] > _TOP + 12 and box[3] < _HEIGHT - 32
                apart = (box[2:] < boxes_N4[:, :2]) | (box[:2] > boxes_N4[:, 2:])
                if inside and apart.any(1).all():
                    taken.append(box)
                    if far and leader:
                        end = np.clip(spot, box[:2], box[2:])
                        sheet.line([spot[0], end[0]], [spot[1], end[1]], weight=0.75, zorder=1)
                    sheet.text(x, y, text, size=size, **halo, **options)
                    return True
        return False

    if len(groups) > 1:
        for group in groups:
            own_N2 = spots_N2[[(point.get("group") or "") == group for point in points]]
            highest = own_N2[own_N2[:, 1].argmin()] - [0, 10]
            name, look = clip(legible(group, spaces=False), 30), {"colour": ACCENT, "weight": "bold"}
            put(name, highest, 12, (4, 12, 24, 40), leader=False, **look)
    named = [
        put(clip(legible(point["token"], spaces=" " not in point["token"].strip()), 24), spot, 11, (0, 8, 16, 26, 38))
        for point, spot in _few(points, spots_N2)
    ]
    left_out = len(points) - sum(named)
    if left_out:
        note = f"{counted(left_out, 'name')} left out: no room for them"
        sheet.text(_WIDTH - 20, _TOP + 8, note, size=11, colour=MUTED, ha="right")


def _few(points: list[dict[str, Any]], spots_N2: npt.NDArray[Any]) -> list[tuple[dict[str, Any], Any]]:
    step = max(1, len(points) // _NAMED)
    return list(zip(points, spots_N2, strict=True))[::step]

"""Two models on one text: surprisal segment by segment, heads by relative depth, and the heads most alike.

A is drawn filled and solid, B hollow and dashed, on the page as well. Axis letters: C cells of the text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cutaway.views.figures.heat import WEIGHT_TICKS, colour_bar, maps_of
from cutaway.views.figures.style import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    SHEET,
    Sheet,
    clip,
    last_part,
    legible,
    ramp,
    text_width,
)

_WIDTH, _LEFT = 1100, 20
_BARS, _LABELS, _SLOTS = 120, 70, 60  # pixels of the bars, of the words under them; segments drawn
_PLOT, _ACROSS = (340, 150), 3
_MAP = 76
_MEANS = {
    "entropy_bits": "entropy, bits",
    "distance": "distance, tokens",
    "sink": "to the first token",
    "previous": "to the previous token",
    "duplicate": "to an earlier copy of the token",
    "induction": "after an earlier copy of the token",
}


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.comparison/1` record."""
    names = _names(record)
    scored = [side for side in "ab" if any(part[f"bits_{side}"] is not None for part in record["segments"])]
    shown = [name for name in _MEANS if any(layer[name] is not None for s in "ab" for layer in record[s]["depths"])]
    strip = _BARS + _LABELS + 40 if scored else 0
    plots = math.ceil(len(shown) / _ACROSS) * (_PLOT[1] + 14) + 30
    maps = _MAP + 110 if record["pairs"] else 0
    sheet = Sheet(_WIDTH, 100 + strip + plots + maps, f"Comparison of {names[0]} and {names[1]}")
    sizes = "; ".join(f"{letter} {_size(record[side])}" for letter, side in zip("AB", "ab", strict=True))
    sheet.heading("Comparison", f"{names[0]} and {names[1]}", sizes)
    sheet.text(_LEFT, 60, f"“{clip(legible(record['text'], spaces=False), 110)}”", size=11, colour=MUTED)
    x = _LEFT + 0.0
    for which in (0, 1):
        _mark(sheet, [x, x + 30], [80, 80], which)
        sheet.text(x + 38, 84, f"{'AB'[which]} {names[which]}", size=12)
        x += 70 + text_width(f"A {names[which]}", 12)
    top = 100.0
    if scored:
        _strip(sheet, record, scored, top)
    for index, name in enumerate(shown):
        across, down = index % _ACROSS, index // _ACROSS
        place = (_LEFT + across * (_PLOT[0] + 20), top + strip + 16 + down * (_PLOT[1] + 14))
        _plot(sheet, record, name, place)
    sheet.text(_LEFT, top + strip + 6, "Heads by relative depth: means over a layer's heads", size=11, colour=MUTED)
    if record["pairs"]:
        _pairs(sheet, record, top + strip + plots)
    return sheet


def _size(side: dict[str, Any]) -> str:
    return f"{side['parameters']:,} parameters, {side['layers']} layers × {side['heads_per_layer']} heads"


def _names(record: dict[str, Any]) -> list[str]:
    names = [clip(legible(last_part(record[s]["name"]), spaces=False), 40) for s in "ab"]
    return names if names[0] != names[1] else [f"{names[0]} (first)", f"{names[1]} (second)"]


def _ticks(most: float) -> list[float]:
    """Return round numbers from 0 to the first that is not below `most`, two to four steps."""
    power = 10.0 ** math.floor(math.log10(most or 1))
    step = next(some * power for some in (0.5, 1, 2, 5) if most <= 4 * some * power)
    return [round(i * step, 10) for i in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def _mark(sheet: Sheet, xs: list[float], ys: list[float], which: int) -> None:
    style: dict[str, Any] = {"marker": "o", "markersize": 2.6, "markeredgewidth": 0.8}
    if which:
        sheet.line(xs, ys, colour=ACCENT, weight=1.2, linestyle=(0, (4, 2)), markerfacecolor=SHEET, **style)
    else:
        sheet.line(xs, ys, colour=INK, weight=1.2, **style)


def _strip(sheet: Sheet, record: dict[str, Any], scored: list[str], top: float) -> None:
    """Draw the surprisal of the first segments, a bar a model."""
    parts = record["segments"][:_SLOTS]
    slot = min(46.0, (_WIDTH - 2 * _LEFT - 30) / len(parts))
    ticks = _ticks(max((part[f"bits_{side}"] or 0 for part in parts for side in scored), default=0))
    most = ticks[-1]
    left, foot = _LEFT + 30.0, top + 24 + _BARS
    more = len(record["segments"]) - len(parts)
    cut = f"; the first {len(parts)} of {len(record['segments']):,}" if more else ""
    sheet.text(_LEFT, top + 12, f"Surprisal of each segment, bits{cut}", size=11, colour=MUTED)
    axes = sheet.axes(left, top + 24, slot * len(parts), _BARS)
    axes.set_xlim(0, len(parts))
    axes.set_ylim(0, most)
    wide = 0.8 / len(scored)
    for at, side in enumerate(scored):
        known = [(i, part[f"bits_{side}"]) for i, part in enumerate(parts) if part[f"bits_{side}"] is not None]
        style = {"facecolor": "#61656f"} if side == "a" else {"facecolor": SHEET, "edgecolor": ACCENT, "linewidth": 0.8}
        lefts = [i + 0.1 + at * wide for i, _ in known]
        axes.bar(lefts, [value for _, value in known], wide * 0.92, align="edge", **style)
    sheet.rules(ticks, left, left + slot * len(parts), lambda value: foot - _BARS * value / most)
    turn: dict[str, Any] = {"rotation": 55, "rotation_mode": "anchor", "ha": "right", "va": "center"}
    for i, part in enumerate(parts):
        x = left + (i + 0.5) * slot
        sheet.text(x, foot + 8, clip(legible(part["text"]), 10), size=10, **turn)


def _plot(sheet: Sheet, record: dict[str, Any], name: str, place: tuple[float, float]) -> None:
    """Draw one statistic of both models over relative depth, the lines named at their ends."""
    (left, top), (wide, high) = place, _PLOT
    x0, x1, y0, y1 = left + 34, left + wide - 24, top + 28, top + high - 22
    lines = [[(e["depth"], e[name]) for e in record[side]["depths"] if e[name] is not None] for side in "ab"]
    least = 1.0 if name in {"entropy_bits", "distance"} else 0.05
    ticks = _ticks(max([least, *(value for line in lines for _, value in line)]))
    most = ticks[-1]
    sheet.text(left, top + 16, _MEANS[name], size=12, weight="bold")
    sheet.rules(ticks, x0, x1, lambda value: y1 - (y1 - y0) * value / most)
    for depth in (0, 0.5, 1):
        sheet.text(x0 + depth * (x1 - x0), y1 + 14, f"{depth:g}", size=10, colour=MUTED, ha="center")
    ends = []
    for which, line in enumerate(lines):
        if not line:
            note = f"{'AB'[which]}: no token comes twice"
            sheet.text(x0 + 6, y1 - 6 - 13 * which, note, size=10, colour=MUTED)
            continue
        ys = [y1 - (y1 - y0) * value / most for _, value in line]
        _mark(sheet, [x0 + depth * (x1 - x0) for depth, _ in line], ys, which)
        ends.append((ys[-1], which))
    ends.sort()
    if len(ends) == 2 and ends[1][0] - ends[0][0] < 12:
        middle = (ends[0][0] + ends[1][0]) / 2
        ends = [(middle - 6, ends[0][1]), (middle + 6, ends[1][1])]
    for y, which in ends:
        sheet.text(x1 + 8, y + 4, "AB"[which], size=12, colour=(INK, ACCENT)[which], weight="bold")


def _pairs(sheet: Sheet, record: dict[str, Any], top: float) -> None:
    """Draw the maps of the heads most alike, A's beside B's."""
    mean = f"all pairs {record['similarity_mean']:.3f} on average"
    sheet.text(_LEFT, top + 6, f"Heads most alike, A beside B, and their similarity ({mean})", size=11, colour=MUTED)
    for i, pair in enumerate(record["pairs"][:6]):
        x = _LEFT + i * (2 * _MAP + 24)
        for at, side in enumerate("ab"):
            maps = maps_of(record[f"maps_{side}"])
            shade_CC = np.sqrt(maps.layer(i)[0] / 255)
            if maps.layout == "lower":
                shade_CC = np.where(np.tri(maps.rows) > 0, shade_CC, np.nan)
            sheet.picture(x + at * (_MAP + 4), top + 16, _MAP, _MAP, ramp(shade_CC))
            sheet.box(x + at * (_MAP + 4), top + 16, _MAP, _MAP, colour=LINE, weight=0.75)
        a, b = (f"{layer}.{head}" for layer, head in (pair["a"], pair["b"]))
        sheet.text(x, top + _MAP + 32, f"A {a} · B {b}   {pair['similarity']:.3f}", size=11)
    colour_bar(sheet, (_LEFT, top + _MAP + 52), ramp, WEIGHT_TICKS, "share of a row's attention (shade: square root)")

"""Measures of a model beside baselines: a panel a measure, with 95 % intervals; labels and numbers on a diagonal."""

from __future__ import annotations

import math
from typing import Any

from cutaway.views.figures.style import ACCENT, INK, LINE, MUTED, TINT, Sheet, clip, legible, number, text_width

_WIDE, _ROW, _GAP, _ACROSS = 330.0, 20.0, 30.0, 2
_SIDE = 250.0
_NAME = 24  # letters of a name that have room


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.evaluation/1` or a `cutaway.sample_evaluation/1` record."""
    panels = [(note, _entries(record, note)) for note in record["about"]]
    high = max(len(entries) for _, entries in panels) * _ROW + 64
    rows = math.ceil(len(panels) / _ACROSS)
    lines = _wrapped(record["verdict"], 2 * _WIDE + _GAP)
    top = 62 + 16 * len(lines)
    bins, points = record.get("calibration", []), record.get("points", [])
    height = top + rows * high + (_SIDE + 86 if bins or points else 0) + 10
    sheet = Sheet(2 * _WIDE + _GAP + 40, height, f"Evaluation of {record['model']}")
    hint = f"{record['data']}: {record['n']:,} {record['units']}. Dots: values, with 95 % intervals. Red: the model."
    sheet.heading("Evaluation", record["model"], hint)
    for i, line in enumerate(lines):
        sheet.text(20, 66 + 16 * i, line, size=12, weight="bold")
    for i, (note, entries) in enumerate(panels):
        place = (20 + (i % _ACROSS) * (_WIDE + _GAP), top + (i // _ACROSS) * high)
        _panel(sheet, note, entries, place)
    if bins or points:
        _square(sheet, top + rows * high + 10, bins, [] if bins else points)
    return sheet


def _entries(record: dict[str, Any], note: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the model's value and those of the baselines that have one, the best first."""
    others = [(name, found[note["key"]]) for name, found in record["baselines"].items() if note["key"] in found]
    wanted = dict(others).get("test", {}).get("value")

    def far(value: float | None) -> float:
        if value is None:
            return math.inf
        return abs(value - wanted) if note["better"] == "test" else -value if note["better"] == "higher" else value

    others.sort(key=lambda one: far(one[1]["value"]))
    return [(record["model"], record["metrics"][note["key"]]), *others]


def _panel(
    sheet: Sheet, note: dict[str, Any], entries: list[tuple[str, dict[str, Any]]], place: tuple[float, float]
) -> None:
    x0, y0 = place
    better = "best near the test" if note["better"] == "test" else f"{note['better']} is better"
    title = clip(legible(note["title"], spaces=False), 28)
    sheet.text(x0, y0 + 12, title, size=11.5, weight="bold")
    sheet.text(x0 + text_width(title, 13) + 10, y0 + 12, better, size=10, colour=MUTED)
    names = [clip(legible(name, spaces=False), _NAME) for name, _ in entries]
    left = x0 + max(text_width(name, 11) for name in names) + 12
    right, foot = x0 + _WIDE - 56, y0 + 22 + len(entries) * _ROW
    known = [v for _, one in entries for v in (one["value"], one["low"], one["high"]) if v is not None]
    sheet.line([left, left, right], [y0 + 20, foot, foot], colour=INK)
    if not known:
        return
    far = note["key"].startswith("bits") or note["key"].endswith("perplexity")
    log = far and min(known) > 0 and max(known) / min(known) > 5
    bend = math.log if log else float
    ends = bend(min(known)), bend(max(known))
    air = ((ends[1] - ends[0]) or abs(ends[1]) or 1) * 0.06

    def x(value: float) -> float:
        return left + 6 + (bend(value) - ends[0] + air) / (ends[1] - ends[0] + 2 * air) * (right - left - 12)

    for at in _ticks(ends, log):
        sheet.line([x(at), x(at)], [foot, foot + 4], colour=INK)
        sheet.text(x(at), foot + 15, _shown(at), size=9.5, colour=MUTED, ha="center")
    for i, ((_, one), name) in enumerate(zip(entries, names, strict=True)):
        y, paint = y0 + 20 + (i + 0.5) * _ROW, INK if i else ACCENT
        sheet.text(left - 8, y + 4, name, size=11, colour=paint, ha="right")
        if one["value"] is None:
            sheet.text(x0 + _WIDE, y + 4, "–", size=10.5, colour=MUTED, ha="right")
            continue
        if one["low"] is not None:
            sheet.line([x(one["low"]), x(one["high"])], [y, y], colour=paint)
        sheet.line([x(one["value"])], [y], colour=paint, marker="o", markersize=4.5 if i else 5.5, linestyle="none")
        sheet.text(x0 + _WIDE, y + 4, _shown(one["value"]), size=10.5, colour=paint if not i else MUTED, ha="right")


def _square(sheet: Sheet, top: float, bins: list[dict[str, Any]], points: list[dict[str, Any]]) -> None:
    """Draw probabilities against how often they came true, or true numbers against predicted ones."""
    left, foot = 80.0, top + 36 + _SIDE
    values = [v for one in points for v in (one["truth"], one["predicted"])] or [0.0, 1.0]
    low = float(min(values))
    span = float(max(values)) - low or 1.0

    def x(value: float) -> float:
        return left + (value - low) / span * _SIDE

    def y(value: float) -> float:
        return foot - (value - low) / span * _SIDE

    title = "Do its probabilities come true? If they do" if bins else "Each record. If the model is right"
    sheet.text(20, top + 8, f"{title}, the dot is on the diagonal.", size=11.5, weight="bold")
    sheet.box(left, foot - _SIDE, _SIDE, _SIDE, colour=TINT)
    sheet.line([left, left, left + _SIDE], [foot - _SIDE, foot, foot], colour=INK)
    sheet.line([x(low), x(low + span)], [y(low), y(low + span)], colour=LINE)
    for at in _ticks((low, low + span), log=False):
        shown = f"{100 * at:.0f} %" if bins else _shown(at)
        sheet.text(left - 7, y(at) + 4, shown, size=9.5, colour=MUTED, ha="right")
        sheet.text(x(at), foot + 15, shown, size=9.5, colour=MUTED, ha="center")
    most = max((one["count"] for one in bins), default=1)
    for one in bins:
        at, up = x(one["confidence"]), y(one["right"])
        sheet.line([at, at], [y(one["confidence"]), up], colour=ACCENT, weight=1.5)
        sheet.line([at], [up], colour=INK, marker="o", markersize=3 + 6 * math.sqrt(one["count"] / most))
    if points:
        looks: dict[str, Any] = {"marker": "o", "markersize": 2.6, "linestyle": "none", "alpha": 0.6}
        sheet.line([x(one["truth"]) for one in points], [y(one["predicted"]) for one in points], colour=INK, **looks)
    first, second = "probability that the model gave", "share that came true"
    if points:
        first, second = "true number", "what the model says"
    sheet.text(left + _SIDE, foot + 32, f"{first} →", size=10.5, colour=MUTED, ha="right")
    sheet.text(left + 8, foot - _SIDE - 6, f"↑ {second}", size=10.5, colour=MUTED)


def _ticks(ends: tuple[float, float], log: bool) -> list[float]:
    if log:
        powers = range(math.floor(ends[0] / math.log(10)), math.ceil(ends[1] / math.log(10)) + 1)
        marks = [m * 10.0**power for power in powers for m in (1, 2, 5)]
        inside = [mark for mark in marks if ends[0] <= math.log(mark) <= ends[1]]
        return inside[:: math.ceil(len(inside) / 5)] if inside else []
    rough = (ends[1] - ends[0]) / 3 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(ends[0] / size - 1e-9)
    return [round(at * size, 9) for at in range(first, math.floor(ends[1] / size + 1e-9) + 1)]


def _shown(value: float) -> str:
    size = abs(value)
    if size >= 1e5 or size == 0 or size == int(size):
        return f"{value:.3g}".replace("-", "−").replace("e+0", "e").replace("e+", "e")
    return number(value) if size >= 10 else f"{value:.3f}".rstrip("0").replace("-", "−")


def _wrapped(text: str, room: float) -> list[str]:
    lines, line = list[str](), ""
    for word in legible(text, spaces=False).split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, 13.4) > room:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line][:4]

"""Legibility against each setting: a row of small plots a setting, one plot a measure, means with 95 % intervals."""

from __future__ import annotations

import math
from typing import Any

from cutaway.errors import counted
from cutaway.views.figures.style import (
    ACCENT,
    GROUPS,
    INK,
    LINE,
    MUTED,
    Sheet,
    clip,
    last_part,
    legible,
    number,
    text_width,
)

# The measures that a figure has room for, the most telling first, and their names on it.
_SHOWN = {
    "scorer_perplexity": "surprise", "perplexity": "perplexity to itself", "dictionary_words": "dictionary words",
    "repeated_4grams": "repeated 4-grams", "self_bleu": "self-BLEU", "reading_ease": "reading ease",
    "finished": "finished",
}  # fmt: skip
_ACROSS, _WIDE, _HIGH, _GAP = 5, 186.0, 150.0, 22.0
_MARKS = [("o", True), ("s", False), ("^", True), ("D", False)]
_MODELS = 4  # lines a plot can tell apart


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.sweep/1` record."""
    measures = {measure["key"]: measure for measure in record["measures"]}
    present = {effect["measure"] for effect in record["effects"]}
    keys = [key for key in _SHOWN if key in present and not (key == "perplexity" and "scorer_perplexity" in present)]
    keys = keys[:_ACROSS]
    settings = list(record["swept"]) if keys else []
    width = 40 + _ACROSS * _WIDE + (_ACROSS - 1) * _GAP
    said = [
        (line, i > 0 and not sentence.startswith(("Measured", "No clear", "In brackets")))
        for i, sentence in enumerate(record["summary"])
        for line in _wrapped(sentence, width - 40)
    ][:20]
    models = record["models"][:_MODELS] if len(record["models"]) > 1 else []
    top = 62 + 15 * len(said) + (22 if models else 0)
    sheet = Sheet(width, top + (_HIGH + 46) * len(settings) + 22, f"Sweep of {record['model']}")
    runs = counted(len(record["runs"]) or sum(c["runs"] for c in record["cells"]), "run")
    sheet.heading(
        "Sweep", record["model"], f"{runs}. Dots: means, with 95 % intervals. Red: clearly other than the first."
    )
    for i, (line, found) in enumerate(said):
        sheet.text(20, 64 + 15 * i, line, size=11, weight="bold" if found else "normal")
    if models:
        _key(sheet, models, 60 + 15 * len(said))
    for band, setting in enumerate(settings):
        y = top + band * (_HIGH + 46)
        sheet.text(20, y + 14, f"against {setting.replace('_', ' ')}", size=12, weight="bold")
        for i, key in enumerate(keys):
            place = (20 + i * (_WIDE + _GAP), y + 24)
            _plot(sheet, record, setting, measures[key], place, models if setting != "model" else [])
    if record.get("scorer"):
        note = f"surprise: perplexity to {record['scorer']}, on a logarithmic scale"
        sheet.text(20, sheet.height - 12, clip(legible(note, spaces=False), 110), size=11, colour=MUTED)
    return sheet


def _plot(
    sheet: Sheet, record: dict[str, Any], setting: str, measure: dict[str, Any], place: tuple[float, float], models: Any
) -> None:
    effects = [e for e in record["effects"] if e["setting"] == setting and e["measure"] == measure["key"]]
    lines = [e for e in effects if e["model"] in models] if models else [e for e in effects if e["model"] is None]
    points = [v for e in lines for level in e["levels"] for v in (level["mean"], level["low"], level["high"])]
    values = [value for value in points if value is not None]
    x0, y0 = place
    left, right, high, low = x0 + 36, x0 + _WIDE - 6, y0 + 22, y0 + _HIGH - 22
    sheet.text(x0, y0 + 10, _SHOWN[measure["key"]], size=11)
    if not values:
        sheet.line([left, left, right], [high, low, low], colour=INK)
        return
    scale = math.log if measure["log"] else float
    ends = (scale(max(1e-9, min(values))) if measure["log"] else min(values), scale(max(values)))
    if measure["unit"] == "share":
        ends = (max(-0.02, min(0.0, ends[0])), min(1.02, max(ends[1], 0.05)))
    span = (ends[1] - ends[0]) or 1.0

    def y(value: float) -> float:
        inside = scale(max(value, 1e-9)) if measure["log"] else value
        return low - 4 - (min(max(inside, ends[0]), ends[1]) - ends[0]) / span * (low - high - 10)

    marks = {
        at: f"{100 * at:.0f} %" if measure["unit"] == "share" else number(at) if at < 1000 else f"{at:,.0f}"
        for at in _ticks(ends, measure["log"])
    }
    left = max(left, x0 + 9 + max((text_width(shown, 9.5) for shown in marks.values()), default=0))
    sheet.line([left, left, right], [high, low, low], colour=INK)
    for at, shown in marks.items():
        sheet.line([left - 4, left], [y(at), y(at)], colour=INK)
        sheet.text(left - 7, y(at) + 4, shown, size=9.5, colour=MUTED, ha="right")
    levels = lines[0]["levels"]
    step = (right - left) / len(levels)
    for i, level in enumerate(levels):
        every = math.ceil(max(text_width(_level(one["value"]), 9.5) for one in levels) / (step - 4))
        if i % max(1, every) == 0:
            sheet.text(left + (i + 0.5) * step, low + 14, _level(level["value"]), size=9.5, colour=MUTED, ha="center")
    for which, effect in enumerate(lines):
        aside = (which - (len(lines) - 1) / 2) * 5
        xs = [left + (i + 0.5) * step + aside for i in range(len(levels))]
        known = [(x, level) for x, level in zip(xs, effect["levels"], strict=True) if level["mean"] is not None]
        colour = GROUPS[which] if models else INK
        if setting != "model":
            sheet.line([x for x, _ in known], [y(lv["mean"]) for _, lv in known], colour=LINE)
        clear = {change["to"] for change in effect["changes"] if change["clear"]}
        for x, level in known:
            if level["low"] is not None:
                sheet.line([x, x], [y(level["low"]), y(level["high"])], colour=colour)
            mark, filled = _MARKS[which % len(_MARKS)]
            paint = ACCENT if level["value"] in clear else colour
            looks: dict[str, Any] = {"marker": mark, "markersize": 4.5, "linestyle": "none"}
            sheet.line([x], [y(level["mean"])], colour=paint, markerfacecolor=paint if filled else "none", **looks)


def _key(sheet: Sheet, models: list[str], y: float) -> None:
    x = 20.0
    for which, model in enumerate(models):
        mark, filled = _MARKS[which]
        colour = GROUPS[which]
        looks: dict[str, Any] = {"marker": mark, "markersize": 5, "linestyle": "none"}
        sheet.line([x + 5], [y], colour=colour, markerfacecolor=colour if filled else "none", **looks)
        name = clip(legible(_level(model), spaces=False), 40)
        sheet.text(x + 14, y + 4, name, size=11)
        x += 34 + text_width(name, 11)


def _ticks(ends: tuple[float, float], log: bool) -> list[float]:
    if log:
        powers = range(math.floor(ends[0] / math.log(10)) - 1, math.ceil(ends[1] / math.log(10)) + 1)
        marks = [m * 10.0**power for power in powers for m in (1, 2, 5)]
        inside = [mark for mark in marks if ends[0] - 1e-9 <= math.log(mark) <= ends[1] + 1e-9]
        tens = [mark for mark in inside if math.isclose(math.log10(mark) % 1, 0, abs_tol=1e-9)]
        found = tens if len(tens) > 2 else inside
        if len(found) < 2:
            return _ticks((math.exp(ends[0]), math.exp(ends[1])), log=False)
        return found[:: math.ceil(len(found) / 7)]
    rough = (ends[1] - ends[0]) / 3 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.ceil(ends[0] / size - 1e-9)
    return [round(at * size, 9) for at in range(first, math.floor(ends[1] / size + 1e-9) + 1)]


def _level(value: Any) -> str:
    if isinstance(value, str):
        return clip(last_part(value) if value[:1] in {"/", "."} else value, 18)
    return "off" if value is None else ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"


def _wrapped(text: str, room: float) -> list[str]:
    lines, line = list[str](), ""
    for word in legible(text, spaces=False).split():
        longer = f"{line} {word}".strip()
        if line and text_width(longer, 11) > 0.94 * room:  # bold letters are wider
            lines.append(line)
            longer = clip(word, 120)
        line = longer
    return [*lines, line]

"""How a series goes on: for each channel its last numbers, the model's fan, and the baselines' outer quantiles."""

from __future__ import annotations

import math
from typing import Any, Final

from cutaway.views.figures.style import ACCENT, INK, LINE, MUTED, Sheet, clip, legible, number

_WIDE, _HIGH, _LEFT, _RIGHT = 780.0, 210.0, 64.0, 120.0
_DASHES: Final = ((0, (6, 3)), (0, (2, 3)), (0, (8, 3, 2, 3)))


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.forecast/1` record."""
    channels = record["channels"]
    sheet = Sheet(_WIDE, 64 + len(channels) * _HIGH, f"Forecast by {record['model']}")
    low, high = record["levels"][0], record["levels"][-1]
    hint = (
        f"{record['series']}: red the model, quantiles from {low:.0%} to {high:.0%}; dashed the same without a model."
    )
    sheet.heading("Forecast", record["model"], hint)
    for i, channel in enumerate(channels):
        _panel(sheet, record, channel, 64 + i * _HIGH)
    return sheet


def _panel(sheet: Sheet, record: dict[str, Any], channel: dict[str, Any], top: float) -> None:
    history, fans, horizon = channel["history"], channel["fans"], int(record["horizon"])
    past = len(history) - 1
    shown = [value for value in history if value is not None and not math.isnan(value)]
    shown += [value for fan in fans for level in (0, -1) for value in fan["quantiles"][level]]
    low = float(min(shown))
    span = float(max(shown)) - low or 1.0
    head, foot, right = top + 22, top + _HIGH - 34, _WIDE - _RIGHT

    def x(at: float) -> float:
        return _LEFT + (at + past) / (past + horizon) * (right - _LEFT)

    def y(value: float) -> float:
        return foot - (value - low + 0.05 * span) / (1.1 * span) * (foot - head)

    sheet.text(20, top + 12, clip(legible(channel["name"], spaces=False), 60), size=11.5, weight="bold")
    for value in _ticks(low, low + span, 4):
        sheet.line([_LEFT, right], [y(value)] * 2, weight=0.5, linestyle=(0, (1, 4)))
        sheet.text(_LEFT - 6, y(value) + 4, number(value), size=10, colour=MUTED, ha="right")
    sheet.line([_LEFT, right], [foot, foot], colour=INK)
    for at in _ticks(-past, horizon, 8):
        sheet.line([x(at)] * 2, [foot, foot + 4], colour=INK)
        sheet.text(x(at), foot + 16, f"{at:+g}".replace("-", "−") if at else "0", size=10, colour=MUTED, ha="center")
    sheet.text(right + 10, foot + 16, f"{record['step']}s", size=10, colour=MUTED)
    sheet.line([x(0), x(0)], [head, foot], colour=LINE)
    known = [(x(t - past), y(value)) for t, value in enumerate(history) if value is not None and not math.isnan(value)]
    ahead = [x(h + 1) for h in range(horizon)]
    model, *others = fans
    axes = sheet.axes(0, 0, sheet.width, sheet.height)
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(sheet.height, 0)
    for q in range(len(model["quantiles"]) // 2):
        lower, upper = model["quantiles"][q], model["quantiles"][-1 - q]
        begin = [known[-1][1]]
        axes.fill_between(
            [x(0), *ahead],
            begin + [y(v) for v in lower],
            begin + [y(v) for v in upper],
            color=ACCENT,
            alpha=0.13,
            linewidth=0,
        )
    sheet.line([at for at, _ in known], [at for _, at in known], colour=INK)
    middle = model["quantiles"][len(model["quantiles"]) // 2]
    sheet.line([x(0), *ahead], [known[-1][1], *(y(value) for value in middle)], colour=ACCENT, weight=1.5)
    for i, fan in enumerate(others):
        for level in (0, -1):
            values = [y(value) for value in fan["quantiles"][level]]
            sheet.line(ahead, values, colour=INK, weight=0.8, linestyle=_DASHES[i % len(_DASHES)])
    _names(sheet, fans, right, y, foot)


def _names(sheet: Sheet, fans: list[dict[str, Any]], right: float, y: Any, foot: float) -> None:
    """Name each forecast at the right, with a leader to the end of its upper line."""
    before = 0.0
    ends = sorted((y(fan["quantiles"][-1][-1]), i) for i, fan in enumerate(fans))
    for at, i in ends:
        before = min(max(at, before + 14), foot)
        sheet.line([right + 2, right + 10], [at, before])
        style: dict[str, Any] = {"linestyle": _DASHES[(i - 1) % len(_DASHES)]} if i else {}
        sheet.line([right + 12, right + 30], [before, before], colour=INK if i else ACCENT, **style)
        name = clip(legible(fans[i]["by"], spaces=False), 12) if i else "model"
        sheet.text(right + 34, before + 4, name, size=10.5, colour=INK if i else ACCENT)


def _ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return round numbers from low to high, about so many."""
    rough = (high - low) / wanted or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(size for size in (power, 2 * power, 5 * power, 10 * power) if size >= rough * (1 - 1e-9))
    return [at * size for at in range(math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9) + 1)]

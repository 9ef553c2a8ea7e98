"""A forecast in a terminal: for each channel the median and the interval of every step, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import fact_table, new_table, shorten, visible

if TYPE_CHECKING:
    from cutaway.prediction import Fan, Forecast

_SPARKS = "▁▂▃▄▅▆▇█"


def forecast(result: Forecast) -> RenderableType:
    """Draw what was read, a table of every channel, and how each forecast was made."""
    title = f"{counted(result.horizon, result.step)} after the end of {result.series}"
    parts: list[RenderableType] = [Text(visible(title), style="bold")]
    for channel in result.channels:
        last = channel.history
        parts += ["", Text(f"{visible(channel.name)}  {_sparks(last)}  last {_number(last[-1])}")]
        table = new_table(f">{result.step}", *(f">{shorten(visible(fan.by), 30)}" for fan in channel.fans))
        for h in range(result.horizon):
            table.add_row(f"+{h + 1}", *(_cell(fan, h) for fan in channel.fans))
        parts.append(table)
    low, high = result.levels[0], result.levels[-1]
    said = f"median [{low:.0%} to {high:.0%} quantile]" if len(result.levels) > 1 else f"{low:.0%} quantile"
    facts = [*result.made.items(), *(("note", note) for note in result.notes)]
    return Group(*parts, Text(said, style="dim"), "", fact_table(facts))


def _cell(fan: Fan, h: int) -> str:
    """Return the middle quantile of a step, and the outer ones around it."""
    middle = fan.quantiles[len(fan.quantiles) // 2][h]
    if len(fan.quantiles) == 1:
        return _number(middle)
    return f"{_number(middle)} [{_number(fan.quantiles[0][h])}, {_number(fan.quantiles[-1][h])}]"


def _sparks(values: list[float]) -> str:
    known = [value for value in values if value == value]
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if x != x else _SPARKS[min(7, int((x - low) / span * 8))] for x in values)


def _number(value: float) -> str:
    digits = 1 if abs(value) < 1000 else 0
    return f"{value + 0.0 if round(value, digits) else 0.0:,.{digits}f}".replace("-", "−")

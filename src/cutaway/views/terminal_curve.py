"""A loss curve in a terminal, drawn with Braille dots: two across and four down in each character."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a column, from the top
_BLANK = 0x2800
_SETTLED = 0.05  # the first steps may lie above the drawing: all that follows would be flat otherwise

Points = Sequence[tuple[float, float]]


def loss_unit(objective: str) -> tuple[float, str]:
    """Return by what a loss is multiplied to be shown, and its unit then."""
    if objective == "numbers":
        return 1.0, "squared error, in variances of the numbers"
    each = {"masked": "hidden token", "classes": "label"}.get(objective, "token")
    return 1 / math.log(2), f"bits per {each}"


def loss_curve(
    learned: Points, checked: Points, floor: float | None, unit: str, *, width: int = 72, height: int = 8
) -> Text:
    """Draw losses over steps: `learned` on the training data as a line, `checked` on held-out data as circles.

    All values are in the unit that is named. The floor is a dashed line.
    """
    axis = 7
    across, down = 2 * max(8, width - axis - 1), 4 * height
    end = max([x for x, _ in (*learned, *checked)], default=1.0) or 1.0
    line = _columns(learned, across, end)
    settled = [y for x, y in enumerate(line) if y is not None and x >= _SETTLED * across]
    values = [*settled, *(y for x, y in checked if x >= _SETTLED * end)] or [y for _, y in (*learned, *checked)]
    if floor is not None:
        values = [*values, floor]
    top, low = max(values, default=1.0), min(values, default=0.0)
    low = 0.0 if low < 0.25 * top else low - 0.05 * (top - low)
    top = top if top > low else low + 1.0
    cells = [[_BLANK] * (across // 2) for _ in range(height)]

    def row(value: float) -> int:
        return max(0, min(down - 1, round((down - 1) * (top - value) / (top - low))))

    points = [(x, value) for x, value in enumerate(line) if value is not None]
    for (x0, y0), (x1, y1) in zip(points[:1] + points, points, strict=False):
        before = row(y0)
        for x in range(min(x0 + 1, x1), x1 + 1):
            here = row(y1 if x == x1 else y0 + (y1 - y0) * (x - x0) / (x1 - x0))
            for dot in range(min(before, here), max(before, here) + 1):
                cells[dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
            before = here
    drawn = [[chr(cell) if cell != _BLANK else " " for cell in one] for one in cells]
    marks: list[tuple[int, int]] = []
    if floor is not None:
        level = row(floor) // 4
        drawn[level] = ["┄" if cell == " " else cell for cell in drawn[level]]
    apart = -(-len(checked) // (across // 8))
    for place, loss in checked[(len(checked) - 1) % apart :: apart] if checked else ():
        marks.append((row(loss) // 4, min(across // 2 - 1, int(place / end * (across // 2)))))
        drawn[marks[-1][0]][marks[-1][1]] = "○"
    names = {0: f"{top:.2f}", height - 1: f"{low:.2f}"}
    legend = [unit, *([] if floor is None else [f"┄ floor {floor:.2f}"]), "○ held out", "⠒ training data"]
    lines = [Text(in_lines(legend, width).plain.partition("\n")[0], style="dim")]  # what does not fit is left out
    for number, cells_ in enumerate(drawn):
        text = Text(f"{names.get(number, ''):>{axis - 1}} ┤{''.join(cells_)}")
        text.stylize("dim", 0, axis + 1)
        for _, at in (mark for mark in marks if mark[0] == number):
            text.stylize("bold", axis + 1 + at, axis + 2 + at)
        lines.append(text)
    last = f"step {end:,.0f}"
    lines.append(Text(f"{'':{axis - 1}} 0{last:>{across // 2 - 1}}", style="dim"))
    return Text("\n").join(lines)


def in_lines(facts: Sequence[str], width: int) -> Text:
    """Return short facts side by side, in as many lines as they need; none is broken."""
    lines = [""]
    for fact in facts:
        longer = f"{lines[-1]}   {fact}" if lines[-1] else fact
        if len(longer) > width and lines[-1]:
            lines.append(fact)
        else:
            lines[-1] = longer
    return Text("\n".join(lines))


def _columns(points: Points, count: int, end: float) -> list[float | None]:
    """Return the mean of the points that fall into each of `count` columns, None for a column without any."""
    sums, found = [0.0] * count, [0] * count
    for x, y in points:
        at = min(count - 1, int(x / end * count))
        sums[at] += y
        found[at] += 1
    return [total / n if n else None for total, n in zip(sums, found, strict=True)]

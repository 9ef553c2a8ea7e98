"""What a model wrote, as a strip of coloured tokens, and how surprise and doubt went along it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from cutaway.errors import counted
from cutaway.views.figures.style import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    Sheet,
    clip,
    legible,
    number,
    ramp,
    text_width,
)

_WIDTH, _LEFT, _LINE, _SIZE = 1000, 60, 24, 11.5  # pixels: the sheet, the axis, a line of text, its letters
_MOST = 600  # tokens drawn
_TALL = 150


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.generation/1` record; with entropies if it was traced."""
    pieces = [legible(piece) for piece in record["tokens"][:_MOST]]
    bits = [math.nan if value is None else -value / math.log(2) for value in record["logprobs"][:_MOST]]
    places, lines = _set(pieces)
    prompt = clip(legible(record["prompt"], spaces=False), 130)
    top = 76
    under = top + lines * _LINE + 34
    sheet = Sheet(_WIDTH, under + _TALL + 62, f"What {record['model']} wrote")
    hint = "Shades: the surprisal of each token, from 0 to 16 bits; the lines below show it along the text."
    sheet.heading("Generation", record["model"], hint)
    sheet.text(20, 62, f"after “{prompt}”", size=11, colour=MUTED)
    shades = ramp(np.clip(np.array(bits) / 16, 0, 1))
    axes = sheet.axes(0, 0, sheet.width, sheet.height)
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(sheet.height, 0)
    for (x, line), piece, shade in zip(places, pieces, shades, strict=True):
        wide, y = text_width(piece, _SIZE) + 6, top + line * _LINE
        axes.add_patch(_box(x, y, wide, _LINE - 4, shade / 255))
        dark = float(shade @ np.array([0.3, 0.59, 0.11])) < 125
        sheet.text(x + 3, y + _LINE - 9, piece, size=_SIZE, colour="#ffffff" if dark else INK)
    _lines(sheet, record, bits, under)
    return sheet


def _set(pieces: list[str]) -> tuple[list[tuple[float, int]], int]:
    """Return where each piece begins and on which line, and how many lines there are."""
    places, x, line = list[tuple[float, int]](), 20.0, 0
    for piece in pieces:
        wide = text_width(piece, _SIZE) + 6
        if x + wide > _WIDTH - 20 and x > 20:
            x, line = 20.0, line + 1
        places.append((x, line))
        x += wide + 1
    return places, line + 1


def _box(x: float, y: float, wide: float, tall: float, colour: Any) -> Any:
    return Rectangle((x, y), wide, tall, facecolor=tuple(colour), edgecolor=LINE, linewidth=0.5)


def _lines(sheet: Sheet, record: dict[str, Any], bits: list[float], top: float) -> None:
    steps = (record.get("trace") or [])[: len(bits)]
    curves: list[tuple[str, list[float], str, Any, float]] = [("surprisal", bits, INK, "solid", 1.4)]
    if steps:
        entropies = [[_known(step[key]) for step in steps] for key in ("entropy_bits", "entropy_after_bits")]
        curves += [("entropy before", entropies[0], ACCENT, "solid", 1.2)]
        curves += [("entropy after", entropies[1], ACCENT, (0, (4, 3)), 1.0)]
    most = max([1.0, *(value for _, values, *_ in curves for value in values if value == value)])
    right = _WIDTH - 130
    slot = (right - _LEFT) / max(1, len(bits))
    xs = [_LEFT + slot * (i + 0.5) for i in range(len(bits))]
    foot = top + _TALL
    size = next(s for s in (1, 2, 5, 10, 20, 50) if most / s <= 5)
    for at in range(0, int(most) + 1, size):
        y = foot - at / most * _TALL
        sheet.line([_LEFT, right], [y, y], weight=1 if at == 0 else 0.5)
        sheet.text(_LEFT - 7, y + 4, str(at), size=10, colour=MUTED, ha="right")
    sheet.text(_LEFT - 7, top - 10, "bits", size=10, colour=MUTED, ha="right")
    low = top - 14.0
    for name, values, colour, style, weight in sorted(curves, key=lambda curve: -_last(curve[1])):
        ys = [foot - value / most * _TALL for value in values]
        sheet.line(xs, ys, colour=colour, weight=weight, linestyle=style)
        low = max(low + 14, foot - _last(values) / most * _TALL + 4)
        sheet.text(right + 8, low, name, size=10.5, colour=colour)
    mean = [value for value in bits if value == value]
    said = (
        f"{counted(len(record['tokens']), 'token')}, {number(sum(mean) / len(mean))} bits per token"
        if mean
        else "no token"
    )
    sheet.text(_LEFT, foot + 24, f"token 1 to {len(bits):,} →", size=10.5, colour=MUTED)
    sheet.text(_LEFT, foot + 42, f"{said}; {_settings(record['settings'])}", size=10.5, colour=MUTED)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _last(values: list[float]) -> float:
    return next((value for value in reversed(values) if value == value), 0.0)


def _settings(settings: dict[str, Any]) -> str:
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty")
    shown = [f"{name.replace('_', '-')} {settings[name]:g}" for name in names if settings.get(name) is not None]
    return ", ".join(shown) or "no sampler"

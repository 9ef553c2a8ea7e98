"""Two runs of training side by side in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.progress import duration
from cutaway.views.terminal_curve import loss_unit
from cutaway.views.terminal_tables import more, new_table, shorten, visible, visible_piece

if TYPE_CHECKING:
    from cutaway.training import RunComparison

_CHECKS = 12  # rows of the table of losses
_DIFFERENCES = 40
_TEXTS = 2


def comparison(result: RunComparison) -> RenderableType:
    """Draw what the two runs show, their facts, what differs, their losses step by step, and what each writes."""
    heads = [f"A  {shorten(visible_piece(result.a.name), 36)}", f"B  {shorten(visible_piece(result.b.name), 36)}"]
    parts: list[RenderableType] = [*(Text(visible(sentence)) for sentence in result.summary), ""]
    parts += [new_table("", *(f">{head}" for head in heads), rows=_facts(result)), ""]
    if result.differences:
        shown = result.differences[:_DIFFERENCES]
        rows = [(one.group, one.name, _said(one.a), _said(one.b)) for one in shown]
        parts += [new_table("what differs", "", "A", "B", rows=rows)]
        parts += [*more(len(result.differences) - len(shown), "differences"), ""]
    parts += [_losses(result), ""]
    for name, side in (("A", result.a), ("B", result.b)):
        if side.samples:
            last = side.samples[-1]
            parts.append(Text(f"{name} writes after step {last.step:,}:", style="dim"))
            parts += [Text(f"  {visible_piece(shorten(text, 200))}") for text in last.texts[:_TEXTS]]
    return Group(*parts)


def _facts(result: RunComparison) -> list[tuple[str, str, str]]:
    factor, unit = loss_unit(result.a.objective)
    sides = (result.a, result.b)
    columns = {
        "data": [shorten(visible_piece(side.source), 36) for side in sides],
        "model": [f"{side.architecture}, {side.parameters:,} parameters" for side in sides],
        "steps": [f"{side.steps:,}, until {side.stopped}" for side in sides],
        "predictions": [f"{side.tokens_seen:,}" for side in sides],
        "time": [duration(side.seconds) for side in sides],
        "machine": [f"{side.ranks} × {side.threads} threads, {side.precision}" for side in sides],
        f"final loss, {unit}": [f"{side.final_loss * factor:.4f}" for side in sides],
        f"best loss, {unit}": [f"{side.best_loss * factor:.4f} (step {side.best_step:,})" for side in sides],
        f"floor, {unit}": ["–" if side.floor is None else f"{side.floor * factor:.4f}" for side in sides],
        "bits per letter or number": [
            "–" if side.bits_per_symbol is None else f"{side.bits_per_symbol:.4f}" for side in sides
        ],
    }
    return [(name, values[0], values[1]) for name, values in columns.items() if values != ["–", "–"]]


def _losses(result: RunComparison) -> RenderableType:
    """Return the held-out losses by step, at most a dozen of them, evenly spread."""
    factor, unit = loss_unit(result.a.objective)
    found = [{point.step: point.loss * factor for point in side.checked} for side in (result.a, result.b)]
    steps = sorted({*found[0], *found[1]})
    apart = max(1, -(-len(steps) // _CHECKS))
    chosen = [step for i, step in enumerate(steps) if (len(steps) - 1 - i) % apart == 0]
    rows = [(f"{step:,}", *("" if step not in one else f"{one[step]:.4f}" for one in found)) for step in chosen]
    return new_table(">step", f">A, held out, {unit}", ">B", rows=rows)


def _said(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return shorten(", ".join(map(_said, value)), 40)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return shorten(visible_piece(f"{value:,}" if whole else str(value)), 40)

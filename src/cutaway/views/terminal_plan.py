"""A plan of a training run in a terminal: the verdict, memory by part, time, and the choices compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.progress import duration
from cutaway.views.terminal_tables import bar, fact_table, new_table

if TYPE_CHECKING:
    from cutaway.training import Plan

_WIDE = 30


def plan(result: Plan) -> RenderableType:
    """Draw what a run needs."""
    parts = new_table("memory of a device", ">at the peak", ">at most", "")
    for part in result.memory:
        length = _WIDE * part.at_peak / max(1, result.peak_bytes)
        parts.add_row(part.name, _size(part.at_peak), _size(part.bytes), bar(length))
    parts.add_row("all at the peak", _size(result.peak_bytes), "", Text(_verdict(result), style="bold"))
    choices = new_table(">rows at once", "layers again", ">memory", "fits", ">tokens/s", "")
    for choice in result.choices:
        choices.add_row(
            f"{choice.micro_batch:,}",
            "yes" if choice.checkpointing else "no",
            _size(choice.peak_bytes),
            "yes" if choice.fits else "no",
            f"{choice.tokens_per_second:,.0f}",
            "taken" if choice.chosen else "",
        )
    assumed = [Text(sentence, style="dim") for sentence in result.assumed]
    return Group(fact_table(_facts(result)), "", parts, "", choices, "", *assumed)


def _facts(result: Plan) -> list[tuple[str, str | Text]]:
    devices = f"{result.count:,} × {result.device}" if result.count > 1 else result.device
    shared = {"full": ", which share the weights (FSDP2)", "none": ", each with a copy of the weights"}
    sent = result.gathered_bytes + result.reduced_bytes
    layers = counted(result.layers, "layer")
    facts: list[tuple[str, str | Text]] = [
        ("model", f"{result.model}: {result.parameters:,} parameters, {layers}, width {result.width:,}"),
        ("device", devices + (shared[result.sharding] if result.count > 1 else "")),
        (
            "step",
            f"{counted(result.batch_size, 'row')} of {counted(result.context, 'token')} in {result.precision}, "
            f"{result.optimizer}: {result.flops_per_step:.3g} FLOPs, {_time(result.step_seconds)}",
        ),
        ("sent", f"{_size(sent)} by each device in a step, {_time(result.communication_seconds)}" if sent else ""),
        ("speed", f"{result.tokens_per_second:,.0f} tokens/s"),
    ]
    if result.steps is not None and result.total_seconds is not None and result.tokens is not None:
        hours = f", {result.device_hours:,.1f} device hours" if result.count > 1 else ""
        length = f"{result.tokens:,} tokens in {counted(result.steps, 'step')}"
        facts.append(("run", f"{length}: about {duration(result.total_seconds)}{hours}"))
    return facts


def _verdict(result: Plan) -> str:
    part = result.peak_bytes / result.device_bytes
    share = f"{'less than 1%' if part < 0.01 else f'{part:.0%}'} of {_size(result.device_bytes)}"
    if result.fits:
        return f"fits: {share}"
    enough = f"; {result.fewest:,} × {result.device} would do" if result.fewest else ""
    return f"does not fit: {share}{enough}"


def _size(size: float) -> str:
    if size < 1e9:
        return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
    return f"{size / 1e9:,.1f} GB"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.2g} ms" if seconds < 0.1 else f"{seconds:,.1f} s"

"""A traced generation in a terminal: the text coloured by surprisal, and the probabilities of each token."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import MOST, fact_table, more, new_table, stdout_console, visible, visible_token

if TYPE_CHECKING:
    from cutaway.generation import Generation, TraceStep

# Two bits per step, as on the page: from what was certain to what nobody would have said.
_STYLES = (
    "default",
    "green",
    "bright_green",
    "yellow",
    "bright_yellow",
    "bright_red",
    "red",
    "bright_magenta",
    "magenta",
)


def stream(step: TraceStep, text: str) -> None:
    """Print a bit of a response the moment it is certain, in the colour of its token's surprisal."""
    if text:
        stdout_console().print(Text(visible(text), style=_style(step)), end="", soft_wrap=True)
        sys.stdout.flush()


def traces(results: Sequence[Generation]) -> RenderableType:
    """Draw traced responses one below the other: each one's text, then its tokens."""
    parts: list[RenderableType] = []
    for result in results:
        text = Text(visible(result.prompt), style="dim")
        for step in result.trace or []:
            text.append(visible(step.token), style=_style(step))
        parts += [text, "", trace(result), ""]
    return Group(*parts[:-1])


def trace(result: Generation) -> RenderableType:
    """Draw a line a token: probability before and after the samplers, rank, entropy, what removed how much."""
    steps = result.trace or []
    table = new_table("token", ">before", ">after", ">rank", ">bits", ">entropy", ">after", "removed", "instead")
    most = 3 if stdout_console().width >= 110 else 1
    for step in steps[:MOST]:
        removed = "  ".join(
            f"{effect.sampler} {effect.mass_before:.1%}" for effect in step.effects if effect.mass_before >= 0.0005
        )
        others = [
            f"{visible_token(option.token)} {option.before:.1%}"
            + (f" ({option.removed_by})" if option.removed_by else "")
            for option in step.options
            if option.id != step.id
        ][:most]
        table.add_row(
            Text(visible_token(step.token), style=_style(step)),
            f"{step.before:.1%}",
            f"{step.after:.1%}",
            f"{step.rank:,}",
            f"{step.surprisal_bits:.2f}",
            f"{step.entropy_bits:.2f}",
            f"{step.entropy_after_bits:.2f}",
            removed,
            "  ".join(others),
        )
    facts = [
        ("before", "the model's own probability; after: what the token was drawn with, once the samplers had acted"),
        ("bits", "surprisal under the model; entropy, in bits too, of the distribution before and after"),
        ("removed", "the share of the model's probability that each sampler took out of reach"),
    ]
    return Group(table, *more(len(steps) - MOST, "tokens"), "", fact_table(facts))


def _style(step: TraceStep) -> str:
    return _STYLES[max(0, min(len(_STYLES) - 1, round(step.surprisal_bits / 2)))]

"""Translations in a terminal: the text, the beams that were compared, and where each token comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import MOST, bar, fact_table, more, new_table, visible, visible_token

if TYPE_CHECKING:
    from cutaway.prediction import Translation

_BAR = 12  # cells


def translations(results: Sequence[Translation]) -> RenderableType:
    """Draw several translations as text and translation in turn; a single one with its beams and its tokens."""
    if len(results) == 1:
        return _one(results[0])
    return "\n\n".join(f"{result.text}\n{result.translation}" for result in results)


def _one(result: Translation) -> RenderableType:
    beams = new_table(">beam", ">score, nats", ">tokens", "text")
    for number, beam in enumerate(result.beams):
        cut = "" if beam.ended else " …"
        beams.add_row(str(number), f"{beam.score:.3f}", str(beam.tokens), visible(beam.text) + cut)
    tokens = new_table("token", ">surprisal, bits", "looked most at", ">weight", "")
    for token in result.tokens[:MOST]:
        looked = visible_token(result.source[token.source])
        bits = f"{-token.logprob / 0.6931471805599453:.2f}"
        tokens.add_row(visible_token(token.token), bits, looked, f"{token.weight:.2f}", bar(_BAR * token.weight))
    facts = [
        ("score", "log-probability, divided by the number of tokens to the power of the length penalty"),
        ("looked most at", "the source token with most attention, mean of all heads and layers"),
    ]
    left = len(result.tokens) - MOST
    return Group(
        Text(visible(result.translation), style="bold"), "", beams, "", tokens, *more(left, "tokens"), "",
        fact_table(facts),
    )  # fmt: skip

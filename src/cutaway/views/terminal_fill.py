"""Filled places in a terminal: each place's candidates, and the text with the likeliest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import MOST, bar, fact_table, more, new_table, shorten, visible_piece, visible_token

if TYPE_CHECKING:
    from cutaway.prediction import Filled


def filled(result: Filled) -> RenderableType:
    """Draw the candidates of each place, then the filled text and how the probabilities came about."""
    left = result.method != "masked softmax"
    heads = [">place", result.kind, ">probability", *([">from the left"] if left else []), ""]
    table, shown = new_table(*heads), 0
    for place in result.places:
        for rank, candidate in enumerate(place.candidates):
            if shown == MOST:
                break
            shown += 1
            from_left = "" if candidate.from_left is None else f"{candidate.from_left:.4f}"
            table.add_row(
                str(place.position) if rank == 0 else "",
                visible_token(candidate.element),
                f"{candidate.probability:.4f}",
                *([from_left] if left else []),
                bar(30 * candidate.probability),
            )
    total = sum(len(place.candidates) for place in result.places)
    return Group(
        table,
        *more(total - shown, "candidates"),
        "",
        fact_table(
            [
                ("filled", Text(visible_piece(shorten(result.filled, 2000)), style="bold")),
                ("given", visible_piece(shorten(result.text, 300))),
                ("model", result.model),
                ("method", how(result)),
                ("best", _together(result)),
            ]
        ),
    )


def how(result: Filled) -> str:
    """Say in a sentence where the probabilities come from."""
    most = max(place.choices for place in result.places)
    among = f"among {counted(most, result.kind)}"
    if result.method == "masked softmax":
        return f"masked model: softmax over both sides, {among}"
    all_of = "all that are possible" if result.exact else "the likeliest from the left; --width compares more"
    return f"causal model: {counted(result.compared, 'whole sequence')} compared, {all_of}, {among}"


def _together(result: Filled) -> str:
    if len(result.places) < 2 or not result.fillings:
        return ""
    ways = (f"{' … '.join(map(visible_token, way.elements))} {way.probability:.1%}" for way in result.fillings[:4])
    return "   ".join(ways) + "  (all places together)"

"""The logit lens in a terminal: where each position's answer settles, and one position layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import MOST, fact_table, more, new_table, visible_piece, visible_token

if TYPE_CHECKING:
    from cutaway.inside.logit_lens import Lens

BAR = 12  # cells of a bar: a line fits into 80 columns


def lens(result: Lens) -> RenderableType:
    """Draw a line a position (the output's answer and the layer at which it settled), then the last one's layers."""
    last = result.layers[-1]
    positions = new_table(">pos.", "token", "answer", ">p", ">settled at", "really", ">rank", ">bits", "")
    for p, position in list(enumerate(result.positions))[:MOST]:
        cell, settled = result.grid[-1].cells[p], result.settled[p]
        target = cell.target
        seen = (
            ("", "", "")
            if target is None
            else (visible_token(target.token), f"{target.rank:,}", f"{target.surprisal_bits:.2f}")
        )
        # Hatched: the layers that still said something else. Solid: those that said it already.
        cells = min(last + 1, BAR)
        hatched = min(round(settled * cells / (last + 1)), cells - 1)
        bar = Text("░" * hatched, style="dim") + Text("█" * (cells - hatched), style="cyan")
        answer, likely = visible_token(cell.top[0].token), f"{cell.top[0].probability:.1%}"
        token = visible_token(result.tokens[position])
        positions.add_row(str(position), token, answer, likely, str(settled), *seen, bar)
    layers = new_table(">layer", "top token", ">p", ">entropy, bits", ">KL, bits", "then")
    for row in reversed(result.grid):
        cell = row.cells[-1]
        name = "output" if row.layer == last else "embeddings" if row.layer == 0 else ""
        then = "  ".join(f"{visible_token(top.token)} {top.probability:.1%}" for top in cell.top[1:5])
        layers.add_row(
            f"{name} {row.layer}".strip(),
            visible_token(cell.top[0].token),
            f"{cell.top[0].probability:.1%}",
            f"{cell.entropy_bits:.3f}",
            f"{cell.kl_bits:.3f}",
            then,
        )
    at = result.positions[-1]
    what = "the next token" if result.predicts == "next token" else "the token in the same place"
    facts = [
        ("answer", f"what the output ranks first; each layer guesses {what}"),
        ("p", "the probability of that token"),
        ("settled at", f"the first layer from which on the top token is the answer, up to the output, layer {last}"),
        ("KL", "KL(output ‖ layer): how far the layer's guess is from the output, in bits"),
    ]
    head = Text(
        f"position {at}, {visible_piece(result.tokens[at])!r}, from the output down to the embeddings", style="dim"
    )
    left = len(result.positions) - MOST
    return Group(positions, *more(left, "positions"), "", head, layers, "", fact_table(facts))

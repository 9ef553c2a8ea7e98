"""Two models side by side in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import MOST, more, new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.inside import Comparison
    from cutaway.inside.comparison_result import ComparedLayer, ComparedModel, Segment

DEPTHS = 7  # relative depths shown
FINDINGS = 3  # sentences of the summary that come first
TOP = 8  # segments, pairs of heads shown
MEANS = (("entropy_bits", "entropy, bits"), ("distance", "distance, tokens"), ("sink", "first token"),
         ("previous", "previous token"), ("duplicate", "same token"), ("induction", "induction"))  # fmt: skip


def comparison(result: Comparison) -> RenderableType:
    """Draw the three findings, then the two models, their segments, depths and heads most alike, then all else."""
    names = [f"A  {shorten(result.a.name, 40)}", f"B  {shorten(result.b.name, 40)}"]
    parts: list[RenderableType] = [
        *(Text(visible_piece(sentence)) for sentence in result.summary[:FINDINGS]),
        "",
        _models(result, names),
        "",
        *_segments(result.segments),
        Text("means over the heads of a layer, by relative depth (0 the first layer, 1 the last): A | B", style="dim"),
        _depths(result.a, result.b),
        "",
    ]
    if result.pairs:
        table = new_table("heads most alike: A", "role", "B", "role", ">similarity", "")
        for pair in result.pairs[:TOP]:
            a, b = (f"{layer}.{head}" for layer, head in (pair.a, pair.b))
            mutual = "each other's best" if pair.mutual else ""
            table.add_row(a, pair.role_a, b, pair.role_b, f"{pair.similarity:.3f}", mutual)
        parts += [
            table,
            "",
            Text(f"All pairs of heads: {result.similarity_mean:.3f} on average. -o has them all.", style="dim"),
        ]
    parts += ["", Text(visible_piece(" ".join(result.summary[FINDINGS:]))), ""]
    return Group(*parts, *(Text(f"{one.name}: {one.meaning}", style="dim") for one in result.measures))


def _models(result: Comparison, names: list[str]) -> RenderableType:
    a, b = (
        {
            "kind": f"{side.type}, {'causal' if side.causal else 'looks both ways'}",
            "parameters": f"{side.parameters:,}",
            "layers × heads": f"{side.layers} × {side.heads_per_layer}",
            "tokens": f"{side.tokens:,}",
            f"bits per byte, over {result.bytes:,}": _number(side.bits_per_byte),
            "perplexity, tokens": _number(side.perplexity),
            "attention to special tokens": f"{side.outside:.1%}",
            "of the rest, ahead": f"{side.ahead:.1%}",
            **{f"heads: {role}": str(side.roles.get(role, 0)) for role in [*result.a.roles, *result.b.roles]},
        }
        for side in (result.a, result.b)
    )
    return new_table("", *(f">{name}" for name in names), rows=((name, a[name], b[name]) for name in a))


def _segments(segments: list[Segment]) -> list[RenderableType]:
    if all(part.bits_a is None and part.bits_b is None for part in segments):
        return []
    shown = segments[: MOST // 4]
    table = new_table("segment", ">A, bits", ">B, bits", ">A − B", "tokens of A", "tokens of B")
    for part in shown:
        apart = "" if part.bits_a is None or part.bits_b is None else f"{part.bits_a - part.bits_b:+.3f}"
        cuts = [visible_piece("│".join(tokens)) for tokens in (part.tokens_a, part.tokens_b)]
        table.add_row(visible_piece(part.text), _number(part.bits_a), _number(part.bits_b), apart, *cuts)
    return [table, *more(len(segments) - len(shown), "segments"), ""]


def _depths(a: ComparedModel, b: ComparedModel) -> RenderableType:
    table = new_table(">depth", *(f">{name}" for _, name in MEANS))
    for step in range(DEPTHS):
        depth = step / (DEPTHS - 1)
        layers = [min(side.depths, key=lambda layer: abs(layer.depth - depth)) for side in (a, b)]
        table.add_row(f"{depth:.2f}", *(_both(layers, name) for name, _ in MEANS))
    return table


def _both(layers: list[ComparedLayer], name: str) -> str:
    values = [getattr(layer, name) for layer in layers]
    return " | ".join("–" if value is None else f"{value:.2f}" for value in values)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}"

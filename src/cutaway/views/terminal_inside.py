"""Attention, heads and ablation in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import MOST, bar, fact_table, more, new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.inside import Ablation, AttentionMaps, Head, Heads
    from cutaway.inside.attention_result import Stack

TOP = 5  # heads shown of a role, tokens shown of a row
SCORES = {
    "previous token": "previous",
    "next token": "next",
    "same token": "current",
    "duplicate token": "duplicate",
    "induction": "induction",
    "first token": "sink",
    "local": "distance",
    "broad": "entropy_bits",
    "mixed": "certainty",
}


def attention(result: AttentionMaps) -> RenderableType:
    """Draw, for every token, where it looks: the mean of the maps in the record."""
    parts: list[RenderableType] = []
    for stack in result.stacks:
        maps = stack.maps
        count = f"{counted(len(stack.layers), 'layer')} × {counted(len(stack.heads), 'head')}"
        pooled = f", maps pooled {maps.pool} × {maps.pool} tokens" if maps.pool > 1 else ""
        size = f"{counted(len(stack.queries), 'query', 'queries')} × {counted(len(stack.keys), 'key')}"
        title = f"{stack.kind} attention: {count}, {size}{pooled}"
        parts += [Text(title, style="dim"), _looks(stack) if maps.pool == 1 else _received(stack), ""]
    if result.focus is not None:
        stack, at = result.stacks[0], result.focus
        query, key = visible_piece(stack.queries[at.query]), visible_piece(stack.keys[at.key])
        link = f"{query} gives {at.weight:.2f} of its attention to {key}"
        parts.append(Text(f"The clearest link is in head {at.layer}.{at.head}: {link}.", style="dim"))
    numbers = "The mean of all heads shown; one head: --layers L --heads H. -o attention.html shows each."
    return Group(*parts, Text(numbers, style="dim"))


def _looks(stack: Stack) -> RenderableType:
    mean_TS = np.mean([stack.maps.layer(i).mean(0) for i in range(len(stack.layers))], 0) / 255
    table = new_table(">position", "token", "looks at (weight)", ">received")
    for t, token in enumerate(stack.queries[:MOST]):
        top = np.argsort(-mean_TS[t], kind="stable")[:TOP]
        looks = "  ".join(f"{visible_piece(stack.keys[s])} {mean_TS[t, s]:.2f}" for s in top if mean_TS[t, s] >= 0.005)
        received = f"{stack.received[t]:.3f}" if stack.kind != "cross" else ""
        table.add_row(str(t), visible_piece(token), looks, received)
    return Group(table, *more(len(stack.queries) - MOST, "tokens", " (-o has all)"))


def _received(stack: Stack) -> RenderableType:
    most = np.argsort(-np.array(stack.received), kind="stable")[:20]
    rows = ((str(s), visible_piece(stack.keys[s]), f"{stack.received[s]:.4f}") for s in most)
    return new_table(">position", "token", ">attention received", rows=rows)


def heads(result: Heads) -> RenderableType:
    """Draw the clearest heads of each role, and how many there are."""
    parts: list[RenderableType] = []
    for kind in dict.fromkeys(head.kind for head in result.heads):
        some = [head for head in result.heads if head.kind == kind]
        table = new_table("role", ">heads", "the clearest: layer.head score (certainty)")
        for role, score in SCORES.items():
            found = [head for head in some if head.role == role]
            if found:
                found.sort(key=lambda head: _rank(head, score))
                shown = "   ".join(_named(head, score) for head in found[:TOP])
                table.add_row(role, str(len(found)), shown)
        parts += [*([Text(f"{kind} attention", style="dim")] if kind != "self" else []), table, ""]
    chance = "  ".join(f"{name} {value:.3f}" for name, value in result.chance.items() if value is not None)
    text = shorten(result.text, 80) if result.text else "random tokens, twice"
    facts = [
        ("text", f"{text} ({counted(len(result.tokens), 'token')})"),
        ("model", f"{result.model}: {counted(result.layers, 'layer')} × {counted(result.heads_per_layer, 'head')}"),
        ("score", "mean weight on that token; local: distance in tokens; broad: entropy in bits"),
        ("certainty", "at least so many of the positions agree (lower end of the 95 % interval)"),
        ("by chance", chance),
    ]
    return Group(*parts, fact_table(facts))


def _rank(head: Head, score: str) -> float:
    value = getattr(head, score) or 0.0
    return float(value if score == "distance" else -value)


def _named(head: Head, score: str) -> str:
    value = getattr(head, score)
    number = "" if score == "certainty" else f" {value:.2f}"
    return f"{head.layer}.{head.head}{number} ({head.certainty:.0%})"


def ablation(result: Ablation) -> RenderableType:
    """Draw the heads whose silence costs most, and those without which the text is likelier."""
    ordered = sorted(result.heads, key=lambda head: -head.change)
    shown = ordered if len(ordered) <= 24 else [*ordered[:16], *ordered[-8:]]
    most = max((abs(head.change) for head in result.heads), default=0) or 1
    table = new_table("head", ">change, nats per token", ">loss", "")
    for head in shown:
        change = bar(30 * abs(head.change) / most, "red" if head.change > 0 else "cyan")
        table.add_row(f"{head.layer}.{head.head}", f"{head.change:+.4f}", f"{head.loss:.4f}", change)
    left = len(ordered) - len(shown)
    text = shorten(result.text, 80) if result.text else "random tokens, twice: loss of the second half"
    facts = [
        ("text", f"{text} ({counted(len(result.tokens), 'token')})"),
        ("loss", f"{result.loss:.4f} nats per token with all heads of {result.model}"),
        ("method", "a head's output replaced by " + ("zeros" if result.method == "zero" else "its mean over the text")),
    ]
    return Group(table, *more(left, "heads between"), "", fact_table(facts))

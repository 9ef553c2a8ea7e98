"""Results in a terminal: what a command prints when nobody asks for JSON or a file.

Text of models and users is shown, never obeyed: control characters become pictures, markup is not parsed. Colour and
width follow the terminal; in a pipe there is neither.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted, sized
from cutaway.progress import hush
from cutaway.views import terminal_tokenizers
from cutaway.views.terminal_curve import loss_curve, loss_unit
from cutaway.views.terminal_tables import (
    MOST,
    bar,
    fact_table,
    more,
    new_table,
    number_or_unknown,
    shorten,
    stdout_console,
    visible,
    visible_piece,
)

if TYPE_CHECKING:
    from cutaway.generation import Generation
    from cutaway.models import Architecture, Saved
    from cutaway.prediction import Classification, Score
    from cutaway.tokens import Tokens
    from cutaway.training import Training


def prompt(text: str) -> None:
    """Print a prompt dimly, without ending the line."""
    hush()
    stdout_console().print(Text(visible(text), style="dim"), end="", soft_wrap=True)


def stream(piece: str) -> None:
    """Print a piece of a response the moment it is there."""
    sys.stdout.write(visible(piece))
    sys.stdout.flush()


def tokens(result: Tokens) -> RenderableType:
    """Draw a text's pieces, ids and totals."""
    count, drawn = len(result.ids), min(len(result.ids), MOST)
    pieces = Text()
    shades = itertools.cycle(["reverse", "none"])
    # A time step of many numbers is shown as its word; the numbers come below.
    for piece, style in zip((result.tokens if result.states else result.pieces)[:drawn], shades, strict=False):
        pieces.append(visible_piece(piece), style=style)
        pieces.append("│", style="dim")
    rest = f" … and {count - drawn:,} more (--json has all)" if drawn < count else ""
    ids = Text(" ".join(str(i) for i in result.ids[:drawn]) + rest)
    per = f", {len(result.text) / count:.2f} characters per token" if count else ""
    trip = "exact" if result.round_trip else f"not exact: {shorten(result.decoded)!r}"
    facts = fact_table(
        [
            ("pieces", pieces),
            ("ids", ids),
            ("tokens", f"{count:,} for {counted(len(result.text), 'character')}, {counted(result.bytes, 'byte')}{per}"),
            ("unknown", f"{result.unknown:,} of them: not in the vocabulary" if result.unknown else ""),
            ("round trip", trip),
            ("vocabulary", f"{counted(result.vocab_size, 'token')} ({result.model}, {result.kind})"),
        ]
    )
    return Group(facts, *terminal_tokenizers.steps(result))


def architecture(result: Architecture) -> RenderableType:
    """Draw the module tree as a table, repeated blocks once."""
    table = new_table("module", "type", "shape", ">parameters")
    for module in result.modules:
        shape = ", ".join(f"{name} {' × '.join(map(str, dims))}" for name, dims in module.shapes.items())
        label = "  " * module.depth + module.label + (f"  × {module.repeat}" if module.repeat > 1 else "")
        table.add_row(label, module.type, shape, f"{module.parameters:,}" if module.parameters else "")
    heads = f"{number_or_unknown(result.heads)} {'head' if result.heads == 1 else 'heads'}"
    flops = "unknown" if result.flops_per_token is None else f"{result.flops_per_token:,.0f}"
    facts = [
        ("model", f"{result.model}: {result.class_name}, from {result.source}"),
        ("parameters", f"{result.parameters:,} ({sized(result.bytes)} in {result.dtype})"),
        ("FLOPs", f"{flops} a token, forward, over {counted(result.flops_context, 'token')}"),
        ("layers", f"{number_or_unknown(result.layers)}, {heads} each ({result.kv_heads} for keys and values)"),
        ("width", number_or_unknown(result.width)),
        ("vocabulary", number_or_unknown(result.vocab_size)),
        ("context", number_or_unknown(result.context)),
    ]
    return Group(table, "", fact_table([(name, value) for name, value in facts if "unknown" not in value]))


def generations(results: Sequence[Generation]) -> RenderableType:
    """Draw responses; a single one is its bare text."""
    if len(results) == 1:
        return visible(results[0].completion)
    parts: list[RenderableType] = []
    for number, result in enumerate(results, 1):
        which = f"seed {result.seed}" if result.score is None else f"score {result.score:.3f} nats"
        head = f"── {number} · {which} · {counted(len(result.token_ids), 'token')} · {result.finish_reason}"
        between = "" if result.continues else "\n"
        parts += [Text(head, style="dim"), Text(visible(result.prompt + between + result.completion)), ""]
    return Group(*parts[:-1])


def score(result: Score) -> RenderableType:
    """Draw each token's surprisal and the totals."""
    table = new_table("token", ">id", ">bits", ">rank", ">entropy, bits", "")
    table.add_row(visible_piece(result.first.token), str(result.first.id), "", "", "", "")
    for token in result.tokens[:MOST]:
        bits, entropy = f"{token.surprisal_bits:.3f}", f"{token.entropy_bits:.3f}"
        table.add_row(
            visible_piece(token.token),
            str(token.id),
            bits,
            f"{token.rank:,}",
            entropy,
            bar(min(40, token.surprisal_bits)),
        )
    following = "  ".join(f"{visible_piece(n.token)} {n.probability:.1%}" for n in result.next[:6])
    facts = [
        (
            "total",
            f"{result.total_bits:.3f} bits ({result.total_nats:.3f} nats) over {counted(len(result.tokens), 'token')}",
        ),
        ("mean", f"{result.bits_per_token:.3f} bits per token, {result.bits_per_byte:.3f} bits per byte"),
        ("perplexity", f"{result.perplexity:.3f}"),
        ("next", following),
    ]
    return Group(table, *more(len(result.tokens) - MOST, "tokens"), "", fact_table(facts))


def classification(result: Classification) -> RenderableType:
    """Draw the steps from text to label."""
    ids = " ".join(str(i) for i in result.ids[:MOST]) + (" …" if len(result.ids) > MOST else "")
    table = new_table("label", ">logit", ">probability", "")
    for label, logit, probability in zip(result.labels, result.logits, result.probabilities, strict=True):
        table.add_row(label, f"{logit:.4f}", f"{probability:.4f}", bar(30 * probability))
    how = (
        "classification head"
        if result.method == "head"
        else "language model: log P(label | prompt) - log P(label | prompt without the text), nats"
    )
    facts = [("text", shorten(result.prompt, 300)), ("ids", ids), ("logits by", how)]
    return Group(fact_table(facts), "", table, "", fact_table([("label", f"{result.label} ({result.score:.4f})")]))


def training(result: Training) -> RenderableType:
    """Draw the loss curve, where the run began, where it ended, and how far its provable floor is."""
    factor, unit = loss_unit(result.objective)
    each = "squared error" if result.objective == "numbers" else "nats per prediction"
    learned = [(float(step.step), step.loss * factor) for step in result.metrics]
    checked = [(float(check.step), check.loss * factor) for check in result.validation]
    curve = loss_curve(learned, checked, None if result.final_floor is None else result.final_floor * factor, unit)
    first, floor = result.validation[0].loss, result.final_floor
    hurried = ", cut short by the clock" if result.hurried_at is not None else ""
    took = f"{result.seconds:.1f} s" if result.seconds >= 0.1 else "less than 0.1 s"
    processes = "" if result.ranks == 1 else f"{result.ranks} processes of "
    counts = result.data.get("counts", {})
    records = f" ({counted(counts['records'], 'record')}, {counts['duplicates']:,} repeated)" if counts else ""
    bits = "" if result.bits_per_symbol is None else f"{result.bits_per_symbol:.4f} bits for each letter or number"
    facts = [
        (
            "model",
            f"{result.architecture}, {result.parameters:,} parameters, context {counted(result.context, 'token')}",
        ),
        ("data", f"{result.source}{records}"),
        ("trained", f"{result.tokens_seen:,} predictions in {counted(result.steps, 'step')}, until {result.stopped}"),
        ("loss", f"{first:.4f} {each} before, {result.final_loss:.4f} at the end (held-out rows)"),
        ("", bits),
        ("floor", "" if floor is None else f"{floor:.4f} {each} on the same rows ({result.floor_label})"),
        ("took", f"{took} on {processes}{counted(result.threads, 'thread')}, {result.precision}{hurried}"),
        ("saved", result.directory or ""),
    ]
    return Group(curve, "", fact_table(facts))


def saved(result: Saved) -> RenderableType:
    """Draw what was saved and how it was checked."""
    tokens = counted(result.probe_tokens, "token")
    checked = f"loaded again: logits equal on {tokens} (largest difference {result.max_abs_difference:g})"
    return fact_table([("saved", f"{result.model} → {result.directory} ({sized(result.bytes)})"), ("checked", checked)])

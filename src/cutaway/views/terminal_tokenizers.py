"""Tokenizers in a terminal: what was trained and saved, and what came of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cutaway.views.terminal import _facts, _table, visible

if TYPE_CHECKING:
    from cutaway.tokens import SavedTokenizer, TokenizerCheck

__all__ = ["check", "saved"]


def saved(result: SavedTokenizer) -> RenderableType:
    """Draw what was made, from what, and what it declares that it loses."""
    changes = [
        f"{rule}: {count:,}" for rule, count in result.read.items() if rule not in {"records", "skipped"} and count
    ]
    source = (
        ""
        if result.records is None
        else f"{result.records:,} records" + (f" ({'; '.join(changes)})" if changes else "")
    )
    skipped = result.read.get("skipped", 0)
    facts = [
        ("tokenizer", result.name),
        ("tokens", f"{result.vocab_size:,}, of them special: {' '.join(result.special_tokens)}"),
        ("read", source + (f", {skipped:,} skipped" if skipped else "")),
        ("loses", _loses(result.loses)),
        ("took", "" if result.seconds is None else f"{result.seconds:.1f} s"),
        ("saved", f"{result.directory} ({result.bytes:,} bytes); AutoTokenizer loads it"),
    ]
    return _facts([(name, value) for name, value in facts if value])


def check(result: TokenizerCheck) -> RenderableType:
    """Draw how many inputs came back, and the shortest that did not."""
    verdict = "passed: every input came back, or was lost as declared" if result.passed else "FAILED"
    facts = [
        ("tokenizer", f"{result.model} ({result.kind}, {result.vocab_size:,} tokens)"),
        ("tried", f"{result.tried:,} adversarial inputs of {result.alphabet}, seed {result.seed}"),
        ("exact", f"{result.exact:,} ({result.exact / result.tried:.1%})"),
        ("error", "" if result.worst is None else f"at most {result.worst:.6g} of the stated bound"),
        ("declares", _loses(result.loses)),
        ("verdict", verdict),
    ]
    parts: list[RenderableType] = [_facts([(name, value) for name, value in facts if value])]
    if result.lost:
        table = _table("loss", ">times", "shortest input", "comes back as", "tokens")
        for loss in result.lost:
            shown = [visible(repr(text)[:200]) for text in (loss.text, loss.decoded)]
            table.add_row(loss.rule, f"{loss.count:,}", *shown, visible(" ".join(loss.tokens[:12])))
        parts += ["", table]
    return Group(*parts)


def _loses(loses: dict[str, str]) -> str:
    return "; ".join(f"{rule}: {words}" for rule, words in loses.items()) or "nothing"

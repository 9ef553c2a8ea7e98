"""Tokenizers in a terminal: one that was trained, a check, a comparison, and the steps that lead to the tokens."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import fact_table, more, new_table, visible, visible_piece

if TYPE_CHECKING:
    from cutaway.tokens import (
        BinnedSeries,
        ComparedSample,
        MergeSteps,
        SavedTokenizer,
        StateSeries,
        TokenizerCell,
        TokenizerCheck,
        TokenizerComparison,
        Tokens,
    )

WORDS = 12  # whose merges are drawn; --json and a page have more
MERGES = 16
NUMBERS = 24
CHANNELS = 4
# What a token of each kind is, and whether the tokens follow from what was read.
_TOKENS = {
    "bpe": ("a letter, a byte or a piece that is frequent (byte-pair encoding)", True),
    "wordpiece": ("a letter, a byte or a piece that is frequent (WordPiece)", True),
    "unigram": ("a letter, a byte or a piece that is probable (unigram model)", True),
    "word": ("a word, or what stands between two words", True),
    "char": ("a character", True),
    "codon": ("a codon (three bases) or a single letter", False),
    "kmer": ("a k-mer (k letters in a row) or a single letter", False),
    "smiles": ("an atom, a bond, a branch or a ring number of a SMILES", True),
    "selfies": ("a SELFIES symbol", True),
    "bins": ("a bin, a small range of numbers", True),
    "states": ("a state, the numbers that all channels have at one time", True),
}
_ALPHABETS = {"dna": "DNA", "rna": "RNA", "codon": "codons", "smiles": "SMILES"}
_EXAMPLES = {
    "text": "No, I am your father",
    "dna": "ATGGCTAGC",
    "rna": "AUGGCUAGC",
    "codon": "ATGGCTAGC",
    "protein": "EVQLVESGG",
    "smiles": "CC(=O)O",
}


def saved(result: SavedTokenizer) -> RenderableType:
    """Draw how many tokens there are and of what, what was read for them, where they are saved, and what to try."""
    token, learned = _TOKENS.get(result.kind, ("a piece", True))
    skipped = result.read.get("skipped", 0)
    changes = [
        f"{rule}: {count:,}" for rule, count in result.read.items() if rule not in {"records", "skipped"} and count
    ]
    of = "" if result.alphabet == "series" else f" of {_ALPHABETS.get(result.alphabet, result.alphabet)}"
    word = "series" if result.alphabet == "series" else "record" + "s" * (result.records != 1)
    source = [] if result.records is None else [f"{result.records:,} {word}{of}"]
    source += [f"{skipped:,} broken one{'s' * (skipped != 1)} left out"] * bool(skipped)
    source += [f"changed while reading: {'; '.join(changes)}"] * bool(changes)
    specials = len(result.special_tokens)
    facts = [
        ("tokens", f"{result.vocab_size - specials:,}, each {token}"),
        ("special", f"{specials} more that stand for no text: {' '.join(result.special_tokens)}" if specials else ""),
        ("learned from" if learned else "checked on", "; ".join(source)),
        ("loses", _loses(result.loses) if result.loses else "nothing: every text comes back as it was"),
        ("first writes", f"{result.written}; other programs have to do that themselves" if result.written else ""),
        ("took", "" if result.seconds is None else f"{result.seconds:.1f} s"),
        ("saved in", f"{result.directory} ({counted(result.bytes, 'byte')}), which transformers' AutoTokenizer loads"),
        ("try next", _next(result)),
    ]
    return fact_table(facts)


def _next(result: SavedTokenizer) -> str:
    """Return a command that uses the tokenizer."""
    directory = Path(result.directory)
    name = shlex.quote(result.directory if directory.is_absolute() else f"./{directory}")
    if (text := _EXAMPLES.get(result.alphabet)) is None:
        return f"cutaway tokenizer check {name}"
    return f'cutaway tokenize "{text}" -m {name}'


def check(result: TokenizerCheck) -> RenderableType:
    """Draw how many inputs came back, and the shortest that did not."""
    bound = "the distance from the nearest of all centres" if result.kind == "states" else "the stated bound"
    verdict = "passed: every input came back, or was lost as declared" if result.passed else "FAILED"
    facts = [
        ("tokenizer", f"{result.model} ({result.kind}, {counted(result.vocab_size, 'token')})"),
        ("tried", f"{counted(result.tried, 'adversarial input')} of {result.alphabet}, seed {result.seed}"),
        ("exact", f"{result.exact:,} ({result.exact / result.tried:.1%})"),
        ("error", "" if result.worst is None else f"at most {result.worst:.6g} of {bound}"),
        ("declares", _loses(result.loses)),
        ("verdict", verdict),
    ]
    parts = [fact_table(facts)]
    if result.lost:
        table = new_table("loss", ">times", "shortest input", "comes back as", "tokens")
        for loss in result.lost:
            shown = [visible(repr(text)[:200]) for text in (loss.text, loss.decoded)]
            table.add_row(loss.rule, f"{loss.count:,}", *shown, visible(" ".join(loss.tokens[:12])))
        parts += ["", table]
    return Group(*parts)


def comparison(result: TokenizerComparison) -> RenderableType:
    """Draw a table a sample, a line a tokenizer, and what the columns are."""
    parts: list[RenderableType] = []
    across = len(result.tokenizers)
    for i, sample in enumerate(result.samples):
        parts += [Text(visible_piece(_described(sample)), style="dim"), _cells(result, i * across, sample), ""]
    lossy = any(not cell.comparable for cell in result.cells)
    series = any(sample.alphabet == "series" for sample in result.samples)
    facts = [
        ("as bytes", "tokens that stand for bytes which are no whole character"),
        ("exact", "records that come back to the letter"),
        ("error", "of numbers: root mean square, in standard deviations of their channel" if series else ""),
        ("used", "the share of the vocabulary that occurs"),
        ("replaced", f"how many tokens change if one symbol is replaced: the mean of {result.edits:,}"),
        ("in/out", "how many tokens change if one symbol is put in or taken out"),
        ("bits", "of a bigram model of the tokens, trained on half of the records and measured on the other half"),
        ("(number)", "not comparable: this tokenizer loses text, and its bits leave out what is lost" if lossy else ""),
        ("MB/s", "measured in this run"),
    ]
    return Group(*parts, fact_table(facts), "", *map(visible_piece, result.summary))


def steps(result: Tokens) -> list[RenderableType]:
    """Draw how the tokens came to be: the merges of BPE, the way of numbers through bins or of steps to states."""
    parts: list[RenderableType] = []
    if result.merges is not None and result.merges.words:
        parts += ["", _merges(result.merges)]
    if result.numbers is not None:
        parts += ["", *_numbers(result.numbers)]
    if result.states is not None:
        parts += ["", *_states(result.states)]
    return parts


def _merges(steps: MergeSteps) -> RenderableType:
    table = new_table("word", "merges, in the order they are made", "tokens")
    for word in steps.words[:WORDS]:
        made = Text()
        for merge in word.merges[:MERGES]:
            made.append(f"{_sign(merge.left)}+{_sign(merge.right)}")
            made.append(f" {merge.rank:,}  ", style="dim")
        if (left := len(word.merges) - MERGES + word.more) > 0:
            made.append(f"… and {left:,} more", style="dim")
        if not word.merges:
            made.append("none: taken whole", style="dim")
        shown = _sign(word.word) if len(word.word) <= 40 else f"{_sign(word.word[:39])}…"
        table.add_row(
            shown, made, " ".join(map(_sign, word.tokens[:MERGES])) + (" …" if len(word.tokens) > MERGES else "")
        )
    return Group(table, *more(max(0, len(steps.words) - WORDS) + steps.left_out, "words", ""))


def _sign(text: str) -> str:
    return visible_piece(text.replace(" ", "·"))


def _numbers(series: BinnedSeries) -> list[RenderableType]:
    several = len(series.scales) > 1
    table = new_table(
        ">step", *([">channel"] if several else []), ">value", ">scaled", ">bin", "word", ">back", ">error"
    )
    for number in series.numbers[:NUMBERS]:
        bin_of = "outside" if number.value is not None and number.bin is None else _digits(number.bin)
        middle = [str(number.channel)] if several else []
        found = [_digits(value) for value in (number.value, number.scaled)]
        ends = [_digits(number.back), _digits(number.error)]
        table.add_row(str(number.step), *middle, *found, bin_of, number.word, *ends)
    scales = ", ".join(f"{scale:g}" for scale in series.scales[:8]) + (", …" if len(series.scales) > 8 else "")
    facts = [
        ("scale", f"{scales}: the smallest power of two above the mean |x|" + (" of each channel" if several else "")),
        ("bins", f"{series.bins:,}"),
        ("error", f"the largest is {100 * series.worst:.3g} % of what rounding to bins allows"),
    ]
    return [table, *more(len(series.numbers) - NUMBERS, "numbers"), "", fact_table(facts)]


def _states(series: StateSeries) -> list[RenderableType]:
    table = new_table(">step", ">values", "nearest", ">its centre", ">distance")
    for step in series.steps[:NUMBERS]:
        values, back = (
            " ".join(_digits(value) for value in row[:CHANNELS]) + (" …" if len(row) > CHANNELS else "")
            for row in (step.values, step.back)
        )
        table.add_row(str(step.step), values, step.word, back, _digits(step.distance))
    how = "Euclidean" + (", between the cosines and sines of the angles" if series.angles else "")
    facts = [
        ("states", f"{series.states:,}, {series.visited:,} of them visited"),
        ("channels", f"{series.channels:,}"),
        ("distance", f"{_digits(series.mean)} on average; {how}"),
    ]
    return [table, *more(len(series.steps) - NUMBERS, "time steps"), "", fact_table(facts)]


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _described(sample: ComparedSample) -> str:
    words = f", {counted(sample.words, 'word')}" if sample.words else ""
    rest = "" if sample.whole else "; there is more in the file"
    skipped = f"; broken records left out: {sample.skipped:,}" if sample.skipped else ""
    size = f"{counted(sample.symbols, sample.symbol)}{words}, {counted(sample.bytes, 'byte')}"
    records = counted(sample.records, "record")
    return f"{sample.name} ({sample.alphabet}): {records}, {size}{rest}{skipped}"


def _cells(result: TokenizerComparison, start: int, sample: ComparedSample) -> RenderableType:
    cells = result.cells[start : start + len(result.tokenizers)]
    measured = [_measures(cell, sample) for cell in cells]
    rows = ((name, *(one[name] for one in measured)) for name in measured[0])
    return new_table("", *(f">{visible_piece(cell.tokenizer)}" for cell in cells), rows=rows)


def _measures(cell: TokenizerCell, sample: ComparedSample) -> dict[str, str]:
    unit = "letter" if sample.unit == "character" else sample.unit
    error = "–" if cell.error is None else f"{cell.error:.3g}"
    bits = "–" if cell.bits_per_symbol is None else f"{cell.bits_per_symbol:.3f}"
    last = {"error": error} if sample.alphabet == "series" else {"exact": _percent(cell.exact)}
    return {
        "tokens": f"{cell.tokens:,}",
        f"tokens per {unit}": "< 0.001" if 0 < cell.fertility < 0.001 else f"{cell.fertility:.3f}",
        f"{sample.symbol}s per token": _size(cell.symbols_per_token),
        "bytes per token": _size(cell.bytes_per_token),
        "unknown": _percent(cell.unknown),
        "as bytes": _percent(cell.byte_fallback),
        **last,
        "used": _percent(cell.used),
        "replaced": "–" if cell.substitution is None else f"{cell.substitution:.2f}",
        "in/out": "–" if cell.indel is None else f"{cell.indel:.2f}",
        f"bits per {sample.symbol}": bits if cell.comparable else f"({bits})",
        "MB/s": f"{cell.encode_mb_per_s:.2g}",
    }


def _size(size: float) -> str:
    return f"{size:.2f}" if size < 1000 else f"{size:,.0f}"


def _percent(share: float) -> str:
    digits = 0 if share in (0, 1) else 1 if 0.001 <= share <= 0.999 else 3
    return f"{100 * share:.{digits}f} %"


def _loses(loses: dict[str, str]) -> str:
    return "; ".join(f"{rule}: {words}" for rule, words in loses.items()) or "nothing"

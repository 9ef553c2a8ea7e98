"""Marked places in a text or a sequence: what a mark looks like, and which elements are marked.

In a text `_` marks a word, or a character if the tokenizer reads characters. In a sequence `?` or `_` marks a letter,
an atom, a number, or a base of a codon. The tokenizer's own mask token marks one element everywhere.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from cutaway.errors import InputError, MissingText
from cutaway.prediction.elements import Elements, Kind, elements_of, kind_of
from cutaway.tokens.alphabet_detection import ALPHABETS
from cutaway.tokens.tokenizer import Tokenizer, check_text

_MARKS: Final = {"word": r"(?<!\w)_+(?!\w)", "character": "_"}
_ANY: Final = "[?_]"
_EXAMPLES: Final = {
    "word": 'write _ for a word: "The capital of France is _."',
    "character": 'write _ for each missing character: "To be or n_t to be"',
    "codon": "write ? for each missing base: ATG???TAA",
    "number": 'write ? for each missing number: "12.5 ? 13.1"',
    "state": 'write ? for each missing time step: "12.5 ? 13.1"',
}


@dataclasses.dataclass(frozen=True)
class Site:
    """A marked element: its place among the elements, the characters of the marks, and what may stand there."""

    unit: int
    start: int
    end: int
    choices: dict[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Marked:
    """A sequence with marks: `text` as it was read, and its elements with something else in the marked places."""

    text: str
    elements: Elements
    sites: list[Site]


def marks_in(tokenizer: Tokenizer, text: str, alphabet: str | None = None) -> Marked:
    """Find the marked elements of a text.

    Raises `MissingText` for an empty text, `InputError` without a mark or for a mark inside a longer token, and what
    `elements_of` raises.

    >>> from cutaway.tokens.codon_kmer import codons
    >>> [(site.unit, list(site.choices)) for site in marks_in(codons(), "ATGA?GTAA").sites]
    [(1, ['AAG', 'ACG', 'AGG', 'ATG'])]
    """
    check_text(text)
    if not text.strip():
        raise MissingText("there is no text to fill", hint='give some: cutaway fill "The capital of France is _."')
    mask = tokenizer.special_id("mask")
    whole = re.escape(tokenizer.token(mask)) if mask is not None else r"(?!)"
    kind = kind_of(tokenizer, re.sub(f"{whole}|{_ANY}", "", text), alphabet)
    compact = kind.name in ("letter", "codon", "atom")
    text = text.strip() if kind.name == "atom" else "".join(text.split()) if compact else text
    found = list(re.finditer(f"(?P<mask>{whole})|{_MARKS.get(kind.name, _ANY)}", text))
    if not found:
        hint = _EXAMPLES.get(kind.name, "write ? for each missing letter")
        raise InputError(f"no place of {text[:40]!r} is marked", hint=hint)
    shown, spans, at = "", list[range](), 0
    for mark in found:
        shown += text[at : mark.start()]
        stand_in = _stand_in(kind, whole=mark["mask"] is not None)
        spans.append(range(len(shown), len(shown) + len(stand_in)))
        shown += stand_in
        at = mark.end()
    elements = elements_of(tokenizer, shown + text[at:], alphabet)
    before = _compacted(elements.text) if compact else range(len(elements.text) + 1)
    places = dict[int, list[int]]()
    for number, span in enumerate(spans):
        places.setdefault(_unit_at(elements, before, span.start, tokenizer.name), []).append(number)
    sites = [
        Site(
            unit,
            found[of[0]].start(),
            found[of[-1]].end(),
            _choices(elements, unit, before, {at for i in of for at in spans[i]}),
        )
        for unit, of in places.items()
    ]
    return Marked(text, elements, sites)


def _stand_in(kind: Kind, *, whole: bool) -> str:
    if kind.name in ("number", "state"):
        return "nan"
    if kind.name == "word":
        return "the"
    first = next((choice for choice in ("C", "A", "e") if choice in kind.choices), next(iter(kind.choices)))
    return "AAA" if kind.name == "codon" and whole else "A" if kind.name == "codon" else first


def _compacted(text: str) -> list[int]:
    """Return, for each character and the end, how many characters before it are not white space."""
    counts = [0]
    for character in text:
        counts.append(counts[-1] + (not character.isspace()))
    return counts


def _unit_at(elements: Elements, before: list[int] | range, start: int, name: str) -> int:
    for unit, (first, last) in enumerate(elements.spans):
        if before[first] <= start < before[last]:
            wide = before[last] - before[first]
            if elements.kind.name == "atom" and wide > 1:
                raise InputError(
                    f"a mark is inside {elements.units[unit]!r}, which {name} reads as one token",
                    hint="mark the whole of it with one ?",
                )
            return unit
    raise InputError(f"the mark at character {start + 1:,} is not a place of its own for {name}", hint="move the mark")


def _choices(elements: Elements, unit: int, before: list[int] | range, marks: set[int]) -> dict[str, int]:
    """Return what may stand at a marked element: words spaced alike, codons with the bases that are given."""
    kind, text = elements.kind, elements.units[unit]
    if kind.name == "word":
        pieces = elements.tokenizer.kind == "WordPiece"
        return {word: i for word, i in kind.choices.items() if pieces or word.startswith(" ") == text.startswith(" ")}
    if kind.name != "codon":
        return kind.choices
    first = before[elements.spans[unit][0]]
    pattern = "".join("." if first + i in marks else letter for i, letter in enumerate(text))
    single = {letter: elements.tokenizer.vocabulary[letter] for letter in ALPHABETS[kind.alphabet]}
    found = {choice: i for choice, i in (kind.choices | single).items() if re.fullmatch(pattern, choice)}
    if not found:
        raise InputError(f"no codon fits {text!r}", hint="mark the whole codon with ???")
    return found

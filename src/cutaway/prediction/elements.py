"""A sequence as the elements that a model reads one by one, and what may stand in the place of each.

An element is a word of a text, a character, a letter, a codon, an atom or other sign of a SMILES, a number of a series
or the state of a time step. Every one that may be put somewhere is a single token; words that are there may be several.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Final

from cutaway.errors import InputError, WrongKind
from cutaway.log import get_logger
from cutaway.shards.record_rows import frame_of
from cutaway.tokens.alphabet_detection import ALPHABETS, alphabet_of, letters_apart, reads_smiles, sequence_in
from cutaway.tokens.bins import Bins
from cutaway.tokens.codec import Codec
from cutaway.tokens.codon_kmer import words_of
from cutaway.tokens.encoding import encode_text
from cutaway.tokens.states import States
from cutaway.tokens.tokenizer import Encoding, Tokenizer

WORD: Final = r" ?\w+(?:['’]\w+)*"
_UNIT: Final = re.compile(rf"{WORD}| ?[^\w\s]+|\s+(?!\S)|\s+")
WHOLE: Final = re.compile(rf"{WORD}| ?[^\w\s]+")
_NOT_SMILES: Final = re.compile(r"[^A-Za-z0-9@+\-\[\]()=#$:/\\%.*>~<]")
_LONG: Final = 20  # so many letters without a space, all of them A, C, G, T or U, are hardly a word


@dataclasses.dataclass(frozen=True)
class Kind:
    """What the elements of a tokenizer are called, the alphabet, and what may stand at a place, each with its id."""

    name: str
    alphabet: str
    choices: dict[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Elements:
    """A sequence taken apart.

    `text` is the sequence after the rules of its alphabet, `units` are its elements as they are written (a word with
    the space before it, a number as the word of its bin), `spans` their characters in `text`. `prefix` and `suffix` are
    the ids around them: special tokens, and the scale of a series.
    """

    tokenizer: Tokenizer
    kind: Kind
    text: str
    changes: dict[str, int]
    units: list[str]
    spans: list[tuple[int, int]]
    prefix: list[int]
    suffix: list[int]
    own: dict[str, list[int]]  # ids of the units, except of words
    scales: list[str] = dataclasses.field(default_factory=list)  # the words of each channel's scale

    def encode(self, units: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the ids of a sequence of these or other units, and where each unit begins among them, and the end."""
        ids, starts = list(self.prefix), list[int]()
        if self.kind.name == "word":
            return self._words(units)
        for unit in units:
            starts.append(len(ids))
            ids += self.own[unit] if unit in self.own else [self.kind.choices[unit]]
        return [*ids, *self.suffix], [*starts, len(ids)]

    def _words(self, units: Sequence[str]) -> tuple[list[int], list[int]]:
        encoding = self.tokenizer.encode("".join(units))
        first, last = _inside(encoding)
        ends, at = list[int](), 0
        for unit in units:
            at += len(unit)
            ends.append(at)
        starts, token, shift = [len(self.prefix)], first, len(self.prefix) - first
        for end in ends:
            while token < last and encoding.offsets[token][1] <= end:
                token += 1
            starts.append(token + shift)
        starts[-1] = last + shift
        return [*self.prefix, *encoding.ids[first:last], *self.suffix], starts

    def shown(self, unit: str, place: int = 0) -> str:
        """Return one unit as people read it: a number of a series, at a `place` that says its channel."""
        if self.kind.name != "number":
            return unit
        numbers = Codec.of(self.tokenizer).numbers
        assert numbers is not None  # noqa: S101  (it has bins)
        return f"{numbers.read(f'{self.scales[place % len(self.scales)]} {unit}')[0, 0]:g}"

    def joined(self, units: Sequence[str]) -> str:
        """Return a sequence as people write it, from units as `shown`: a line for each time step of a series."""
        if self.kind.name not in ("number", "state"):
            text = "".join(units)
            return text if self.kind.name != "word" or self.text.startswith(" ") else text.removeprefix(" ")
        wide = max(1, len(self.scales))
        return "\n".join(" ".join(units[at : at + wide]) for at in range(0, len(units), wide))


def elements_of(tokenizer: Tokenizer, text: str, alphabet: str | None = None) -> Elements:
    """Take a sequence apart.

    Raises `InputError` for a text that is not of the tokenizer's alphabet, and `WrongKind` for a tokenizer that reads
    several letters as one token.

    >>> from cutaway.tokens.codon_kmer import codons
    >>> elements_of(codons(), "ATGGCCTAA").units
    ['ATG', 'GCC', 'TAA']
    """
    kind = kind_of(tokenizer, text, alphabet)
    codec = Codec.of(tokenizer, kind.alphabet if kind.alphabet in ALPHABETS else None)
    changes: dict[str, int] = {}
    if kind.name == "codon" or kind.alphabet in ALPHABETS:
        text, changes = sequence_in("dna" if kind.name == "codon" and kind.alphabet == "dna" else kind.alphabet, text)
        text = letters_apart(tokenizer, text)
    elif kind.name == "atom" and (odd := _NOT_SMILES.search(text := text.strip())):
        raise InputError(
            f"letter {odd.start() + 1:,}: {odd[0]!r} does not occur in a SMILES, and {tokenizer.name} reads SMILES",
            hint="correct it, or use a model for this kind of sequence",
        )
    encoding = encode_text(text, tokenizer) if codec.numbers is not None else codec.encode(text)
    first, last = _inside(encoding)
    prefix, suffix = encoding.ids[:first], encoding.ids[last:]
    if not prefix and not suffix:
        prefix, suffix = frame_as_trained(tokenizer)
    unknown = tokenizer.special_id("unk")
    if unknown is not None and 2 * encoding.ids.count(unknown) > last - first:
        raise InputError(
            f"{tokenizer.name} does not know most of {text[:40]!r}",
            hint="use a model for this kind of sequence: cutaway models list",
        )
    parts = _Parts([], [], [], [])
    if kind.name == "word":
        for found in _UNIT.finditer(text):
            parts.units.append(found[0])
            parts.spans.append(found.span())
    else:
        parts = _parts(encoding, first, last, text, kind.name)
    return Elements(
        tokenizer, kind, text, changes, parts.units, parts.spans, [*prefix, *parts.header], suffix,
        dict(zip(parts.units, parts.ids, strict=False)), parts.scales,
    )  # fmt: skip


def frame_as_trained(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the ids before and after a record, as training lays it, of a tokenizer of ours that adds none itself."""
    begin, end = frame_of(tokenizer) if "cutaway" in tokenizer.config else (None, None)
    return [i for i in [begin] if i is not None], [i for i in [end] if i is not None]


@dataclasses.dataclass(frozen=True)
class _Parts:
    units: list[str]
    spans: list[tuple[int, int]]
    ids: list[list[int]]
    header: list[int]
    scales: list[str] = dataclasses.field(default_factory=list)


def _parts(encoding: Encoding, first: int, last: int, text: str, kind: str) -> _Parts:
    """Return the elements of a sequence that is read token by token; a number outside all bins is several tokens."""
    parts, header = _Parts([], [], [], []), list[str]()
    for at in range(first, last):
        span, token = encoding.offsets[at], encoding.tokens[at]
        if kind == "number" and span == (0, 0):
            parts.header.append(encoding.ids[at])
            header.append(token)
        elif parts.spans and span == parts.spans[-1]:
            parts.units[-1] += f" {token}" if kind == "number" else ""
            parts.ids[-1].append(encoding.ids[at])
        elif kind in ("number", "state") or text[slice(*span)].strip() or kind == "character":
            parts.units.append(token if kind in ("number", "state") else text[slice(*span)].strip() or " ")
            parts.spans.append(span)
            parts.ids.append([encoding.ids[at]])
    parts.scales.extend(" ".join(header[c : c + 3]) for c in range(0, len(header), 3))
    return parts


def kind_of(tokenizer: Tokenizer, text: str, alphabet: str | None = None) -> Kind:
    """Return what the elements of a tokenizer are. Raises as `elements_of` does."""
    codec = Codec.of(tokenizer)
    own = codec.alphabet
    if isinstance(codec.numbers, Bins):
        return _of_ids(tokenizer, "number", "series", [f"b{i}" for i in range(len(codec.numbers.edges) - 1)], alphabet)
    if isinstance(codec.numbers, States):
        return _of_ids(tokenizer, "state", "series", [f"c{i}" for i in range(len(codec.numbers.centres))], alphabet)
    if codec.kind == "codon":
        return _of_ids(tokenizer, "codon", own or "dna", words_of(own or "dna", 3), alphabet)
    if codec.kmers or codec.selfies or codec.kind == "kmer" or (codec.kind == "bpe" and own not in (None, "text")):
        raise WrongKind(
            f"{tokenizer.name} reads several letters as one token, so a single one can't be replaced",
            hint="use a model with one token for each letter, codon or atom",
        )
    vocabulary = {token: i for token, i in tokenizer.vocabulary.items() if i not in tokenizer.special_ids}
    if reads_smiles(tokenizer):
        return _of_ids(tokenizer, "atom", "smiles", list(vocabulary), alphabet)
    single = [token for token in vocabulary if len(token) == 1]
    if own in ALPHABETS or alphabet is not None or (own is None and _capitals(single, vocabulary)):
        name = alphabet or (own if own in ALPHABETS else alphabet_of(tokenizer, text))
        if own == "protein":
            alphabet_of(tokenizer, text)  # warns of DNA
        if name in ALPHABETS and own in (None, "text", name):
            return _of_ids(tokenizer, "letter", name, list(ALPHABETS[name]), None)
        raise InputError(
            f"{tokenizer.name} does not read {name or 'the letters of a known alphabet'}", hint="leave `alphabet` out"
        )
    if codec.kind == "char" or len(single) == len(vocabulary):
        return _of_ids(tokenizer, "character", "text", single, None)
    if any(len(word) >= _LONG and set(word.upper()) <= {*"ACGTUN"} for word in text.split()):
        get_logger(__name__).warning("the text looks like DNA or RNA, but %s reads words", tokenizer.name)
    return Kind("word", "text", _words(tokenizer, vocabulary))


def _capitals(single: list[str], vocabulary: dict[str, int]) -> bool:
    """Return whether a vocabulary that does not say what it is for is one of amino acids or bases."""
    return 2 * len(single) > len(vocabulary) and not any(letter.islower() for letter in single)


def _of_ids(tokenizer: Tokenizer, name: str, own: str, choices: list[str], asked: str | None) -> Kind:
    if asked not in (None, own):
        raise InputError(f"{tokenizer.name} does not read {asked}, but {own}", hint="leave `alphabet` out")
    known = {choice: i for choice in choices if (i := _single_id(tokenizer, choice)) is not None}
    if len(known) < 2:
        raise WrongKind(
            f"{tokenizer.name} has no single tokens for {own}", hint="use a model with one token for each letter"
        )
    return Kind(name, own, known)


def _single_id(tokenizer: Tokenizer, choice: str) -> int | None:
    if (found := tokenizer.vocabulary.get(choice)) is not None:
        return found
    ids = tokenizer.encode(choice, add_special_tokens=False).ids
    return ids[0] if len(ids) == 1 and ids[0] != tokenizer.special_id("unk") else None


def _words(tokenizer: Tokenizer, vocabulary: dict[str, int]) -> dict[str, int]:
    """Return the tokens that are whole words or signs, as they are written in a text, with the space before them."""
    found = dict[str, int]()
    pieces = tokenizer.kind == "WordPiece"
    for token, i in vocabulary.items():
        if token[:1] in "Ġ▁" and token[1:].isascii():
            text = f" {token[1:]}"
        elif pieces:
            text = "" if token.startswith("##") else f" {token}" if token[:1].isalnum() else token
        else:
            text = token if token.isascii() else tokenizer.piece(i)
        if WHOLE.fullmatch(text):
            found.setdefault(text, i)
    return found


def _inside(encoding: Encoding) -> tuple[int, int]:
    """Return where the sequence begins and ends among the ids; special tokens are before and after it."""
    first, last = 0, len(encoding.ids)
    while first < last and encoding.special[first]:
        first += 1
    while last > first and encoding.special[last - 1]:
        last -= 1
    return first, last

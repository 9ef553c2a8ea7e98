"""A record as a model's tokens and, beside them, as its own symbols, which do not depend on the tokenizer.

Symbols are the bytes of a text, the letters of a biological sequence or a SMILES, and the tokens of the numbers of a
series if the tokenizer has bins or states.

Axis letters: `T` tokens, `S` symbols.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.examples import Example
from cutaway.evaluation.symbol_baselines import Symbols
from cutaway.shards.record_rows import frame_of
from cutaway.tokens.alphabet_detection import ALPHABETS, letters_apart
from cutaway.tokens.codec import Codec, number_text
from cutaway.tokens.states import States
from cutaway.tokens.tokenizer import Encoding, Tokenizer

Ints = NDArray[np.int64]

SYMBOL = {"text": "byte", "series": "number"}  # a letter in every other alphabet
_PARTS = 5  # tokens of a number that is outside all bins
_CANONICAL = {**ALPHABETS, "codon": "ACGT"}


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A record: special tokens, tokens of the text, special tokens. Token t covers the symbols up to `stops`[t].

    `originals` says how many original symbols (letters, numbers, bytes) each symbol and the end stand for: 1, but 0
    for the end and the scale of a series, and for a state all numbers of its time step. `unknown` counts the tokens
    that stand for what the vocabulary lacks.
    """

    prefix: list[int]
    body: Ints
    suffix: list[int]
    stops: Ints
    symbols: Symbols
    originals: Ints
    unknown: int

    def symbol_at(self, token: int) -> int:
        """Return how many symbols (the end is one) are before a token, counted from the first of the prefix."""
        inside = token - len(self.prefix)
        if inside <= 0:
            return 0
        if inside <= len(self.body):
            return int(self.stops[inside - 1])
        return len(self.symbols.ids) + 1

    def __len__(self) -> int:
        return len(self.prefix) + len(self.body) + len(self.suffix)


class Encoder:
    """Encodes examples for one tokenizer. `train` and `test` say which letters there are, besides the usual ones.

    With `edges` every record begins with the tokenizer's beginning token and ends with its end token, as training lays
    them (targets have the end alone); otherwise with what the tokenizer itself puts there.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        alphabet: str,
        sequences: Iterable[Any],
        *,
        edges: bool = False,
        targets: bool = False,
    ) -> None:
        self.tokenizer, self.alphabet = tokenizer, alphabet
        self.codec = Codec.of(tokenizer, alphabet)
        self.binned = alphabet == "series" and self.codec.numbers is not None
        self.edges, self._targets = edges, targets
        self._unknown = tokenizer.special_id("unk")
        self._table = np.full(256 if not self.binned else max(tokenizer.vocabulary.values()) + 1, -1)
        if self.binned:
            known: list[int] = tokenizer.ordinary_ids
        elif alphabet in ("text", "series"):
            known = list(range(256))
        else:
            seen = set(_CANONICAL.get(alphabet, "")).union(*sequences)
            known = sorted(set("".join(seen).encode()))
        self._table[known] = np.arange(len(known))
        self.size = len(known)

    @property
    def symbol(self) -> str:
        """What one symbol is called."""
        return SYMBOL.get(self.alphabet, "letter") if self.binned or self.alphabet != "series" else "byte"

    def symbols(self, example: Example) -> Symbols:
        """Return an example's symbols alone."""
        if self.binned:
            return self.encode(example).symbols
        return Symbols(self._table[_bytes(example.sequence)], example.closed, example.whole)

    def encode(self, example: Example) -> Encoded:
        """Return an example's tokens and symbols."""
        written = example.sequence
        if isinstance(written, str) and self.alphabet in ALPHABETS:
            written = letters_apart(self.tokenizer, written)
        encoding = self.codec.encode(written)
        first, last = _edges(encoding)
        body = np.array(encoding.ids[first:last], np.int64)
        prefix, suffix = encoding.ids[:first], encoding.ids[last:]
        if self.edges:
            begin, end = frame_of(self.tokenizer)
            prefix = [] if begin is None or self._targets else [begin]
            suffix = [] if end is None else [end]
        suffix = suffix if example.closed else []
        if self.binned:
            symbols = self._of_series(example, encoding, first, last)
            stops = np.arange(1, len(body) + 1)
        else:
            ids_S = self._table[_bytes(example.sequence)]
            symbols = Symbols(ids_S, example.closed, example.whole)
            stops = self._stops(example.sequence, written, encoding, first, last, len(ids_S))
        originals = self._originals(symbols, example)
        if example.part is not None:
            first, last = example.part
            body, symbols, originals = body[first:last], _sliced(symbols, first, last), originals[first:last]
            stops = np.arange(1, len(body) + 1)
        originals = np.append(originals, 0)
        unknown = int((body == self._unknown).sum()) if self._unknown is not None else 0
        return Encoded(prefix, body, suffix, stops, symbols, originals, unknown)

    def _originals(self, symbols: Symbols, example: Example) -> Ints:
        if symbols.slots is None:
            return np.ones(len(symbols.ids), np.int64)
        if isinstance(self.codec.numbers, States):
            return np.full(len(symbols.ids), len(example.sequence))
        number_S = (symbols.slots < len(example.sequence) * _PARTS) & (symbols.slots % _PARTS == 0)
        return np.asarray(number_S, np.int64)

    def _of_series(self, example: Example, encoding: Encoding, first: int, last: int) -> Symbols:
        """Return the tokens of a series as symbols, each with its channel and the one before it there."""
        ids = self._table[encoding.ids[first:last]]
        channels = 1 if isinstance(self.codec.numbers, States) else len(example.sequence)
        wide = len(example.sequence) if isinstance(self.codec.numbers, States) else 1
        scale, slots, previous, begins = 0, list[int](), list[int](), dict[int, int]()
        part = 0
        for t, (start, stop) in enumerate(encoding.offsets[first:last]):
            if start == stop:  # a part of a scale, which stands for no number
                slots.append(channels * _PARTS + scale)
                previous.append(-1)
                scale += 1
                continue
            number = start // wide
            part = part + 1 if number in begins else 0
            begins.setdefault(number, t)
            slots.append(number % channels * _PARTS + part)
            previous.append(begins.get(number - channels, -1) if part == 0 else -1)
        return Symbols(ids, example.closed, example.whole, np.array(slots, np.int64), np.array(previous, np.int64))

    def _stops(self, sequence: Any, written: Any, encoding: Encoding, first: int, last: int, size: int) -> Ints:
        """Return the number of symbols up to the end of each token; spaces between tokens belong to the later one."""
        if self.tokenizer.byte_level:
            lengths = [len(token) for token in encoding.tokens[first:last]]
            if sum(lengths) == size:
                return np.cumsum(lengths, dtype=np.int64)
        ends = np.array([stop for _, stop in encoding.offsets[first:last]], np.int64)
        text = written if isinstance(written, str) else number_text(written)
        kept = [not (char == " " and written != sequence) for char in text]  # spaces that were put between letters
        wide = np.array([len(char.encode()) * keep for char, keep in zip(text, kept, strict=True)], np.int64)
        stops = np.maximum.accumulate(np.concatenate([[0], np.cumsum(wide)])[ends]) if len(ends) else ends
        if len(stops):
            stops[-1] = size
        return stops


def _sliced(symbols: Symbols, first: int, last: int) -> Symbols:
    """Return a part of a series; what was before its first symbol is not known."""
    if symbols.slots is None or symbols.previous is None:
        return dataclasses.replace(symbols, ids=symbols.ids[first:last])
    previous = np.maximum(symbols.previous[first:last] - first, -1)
    return dataclasses.replace(symbols, ids=symbols.ids[first:last], slots=symbols.slots[first:last], previous=previous)


def _edges(encoding: Encoding) -> tuple[int, int]:
    """Return where the text begins and ends among the tokens; special tokens are before and after it."""
    first, last = 0, len(encoding.ids)
    while first < last and encoding.special[first]:
        first += 1
    while last > first and encoding.special[last - 1]:
        last -= 1
    return first, last


def _bytes(sequence: Any) -> NDArray[np.uint8]:
    text = sequence if isinstance(sequence, str) else number_text(sequence)
    return np.frombuffer(text.encode(), np.uint8)

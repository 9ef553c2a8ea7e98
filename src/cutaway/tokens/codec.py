"""One way from a sequence to the ids of a tokenizer and back.

Most tokenizers read a sequence as it is. Others read it in a written form: the words of bins or states, overlapping
k-mers, or SELFIES.

Axis letters: `C` channels, `T` time steps.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import BadSequence, InputError
from cutaway.tokens.bin_trace import spans_of
from cutaway.tokens.bins import Bins, bins_of
from cutaway.tokens.codon_kmer import kmer_text
from cutaway.tokens.selfies import SYMBOL, places, selfies_smiles, selfies_text
from cutaway.tokens.states import States, states_of
from cutaway.tokens.tokenizer import Encoding, Tokenizer

Spans = list[tuple[int, int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Codec:
    """Turns sequences into the ids of one tokenizer, and ids into sequences.

    A sequence is a text, or a series of C channels of T numbers.

    - `kind`: what the tokenizer was made as (codon, states), or its algorithm;
    - `alphabet`: what it was made for, or None if it does not say;
    - `loses`: what it declares to lose, in words, by rule ("unknown", "spelling", "rounding", "missing");
    - `written`: how a sequence is written before it is tokenized, None if it is not changed;
    - `spelling`: "dna" or "rna" if it reads both and decodes to one;
    - `numbers`: the bins or states of a tokenizer of series;
    - `kmers`: alphabet and k of overlapping k-mers;
    - `selfies`: sequences are SMILES and written as SELFIES;
    - `units`: BPE of codons or atoms, each of which is one character to the tokenizer.
    """

    tokenizer: Tokenizer
    kind: str
    alphabet: str | None
    loses: dict[str, str]
    written: str | None
    spelling: str | None
    numbers: Bins | States | None
    kmers: tuple[str, int] | None
    selfies: bool
    units: bool

    @classmethod
    def of(cls, tokenizer: Tokenizer, alphabet: str | None = None) -> Codec:
        """Return the codec of a tokenizer, from what its configuration declares.

        `alphabet` is that of the sequences, if it is not the tokenizer's own: a tokenizer of SELFIES writes SMILES as
        SELFIES and takes any other text unchanged.

        >>> from cutaway.tokens.bins import bins_tokenizer, uniform_bins
        >>> codec = Codec.of(bins_tokenizer(uniform_bins(9, 4)))
        >>> codec.decode(codec.encode([[1.0, -0.5]]).ids)
        array([[1., 0.]])
        """
        declared: dict[str, Any] = tokenizer.config.get("cutaway", {})
        made_of = bins_of if "edges" in declared else states_of if "centres" in declared else None
        kind, own = declared.get("kind", tokenizer.kind), declared.get("alphabet")
        return cls(
            tokenizer=tokenizer,
            kind=kind,
            alphabet=own,
            loses=dict(declared.get("loses", {})),
            written=declared.get("written"),
            spelling=declared.get("spelling", own),
            numbers=made_of(tokenizer) if made_of else None,
            kmers=(str(own), int(declared["k"])) if "k" in declared and "written" in declared else None,
            selfies=kind == "selfies" and (alphabet or own) == "smiles",
            units=kind == "bpe" and own in ("codon", "smiles"),
        )

    def write(self, sequence: Any) -> str:
        """Return the text that the tokenizer reads for a sequence.

        A tokenizer of series reads the words of its bins or states. Any other one reads a series as its numbers, with
        all their digits. Raises `InputError` for a series that does not have the channels of the states, and
        `BadSequence` for a molecule that SELFIES can't write.

        >>> from cutaway.tokens.bins import bins_tokenizer, uniform_bins
        >>> Codec.of(bins_tokenizer(uniform_bins(9, 4))).write([[1.0, -0.5]])
        's d15 d40 b5 b4'
        """
        if self.selfies:
            return selfies_text(sequence)
        if isinstance(sequence, str):
            return sequence if self.kmers is None else kmer_text(sequence, *self.kmers)
        return number_text(sequence) if self.numbers is None else self.numbers.write(sequence)

    def encode(self, sequence: Any, *, add_special_tokens: bool = True) -> Encoding:
        """Encode one sequence. The offsets are places in it: characters of a text, numbers of a series.

        The numbers of a series are counted step by step: number t·C + c is that of channel c in step t. A token that
        stands for no place has the offsets (0, 0). Raises what `write` and `Tokenizer.encode` raise.

        >>> from cutaway.tokens.codon_kmer import kmers
        >>> codec = Codec.of(kmers("dna", 3, overlapping=True))
        >>> codec.encode("ATGC").offsets
        [(0, 1), (1, 2), (0, 3), (1, 4)]
        """
        written = self.write(sequence)
        encoding = self.tokenizer.encode(written, add_special_tokens=add_special_tokens)
        if self.selfies:
            return _with_symbols(encoding, sequence, written)
        if not isinstance(sequence, str):
            return encoding if self.numbers is None else _with_spans(encoding, _number_spans(self.numbers, written))
        if self.kmers is not None:
            return _with_spans(encoding, _kmer_spans(written, self.kmers[1]) if sequence else [])
        return _with_units(encoding, sequence, self.tokenizer) if self.units else encoding

    def encode_batch(self, sequences: Sequence[Any]) -> list[list[int]]:
        """Return the ids of many sequences, without special tokens and without offsets, which is faster."""
        written = [self.write(sequence) for sequence in sequences]
        encodings = self.tokenizer.backend.encode_batch_fast(written, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> Any:
        """Turn ids back into a sequence: a text, or C × T numbers if the tokenizer is of series.

        Raises `InputError` for words that are not a series, and `BadSequence` for what is not SELFIES.
        """
        return self.read(self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens))

    def read(self, decoded: str) -> Any:
        """Return the sequence of a decoded text: the reverse of `write`. Raises as `decode` does."""
        if self.selfies:
            return selfies_smiles(decoded)
        return decoded if self.numbers is None else self.numbers.read(decoded)

    def same(self, sequence: Any, decoded: str) -> bool:
        """Return whether a decoded text is exactly the sequence."""
        if self.selfies:
            try:
                return bool(self.read(decoded) == sequence)
            except BadSequence:
                return False
        if isinstance(sequence, str):
            return decoded == sequence
        back = self.numbers_of(sequence, decoded)
        return back is not None and bool(np.array_equal(back, np.array(sequence, dtype=np.float64), equal_nan=True))

    def numbers_of(self, series: Any, decoded: str) -> NDArray[np.float64] | None:
        """Return the C × T numbers that came back for a series; None if the decoded text is not a series."""
        if self.numbers is None:
            return np.array(series, dtype=np.float64) if decoded == number_text(series) else None
        try:
            return self.numbers.read(decoded)
        except InputError:
            return None


def number_text(channels: Sequence[Any]) -> str:
    """Write C channels of T numbers as in a file: one line for each time step, with as few digits as are exact.

    >>> number_text([[1.0, 0.1], [2.5, float("nan")]])
    '1 2.5\\n0.1 nan'
    """
    return "\n".join(" ".join(_shortest(x) for x in step) for step in zip(*channels, strict=True))


def _shortest(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _number_spans(numbers: Bins | States, written: str) -> Spans:
    """Return the numbers of a series that each of its words stands for."""
    if isinstance(numbers, Bins):
        return spans_of(written)
    channels = len(numbers.centres[0])
    return [(t * channels, (t + 1) * channels) for t in range(len(written.split()))]


def _kmer_spans(written: str, k: int) -> Spans:
    return [(end - (k if len(word) == k else 1), end) for end, word in enumerate(written.split(" "), 1)]


def _with_spans(encoding: Encoding, spans: Spans) -> Encoding:
    """Return the encoding of a written form (one token for each word) with the words' places in the sequence."""
    place = iter(spans)
    offsets = [(0, 0) if special else next(place, (0, 0)) for special in encoding.special]
    return dataclasses.replace(encoding, offsets=offsets)


def _with_symbols(encoding: Encoding, smiles: str, written: str) -> Encoding:
    """Return the encoding of SELFIES with each symbol's place in the SMILES."""
    symbols = list(re.finditer(SYMBOL, written))
    ends = [symbol.end() for symbol in symbols]
    spans = places(smiles, [symbol[0] for symbol in symbols])
    offsets = [
        (0, 0) if special else spans[bisect.bisect_right(ends, start)]
        for (start, _), special in zip(encoding.offsets, encoding.special, strict=True)
    ]
    return dataclasses.replace(encoding, offsets=offsets)


def _with_units(encoding: Encoding, text: str, tokenizer: Tokenizer) -> Encoding:
    """Return the encoding with places in the text, because to the tokenizer a codon or an atom is one character."""
    unknown = tokenizer.special_id("unk")
    ends = list(itertools.accumulate(1 if i == unknown else len(tokenizer.piece(i)) for i in encoding.ids))
    if not ends or ends[-1] != len(text):
        return encoding
    return dataclasses.replace(encoding, offsets=list(itertools.pairwise([0, *ends])))

"""How a sequence reaches a tokenizer: as it is, as overlapping k-mers, as SELFIES, or as words of bins or states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import BadSequence, InputError
from cutaway.tokens.bins import bins_of
from cutaway.tokens.codon_kmer import kmer_text
from cutaway.tokens.selfies import selfies_smiles, selfies_text
from cutaway.tokens.states import states_of
from cutaway.tokens.tokenizer import Tokenizer

__all__ = ["Writer", "number_text"]


class Writer:
    """Writes sequences the way one tokenizer takes them, and says of what it decodes whether it is the same again.

    A sequence is a text of `alphabet`, or of a series C channels of T numbers. Tokenizers of series take the words of
    their bins or states; any other one takes the numbers as they are written out, to the last digit. One of SELFIES
    takes them where the text is a SMILES, and any other text as it stands.

    >>> from cutaway.tokens.bins import bins_tokenizer, uniform_bins
    >>> Writer(bins_tokenizer(uniform_bins(9, 4))).write([[1.0, -0.5]])
    's d15 d40 b5 b4'
    """

    def __init__(self, tokenizer: Tokenizer, alphabet: str = "") -> None:
        declared = tokenizer.config.get("cutaway", {})
        made_of = bins_of if "edges" in declared else states_of if "centres" in declared else None
        self.numbers = made_of(tokenizer) if made_of else None
        self.kmers = (
            (str(declared["alphabet"]), int(declared["k"])) if "k" in declared and "written" in declared else None
        )
        self.selfies = declared.get("kind") == "selfies" and alphabet == "smiles"

    def write(self, sequence: Any) -> str:
        """Return the text of a sequence.

        Raises `InputError` for a series of other channels than the states have, and `BadSequence` for a molecule that
        SELFIES can't write.
        """
        if self.selfies:
            return selfies_text(sequence)
        if isinstance(sequence, str):
            return sequence if self.kmers is None else kmer_text(sequence, *self.kmers)
        return number_text(sequence) if self.numbers is None else self.numbers.write(sequence)

    def same(self, sequence: Any, text: str, decoded: str) -> bool:
        """Say whether what was decoded from the ids of `text` is the sequence again, to the letter or to the digit."""
        if self.selfies:
            try:
                return selfies_smiles(decoded) == str(sequence)
            except BadSequence:
                return False
        if isinstance(sequence, str):
            return decoded == sequence
        back = self.back(sequence, text, decoded)
        return back is not None and bool(np.array_equal(back, np.array(sequence, dtype=np.float64), equal_nan=True))

    def back(self, series: Any, text: str, decoded: str) -> NDArray[np.float64] | None:
        """Return the C × T numbers that were decoded from the ids of a series' `text`; None where they are none."""
        if self.numbers is None:
            return np.array(series, dtype=np.float64) if decoded == text else None
        try:
            return self.numbers.read(decoded)
        except InputError:
            return None


def number_text(channels: Sequence[Any]) -> str:
    """Write C channels of T numbers as a file would: a line a time step, in as few digits as say the number exactly.

    >>> number_text([[1.0, 0.1], [2.5, float("nan")]])
    '1 2.5\\n0.1 nan'
    """
    return "\n".join(" ".join(_written_out(x) for x in step) for step in zip(*channels, strict=True))


def _written_out(value: float) -> str:
    return repr(float(value)).removesuffix(".0")

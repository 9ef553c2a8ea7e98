"""What a sequence may be made of: one module a kind, each with `check(sequence) -> (sequence, changes)`.

`check` returns the sequence as records hold it, and how often each rule of its kind changed something, or found
something that is kept but worth knowing. What no rule allows raises `BadSequence` with the column of the first bad
letter. The rules are in the modules' docstrings; nothing is dropped or changed without being counted.
"""

from collections.abc import Callable
from typing import Any

from cutaway.sequences.alphabets import codon, dna, protein, rna, series, smiles, text

__all__ = ["CHECKS", "codon", "dna", "protein", "rna", "series", "smiles", "text"]

CHECKS: dict[str, Callable[[Any], tuple[Any, dict[str, int]]]] = {
    "text": text.check,
    "dna": dna.check,
    "rna": rna.check,
    "codon": codon.check,
    "protein": protein.check,
    "smiles": smiles.check,
    "series": series.check,
}
"""The check of each alphabet, by the alphabet's name."""

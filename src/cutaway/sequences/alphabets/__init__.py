"""The rules for each kind of sequence: one module per kind, each with `check(sequence) -> (sequence, changes)`.

`check` returns the sequence as a record holds it, and how often each rule changed something or found something worth
knowing. If a letter is not allowed, it raises `BadSequence` with the column of the first one. The rules are in the
docstrings of the modules; every change is counted.
"""

from collections.abc import Callable
from typing import Any

from cutaway.sequences.alphabets import codon, dna, protein, rna, series, smiles, text

CHECKS: dict[str, Callable[[Any], tuple[Any, dict[str, int]]]] = {
    "text": text.check,
    "dna": dna.check,
    "rna": rna.check,
    "codon": codon.check,
    "protein": protein.check,
    "smiles": smiles.check,
    "series": series.check,
}
"""The check function of each alphabet, by name."""

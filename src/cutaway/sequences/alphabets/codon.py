"""Codons: coding DNA, read three letters at a time from its first letter.

Rules, each counted under the name in quotation marks:

- those of DNA, in the letters of DNA (U is read as T), but that a gap is an error: it would shift the frame;
- "ragged codons" (records): a length that is no multiple of three is kept with its one or two last letters;
- "stops inside" (codons): TAA, TAG or TGA before the last codon stay; some codes read TGA as an amino acid. A stop at
  the very end stays too, and is nothing to count;
- "ambiguity codes" and "N runs" stay: a codon with one of them stands for several.
"""

from __future__ import annotations

from cutaway.sequences.alphabets.letter_checks import nucleotides

__all__ = ["STOPS", "check"]

STOPS = frozenset({"TAA", "TAG", "TGA"})
"""The stops of the standard code."""


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the coding sequence in the letters of DNA, and what was changed or found by which rule.

    Raises `BadSequence` with the column of the first letter that is none.

    >>> check("AUGUAAGGGCC")
    ('ATGTAAGGGCC', {'U to T': 2, 'ragged codons': 1, 'stops inside': 1})
    """
    sequence, changes = nucleotides(sequence, "codon", b"ACGT", b"U", gaps=False)
    whole = len(sequence) - len(sequence) % 3
    if whole < len(sequence):
        changes["ragged codons"] = 1
    last = whole if whole < len(sequence) else whole - 3  # behind a ragged end even the last whole codon is inside
    if stops := sum(sequence[i : i + 3] in STOPS for i in range(0, last, 3)):
        changes["stops inside"] = stops
    return sequence, changes

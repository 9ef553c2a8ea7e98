"""RNA: A, C, G, U and the ambiguity codes of IUPAC.

Rules: as for DNA, except "T to U" (letters): a gene is read as its transcript. Modified bases are not supported.
"""

from __future__ import annotations

from cutaway.sequences.alphabets.letter_checks import nucleotides


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in A, C, G, U, codes and gaps, and how often each rule changed or found something.

    Raises `BadSequence` with the column of the first letter that is not allowed.

    >>> check("GATTACA")
    ('GAUUACA', {'T to U': 2})
    """
    return nucleotides(sequence, "rna", b"ACGU", b"T", gaps=True)

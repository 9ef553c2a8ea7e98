"""RNA: A, C, G, U and the ambiguity codes of IUPAC.

Rules: those of DNA, but that "T to U" (letters) reads a gene as its transcript. Modified bases have no letters here.
"""

from __future__ import annotations

from cutaway.sequences.alphabets.letter_checks import nucleotides

__all__ = ["check"]


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in A, C, G, U, codes and gaps, and what was changed or found by which rule.

    Raises `BadSequence` with the column of the first letter that is none of them.

    >>> check("GATTACA")
    ('GAUUACA', {'T to U': 2})
    """
    return nucleotides(sequence, "rna", b"ACGU", b"T", gaps=True)

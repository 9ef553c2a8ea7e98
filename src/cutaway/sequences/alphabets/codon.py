"""Codons: coding DNA, read three letters at a time from its first letter.

Rules, each counted under the name in quotation marks:

- the rules of DNA (U is read as T), but a gap is an error, because it would shift the frame;
- "ragged codons" (records): if the length is not a multiple of three, the last one or two letters are kept;
- "stops inside" (codons): TAA, TAG and TGA before the last codon are kept; some genetic codes read TGA as an amino
  acid. A stop at the end is kept and not counted;
- "ambiguity codes" and "N runs" are kept: a codon with one of these stands for several codons.
"""

from __future__ import annotations

import itertools

from cutaway.sequences.alphabets.letter_checks import nucleotides

STARTS = frozenset({"ATG", "GTG", "TTG"})
"""The codons that genes of bacteria begin with; a few begin with others."""
STOPS = frozenset({"TAA", "TAG", "TGA"})
"""The stop codons of the standard genetic code."""

AMINO_ACIDS = dict(
    zip(
        map("".join, itertools.product("TCAG", repeat=3)),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)
"""The amino acid of each codon by the standard genetic code, which is also that of bacteria; "*" is a stop.

Source: NCBI's translation tables 1 and 11.
"""


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the coding sequence in DNA letters, and how often each rule changed or found something.

    Raises `BadSequence` with the column of the first letter that is not allowed.

    >>> check("AUGUAAGGGCC")
    ('ATGTAAGGGCC', {'U to T': 2, 'ragged codons': 1, 'stops inside': 1})
    """
    sequence, changes = nucleotides(sequence, "codon", b"ACGT", b"U", gaps=False)
    whole = len(sequence) - len(sequence) % 3
    if whole < len(sequence):
        changes["ragged codons"] = 1
    last = whole if whole < len(sequence) else whole - 3  # before a ragged end, the last whole codon is also inside
    if stops := sum(sequence[i : i + 3] in STOPS for i in range(0, last, 3)):
        changes["stops inside"] = stops
    return sequence, changes

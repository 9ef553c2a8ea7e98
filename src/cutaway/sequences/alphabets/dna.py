"""DNA: A, C, G, T and the ambiguity codes of IUPAC.

Rules, each counted under the name in quotation marks:

- "lower case to upper" (letters): lower case is soft masking of repeats; the letters stay, the mask does not;
- "U to T" (letters): RNA is read as the DNA it was copied from;
- "ambiguity codes" (letters): R Y S W K M B D H V stay as they are;
- "N runs" (runs of one or more): N stays, so that positions are those of the file;
- "gaps" (letters): the '-' of an alignment stays; "'.' to '-'" (letters): the other way to write a gap.

Anything else is an error: E, F, I, L, P, Q and Z tell a protein.
"""

from __future__ import annotations

from cutaway.sequences.alphabets.letter_checks import nucleotides

__all__ = ["check"]


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in A, C, G, T, codes and gaps, and what was changed or found by which rule.

    Raises `BadSequence` with the column of the first letter that is none of them. Codes: Cornish-Bowden, *Nucleic Acids
    Research* 13, 3021 (1985).

    >>> check("acgtNNRNu")
    ('ACGTNNRNT', {'lower case to upper': 5, 'U to T': 1, 'ambiguity codes': 1, 'N runs': 2})
    """
    return nucleotides(sequence, "dna", b"ACGT", b"U", gaps=True)

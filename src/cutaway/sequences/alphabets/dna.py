"""DNA: A, C, G, T and the ambiguity codes of IUPAC.

Rules, each counted under the name in quotation marks:

- "lower case to upper" (letters): lower case often marks repeats (soft masking); this mark is lost;
- "U to T" (letters): RNA is read as DNA;
- "ambiguity codes" (letters): R Y S W K M B D H V are kept;
- "N runs" (runs of one or more): N is kept, so that positions are the same as in the file;
- "gaps" (letters): the '-' of an alignment is kept; "'.' to '-'" (letters): '.' is also a gap.

Any other letter is an error. E, F, I, L, P, Q and Z show that the sequence is a protein.
"""

from __future__ import annotations

from cutaway.sequences.alphabets.letter_checks import nucleotides


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in A, C, G, T, codes and gaps, and how often each rule changed or found something.

    Raises `BadSequence` with the column of the first letter that is not allowed. Codes: Cornish-Bowden, *Nucleic Acids
    Research* 13, 3021 (1985).

    >>> check("acgtNNRNu")
    ('ACGTNNRNT', {'lower case to upper': 5, 'U to T': 1, 'ambiguity codes': 1, 'N runs': 2})
    """
    return nucleotides(sequence, "dna", b"ACGT", b"U", gaps=True)

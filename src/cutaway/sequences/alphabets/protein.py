"""Proteins: the twenty amino acids, U and O, and the codes for unknown residues.

Rules, each counted under the name in quotation marks:

- "lower case to upper" (letters);
- "X residues" (letters): X, any amino acid, is kept. "ambiguous residues" (letters): B (D or N), Z (E or Q) and J (I or
  L) are kept. U (selenocysteine) and O (pyrrolysine) are ordinary amino acids here;
- "gaps" (letters): the '-' of an alignment is kept, so that columns are the same as in the file; "'.' to '-'"
  (letters): '.' is also a gap;
- "end stops removed" (letters): a '*' at the end marks the stop codon, not a residue;
- "stops inside" (letters): any other '*' is kept; the sequence is then not one whole protein.
"""

from __future__ import annotations

from cutaway.errors import BadSequence
from cutaway.sequences.alphabets.letter_checks import ascii_letters, bad_letter, upper

_PLAIN = b"ACDEFGHIKLMNPQRSTVWYUO"
_KEPT = (("X residues", b"X"), ("ambiguous residues", b"BZJ"), ("gaps", b"-"), ("stops inside", b"*"))


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in upper case without a final stop, and how often each rule changed or found something.

    Raises `BadSequence` with the column of the first letter that is not allowed. Codes: IUPAC-IUB, *European Journal of
    Biochemistry* 138, 9 (1984).

    >>> check("mk-XW*")
    ('MK-XW', {'lower case to upper': 2, 'end stops removed': 1, 'X residues': 1, 'gaps': 1})
    """
    letters = ascii_letters(sequence, "protein")
    if not letters.translate(None, _PLAIN):
        return sequence, {}
    changes: dict[str, int] = {}
    letters = upper(letters, changes)
    if dots := letters.count(b"."):
        changes["'.' to '-'"] = dots
        letters = letters.replace(b".", b"-")
    if stops := len(letters) - len(letters.rstrip(b"*")):
        changes["end stops removed"] = stops
        letters = letters[:-stops]
    left = letters.translate(None, _PLAIN)
    if bad := left.translate(None, b"XBZJ-*"):
        raise bad_letter(sequence, letters.index(bad[:1]), "protein")
    if not letters:
        raise BadSequence("there are no residues, only a stop", hint="skip such records with `skip_bad=True`")
    for rule, codes in _KEPT:
        if count := len(left) - len(left.translate(None, codes)):
            changes[rule] = count
    return letters.decode("ascii"), changes

"""Proteins: the twenty amino acids, U and O, and the codes for what is not known.

Rules, each counted under the name in quotation marks:

- "lower case to upper" (letters);
- "X residues" (letters): any amino acid; X stays. "ambiguous residues" (letters): B (D or N), Z (E or Q) and J (I or L)
  stay. U (selenocysteine) and O (pyrrolysine) are amino acids like others;
- "gaps" (letters): the '-' of an alignment stays, so that columns are those of the file; "'.' to '-'" (letters): the
  other way to write a gap;
- "end stops removed" (letters): a '*' at the very end says where translation ended, and is no residue;
- "stops inside" (letters): any other '*' stays: the sequence is of no whole protein.
"""

from __future__ import annotations

from cutaway.errors import BadSequence
from cutaway.sequences.alphabets.letter_checks import ascii_letters, bad_letter, upper

__all__ = ["check"]

_PLAIN = b"ACDEFGHIKLMNPQRSTVWYUO"
_KEPT = (("X residues", b"X"), ("ambiguous residues", b"BZJ"), ("gaps", b"-"), ("stops inside", b"*"))


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the sequence in upper case without a stop at its end, and what was changed or found by which rule.

    Raises `BadSequence` with the column of the first letter that is none. Codes: IUPAC-IUB, *European Journal of
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
        raise BadSequence("there is no residue, only a stop", hint="leave such records out with --skip-bad")
    for rule, codes in _KEPT:
        if count := len(left) - len(left.translate(None, codes)):
            changes[rule] = count
    return letters.decode("ascii"), changes

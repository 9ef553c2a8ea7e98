"""Shared checks of letters: find the first bad one, and apply the rules of nucleotides.

For speed a sequence is checked as bytes: all allowed letters are deleted, and only if something is left are the single
letters looked at.
"""

from __future__ import annotations

import re

import numpy as np

from cutaway.errors import BadSequence

_CODES = b"RYSWKMBDHV"  # IUPAC-IUB 1984: two or three of the four; N is any
_SLICE = 1 << 22
_RUN = re.compile(rb"N+")
_PROTEIN_ONLY = frozenset("EFILPQZ*")  # letters of amino acids that no nucleotide code uses


def ascii_letters(sequence: str, kind: str) -> bytes:
    """Return the letters as bytes; raise `BadSequence` if there are none, or for the first one that is not ASCII."""
    if not sequence:
        raise BadSequence("the sequence is empty", hint="add one, or skip such records with `skip_bad=True`")
    try:
        return sequence.encode("ascii")
    except UnicodeEncodeError as error:
        raise bad_letter(sequence, error.start, kind) from error


def bad_letter(sequence: str, position: int, kind: str, hint: str | None = None) -> BadSequence:
    """Return the error for the letter at a position (from 0), which this kind of sequence does not have."""
    if hint is None and kind != "protein" and _PROTEIN_ONLY.intersection(sequence[:10_000].upper()):
        hint = "for proteins use `alphabet='protein'`; otherwise fix it, or skip it with `skip_bad=True`"
    if position == 0 and sequence[0] == ">":
        hint = "if this file is FASTA, use `format='fasta'`"
    return BadSequence(
        f"{sequence[position]!r} is not a letter of {kind}",
        hint=hint or "fix it, or skip such records with `skip_bad=True`",
        column=position + 1,
    )


def upper(letters: bytes, changes: dict[str, int]) -> bytes:
    """Return the letters in upper case, and count those that were lower case."""
    raised = letters.upper()
    if raised != letters:
        before, after = np.frombuffer(letters, np.uint8), np.frombuffer(raised, np.uint8)
        slices = [slice(start, start + _SLICE) for start in range(0, len(letters), _SLICE)]  # of a chromosome
        changes["lower case to upper"] = sum(int(np.count_nonzero(before[part] != after[part])) for part in slices)
    return raised


def nucleotides(sequence: str, kind: str, plain: bytes, wrong: bytes, gaps: bool) -> tuple[str, dict[str, int]]:
    """Check nucleotides: `plain` are the four letters; `wrong` is read as the last of them (U as T, T as U)."""
    letters = ascii_letters(sequence, kind)
    if not letters.translate(None, plain):
        return sequence, {}
    changes: dict[str, int] = {}
    letters, right = upper(letters, changes), plain[-1:]
    if found := letters.count(wrong):
        changes[f"{wrong.decode()} to {right.decode()}"] = found
        letters = letters.replace(wrong, right)
    if dots := letters.count(b".") if gaps else 0:
        changes["'.' to '-'"] = dots
        letters = letters.replace(b".", b"-")
    left = letters.translate(None, plain)
    if bad := left.translate(None, _CODES + (b"N-" if gaps else b"N")):
        hint = "remove the gaps: codons are read three letters at a time" if bad[:1] in b"-." else None
        raise bad_letter(sequence, letters.index(bad[:1]), kind, hint)
    if left:
        for rule, count in (
            ("ambiguity codes", len(left) - left.count(b"N") - left.count(b"-")),
            ("N runs", sum(1 for _ in _RUN.finditer(letters)) if b"N" in left else 0),
            ("gaps", left.count(b"-")),
        ):
            if count:
                changes[rule] = count
    return letters.decode("ascii"), changes

"""Open reading frames of a genome: stretches of codons from a start to the first stop, on both strands.

A rule, not a gene finder: each of the six ways to read a genome is cut at its stops, and what begins at the first ATG
after a stop and ends with the next stop is an open reading frame. Of frames that overlap, the longer one is kept. In a
genome that is dense with genes most of what is left are genes. Genes that begin with GTG or TTG are missed or begin at
a later ATG; a gene whose start is not its first ATG begins too early.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from cutaway.errors import at_least
from cutaway.sequences.alphabets.codon import STOPS

START: Final = "ATG"

_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


@dataclasses.dataclass(frozen=True)
class ReadingFrame:
    """An open reading frame: its codons, start and stop included, and its first and last base on the + strand, from 1.

    >>> frame = ReadingFrame("ATGTAA", "-", 5, 10)
    >>> frame.last - frame.first + 1 == len(frame.sequence)
    True
    """

    sequence: str
    strand: str
    first: int
    last: int


def reverse_complement(sequence: str) -> str:
    """Return the other strand of DNA, read in its own direction; codes of IUPAC are complemented, too.

    >>> reverse_complement("GATTACAN")
    'NTGTAATC'
    """
    return sequence.translate(_COMPLEMENT)[::-1]


def open_reading_frames(sequence: str, *, shortest: int = 300, overlap: int = 30) -> list[ReadingFrame]:
    """Return the open reading frames of at least `shortest` bases, in the order of their first base.

    The longest is taken first; a shorter one is left out if more than `overlap` of its bases are in those taken before.
    A codon with a letter other than A, C, G and T ends a frame without a stop, which is left out. The sequence is
    linear: a frame across its end is not seen.

    Raises `InputError` if `shortest` is below 6, or `overlap` below 0.

    >>> open_reading_frames("CCATGAAATAGCC", shortest=9)
    [ReadingFrame(sequence='ATGAAATAG', strand='+', first=3, last=11)]
    """
    at_least(6, shortest=shortest)
    at_least(0, overlap=overlap)
    length, found = len(sequence), list[ReadingFrame]()
    for strand, letters in (("+", sequence), ("-", reverse_complement(sequence))):
        for start, stop in _frames(letters, shortest):
            first, last = (start + 1, stop) if strand == "+" else (length - stop + 1, length - start)
            found.append(ReadingFrame(letters[start:stop], strand, first, last))
    taken, kept = bytearray(length), list[ReadingFrame]()
    for frame in sorted(found, key=lambda one: (-len(one.sequence), one.first, one.strand)):
        if taken.count(1, frame.first - 1, frame.last) <= overlap:
            taken[frame.first - 1 : frame.last] = b"\1" * len(frame.sequence)
            kept.append(frame)
    return sorted(kept, key=lambda one: (one.first, one.strand))


def _frames(letters: str, shortest: int) -> list[tuple[int, int]]:
    """Return where the open reading frames of one strand begin and end."""
    found = list[tuple[int, int]]()
    for frame in range(3):
        begin: int | None = None
        for at in range(frame, len(letters) - 2, 3):
            codon = letters[at : at + 3]
            if codon in STOPS:
                if begin is not None and at + 3 - begin >= shortest:
                    found.append((begin, at + 3))
                begin = None
            elif begin is None and codon == START:
                begin = at
            elif begin is not None and not _PLAIN.fullmatch(codon):
                begin = None
    return found


_PLAIN = re.compile("[ACGT]{3}")

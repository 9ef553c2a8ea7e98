"""Open reading frames: hand-made ones, a slow search with a regular expression, and bad numbers."""

import re

import numpy as np
import pytest
from Bio.Seq import Seq

from cutaway.errors import InputError
from cutaway.sequences import open_reading_frames, reverse_complement

STOP = "TAA|TAG|TGA"


def random_dna(length, seed):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_the_reverse_complement_is_that_of_biopython():
    sequence = random_dna(200, 0) + "RYSWKMBDHVN"
    assert reverse_complement(sequence) == str(Seq(sequence).reverse_complement())


def test_every_frame_that_a_regular_expression_finds():
    sequence = random_dna(6000, 1)
    wanted = set()
    for strand, letters in (("+", sequence), ("-", str(Seq(sequence).reverse_complement()))):
        for frame in range(3):
            at = frame
            pattern = re.compile(
                f"(?:(?:(?!{STOP})...)*?)(ATG(?:(?!{STOP})...)*(?:{STOP}))|(?:(?!{STOP})...)*(?:{STOP})"
            )
            while found := pattern.match(letters, at):
                if found.group(1) and len(found.group(1)) >= 60:
                    first, last = found.start(1) + 1, found.end(1)
                    if strand == "-":
                        first, last = len(sequence) - last + 1, len(sequence) - first + 1
                    wanted.add((found.group(1), strand, first, last))
                at = found.end()
    frames = open_reading_frames(sequence, shortest=60, overlap=10**6)
    assert {(one.sequence, one.strand, one.first, one.last) for one in frames} == wanted
    assert len(wanted) > 20


def test_positions_are_those_of_the_forward_strand():
    gene = "ATG" + "GCA" * 30 + "TAA"
    sequence = "CC" + gene + "CCCC" + reverse_complement(gene) + "C"
    one, other = open_reading_frames(sequence, shortest=90)
    assert (one.sequence, one.strand, one.first, one.last) == (gene, "+", 3, 98)
    assert (other.sequence, other.strand, other.first, other.last) == (gene, "-", 103, 198)
    assert reverse_complement(sequence[other.first - 1 : other.last]) == gene


def test_the_longer_of_two_that_overlap_is_kept():
    sequence = random_dna(30_000, 2)
    frames = open_reading_frames(sequence, shortest=90, overlap=20)
    everything = open_reading_frames(sequence, shortest=90, overlap=10**6)
    taken = np.zeros(len(sequence), int)
    for one in sorted(frames, key=lambda one: -len(one.sequence)):
        part = slice(one.first - 1, one.last)
        assert taken[part].sum() <= 20
        taken[part] = 1
    for one in everything:  # what was left out lies on a kept one that is at least as long
        if one not in frames:
            longer = [other for other in frames if len(other.sequence) >= len(one.sequence)]
            covered = np.zeros(len(sequence), bool)
            for other in longer:
                covered[other.first - 1 : other.last] = True
            assert covered[one.first - 1 : one.last].sum() > 20
    assert frames == sorted(frames, key=lambda one: one.first) and len(frames) < len(everything)


def test_a_code_for_several_bases_ends_a_frame():
    gene = "ATG" + "GCA" * 30 + "TAA"
    assert open_reading_frames(gene.replace("GCA", "GCN", 1), shortest=9) == []
    assert open_reading_frames("", shortest=9) == []


def test_numbers_out_of_range():
    with pytest.raises(InputError, match="`shortest` is 5"):
        open_reading_frames("ATGTAA", shortest=5)
    with pytest.raises(InputError, match="`overlap` is -1"):
        open_reading_frames("ATGTAA", overlap=-1)

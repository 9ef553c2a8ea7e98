"""How written genes compare with held-out ones: reading frames, length, codon usage, and what they would encode.

A gene is coding DNA from its first codon on. Codon usage is compared over the 61 codons that stand for amino acids, as
a Jensen–Shannon divergence in bits. Source for codon usage and its third base: Sharp and Li 1987,
doi:10.1093/nar/15.3.1281.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.sample_measures import SampleMeasure, average, divergence, jackknifed, share
from cutaway.sequences.alphabets.codon import AMINO_ACIDS, STARTS, STOPS

HEADLINE: Final = "frame"

NOTES: Final = [
    MetricNote("frame", "whole reading frames", "", "higher", 1.0,
               "Share of records that begin with a start codon, end with a stop codon and have none inside."),
    MetricNote("starts", "begin with a start", "", "higher", 1.0, "Share of records that begin with ATG, GTG or TTG."),
    MetricNote("stops", "end with a stop", "", "higher", 1.0,
               "Share of records of whole codons that end with TAA, TAG or TGA."),
    MetricNote("open", "no stop inside", "", "higher", 1.0,
               "Share of records without a stop codon before the last codon."),
    MetricNote("unique", "unique", "", "higher", 1.0, "Different records, divided by all that have codons."),
    MetricNote("novel", "novel", "", "higher", 1.0, "Share of the different records that are not in the train part."),
    MetricNote("length", "length", "codons", "test", None, "Mean number of codons of a record, with start and stop."),
    MetricNote("gc3", "G or C as third base", "", "test", None,
               "Mean over records of the share of codons whose third base is G or C: it differs between genomes."),
    MetricNote("codons", "distance of codon usage", "bits", "lower", 0.0,
               "Jensen–Shannon divergence between the codons of the records and those of the test records."),
    MetricNote("synonyms", "distance of synonyms", "bits", "lower", 0.0,
               "The same for the choice among the codons of one amino acid, averaged over the amino acids of the test "
               "records."),
    MetricNote("amino_acids", "distance of amino acids", "bits", "lower", 0.0,
               "The same for the amino acids that the codons stand for."),
    MetricNote("pairs", "distance of codon pairs", "bits", "lower", 0.0, "The same for two codons in a row."),
]  # fmt: skip


def measures(samples: Sequence[Any], test: Sequence[Any], train: Sequence[Any]) -> dict[str, SampleMeasure]:
    """Return the measures of written genes; see `NOTES`. A record that is None counts as one without a frame."""
    read = [codons for codons in map(_codons, samples) if codons]
    different = list(dict.fromkeys(one for one in samples if one and _codons(one)))
    known = set(train)
    wanted = [codons for codons in map(_codons, test) if codons]
    found = {
        "frame": share(bool(one) and _starts(one) and _stops(one) and _open(one) for one in samples),
        "starts": share(bool(one) and _starts(one) for one in samples),
        "stops": share(bool(one) and _stops(one) for one in samples),
        "open": share(bool(one) and _open(one) for one in samples),
        "unique": SampleMeasure(len(different) / len(read) if read else None, None, None),
        "novel": share(gene not in known for gene in different),
        "length": average([len(codons) for codons in read]),
        "gc3": average([sum(codon[2] in "GC" for codon in codons) / len(codons) for codons in read]),
    }
    for key, words, distance in (
        ("codons", _usage, divergence),
        ("synonyms", _usage, _among_synonyms),
        ("amino_acids", _residues, divergence),
        ("pairs", _pairs, divergence),
    ):
        found[key] = _distance([words(one) for one in read], _summed([words(one) for one in wanted]), distance)
    return found


def _codons(gene: str | None) -> list[str]:
    """Return the whole codons of a gene; those with other letters than A, C, G and T are left out."""
    words = [gene[i : i + 3] for i in range(0, len(gene) - 2, 3)] if gene else []
    return [word for word in words if word in AMINO_ACIDS]


def _starts(gene: str) -> bool:
    return gene[:3] in STARTS


def _stops(gene: str) -> bool:
    return len(gene) % 3 == 0 and gene[-3:] in STOPS


def _open(gene: str) -> bool:
    last = len(gene) - 3 if _stops(gene) else len(gene)
    return not any(gene[i : i + 3] in STOPS for i in range(0, last, 3))


def _usage(codons: Sequence[str]) -> Counter[str]:
    return Counter(codon for codon in codons if codon not in STOPS)


def _residues(codons: Sequence[str]) -> Counter[str]:
    return Counter(AMINO_ACIDS[codon] for codon in _usage(codons).elements())


def _pairs(codons: Sequence[str]) -> Counter[str]:
    return Counter(map("".join, itertools.pairwise(codons)))


def _among_synonyms(counts: Counter[str], wanted: Counter[str]) -> float:
    """Return the divergence within the codons of each amino acid, weighted by how often the wanted ones have it."""
    by_residue = dict[str, tuple[Counter[str], Counter[str]]]()
    for part, one in enumerate((counts, wanted)):
        for codon, count in one.items():
            by_residue.setdefault(AMINO_ACIDS[codon], (Counter(), Counter()))[part][codon] += count
    shared = [pair for residue, pair in by_residue.items() if all(pair)]
    total = sum(other.total() for _, other in shared)
    return sum(other.total() * divergence(one, other) for one, other in shared) / total if total else float("nan")


def _summed(counts: Sequence[Counter[str]]) -> Counter[str]:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return total


def _distance(
    counts: Sequence[Counter[str]], wanted: Counter[str], distance: Callable[[Counter[str], Counter[str]], float]
) -> SampleMeasure:
    def of(chosen_N: NDArray[np.int64]) -> float:
        return distance(_summed([counts[i] for i in chosen_N]), wanted)

    return jackknifed(of, len(counts), 0.0)

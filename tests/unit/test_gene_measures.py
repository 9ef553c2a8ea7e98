"""Measures of written genes on genes whose values are known: hand-made, shuffled, random, of another genome."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from Bio.Data import CodonTable
from scipy.spatial.distance import jensenshannon

from cutaway.evaluation import evaluate, evaluate_samples
from cutaway.evaluation.gene_measures import measures
from cutaway.sequences.alphabets.codon import AMINO_ACIDS, STARTS, STOPS
from cutaway.tokens import codons
from tests.unit.test_evaluation_losses import gpt2

CODONS = sorted(AMINO_ACIDS)
SENSE = [codon for codon in CODONS if codon not in STOPS]


def values(samples, test, train=()):
    return {key: one.value for key, one in measures(samples, test, train).items()}


def genes(count, seed, weights=None, low=50, high=150):
    """Genes with a start, a stop and none inside; codons drawn alone by weights."""
    random = np.random.default_rng(seed)
    chance = np.ones(len(SENSE)) if weights is None else np.asarray(weights, float)
    chance = chance / chance.sum()
    return [
        "ATG" + "".join(random.choice(SENSE, random.integers(low, high), p=chance)) + random.choice(sorted(STOPS))
        for _ in range(count)
    ]


def test_the_genetic_code_is_that_of_bacteria():
    table = CodonTable.unambiguous_dna_by_id[11]
    assert {codon for codon, residue in AMINO_ACIDS.items() if residue == "*"} == set(table.stop_codons) == STOPS
    assert {codon: residue for codon, residue in AMINO_ACIDS.items() if residue != "*"} == table.forward_table
    assert set(table.start_codons) >= STARTS


def test_frames_made_by_hand():
    made = ["ATGAAATAA", "ATGAAAAA", "CCCAAATAG", "ATGTAAAAATGA", "ATGAAAAAA", None, "ATG"]
    found = values(made, ["ATGAAATAA"])
    assert found["frame"] == 1 / 7
    assert found["starts"] == 5 / 7
    assert found["stops"] == 3 / 7
    assert found["open"] == 5 / 7  # all but the fourth, and the one that has no sequence
    assert found["length"] == pytest.approx((3 + 2 + 3 + 4 + 3 + 1) / 6)
    assert found["unique"] == 1.0 and found["novel"] == 1.0
    assert values(["ATGAAATAA", "ATGAAATAA", "ATGCCCTAA"], ["ATGAAATAA"], ["ATGCCCTAA"])["novel"] == 0.5
    assert values(["GCGTTTTAA"], ["ATGAAATAA"])["gc3"] == 1 / 3


def test_the_same_genes_are_at_no_distance():
    real = genes(60, 1)
    found = values(real, real)
    assert [found[key] for key in ("codons", "synonyms", "amino_acids", "pairs")] == [0, 0, 0, 0]
    assert (found["frame"], found["starts"], found["stops"], found["open"]) == (1, 1, 1, 1)


def test_codon_usage_is_the_divergence_that_scipy_gives():
    one, other = genes(40, 1, np.arange(1, 62)), genes(40, 2)

    def table(sequences):
        counts = Counter(gene[i : i + 3] for gene in sequences for i in range(0, len(gene) - 3, 3))
        return [counts[codon] for codon in SENSE]

    found = values(one, other)
    assert found["codons"] == pytest.approx(jensenshannon(table(one), table(other), 2) ** 2)
    assert found["codons"] > 0.05


def test_shuffled_codons_keep_their_usage_and_lose_their_frame():
    real = genes(100, 3)
    random = np.random.default_rng(0)
    shuffled = ["".join(random.permutation([gene[i : i + 3] for i in range(0, len(gene), 3)])) for gene in real]
    found = values(shuffled, real)
    assert [found[key] for key in ("codons", "synonyms", "amino_acids")] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found["pairs"] > 0.01 and found["frame"] < 0.05
    assert found["open"] < 0.1 and found["stops"] < 0.2


def test_random_dna_has_stops_inside_as_often_as_chance_says():
    random = np.random.default_rng(5)
    letters = ["".join(random.choice(list("ACGT"), 60)) for _ in range(2000)]
    found = measures(letters, genes(50, 1), [])
    for key, chance in (
        ("starts", 3 / 64),
        ("stops", 3 / 64),
        ("open", (61 / 64) ** 19),  # a stop in the last place is not inside
        ("frame", 3 / 64 * (61 / 64) ** 18 * 3 / 64),
    ):
        assert found[key].low <= chance <= found[key].high, key
    assert found["gc3"].value == pytest.approx(0.5, abs=0.02)


def test_other_synonyms_of_the_same_protein_are_seen_by_the_synonyms_alone():
    swap = {}
    for codon in SENSE:
        swap[codon] = min(one for one in SENSE if AMINO_ACIDS[one] == AMINO_ACIDS[codon])
    real = genes(60, 4)
    recoded = ["".join(swap.get(gene[i : i + 3], gene[i : i + 3]) for i in range(0, len(gene), 3)) for gene in real]
    found = values(recoded, real)
    assert found["amino_acids"] == pytest.approx(0, abs=1e-12)
    assert found["synonyms"] > 0.2 and found["codons"] > 0.2


def test_nothing_to_measure_is_not_defined():
    found = values([None, "AC"], ["ATGAAATAA"])
    assert found["frame"] == 0 and found["length"] is None and found["codons"] is None and found["unique"] is None
    assert not any(isinstance(one, float) and math.isnan(one) for one in found.values())


def test_evaluate_samples_measures_codons_as_genes(tmp_path):
    paths = {}
    for seed, name in enumerate(("test", "train", "made")):
        paths[name] = tmp_path / f"{name}.fa"
        paths[name].write_text("".join(f">{i}\n{gene}\n" for i, gene in enumerate(genes(50, seed))))
    found = evaluate_samples(
        None, str(paths["test"]), train_data=str(paths["train"]), samples=str(paths["made"]), alphabet="codon"
    )
    assert found.headline == "frame" and found.metrics["frame"].value == 1.0
    # The codons of each are shuffled, not its letters: their usage stays, and most frames end early.
    assert found.baselines["shuffled"]["codons"].value < 0.05 < 0.5 > found.baselines["shuffled"]["open"].value


@pytest.mark.parametrize("spelling", ["dna", "rna"])
def test_a_model_of_codons_is_measured_by_genes_and_beside_codon_usage(tmp_path, spelling):
    model = gpt2(codons(spelling), n_positions=64)
    paths = [str(tmp_path / "test.fa"), str(tmp_path / "train.fa")]
    for seed, path in enumerate(paths):
        Path(path).write_text("".join(f">{i}\n{gene}\n" for i, gene in enumerate(genes(30, seed, low=20, high=50))))
    written = evaluate_samples(model, paths[0], train_data=paths[1], samples=10)
    assert written.alphabet == "codon" and written.headline == "frame"
    assert written.metrics["length"].value > 0
    # RNA is read as DNA; what has a gap is no gene, and stays as it is.
    assert all("-" in one for one in written.examples if "U" in one) and any("T" in one for one in written.examples)
    found = evaluate(model, paths[0], train_data=paths[1], draws=100)
    assert found.alphabet == "codon" and "codon usage" in found.baselines

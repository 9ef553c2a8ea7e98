"""A genome whose letters are shuffled has no order left: nothing can predict it better than its letters' entropy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cutaway.evaluation import evaluate
from cutaway.sequences.hidden_markov import HiddenMarkovSource
from cutaway.training import train
from tests.unit.training_runs import TINY

# A letter is followed by the next one of the alphabet seven times out of ten.
SOURCE = HiddenMarkovSource(
    "wheel", "ACGT", np.roll(np.eye(4, dtype=np.int64) * 6, 1, axis=1) + 1, np.eye(4, dtype=int)
)


@pytest.fixture
def genome() -> str:
    return SOURCE.sample(np.random.default_rng(1), 60_000)


def trained(letters: str, folder: Path) -> str:
    (folder / "genome.fa").write_text(f">genome\n{letters}\n")
    settings = TINY | {"layers": 2, "width": 32, "batch_size": 16, "steps": 120, "held_out": 0.2, "alphabet": "dna"}
    train(str(folder / "genome.fa"), output=folder / "run", **settings)
    return str(folder / "run")


def test_a_model_of_a_shuffled_genome_reaches_its_entropy_and_does_not_beat_it(genome: str, tmp_path: Path) -> None:
    letters = np.random.default_rng(2).permutation(list(genome))
    _, counts = np.unique(letters, return_counts=True)
    entropy = float(-(counts / len(letters) * np.log2(counts / len(letters))).sum())
    found = evaluate(trained("".join(letters), tmp_path), tokens=20_000)
    bits, unigram = found.metrics["bits_per_symbol"], found.baselines["unigram"]["bits_per_symbol"]
    assert unigram.value == pytest.approx(entropy, abs=0.01)
    # On the same letters: within 0.02 bits of the baseline that knows their shares, and not clearly below it.
    assert bits.value == pytest.approx(unigram.value, abs=0.02)
    assert found.differences["bits_per_symbol"].clear != "better"
    assert "n-gram" not in found.baselines


def test_the_same_model_of_the_genome_itself_does_better(genome: str, tmp_path: Path) -> None:
    found = evaluate(trained(genome, tmp_path), tokens=20_000)
    bits = {"model": found.metrics["bits_per_symbol"].value} | {
        name: values["bits_per_symbol"].value for name, values in found.baselines.items()
    }
    floor = SOURCE.nats_per_character / math.log(2)
    assert bits["unigram"] == pytest.approx(2, abs=0.01)
    assert bits["n-gram"] == pytest.approx(floor, abs=0.03)
    assert floor - 0.03 < bits["model"] < 1.8

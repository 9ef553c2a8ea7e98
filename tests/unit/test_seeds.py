"""Every bit of a seed counts, wherever a seed is taken; what is no seed is refused in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cutaway
from cutaway.errors import InputError
from cutaway.random_streams import seed32, stream
from cutaway.tokens import Sample, characters, compare_tokenizers
from cutaway.tokens.states import learn_states
from cutaway.training import Settings, TrainingRun
from tests.unit.commands import run

SEEDS = (5, 5 + 2**32, 5 + 3 * 2**40, 2**63 - 1)
CHANCE = np.random.default_rng(0)
WAVES = [[CHANCE.normal(size=400).tolist(), CHANCE.normal(size=400).tolist()]]
WORDS = list("abcdefghijklmnopqrst")


def sampled(folder: Path, seed: int) -> Any:
    return cutaway.generate("The animal", folder, max_new_tokens=20, temperature=1.0, seed=seed)[0].token_ids


def swept(folder: Path, seed: int) -> Any:
    found = cutaway.sweep(
        "The", [folder], settings={"temperature": [1.0]}, samples=2, max_new_tokens=8, seed=seed, scorer=None
    )
    return [run.token_ids for run in found.runs]


def first_weights(folder: Path, seed: int) -> Any:
    return TrainingRun(Settings.of(seed=seed)).model.module.get_input_embeddings().weight.tolist()


def rows(folder: Path, seed: int) -> Any:
    made = TrainingRun(Settings.of(seed=seed))
    return [made.data.rows.row(seed, index).ids.tolist() for index in range(8)]


def random_tokens(folder: Path, seed: int) -> Any:
    return cutaway.heads(None, folder, random=20, seed=seed).to_dict()["tokens"]


def ablated(folder: Path, seed: int) -> Any:
    return cutaway.ablate(None, folder, random=20, seed=seed).to_dict()["loss"]


def states(folder: Path, seed: int) -> Any:
    return learn_states(WAVES, 5, seed=seed).centres


def edits(folder: Path, seed: int) -> Any:
    sample = Sample("x", "text", ["a cat sat on the mat " * 20])
    found = compare_tokenizers([characters(["a cat sat on the mat "])], [sample], edits=50, seed=seed)
    return found.seed, found.cells[0].substitution, found.cells[0].indel


def checks(folder: Path, seed: int) -> Any:
    return cutaway.check_tokenizer(characters(["a cat"]), number=200, seed=seed).to_dict()["lost"]


def layout(folder: Path, seed: int) -> Any:
    """Another seed need not give another map: it begins from the principal components."""
    return cutaway.embedding_map(WORDS, folder, method="tsne", seed=seed).to_dict()


TAKERS = [sampled, swept, first_weights, rows, random_tokens, ablated, states, checks]


@pytest.mark.parametrize("take", TAKERS, ids=lambda take: take.__name__)
def test_every_bit_counts_and_the_same_seed_gives_the_same(take: Callable[[Path, int], Any], tiny_llama: Path) -> None:
    found = [take(tiny_llama, seed) for seed in SEEDS]
    assert found == [take(tiny_llama, np.int64(seed)) for seed in SEEDS]
    assert all(found[a] != found[b] for a in range(len(SEEDS)) for b in range(a))


@pytest.mark.parametrize("take", [*TAKERS, edits, layout], ids=lambda take: take.__name__)
@pytest.mark.parametrize("seed", [-1, 2**63, 2**80, 1.5, True, "5", math.nan])
def test_bad_seeds_are_refused(take: Callable[[Path, int], Any], seed: Any, tiny_llama: Path) -> None:
    with pytest.raises(InputError, match="`seed` is"):
        take(tiny_llama, seed)


@pytest.mark.parametrize("take", [edits, layout], ids=lambda take: take.__name__)
def test_large_seeds_are_taken(take: Callable[[Path, int], Any], tiny_llama: Path) -> None:
    for seed in SEEDS:
        assert take(tiny_llama, seed) == take(tiny_llama, seed)


def test_response_r_is_the_first_of_seed_plus_r(tiny_llama: Path) -> None:
    how: dict[str, Any] = {"max_new_tokens": 10, "temperature": 1.0}
    several = cutaway.generate("The", tiny_llama, num_return_sequences=3, seed=2**32 - 1, **how)
    assert [one.seed for one in several] == [2**32 - 1, 2**32, 2**32 + 1]
    for one in several:
        assert cutaway.generate("The", tiny_llama, seed=one.seed, **how)[0].token_ids == one.token_ids
    with pytest.raises(InputError, match=f"^`seed` is {2**63 - 1}, too large for 2 responses"):  # before any is run
        cutaway.generate("The", tiny_llama, num_return_sequences=2, seed=2**63 - 1, **how)


def test_streams_of_two_purposes_are_independent() -> None:
    streams = [stream(7), stream(7, "a"), stream(7, "a", 1), stream(7, "a", 2), stream(8, "a"), stream(7, "a1")]
    numbers = np.array([one.random(1000) for one in streams])
    assert np.abs(np.corrcoef(numbers) - np.eye(len(streams))).max() < 0.15
    assert len({seed32(seed, "x") for seed in range(1000)}) == 1000


def test_training_does_not_change_the_random_state_of_torch() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    TrainingRun(Settings.of(seed=2**40))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("command", [["generate", "The"], ["sweep", "The"], ["heads", "--random", 9], ["train"]])
@pytest.mark.parametrize("seed", ["-1", "9223372036854775808"])
def test_commands_say_which_seeds_there_are(
    capsys: Any, tmp_path: Path, tiny_llama: Path, command: list[Any], seed: str
) -> None:
    target = ["-o", tmp_path / "run"] if command[0] == "train" else ["-m", tiny_llama]
    code, out, err = run(capsys, *command, *target, "--seed", seed)
    assert (code, out) == (2, "") and f"seed is {seed}" in err and "2**63 - 1" in err

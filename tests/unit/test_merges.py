"""Byte-pair merges: against the definition, against the `tokenizers` library, and not quadratic."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Sequence

import numpy as np
import pytest
import tokenizers
from tokenizers import models, trainers

from cutaway.errors import InputError
from cutaway.tokens.merges import MOST_TOKENS, learn_merges


def plain_merges(
    sequences: Sequence[Sequence[int]], units: Sequence[str], tokens: int, *, min_count: int = 2
) -> list[tuple[str, str]]:
    """Return what `learn_merges` returns, but count all pairs again in every round: the definition, for short input.

    >>> plain_merges([[0, 0, 0, 0]], ["A"], 3, min_count=1)
    [('A', 'A'), ('AA', 'AA')]
    """
    spelled, merges = list(units), []
    texts: list[list[int]] = [[]]
    for sequence in sequences:
        texts.append([])
        for unit in map(int, sequence):
            if unit < len(units):
                texts[-1].append(unit)
            else:
                texts.append([])
    while len(spelled) < tokens:
        counts: dict[tuple[int, int], int] = {}
        for text in texts:
            for pair in itertools.pairwise(text):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < max(1, min_count):
            break
        merges.append((spelled[best[0]], spelled[best[1]]))
        if "".join(merges[-1]) not in spelled:
            spelled.append("".join(merges[-1]))
        texts = [_merged(text, best, spelled.index("".join(merges[-1]))) for text in texts]
    return merges


def _merged(text: list[int], pair: tuple[int, int], new: int) -> list[int]:
    out, i = [], 0
    while i < len(text):
        found = tuple(text[i : i + 2]) == pair
        out.append(new if found else text[i])
        i += 2 if found else 1
    return out


def some(seed: int) -> tuple[list[list[int]], list[str], int]:
    """Make a small input: few letters, many repeats, runs, empty and very short sequences."""
    chance = random.Random(seed)  # noqa: S311
    letters = chance.choice([1, 2, 2, 3, 4, 6])
    longest = chance.choice([1, 5, 40, 300])
    sequences = [[chance.randrange(letters) for _ in range(chance.randint(0, longest))] for _ in range(seed % 4 + 1)]
    if seed % 3 == 0:
        sequences = [sequence * 4 + [0] * chance.randint(0, 20) for sequence in sequences]
    return sequences, [chr(ord("A") + i) for i in range(letters)], letters + chance.randint(0, 50)


def arrays(sequences: list[list[int]]) -> list[np.ndarray]:
    return [np.array(sequence, dtype=np.uint8) for sequence in sequences]


@pytest.mark.parametrize("seed", range(60))
def test_merges_are_those_of_the_definition(seed: int) -> None:
    sequences, units, size = some(seed)
    for least in (0, 2, 3):
        found = learn_merges(arrays(sequences), units, size, min_count=least)
        assert found == plain_merges(sequences, units, size, min_count=least)


@pytest.mark.parametrize("seed", range(60))
def test_merges_are_those_of_the_tokenizers_library(seed: int) -> None:
    sequences, units, size = some(seed)
    used = sorted({unit for sequence in sequences for unit in sequence})
    sequences = [[used.index(unit) for unit in sequence] for sequence in sequences]
    units = units[: len(used)]
    peer = tokenizers.Tokenizer(models.BPE())
    texts = ["".join(units[unit] for unit in sequence) for sequence in sequences]
    peer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False))
    merges = [tuple(merge) for merge in json.loads(peer.to_str())["model"]["merges"]]
    assert learn_merges(arrays(sequences), units, size) == merges


@pytest.mark.parametrize("length", range(1, 18))
def test_a_run_is_merged_from_left_to_right(length: int) -> None:
    runs = [[0] * length, [1] + [0] * length + [1], [0] * length + [1] + [0] * (length + 1)]
    for sequences in ([run] for run in runs):
        found = learn_merges(arrays(sequences), ["A", "B"], 12, min_count=1)
        assert found == plain_merges(sequences, ["A", "B"], 12, min_count=1)


def test_no_pair_crosses_a_wall_or_the_end_of_a_sequence() -> None:
    assert learn_merges([np.array([0, 9, 1, 0, 9, 1], dtype=np.uint8)], ["A", "B"], 4) == []
    assert learn_merges(arrays([[0], [1], [0], [1]]), ["A", "B"], 4, min_count=1) == []
    walled = [[0, 1, 7, 0, 1, 1, 7, 0]]
    assert learn_merges(arrays(walled), ["A", "B"], 5) == plain_merges(walled, ["A", "B"], 5) == [("A", "B")]


def test_what_can_not_be_counted_is_refused() -> None:
    with pytest.raises(InputError, match="32,769"):
        learn_merges([np.array([0, 1])], ["A", "B"], MOST_TOKENS + 1)


def test_time_grows_with_the_sequence_and_not_with_its_square() -> None:
    letters = np.random.default_rng(0).integers(0, 4, 1_600_000).astype(np.uint8)

    def seconds(length: int) -> float:
        start = time.process_time()
        assert len(learn_merges([letters[:length]], list("ACGT"), 416)) == 412
        return time.process_time() - start

    seconds(10_000)
    assert seconds(1_600_000) < 12 * seconds(200_000) + 0.5  # eight times as long; the square would be 64

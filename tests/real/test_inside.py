"""What is known about SmolLM2's heads, found again; and what its pages weigh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cutaway
from cutaway.views import page

ENGLISH = (
    "When the old clockmaker finally opened the door of his little workshop, the children who had been waiting in the "
    "snow since early morning rushed past him to look at the machine. It stood in the middle of the room, taller than "
    "any of them, and every wheel of it was turning. Nobody had ever seen anything like it, and nobody knew what it "
    "was for. The clockmaker smiled, sat down beside the window and began to tell them how it had been made."
)


def names(heads: list[cutaway.inside.Head]) -> list[str]:
    return [f"{head.layer}.{head.head}" for head in heads]


def test_the_atlas_finds_induction_heads_on_random_tokens(smollm2: str) -> None:
    atlas = cutaway.heads(random=64, model=smollm2)
    found = atlas.named("induction")
    assert names(found)[:3] == ["18.6", "17.3", "17.4"]
    assert found[0].induction is not None and found[0].induction > 0.85
    assert all(head.certainty > 0.7 for head in found[:3])
    assert len(atlas.heads) == 270 and len(found) < 20


def test_the_atlas_finds_previous_token_heads_on_english(smollm2: str) -> None:
    licence = (Path(__file__).parents[2] / "LICENSE").read_text(encoding="utf-8")[200:4000]
    atlas = cutaway.heads(licence, smollm2)
    found = atlas.named("previous token")
    assert names(found)[:2] == ["16.0", "11.1"]
    assert all(head.certainty > 0.6 for head in found[:2])


@pytest.mark.nightly
def test_without_induction_heads_a_repeat_is_not_predicted(smollm2: str) -> None:
    model = cutaway.load(smollm2)
    induction = [(18, 6), (17, 3), (17, 4)]
    dice = np.random.default_rng(0)
    others = [(layer, head) for layer in range(30) for head in range(9) if (layer, head) not in induction]
    for method in ("zero", "mean"):
        found = cutaway.ablate(model=model, random=32, heads=induction, together=True, method=method)
        assert found.loss < 4 and found.heads[0].change > 2  # random tokens cost about 10.8 nats where nothing helps
        changes = []
        for _ in range(7):
            some = [others[i] for i in dice.choice(len(others), 3, replace=False)]
            other = cutaway.ablate(model=model, random=32, heads=some, together=True, method=method)
            changes.append(other.heads[0].change)
        assert found.heads[0].change > 5 * abs(float(np.median(changes)))


@pytest.mark.parametrize(("size", "most"), [(128, 1.1), (512, 7.0)])
def test_pages_of_270_heads_stay_small(smollm2: str, size: int, most: float) -> None:
    model = cutaway.load(smollm2, "any")
    text = (ENGLISH + " ") * (1 + size // 80)
    text = text[: model.tokenizer.encode(text).offsets[size - 1][1]]
    maps = cutaway.attention(text, model)
    assert maps.stacks[0].maps.rows == size
    assert len(page([maps.to_dict()]).encode()) <= most * 1e6


def test_minilm_attends_both_ways(minilm: str) -> None:
    atlas = cutaway.heads(ENGLISH, minilm)
    assert (atlas.layers, atlas.heads_per_layer) == (6, 12)
    assert all(head.next is not None for head in atlas.heads)
    maps = cutaway.attention("A bank by the river", minilm)
    assert not maps.stacks[0].causal and maps.stacks[0].maps.layout == "full"


def test_a_map_of_words_looks_them_up_as_inside_a_text(smollm2: str) -> None:
    words = ["Monday", "Friday", "river"]
    found = cutaway.embedding_map({"": words}, smollm2, kind="words").to_dict()
    assert found == cutaway.embedding_map({"": [f" {word}" for word in words]}, smollm2).to_dict()
    assert found != cutaway.embedding_map({"": words}, smollm2).to_dict()

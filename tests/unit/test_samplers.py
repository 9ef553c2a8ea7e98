"""The samplers against transformers' own processors: in distribution, to the bit beside any neighbours, and in time."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList
from transformers.generation import MinPLogitsWarper as MinP
from transformers.generation import RepetitionPenaltyLogitsProcessor as Repetition
from transformers.generation import TemperatureLogitsWarper as Temperature
from transformers.generation import TopKLogitsWarper as TopK
from transformers.generation import TopPLogitsWarper as TopP

from cutaway.errors import InputError, ModelError
from cutaway.generation import Sampling, drawing, samplers
from cutaway.generation.rows import Row

PROMPT, SAID = [1, 2, 3, 3], [4, 2, 4]


class Presence:
    """OpenAI's presence penalty: subtracted once from the logit of every token that was generated."""

    def __init__(self, penalty, prompt):
        self.penalty, self.prompt = penalty, prompt

    def __call__(self, ids_BT, scores_BV):
        scores_BV = scores_BV.clone()
        for row, ids in zip(scores_BV, ids_BT[:, self.prompt :], strict=True):
            row[ids.unique()] -= self.penalty
        return scores_BV


SAMPLERS = {
    "nothing": (Sampling(temperature=1.0), []),
    "temperature": (Sampling(temperature=0.7), [Temperature(0.7)]),
    "hot": (Sampling(temperature=1.9), [Temperature(1.9)]),
    "top_k": (Sampling(temperature=1.0, top_k=5), [TopK(5)]),
    "top_p": (Sampling(temperature=1.0, top_p=0.6), [TopP(0.6)]),
    "min_p": (Sampling(temperature=1.0, min_p=0.1), [MinP(0.1)]),
    "repetition": (Sampling(temperature=1.0, repetition_penalty=1.5), [Repetition(1.5)]),
    "presence": (Sampling(temperature=1.0, presence_penalty=1.1), [Presence(1.1, len(PROMPT))]),
    "top_k, top_p": (Sampling(0.9, top_k=40, top_p=0.9), [Temperature(0.9), TopK(40), TopP(0.9)]),
    "top_p, min_p": (Sampling(0.7, top_p=0.95, min_p=0.01), [Temperature(0.7), TopP(0.95), MinP(0.01)]),
    "top_p, hot: the whole row": (Sampling(1.6, top_p=0.97), [Temperature(1.6), TopP(0.97)]),
    "top_k, large: the whole row": (Sampling(1.5, top_k=700, top_p=0.9), [Temperature(1.5), TopK(700), TopP(0.9)]),
    "all": (
        Sampling(1.3, top_k=30, top_p=0.8, min_p=0.05, repetition_penalty=1.2, presence_penalty=-0.5),
        [
            Repetition(1.2), Presence(-0.5, len(PROMPT)), Temperature(1.3),
            TopK(30), TopP(0.8), MinP(0.05),
        ],
    ),
}  # fmt: skip


def distribution(logits_BV: torch.Tensor, *more: Any) -> torch.Tensor:
    return torch.from_numpy(samplers.distribution(logits_BV.numpy(), *more))


def choose(logits_BV: torch.Tensor, *more: Any) -> Any:
    return drawing.choose(logits_BV.numpy(), *more)


def reference(logits_V, processors, seen=(*PROMPT, *SAID)):
    return LogitsProcessorList(processors)(torch.tensor([seen]), logits_V[None].clone()).softmax(-1)[0].double()


def logits_like_a_models(size, seed=3):
    """A steep head and a long tail, in no order."""
    dice = torch.Generator().manual_seed(seed)
    ranks_V = torch.arange(1, size + 1).float()
    return (-1.3 * ranks_V.log() + 0.5 * torch.randn(size, generator=dice))[torch.randperm(size, generator=dice)] + 2


def row(sampling, seed=0, ids=SAID, **more):
    made = Row("a prompt", list(PROMPT), sampling, seed, **more)
    made.ids = list(ids)
    return made


def drawn(logits_V, sampling, draws, together=512):
    """Draw so many times through `choose`, the streams of many rows going on from step to step."""
    rows = [row(sampling, seed) for seed in range(together)]
    logits_BV = logits_V.expand(together, -1).contiguous()
    steps = -(-draws // together)
    ids = [i for _ in range(steps) for i in choose(logits_BV, rows, frozenset()).ids]
    return torch.tensor(ids[:draws])


def too_far(ids, stated_V):
    """Return the chi-square statistic over its 99.9 % quantile (Wilson and Hilferty 1931), and what could not occur."""
    counts_V, draws = torch.bincount(ids, minlength=len(stated_V)).double(), len(ids)
    big = stated_V * draws >= 5  # cells that expect fewer are pooled, as the test requires
    expected = torch.cat([stated_V[big], stated_V[~big].sum()[None]]) * draws
    found = torch.cat([counts_V[big], counts_V[~big].sum()[None]])
    keep = expected > 0
    statistic = ((found[keep] - expected[keep]) ** 2 / expected[keep]).sum().item()
    freedom = int(keep.sum()) - 1
    assert freedom >= 1
    bound = freedom * (1 - 2 / (9 * freedom) + 3.09 * math.sqrt(2 / (9 * freedom))) ** 3
    return statistic / bound, counts_V[stated_V == 0].sum().item()


@pytest.mark.parametrize("name", SAMPLERS)
def test_distributions_equal_transformers_processors(name):
    sampling, processors = SAMPLERS[name]
    logits_BV = torch.randn(6, 900, generator=torch.Generator().manual_seed(3)) * 3
    found_BV = distribution(logits_BV, sampling, [[*PROMPT, *SAID]] * 6, [SAID] * 6)
    for logits_V, found_V in zip(logits_BV, found_BV, strict=True):
        torch.testing.assert_close(found_V.double(), reference(logits_V, processors), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [name if name in {"temperature", "all"} else pytest.param(name, marks=pytest.mark.nightly) for name in SAMPLERS],
)
def test_fifty_thousand_draws_have_transformers_distribution(name):
    """Chi-square of what `choose` draws; vocabularies that are no multiples of anything."""
    sampling, processors = SAMPLERS[name]
    logits_V = logits_like_a_models(1009 if "whole" in name else 4999)
    ratio, impossible = too_far(drawn(logits_V, sampling, 50_000), reference(logits_V, processors))
    assert ratio < 1 and impossible == 0


def test_the_chi_square_finds_a_wrong_distribution():
    logits_V = logits_like_a_models(5003)
    assert too_far(drawn(logits_V, Sampling(0.95), 20_000), logits_V.softmax(-1).double())[0] > 1
    assert too_far(drawn(logits_V, Sampling(1.0, top_k=6), 5_000), reference(logits_V, [TopK(5)]))[1] > 0


MIXED = [
    Sampling(), Sampling(1.0), Sampling(0.7), Sampling(1.0, top_k=50), Sampling(0.8, top_k=50, top_p=0.9),
    Sampling(1.0, top_p=0.9), Sampling(1.7, top_p=0.99), Sampling(1.0, min_p=0.05), Sampling(1.2, top_k=1000),
    Sampling(0.9, top_k=20, repetition_penalty=1.3, presence_penalty=0.5), Sampling(1.0, repetition_penalty=1.2),
    Sampling(0.0, repetition_penalty=1.8), Sampling(1e-40, top_p=0.5), Sampling(1e-300),
    Sampling(1.3, top_k=300, top_p=0.7),
]  # fmt: skip


@pytest.mark.parametrize("size", [300, 20_011, 49_152])
def test_a_rows_choice_is_the_same_to_the_bit_beside_any_rows(size):
    logits_BV = torch.stack([logits_like_a_models(size, seed) for seed in range(45)])

    def rows():
        return [row(MIXED[b % 15], seed=b, min_new_tokens=4 * (b % 4 == 0), measured=b % 3 == 0) for b in range(45)]

    ends = frozenset([0, 7])
    together = choose(logits_BV, rows(), ends)
    for b, lone in enumerate(rows()):
        alone = choose(logits_BV[b : b + 1], [lone], ends)
        assert (alone.ids, alone.logprobs, alone.entropies) == (
            [together.ids[b]], [together.logprobs[b]], [together.entropies[b]],
        )  # fmt: skip
    order = torch.randperm(45, generator=torch.Generator().manual_seed(1)).tolist()[:31]
    others = rows()
    again = choose(logits_BV[order], [others[b] for b in order], ends)
    assert again.ids == [together.ids[b] for b in order] and again.logprobs == [together.logprobs[b] for b in order]


def test_logprobs_and_entropies_are_the_models_own():
    logits_BV = torch.stack([logits_like_a_models(5003, seed) for seed in range(20)])
    rows = [row(Sampling(0.5, top_k=9, repetition_penalty=2.0), seed=b, measured=b % 2 == 0) for b in range(20)]
    found = choose(logits_BV, rows, frozenset())
    logprobs_BV = logits_BV.double().log_softmax(-1)
    assert found.logprobs == pytest.approx(
        logprobs_BV.gather(1, torch.tensor(found.ids)[:, None])[:, 0].tolist(), abs=1e-5
    )
    entropies = (-logprobs_BV.exp() * logprobs_BV).sum(-1).tolist()
    assert found.entropies[::2] == pytest.approx(entropies[::2], abs=1e-4)
    assert set(found.entropies[1::2]) == {None}


def test_tokens_of_probability_zero_are_never_drawn():
    logits_V = logits_like_a_models(5003)
    logits_V[::2] = -torch.inf
    found = choose(logits_V[None], [row(Sampling(1.0, top_p=0.9), measured=True)], frozenset())
    assert found.ids[0] % 2 == 1 and math.isfinite(found.entropies[0])
    for sampling in MIXED:
        assert (drawn(logits_V, sampling, 600) % 2 == 1).all()


def test_temperature_zero_is_greedy_and_ties_go_to_the_first():
    assert distribution(torch.tensor([[0.0, 2.0, 2.0]]), Sampling()).tolist() == [[0.0, 1.0, 0.0]]
    tied_V = torch.zeros(9001)
    tied_V[[17, 400, 8800]] = 3.0
    rows = [row(Sampling(), ids=[]), row(Sampling(1.0, top_k=2), ids=[]), row(Sampling(), ids=[])]
    found = choose(torch.stack([tied_V, tied_V.roll(1), tied_V.roll(5)]), rows, frozenset())
    assert (found.ids[0], found.ids[2]) == (17, 22) and found.ids[1] in {18, 401, 8801}


@pytest.mark.parametrize("size", [40, pytest.param(9001, marks=pytest.mark.nightly)])
def test_ties_at_the_edge_of_top_k_all_stay(size):
    """Also where there are more of them than candidates that are sorted."""
    logits_V = torch.zeros(size)
    logits_V[5] = 5.0
    for sampling in (Sampling(1.0, top_k=3), Sampling(1.0, top_k=3, min_p=0.001)):
        stated_V = reference(logits_V, [TopK(3)])
        ids = drawn(logits_V, sampling, 3_000)
        assert too_far(ids, stated_V)[0] < 1
        torch.testing.assert_close(distribution(logits_V[None], sampling)[0].double(), stated_V, atol=1e-6, rtol=1e-5)


def test_ties_at_the_edge_of_top_p_go_by_id():
    logits_V = torch.zeros(9001)
    logits_V[8000] = 5.0
    stated_V = distribution(logits_V[None], Sampling(1.0, top_p=0.031))[0].double()
    assert stated_V.nonzero()[:, 0].tolist() == [*range(int((stated_V > 0).sum()) - 1), 8000]
    assert too_far(drawn(logits_V, Sampling(1.0, top_p=0.031), 3_000), stated_V)[0] < 1
    few_V = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    assert set(drawn(few_V, Sampling(1.0, top_p=0.56), 600).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("temperature", [1e-5, 1e-20, 1e-40, 1e-300])
@pytest.mark.parametrize("more", [{}, {"top_k": 40}, {"top_p": 0.9}, {"min_p": 0.1}, {"repetition_penalty": 1.2}])
def test_a_tiny_temperature_leaves_only_the_likeliest(temperature, more):
    logits_V = logits_like_a_models(5003)
    ids = drawn(logits_V, Sampling(temperature, **more), 64)
    assert set(ids.tolist()) == {int(logits_V.argmax())}
    assert distribution(logits_V[None], Sampling(temperature, **more)).argmax() == logits_V.argmax()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0), Sampling(1.0, top_k=5), Sampling(1.0, top_p=0.5)])
def test_logits_that_are_not_numbers_are_an_error_that_names_the_row(number, sampling):
    logits_BV = torch.zeros(3, 5003)
    logits_BV[1] = number if number == -math.inf else logits_BV[1]
    logits_BV[1, 70] = number
    rows = [Row(name, [1], sampling) for name in ("good", "bad", "fine")]
    with pytest.raises(ModelError, match="after 'bad'") as caught:
        choose(logits_BV, rows, frozenset())
    assert "dtype='float32'" in caught.value.hint


def test_the_presence_penalty_counts_once_and_only_what_was_generated():
    logits_V = torch.zeros(6)
    found_V = distribution(logits_V[None], Sampling(1.0, presence_penalty=2.0), [[0, 1, 1, 1]], [[1, 1, 1]])[0]
    expected_V = torch.tensor([0.0, -2.0, 0.0, 0.0, 0.0, 0.0]).softmax(-1)
    torch.testing.assert_close(found_V, expected_V.double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("penalty", [-2.1, 2.5, math.nan, math.inf])
def test_a_presence_penalty_out_of_range_is_named(penalty):
    with pytest.raises(InputError, match="`presence_penalty` is"):
        Sampling(presence_penalty=penalty)


def test_a_top_k_above_the_vocabulary_leaves_top_p_to_decide():
    logits_V = logits_like_a_models(50, 1) / 8
    sampling = Sampling(1.0, top_k=60, top_p=0.9)
    rows = [row(sampling, seed=seed) for seed in range(800)]
    ids = choose(logits_V.expand(800, -1), rows, frozenset()).ids
    assert len(set(ids)) > 15 and set(ids) <= set(distribution(logits_V[None], sampling)[0].nonzero()[:, 0].tolist())


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0), Sampling(1.0, top_k=5), Sampling(1.0, top_p=0.9)])
def test_scores_of_processors_that_are_not_numbers_are_an_error(wrong, sampling):
    logits_BV = logits_like_a_models(50, 1)[None]
    scores_BV = logits_BV.clone()
    scores_BV[0, 7] = wrong
    with pytest.raises(ModelError, match="not finite"):
        choose(logits_BV, [row(sampling)], frozenset(), scores_BV.numpy())
    with pytest.raises(ModelError, match="not finite"):
        choose(logits_BV, [row(sampling)], frozenset(), np.full((1, 50), -np.inf, np.float32))

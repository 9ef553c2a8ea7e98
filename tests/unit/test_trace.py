"""What is said of each step against transformers' processors, put on one after the other."""

import json
import math

import pytest
import torch
from transformers.generation import MinPLogitsWarper as MinP
from transformers.generation import RepetitionPenaltyLogitsProcessor as Repetition
from transformers.generation import TemperatureLogitsWarper as Temperature
from transformers.generation import TopKLogitsWarper as TopK
from transformers.generation import TopPLogitsWarper as TopP

from cutaway.cli import main
from cutaway.generation import Sampling, distribution, generate
from cutaway.generation.rows import Row
from cutaway.generation.trace import trace
from cutaway.models import load

PROMPT, SAID = [3, 3, 4], [900, 4]


class Words:
    def piece(self, token_id):
        return f"<{token_id}>"


def row(sampling, **more):
    made = Row("a prompt", list(PROMPT), sampling, **more)
    made.ids = list(SAID)
    return made


def logits(size=1500):
    return torch.randn(size, generator=torch.Generator().manual_seed(1)) * 3


def test_each_sampler_did_what_transformers_processor_of_the_name_does():
    logits_V = logits()
    found = trace(logits_V.numpy(), row(Sampling(0.7, 40, 0.8, 0.05, 1.3)), 900, Words())
    processors = [Repetition(1.3), Temperature(0.7), TopK(40), TopP(0.8), MinP(0.05)]
    scores_BV, ids = logits_V[None], torch.tensor([PROMPT + SAID])
    model_V = before_V = logits_V.double().softmax(-1)
    for effect, processor in zip(found.effects, processors, strict=True):
        scores_BV = processor(ids, scores_BV.clone())
        after_V = scores_BV[0].double().softmax(-1)
        gone_V = (after_V == 0) & (before_V > 0)
        assert effect.removed == int(gone_V.sum())
        assert effect.mass == pytest.approx(float(before_V[gone_V].sum()), abs=1e-5)
        assert effect.mass_before == pytest.approx(float(model_V[gone_V].sum()), abs=1e-5)
        assert effect.moved == pytest.approx(float((after_V - before_V).abs().sum()) / 2, abs=1e-5)
        for option in found.options:
            if gone_V[option.id]:
                assert option.removed_by == effect.sampler
        before_V = after_V
    names = ["repetition penalty", "temperature", "top-k", "top-p", "min-p"]
    assert [effect.sampler for effect in found.effects] == names
    assert sum(effect.removed for effect in found.effects) == 1500 - int((before_V > 0).sum()) > 1400
    for option in found.options:
        assert option.before == pytest.approx(float(model_V[option.id]), abs=1e-6)
        assert option.after == pytest.approx(float(before_V[option.id]), abs=1e-6)
        assert (option.removed_by is None) == (option.after > 0)


def test_the_token_its_rank_and_the_entropies():
    logits_V = logits()
    sampling = Sampling(1.2, top_k=30)
    model_V, drawn_V = (
        logits_V.double().softmax(-1),
        torch.from_numpy(distribution(logits_V[None].numpy(), sampling)[0]),
    )
    token_id = int(logits_V.argsort(descending=True)[4])
    found = trace(logits_V.numpy(), row(sampling), token_id, Words())
    assert (found.token, found.id, found.rank) == (f"<{token_id}>", token_id, 5)
    assert (found.before, found.after) == pytest.approx((float(model_V[token_id]), float(drawn_V[token_id])), abs=1e-6)
    assert found.surprisal_bits == pytest.approx(-math.log2(model_V[token_id]), abs=1e-5)
    assert found.entropy_bits == pytest.approx(float(-(model_V * model_V.log2()).sum()), abs=1e-4)
    some_V = drawn_V[drawn_V > 0]
    assert found.entropy_after_bits == pytest.approx(float(-(some_V * some_V.log2()).sum()), abs=1e-4)
    assert [option.before for option in found.options] == sorted((o.before for o in found.options), reverse=True)


def test_greedy_removes_all_tokens_but_one_after_the_ban_on_ending():
    logits_V = logits()
    best = int(logits_V.argmax())
    found = trace(
        logits_V.numpy(), row(Sampling(), min_new_tokens=3), int(logits_V.argsort()[-2]), Words(), frozenset([best])
    )
    ban, greedy = found.effects
    assert (ban.sampler, ban.removed, greedy.sampler, greedy.removed) == ("min new tokens", 1, "greedy", 1498)
    assert (found.after, found.entropy_after_bits, found.options[0].removed_by) == (1.0, 0.0, "min new tokens")
    assert trace(logits_V.numpy(), row(Sampling(1.0)), best, Words()).effects == []


@pytest.fixture(params=["tiny_gpt2", "tiny_llama"])
def model(request):
    return load(request.getfixturevalue(request.param))


def test_a_generation_keeps_its_trace_and_says_the_same_without_it(model):
    settings = {"max_new_tokens": 12, "temperature": 0.9, "top_k": 20, "top_p": 0.9, "seed": 3}
    heard: dict[int, list] = {0: [], 1: []}
    prompts = ["The animal", "a"]
    traced = generate(prompts, model, trace=True, on_step=lambda r, *more: heard[r].append(more), **settings)
    plain = generate(prompts, model, **settings)
    for r, (one, other) in enumerate(zip(traced, plain, strict=True)):
        assert one.token_ids == other.token_ids == [step.id for step in one.trace]
        assert other.trace is None and json.loads(other.to_json())["trace"] is None
        assert [-step.surprisal_bits * math.log(2) for step in one.trace] == pytest.approx(one.logprobs, abs=1e-4)
        assert [step for step, _ in heard[r]] == one.trace
        assert "".join(text for _, text in heard[r]) == one.completion
        assert all(step.after > 0 for step in one.trace)
        assert json.loads(one.to_json())["trace"][0]["effects"][1]["sampler"] == "top-k"
        assert [cells["rank"] for cells in one.rows()] == [step.rank for step in one.trace]
        assert "rank" not in other.rows()[0]


def test_the_command_prints_the_steps_without_colour_into_a_pipe(capsys, tiny_gpt2):
    settings = ["--max-new-tokens", "5", "--temperature", "0.9", "--top-k", "7", "--trace", "-n", "2"]
    with pytest.raises(SystemExit) as done:
        main(["generate", "The animal", "-m", str(tiny_gpt2), *settings])
        raise SystemExit(0)
    out = capsys.readouterr().out
    assert done.value.code in {0, None} and "\x1b" not in out
    assert out.count("rank") == 2 and out.count("top-k") >= 10 and out.count("The animal") == 2

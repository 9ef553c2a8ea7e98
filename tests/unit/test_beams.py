"""Beam search against transformers': the same texts with the same scores, for every beam that comes back."""

import math

import pytest
import torch
import transformers

from cutaway.errors import InputError, ModelError
from cutaway.generation import Sampling, generate
from cutaway.generation.beams import beam_search
from cutaway.generation.module_decoder import open_module
from cutaway.generation.rows import Row
from cutaway.models import load
from tests.unit.lively import NAMES, PROMPTS, lively, reference

SETTINGS = {
    "plain": (4, {}),
    "long": (5, {"length_penalty": 2.0, "min_new_tokens": 5}),
    "short": (2, {"length_penalty": -1.0, "repetition_penalty": 1.5}),
    "first": (3, {"length_penalty": 0.0, "early_stopping": True}),
    "patient": (3, {"early_stopping": "never"}),
}


def theirs(model, ids, num_beams, length, **settings):
    """Return transformers' beams for one prompt alone: (ids, score) each, cut behind the end."""
    ids_BT = torch.tensor([ids])
    output = model.module.generate(
        ids_BT, attention_mask=torch.ones_like(ids_BT), max_new_tokens=length, num_beams=num_beams, do_sample=False,
        num_return_sequences=num_beams, output_scores=True, return_dict_in_generate=True, **settings,
    )  # fmt: skip
    found = []
    skip = 1 if model.config.is_encoder_decoder else len(ids)
    for said, score in zip(output.sequences[:, skip:].tolist(), output.sequences_scores.tolist(), strict=True):
        end = next((at for at, token in enumerate(said) if token in model.end_ids), len(said) - 1)
        found.append((tuple(said[: end + 1]), score))
    return found


def ours(model, prompts, num_beams, length, *, batch_size=64, keep=0, **settings):
    own = {key: settings.pop(key) for key in ("length_penalty", "early_stopping") if key in settings}
    sampling = Sampling(0.0, repetition_penalty=settings.pop("repetition_penalty", None))
    rows = [Row("", ids, sampling, max_new_tokens=length, keep=keep, **settings) for ids in prompts]
    return beam_search(
        open_module(model), rows, num_beams, num_return_sequences=num_beams, batch_size=batch_size, **own
    )


def ending(name):
    """A lively model with two end tokens that it often says."""
    model = lively(name)
    said = [reference(model, ids, 12) for ids in PROMPTS[:2]]
    model.module.generation_config.eos_token_id = [said[0][9], said[1][8]]
    model.module.generation_config.pad_token_id = 0
    return model


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neox", "t5", "bart", "marian"])
def test_every_beam_equals_transformers(name, settings):
    model = ending(name)
    num_beams, chosen = SETTINGS[settings]
    found = ours(model, PROMPTS, num_beams, 16, **chosen)
    for ids, beams in zip(PROMPTS, found, strict=True):
        expected = theirs(model, ids, num_beams, 16, **chosen)
        assert [beam.ids for beam in beams] == [said for said, _ in expected]
        assert [beam.score for beam in beams] == pytest.approx([score for _, score in expected], rel=1e-4)
    ended = [beam.ended for beams in found for beam in beams]
    assert settings not in {"plain", "first"} or True in ended, "no beam ended: the test shows less than it could"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"gpt2", "llama", "gpt_neox", "t5", "bart"}])
def test_other_architectures(name):
    model = ending(name)
    for ids, beams in zip(PROMPTS[:4], ours(model, PROMPTS[:4], 4, 12), strict=True):
        assert [beam.ids for beam in beams] == [said for said, _ in theirs(model, ids, 4, 12)]


def test_prompts_searched_together_do_not_affect_each_other():
    model = ending("llama")
    alone = [ours(model, [ids], 3, 16)[0] for ids in PROMPTS]
    for batch_size in (1, 7, 64):
        together = ours(model, PROMPTS, 3, 16, batch_size=batch_size)
        assert [[beam.ids for beam in beams] for beams in together] == [[beam.ids for beam in beams] for beams in alone]


def test_a_beams_score_and_logprobs_are_those_of_a_plain_forward_pass():
    model = ending("llama")
    for beam in ours(model, PROMPTS[:1], 4, 12, length_penalty=0.5, keep=3)[0]:
        with torch.inference_mode():
            logits_TV = model.module(torch.tensor([[*PROMPTS[0], *beam.ids]])).logits[0, len(PROMPTS[0]) - 1 : -1]
        logprobs_TV = logits_TV.log_softmax(-1)
        logprobs = logprobs_TV.gather(1, torch.tensor(beam.ids)[:, None])[:, 0].tolist()
        assert beam.logprobs == pytest.approx(logprobs, abs=1e-4)
        assert beam.score == pytest.approx(sum(logprobs) / len(beam.ids) ** 0.5, abs=1e-4)
        best = [[a.id for a in step] for step in beam.alternatives]
        assert best == logprobs_TV.topk(3).indices.tolist()


def test_forced_and_forbidden_tokens():
    model = ending("bart")
    settings = model.module.generation_config
    settings.forced_bos_token_id, settings.forced_eos_token_id = 9, settings.eos_token_id[0]
    free = {token for said, _ in theirs(model, PROMPTS[0], 4, 8) for token in said[1:]} - model.end_ids
    forbid = transformers.SuppressTokensLogitsProcessor([min(free)])
    row = Row("", PROMPTS[0], Sampling(0.0), max_new_tokens=8, processors=[forbid])
    found = beam_search(open_module(model), [row], 4, num_return_sequences=4)[0]
    expected = theirs(model, PROMPTS[0], 4, 8, logits_processor=[forbid])
    assert [beam.ids for beam in found] == [said for said, _ in expected]
    assert all(beam.ids[0] == 9 and beam.ended for beam in found)


def test_one_beam_is_greedy():
    model = ending("gpt2")
    expected = [_until_end(model, reference(model, ids, 12)) for ids in PROMPTS]
    assert [list(beams[0].ids) for beams in ours(model, PROMPTS, 1, 12)] == expected


def _until_end(model, ids):
    end = next((at for at, token in enumerate(ids) if token in model.end_ids), len(ids))
    return ids[: end + 1]


def test_a_full_context_ends_every_beam(tiny_gpt2):
    model = load(tiny_gpt2)
    results = generate("a" * 60, model, max_new_tokens=30, num_beams=3, num_return_sequences=3)
    assert all(len(r.token_ids) == 4 or r.finish_reason == "eos" for r in results)


def test_generate_returns_beams(tiny_gpt2):
    model = load(tiny_gpt2)
    heard = {}
    settings = {"max_new_tokens": 10, "num_beams": 4, "num_return_sequences": 2, "alternatives": 2}
    results = generate(["The animal", "x"], model, **settings, on_text=lambda r, text: heard.update({r: text}))
    assert [r.prompt for r in results] == ["The animal"] * 2 + ["x"] * 2
    for number, result in enumerate(results):
        assert heard.get(number, "") == result.completion
        ids = result.token_ids
        assert result.completion == model.tokenizer.decode(ids)
        assert result.score == pytest.approx(sum(result.logprobs) / len(ids), abs=1e-5)
        assert result.finish_reason == ("eos" if ids[-1] in model.end_ids else "length")
        assert [len(step) for step in result.alternatives] == [2] * len(ids)
        assert result.settings["num_beams"] == 4
    assert results[0].score >= results[1].score and results[2].score >= results[3].score
    ids = model.tokenizer.encode("x").ids
    assert tuple(results[2].token_ids) == theirs(model, ids, 4, 10, pad_token_id=0)[0][0]
    greedy = generate("x", model, max_new_tokens=10)[0]
    assert greedy.score is None
    assert results[2].score >= sum(greedy.logprobs) / len(greedy.token_ids) - 1e-6
    assert '"score":' in results[0].to_json()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"num_beams": 0}, "`num_beams` is 0"),
        ({"num_beams": 2, "num_return_sequences": 3}, "`num_return_sequences` is 3"),
        ({"num_beams": 2, "temperature": 0.7}, "`temperature` is 0.7"),
        ({"num_beams": 2, "stop": ["END"]}, "'END'"),
        ({"num_beams": 2, "length_penalty": math.nan}, "`length_penalty` is nan"),
    ],
)
def test_settings_that_beam_search_does_not_support_are_refused(tiny_gpt2, settings, word):
    with pytest.raises(InputError, match=word) as raised:
        generate("The", load(tiny_gpt2), **settings)
    assert raised.value.hint


def test_nan_weights_are_refused():
    model = lively("gpt2")
    with torch.no_grad():
        next(model.module.parameters())[9] = torch.nan
    with pytest.raises(ModelError, match="logits are NaN"):
        ours(model, [[9, 9]], 2, 4)

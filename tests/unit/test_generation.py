"""The decode loop against transformers, and rows that keep apart."""

import functools
import math
import shutil

import pytest
import torch
from transformers import GenerationConfig

from cutaway.errors import InputError, MissingText
from cutaway.generation import Sampling, distribution, generating
from cutaway.generation import generate as any_tier
from cutaway.generation.decoders import open_decoder
from cutaway.models import load

generate = functools.partial(any_tier, tier="exact")  # compared with float32
PROMPTS = ["The animal", "a", "No, I am your father", "x y z", "What is the"]


@pytest.fixture(params=["tiny_gpt2", "tiny_llama"])
def model(request):
    return load(request.getfixturevalue(request.param))


def reference(model, prompt, length):
    ids_BT = torch.tensor([model.tokenizer.encode(prompt).ids])
    config = GenerationConfig(
        max_new_tokens=length, do_sample=False, eos_token_id=sorted(model.end_ids), pad_token_id=0
    )
    return model.module.generate(ids_BT, generation_config=config, attention_mask=torch.ones_like(ids_BT))[
        0, ids_BT.shape[1] :
    ].tolist()


def test_greedy_equals_transformers_alone_and_in_a_ragged_batch(model):
    expected = [reference(model, prompt, 24) for prompt in PROMPTS]
    assert [generate(prompt, model, max_new_tokens=24)[0].token_ids for prompt in PROMPTS] == expected
    assert [result.token_ids for result in generate(PROMPTS, model, max_new_tokens=24)] == expected


def test_logprobs_are_those_of_a_plain_forward_pass(model):
    result = generate("The animal", model, max_new_tokens=8, alternatives=3)[0]
    ids = model.tokenizer.encode("The animal").ids
    with torch.inference_mode():
        logits_TV = model.module(input_ids=torch.tensor([ids + result.token_ids])).logits[0, len(ids) - 1 : -1]
    logprobs_TV = logits_TV.log_softmax(-1)
    expected = logprobs_TV.gather(1, torch.tensor(result.token_ids)[:, None])[:, 0].tolist()
    assert result.logprobs == pytest.approx(expected, abs=1e-5)
    for alternatives, token_id, logprob in zip(result.alternatives, result.token_ids, result.logprobs, strict=True):
        assert alternatives[0].id == token_id  # greedy takes the likeliest
        assert math.log(alternatives[0].probability) == pytest.approx(logprob, abs=1e-5)
        assert [a.probability for a in alternatives] == sorted((a.probability for a in alternatives), reverse=True)


def test_a_seed_repeats_a_run_and_rows_do_not_depend_on_their_neighbours(model):
    settings = {"max_new_tokens": 20, "temperature": 1.2, "top_p": 0.9}
    batch = generate(PROMPTS, model, seed=5, **settings)
    assert [r.token_ids for r in generate(PROMPTS, model, seed=5, **settings)] == [r.token_ids for r in batch]
    assert [r.token_ids for r in generate(PROMPTS, model, seed=5, batch_size=2, **settings)] == [
        r.token_ids for r in batch
    ]
    for prompt, row in zip(PROMPTS, batch, strict=True):
        alone = generate(prompt, model, seed=row.seed, **settings)[0]
        assert alone.token_ids == row.token_ids
    assert [r.token_ids for r in generate(PROMPTS, model, seed=6, **settings)] != [r.token_ids for r in batch]


def test_several_responses_differ_and_carry_the_seed_that_repeats_each(model):
    results = generate("The animal", model, max_new_tokens=16, num_return_sequences=3, seed=10)
    assert [r.seed for r in results] == [10, 11, 12]
    assert len({tuple(r.token_ids) for r in results}) == 3


def test_a_presence_penalty_keeps_a_greedy_row_from_repeating_itself(tiny_gpt2):
    model = load(tiny_gpt2)
    plain = generate("The animal", model, max_new_tokens=30)[0].token_ids
    held = generate("The animal", model, max_new_tokens=30, presence_penalty=2.0)[0]
    assert len(set(held.token_ids)) > len(set(plain)) and held.settings["presence_penalty"] == 2.0


def test_generate_draws_from_the_distribution_it_states(tiny_gpt2):
    """The same through the whole loop: first tokens of 2,000 rows."""
    model = load(tiny_gpt2)
    ids = model.tokenizer.encode("The animal").ids
    with torch.inference_mode():
        logits_V = model.module(input_ids=torch.tensor([ids])).logits[0, -1]
    stated_V = torch.from_numpy(distribution(logits_V[None], Sampling(temperature=1.0, top_k=4))[0])
    results = generate(
        "The animal", model, max_new_tokens=1, temperature=1.0, top_k=4, num_return_sequences=2000, batch_size=500
    )
    counts_V = torch.bincount(torch.tensor([r.token_ids[0] for r in results]), minlength=len(stated_V))
    for count, probability in zip(counts_V.tolist(), stated_V.tolist(), strict=True):
        spread = math.sqrt(2000 * probability * (1 - probability))
        assert abs(count - 2000 * probability) <= 4 * spread


def test_a_stop_string_ends_the_text_before_it(model):
    whole = generate("The animal", model, max_new_tokens=30)[0].completion
    stop = whole[9:12]
    cut = generate("The animal", model, max_new_tokens=30, stop=[stop])[0]
    assert cut.completion == whole[: whole.find(stop)]
    assert cut.finish_reason == "stop"


def test_min_new_tokens_delays_the_end_token(tiny_gpt2):
    results = generate("The", load(tiny_gpt2), max_new_tokens=40, num_return_sequences=40)
    ended = [r for r in results if r.finish_reason == "eos"]
    assert ended, "none of 40 rows drew the end token: the test shows nothing"
    for result in ended:
        assert result.token_ids[-1] == 0
        assert 0 not in result.token_ids[:-1]
        assert "<|end|>" not in result.completion
    held = generate("The", load(tiny_gpt2), max_new_tokens=40, min_new_tokens=40, num_return_sequences=40)
    assert {r.finish_reason for r in held} == {"length"}
    assert all(0 not in r.token_ids and len(r.token_ids) == 40 for r in held)


def test_a_full_context_ends_a_row_with_length_whatever_the_others_do(tiny_gpt2):
    model = load(tiny_gpt2)
    long, short = "a" * 60, "b"
    results = generate([long, short], model, max_new_tokens=30, min_new_tokens=30)
    assert [len(r.token_ids) for r in results] == [4, 30]
    assert {r.finish_reason for r in results} == {"length"}
    assert results[1].token_ids == generate(short, model, max_new_tokens=30, min_new_tokens=30)[0].token_ids


def test_streamed_pieces_join_to_the_completions(model):
    heard: dict[int, str] = {}

    def hear(row, text):
        assert text
        heard[row] = heard.get(row, "") + text

    results = generate(PROMPTS, model, max_new_tokens=30, temperature=1.0, stop=["ab", "e"], on_text=hear, batch_size=2)
    assert [heard.get(r, "") for r in range(len(results))] == [result.completion for result in results]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"min_p": 1.5}, "min_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"num_return_sequences": 2, "temperature": 0.0}, "greedy"),
        ({"stop": [""]}, "stop"),
    ],
)
def test_impossible_settings_are_named(tiny_gpt2, settings, word):
    with pytest.raises(InputError, match=word):
        generate("The", load(tiny_gpt2), **settings)


@pytest.mark.parametrize("prompts", ["", [], ["a", ""]])
def test_an_empty_prompt_is_an_error(tiny_gpt2, prompts):
    with pytest.raises(MissingText):
        generate(prompts, load(tiny_gpt2))


def test_a_prompt_may_be_a_chat(tiny_llama, tmp_path):
    folder = shutil.copytree(tiny_llama, tmp_path / "copy")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.role[0] }}-{{ m.content }}!{% endfor %}A")
    model = load(folder)
    one = [{"role": "user", "content": "hi"}]
    more = [*one, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "bye"}]
    [alone] = generate(more, model, max_new_tokens=8)
    assert alone.token_ids == reference(model, "u-hi!a-yes?!u-bye!A", 8)
    assert alone.prompt == "bye" and alone.settings["chat"] and alone.settings["messages"] == more
    found = generate([more, "hi", one], model, max_new_tokens=8, num_return_sequences=2, temperature=1.0, batch_size=3)
    assert [r.prompt for r in found] == ["bye", "bye", "hi", "hi", "hi", "hi"]
    assert [r.settings["chat"] for r in found] == [True, True, False, False, True, True]
    assert "messages" not in found[2].settings
    [with_system] = generate(one, model, system="Be kind", max_new_tokens=8)
    assert with_system.token_ids == reference(model, "s-Be kind!u-hi!A", 8)
    [text] = generate("hi", model, chat=True, max_new_tokens=8)
    assert text.token_ids == generate(one, model, max_new_tokens=8)[0].token_ids
    with pytest.raises(InputError, match="the prompt is not a chat"):
        generate([one, "hi"], model, system="Be kind")
    with pytest.raises(InputError, match="message 1 of a chat"):
        generate([*one, "hi"], model)


def test_a_failing_callback_stops_the_decoder(tiny_gpt2, monkeypatch):
    kept = []
    decoder = open_decoder(load(tiny_gpt2), "exact")
    monkeypatch.setattr(generating, "open_decoder", lambda *_: decoder)
    keep = decoder.keep
    monkeypatch.setattr(decoder, "keep", lambda slots: (kept.append(list(slots)), keep(slots))[1])

    def fail(number, result):
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        generate(PROMPTS, tiny_gpt2, max_new_tokens=2, on_result=fail)
    assert kept[-1] == []


def test_inference_mode_does_not_change_the_text(tiny_llama):
    settings = {"max_new_tokens": 6, "temperature": 1.0, "top_p": 0.9, "repetition_penalty": 1.2}
    found = []
    for inside in (True, False, True):
        with torch.inference_mode(inside):
            found.append(generate(PROMPTS, tiny_llama, **settings))
    assert [r.token_ids for r in found[0]] == [r.token_ids for r in found[1]] == [r.token_ids for r in found[2]]

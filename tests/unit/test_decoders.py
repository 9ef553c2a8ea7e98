"""Any transformers model on the engine says what transformers says, whatever rows come, leave and change places."""

import dataclasses

import numpy as np
import pytest
import torch
import transformers
from transformers import LogitsProcessor, RepetitionPenaltyLogitsProcessor

from cutaway.errors import ModelError, UnsupportedArchitecture, WrongKind
from cutaway.generation import Sampling, generate
from cutaway.generation.decoders import _divergence, open_decoder
from cutaway.generation.encoder_decoder import PairDecoder
from cutaway.generation.engine import run
from cutaway.generation.module_decoder import ModuleDecoder, RecomputingDecoder, open_module
from cutaway.generation.rows import Row
from cutaway.models import load
from cutaway.models.text_model import Model
from tests.unit.architectures import _SMALL, PAIRS, VOCAB
from tests.unit.lively import NAMES, PROMPTS, lively, reference


def said(model, rows, **settings):
    """Run the rows; return their ids, and whether any joined others that were running."""
    decoder = open_module(model)
    active, joined = 0, False
    add, keep = decoder.add, decoder.keep

    def counted_add(prompts, copies):
        nonlocal active, joined
        joined |= active > 0
        active += sum(copies)
        return add(prompts, copies)

    def counted_keep(slots):
        nonlocal active
        active = len(slots)
        keep(slots)

    decoder.add, decoder.keep = counted_add, counted_keep
    for _ in run(decoder, rows, **settings):
        pass
    return [row.ids for row in rows], joined


@pytest.fixture(params=NAMES)
def model(request):
    return lively(request.param)


def test_greedy_equals_transformers(model):
    """Alone, in one ragged batch, and three at a time with rows of many lengths that leave and make room."""
    expected = [reference(model, ids, 24) for ids in PROMPTS]
    assert len({tuple(ids) for ids in expected}) >= 7, "the texts are alike: the test shows little"
    for ids, wanted in zip(PROMPTS, expected, strict=True):
        assert said(model, [Row("", ids, max_new_tokens=24)])[0] == [wanted]
    assert said(model, [Row("", ids, max_new_tokens=24) for ids in PROMPTS])[0] == expected
    rows = [Row("", ids, max_new_tokens=24 - (7 * i) % 20) for i, ids in enumerate(PROMPTS * 2)]
    found, joined = said(model, rows, batch_size=3)
    assert found == [wanted[: row.max_new_tokens] for row, wanted in zip(rows, expected * 2, strict=True)]
    assert joined is (model.name not in PAIRS)
    assert all(row.finish is not None and len(row.text) for row in rows)


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "t5"])
@pytest.mark.parametrize("batch_size", [2, 64])
def test_many_rows(name, batch_size):
    model = lively(name)
    dice = torch.Generator().manual_seed(5)
    lengths = torch.randint(1, 40, (64,), generator=dice).tolist()
    prompts = [torch.randint(5, 60, (n,), generator=dice).tolist() for n in lengths]
    rows = [Row("", ids, max_new_tokens=1 + 5 * i % 24) for i, ids in enumerate(prompts)]
    found, _ = said(model, rows, batch_size=batch_size)
    for row, ids in list(zip(rows, found, strict=True))[::4]:
        assert ids == said(model, [dataclasses.replace(row, ids=[], text="", finish=None, logprobs=[])])[0][0]


def test_slots_change_places_and_repeat(model):
    """What beam search asks: the cache follows its row wherever it goes."""
    decoder = open_module(model)
    first = PROMPTS[:3]
    with torch.inference_mode():
        decoder.add(first, [1, 2, 1])  # slots 0, 1, 1, 2
        decoder.step([7, 8, 9, 10])
        decoder.keep([3, 0, 0, 2])
        found_BV = decoder.step([11, 12, 13, 14])
    histories = [(first[2], [10, 11]), (first[0], [7, 12]), (first[0], [7, 13]), (first[1], [9, 14])]
    for (ids, tail), found_V in zip(histories, found_BV, strict=True):
        with torch.inference_mode():
            if model.name in PAIRS:
                start = model.config.decoder_start_token_id
                given = {"input_ids": torch.tensor([ids]), "decoder_input_ids": torch.tensor([[start, *tail]])}
            else:
                given = {"input_ids": torch.tensor([ids + tail])}
            wanted_V = model.module(**given).logits[0, -1]
        torch.testing.assert_close(
            torch.from_numpy(found_V), wanted_V, atol=2e-3 * float(wanted_V.abs().max()), rtol=1e-3
        )


def test_columns_that_no_row_needs_are_cut_off():
    model = lively("mistral")
    rows = [Row("", PROMPTS[2], max_new_tokens=2), Row("", PROMPTS[4], max_new_tokens=20)]  # 24 and 1 ids
    decoder = open_module(model)
    widths = []
    for _ in run(decoder, rows):
        widths.append(decoder._mask_BT.shape[1])
    assert max(widths) == 25 and widths[-1] < 22
    assert rows[1].ids == reference(model, PROMPTS[4], 20)


def _rare(name):
    t, tiny = transformers, {"vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": 2, "eos_token_id": 2}
    grouped = _SMALL | {"num_key_value_heads": 2}
    bart = {"vocab_size": VOCAB, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64}
    bart |= {"decoder_ffn_dim": 64, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "pad_token_id": 0}
    make = {
        "bloom": lambda: t.BloomForCausalLM(t.BloomConfig(**tiny, n_head=4)),
        "mamba": lambda: t.MambaForCausalLM(t.MambaConfig(**tiny, state_size=8)),
        "jamba": lambda: t.JambaForCausalLM(
            t.JambaConfig(
                **grouped, use_mamba_kernels=False, attn_layer_period=2, attn_layer_offset=1, num_experts=2,
                expert_layer_period=2, expert_layer_offset=1, num_experts_per_tok=1, mamba_d_state=8, mamba_dt_rank=4,
            )
        ),
        "roformer": lambda: t.RoFormerForCausalLM(t.RoFormerConfig(**_SMALL, is_decoder=True)),
        "bart decoder": lambda: t.BartForCausalLM(
            t.BartConfig(**bart, is_decoder=True, is_encoder_decoder=False, eos_token_id=2, forced_eos_token_id=None)
        ),
        "rwkv": lambda: t.RwkvForCausalLM(t.RwkvConfig(**tiny, context_length=64)),
        "llama4": lambda: t.Llama4ForCausalLM(
            t.Llama4TextConfig(
                **grouped, head_dim=16, attention_chunk_size=8, intermediate_size_mlp=64, num_local_experts=2
            )
        ),
        "xlnet": lambda: t.XLNetLMHeadModel(t.XLNetConfig(vocab_size=VOCAB, d_model=64, n_layer=2, n_head=4)),
    }  # fmt: skip
    torch.manual_seed(0)
    module = make[name]().eval()
    with torch.no_grad():
        for weight in module.parameters():
            if weight.ndim > 1 and name != "rwkv":
                weight.mul_(3)
    return Model(name, None, module, lively("gpt2").tokenizer)


@pytest.mark.parametrize(
    ("name", "decoder", "joins"),
    [
        ("bloom", ModuleDecoder, True),  # no positions: a slope by distance
        ("mamba", ModuleDecoder, True),  # no keys: a state
        ("jamba", ModuleDecoder, True),  # states and keys by turns
        ("roformer", ModuleDecoder, False),  # positions counted in the cache's columns
        ("bart decoder", RecomputingDecoder, True),  # learned ones, so that padding can't be told
        ("rwkv", RecomputingDecoder, True),  # a cache of its own kind
        ("llama4", ModuleDecoder, False),  # windows counted from the first column
    ],
)
def test_models_of_rare_builds(name, decoder, joins):
    model = _rare(name)
    assert type(open_module(model)) is decoder
    expected = [reference(model, ids, 12) for ids in PROMPTS]
    rows = [Row("", ids, max_new_tokens=12 - i) for i, ids in enumerate(PROMPTS)]
    found, joined = said(model, rows, batch_size=3)
    assert found == [wanted[: len(ids)] for ids, wanted in zip(found, expected, strict=True)]
    assert [row.finish for row in rows] == ["eos" if row.ids[-1] == 2 else "length" for row in rows]
    assert joined is joins


def test_a_model_that_looks_ahead_is_refused():
    with pytest.raises(UnsupportedArchitecture, match="depend on later tokens"):
        open_module(_rare("xlnet"))


# Encoder-decoders


@pytest.mark.parametrize("name", PAIRS)
def test_prompts_are_encoded_once_and_only_once(name, monkeypatch):
    model = lively(name)
    decoder = open_module(model)
    assert isinstance(decoder, PairDecoder)
    seen = []
    encoder = model.module.get_encoder()
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda *a, **k: (seen.append(k["input_ids"].shape), forward(*a, **k))[1])
    rows = [Row("", PROMPTS[i], Sampling(1.0), seed, max_new_tokens=6) for i in (0, 1) for seed in range(3)]
    for _ in run(decoder, rows):
        pass
    assert seen == [(2, 11)]


def test_tokens_that_a_model_forces_or_forbids():
    """The settings that belong to the model, as transformers' generate applies them."""
    model = lively("bart")
    settings = model.module.generation_config
    free = reference(model, PROMPTS[1], 12)
    settings.forced_bos_token_id, settings.forced_eos_token_id = 9, 2
    settings.bad_words_ids, settings.suppress_tokens = [[free[3]]], [free[5]]
    settings.begin_suppress_tokens = [free[1]]
    expected = [reference(model, ids, 12) for ids in PROMPTS]
    assert all(ids[0] == 9 and ids[-1] == 2 and free[3] not in ids for ids in expected)
    rows = [Row("", ids, max_new_tokens=12) for ids in PROMPTS]
    assert said(model, rows)[0] == expected
    assert all(row.finish == "eos" for row in rows)
    assert rows[0].logprobs[0] < -0.5  # what the model itself gives the token that was forced on it


@pytest.mark.parametrize("name", ["gpt2", "t5", "bart"])
def test_a_repetition_penalty_sees_what_the_decoder_sees(name):
    model = lively(name)
    rows = [Row("", ids, Sampling(0.0, repetition_penalty=1.8), max_new_tokens=16) for ids in PROMPTS]
    expected = [reference(model, ids, 16, repetition_penalty=1.8) for ids in PROMPTS]
    assert expected != [reference(model, ids, 16) for ids in PROMPTS]
    assert said(model, rows)[0] == expected


def test_a_full_context_counts_the_decoders_tokens():
    model = lively("bart")
    model.config.max_position_embeddings = 26
    found, _ = said(model, [Row("", ids, max_new_tokens=40) for ids in PROMPTS])
    assert {len(ids) for ids in found} == {25}  # and the id that the decoder starts from


@pytest.mark.parametrize("cls", [transformers.T5ForConditionalGeneration, transformers.MarianMTModel])
def test_generate_takes_an_encoder_decoder_from_a_folder(cls, tiny_llama, tmp_path):
    small = {"d_model": 32, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 0, "vocab_size": 75}
    if cls is transformers.T5ForConditionalGeneration:
        config = transformers.T5Config(**small, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    else:
        sizes = {f"{part}_{size}": 1 for part in ("encoder", "decoder") for size in ("layers", "attention_heads")}
        config = transformers.MarianConfig(**small, **sizes, encoder_ffn_dim=32, decoder_ffn_dim=32)
    torch.manual_seed(3)
    cls(config).save_pretrained(tmp_path)
    load(tiny_llama).tokenizer.backend.save(str(tmp_path / "tokenizer.json"))
    model = load(tmp_path, "generator")
    assert type(model.module) is cls
    result = generate("The animal", tmp_path, max_new_tokens=8)[0]
    wanted = reference(model, model.tokenizer.encode("The animal").ids, 8)
    assert result.token_ids == wanted
    assert result.completion == model.tokenizer.decode(wanted)  # a text of its own, not the prompt's next words
    with pytest.raises(WrongKind, match="left to right"):
        load(tmp_path)
    assert open_decoder(model, "exact").model is model


def test_what_writes_no_text_is_refused(tiny_bert_classifier, tiny_llama, tmp_path):
    with pytest.raises(WrongKind, match="left to right"):
        load(tiny_bert_classifier, "generator")
    with pytest.raises(WrongKind, match="does not turn one text into another"):
        load(tiny_llama, "pair")
    config = transformers.T5Config(vocab_size=75, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    transformers.T5EncoderModel(config).save_pretrained(tmp_path)
    load(tiny_llama).tokenizer.backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(WrongKind):
        load(tmp_path, "generator")


# Processors, and numbers that are none


class Recorder(LogitsProcessor):
    """Forbids one token, and remembers what it was shown."""

    def __init__(self, token_id):
        self.token_id, self.shown = token_id, []

    def __call__(self, input_ids, scores):
        self.shown.append(input_ids[0].tolist())
        assert input_ids.shape[0] == scores.shape[0] == 1
        return scores.index_fill(1, torch.tensor([self.token_id]), -torch.inf)


def test_processors_of_transformers_are_called_with_each_rows_own_ids(tiny_gpt2):
    model = load(tiny_gpt2)
    free = generate(["The animal", "x"], model, max_new_tokens=10)
    recorder = Recorder(free[0].token_ids[4])
    results = generate(["The animal", "x"], model, max_new_tokens=10, logits_processor=[recorder])
    for prompt, result in zip(["The animal", "x"], results, strict=True):
        ids = model.tokenizer.encode(prompt).ids
        wanted = reference(model, ids, 10, logits_processor=[Recorder(recorder.token_id)], pad_token_id=0)
        assert result.token_ids == wanted
        assert [*ids, *result.token_ids[:-1]] in recorder.shown
    assert recorder.token_id in free[0].token_ids and recorder.token_id not in results[0].token_ids
    assert results[0].token_ids[0] == free[0].token_ids[0]
    assert results[0].logprobs[0] == pytest.approx(free[0].logprobs[0], abs=1e-5)  # the model's own


def test_the_penalty_as_a_processor_is_the_penalty_as_a_setting(tiny_llama):
    model = load(tiny_llama)
    settings = {"max_new_tokens": 20, "temperature": 1.0, "num_return_sequences": 3}
    one = generate("The animal", model, repetition_penalty=1.7, **settings)
    other = generate("The animal", model, logits_processor=[RepetitionPenaltyLogitsProcessor(1.7)], **settings)
    assert [r.token_ids for r in one] == [r.token_ids for r in other]
    assert [r.logprobs for r in one] == [pytest.approx(r.logprobs, abs=1e-5) for r in other]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_weights_that_are_not_numbers_are_said_at_the_first_step(name, temperature):
    model = lively(name)
    with torch.no_grad():
        next(w for w in model.module.parameters() if w.ndim > 1)[9] = torch.nan
    rows = [Row("", [9, 9, 9], Sampling(temperature))]
    with pytest.raises(ModelError, match="not finite numbers"):
        list(run(open_module(model), rows))
    assert rows[0].text == ""


def test_the_divergence_of_a_tier_is_summed_in_float64():
    dice = np.random.default_rng(0)
    wide_TV = (3 * dice.normal(size=(16, 49152))).astype(np.float32)
    near_TV = wide_TV + (2e-3 * dice.normal(size=wide_TV.shape)).astype(np.float32)
    logs = [x - np.log(np.exp(x).sum(-1, keepdims=True)) for x in (wide_TV.astype(float), near_TV.astype(float))]
    expected = (np.exp(logs[0]) * (logs[0] - logs[1])).sum(-1).mean()
    found = _divergence(wide_TV, near_TV)
    assert found.mean == pytest.approx(expected, rel=1e-6) and expected < 1e-5

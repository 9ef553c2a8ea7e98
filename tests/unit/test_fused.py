"""Our own forward and its packed weights against transformers' module, and rows alone against rows in a batch."""

from __future__ import annotations

import copy
import math
import os
import types
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from cutaway import models
from cutaway.errors import InputError
from cutaway.generation import decoders, generate
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.fused_decoder import FusedDecoder
from cutaway.generation.module_decoder import ModuleDecoder
from cutaway.generation.rows import Row
from cutaway.generation.settings import Sampling
from cutaway.generation.speculation import LookupDecoder
from cutaway.models import cache, load, packed_linear, quickstart, residency
from cutaway.models.fused import Fused
from cutaway.models.kv_cache import Cache
from cutaway.models.shapes import Shape, parts_of, shape_of
from cutaway.models.text_model import Model
from tests.unit import architectures
from tests.unit.architectures import VOCAB


@pytest.fixture(autouse=True)
def nothing_prepared() -> None:
    """Forget what another test prepared: it may have kept the weights in that test's own cache folder."""
    residency.evict()


SMALL = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}  # fmt: skip
MODELS: dict[str, tuple[Any, Any]] = {
    "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL)),
    "llama with biases": (
        transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True)
    ),
    "llama 3 rope": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, rope_parameters=LLAMA3)),
    "llama tied": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, tie_word_embeddings=True)),
    "mistral": (transformers.MistralForCausalLM, transformers.MistralConfig(**SMALL, sliding_window=None)),
    "qwen2": (transformers.Qwen2ForCausalLM, transformers.Qwen2Config(**SMALL)),
    "qwen3": (transformers.Qwen3ForCausalLM, transformers.Qwen3Config(**SMALL, head_dim=32)),
    "wide heads": (
        transformers.Qwen3ForCausalLM,
        transformers.Qwen3Config(**SMALL | {"num_attention_heads": 6, "num_key_value_heads": 2}, head_dim=128),
    ),
    "gpt2": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            vocab_size=VOCAB, n_embd=64, n_layer=3, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2
        ),
    ),
}  # fmt: skip
FAR = {"near": quickstart.Divergence(0.001, 0.1), "turbo": quickstart.Divergence(0.002, 0.2)}
PROMPTS = [[5, 9, 17], [40 + i % 30 for i in range(70)], [8], [12, 80, 33, 12, 80, 33, 12], [5, 9, 17]]


class Letters:
    """Just enough of a tokenizer for rows of ids."""

    special_ids: frozenset[int] = frozenset()

    def encode(self, text: str) -> Any:
        return types.SimpleNamespace(ids=[5 + ord(letter) % 100 for letter in text])

    def decode(self, ids: Any, **_: Any) -> str:
        return "".join(chr(65 + i % 26) for i in ids)

    def piece(self, token_id: int) -> str:
        return self.decode([token_id])


def tiny(name: str) -> Model:
    cls, config = MODELS[name]
    torch.manual_seed(3)
    module = cls._from_config(copy.deepcopy(config)).eval()
    with torch.no_grad():
        for path, weight in module.named_parameters():
            if weight.ndim > 1:
                weight.mul_(4)
            elif "bias" in path:  # they begin as zeros, which would hide that one is left out
                weight.normal_(0, 0.3)
    return Model(name, None, module, Letters())  # type: ignore[arg-type]


def fused(model: Model, tier: str = "exact") -> FusedDecoder:
    shape = shape_of(model.config)
    assert shape is not None
    return FusedDecoder(model, decoders._fused(shape, parts_of(model.module, shape), tier))


def whole(model: Model, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model.module(input_ids=torch.tensor([ids])).logits[0]
    return logits


def assert_rounded(found: torch.Tensor, expected: torch.Tensor, tier: str) -> None:
    """Two orders of adding: in float32 some units of 2**-24 a sum; bfloat16 rounds each layer's result to 2**-9."""
    within = 2**-16 if tier == "exact" else 2**-5
    assert ((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max() < within


@pytest.mark.parametrize("name", MODELS)
def test_logits_equal_transformers_with_rows_of_any_length_that_come_and_go(name: str) -> None:
    model = tiny(name)
    decoder = fused(model)
    said = [[20 + (7 * r + s) % 100 for s in range(6)] for r in range(6)]
    texts = [*PROMPTS, PROMPTS[1]]
    rows = [0, 1, 2, 3]
    logits_BV = decoder.add(texts[:4], [1, 1, 1, 1])
    for step in range(6):
        for slot, row in enumerate(rows):
            expected_V = whole(model, texts[row] + said[row][:step])[-1]
            scale = expected_V.abs().max()
            torch.testing.assert_close(logits_BV[slot] / scale, expected_V / scale, atol=2e-5, rtol=0)
        if step == 2:  # one leaves, the last takes its slot; two that have run as long in spirit join
            rows = [0, 3, 2]
            decoder.keep([0, 3, 2])
            for row in (4, 5):
                fresh = decoder.add([texts[row] + said[row][:step]], [1])
                expected_V = whole(model, texts[row] + said[row][:step])[-1]
                torch.testing.assert_close(fresh[0], expected_V, atol=2e-4, rtol=0)
                rows.append(row)
        if step == 3:  # a beam search's way: one twice, in another order
            rows = [rows[4], rows[0], rows[0]]
            decoder.keep([4, 0, 0])
        logits_BV = decoder.step([said[row][step] for row in rows])


@pytest.mark.parametrize("tier", ["exact", "near"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "wide heads", "gpt2"])
def test_a_row_has_the_same_logits_alone_and_in_any_batch_up_to_rounding(name: str, tier: str) -> None:
    model = tiny(name)
    prompts = [[5 + (11 * r + 3 * i) % 150 for i in range(1 + (17 * r) % 90)] for r in range(64)]
    ids = [7, 100, 31, 8]

    def states(rows: list[int]) -> torch.Tensor:
        decoder = fused(model, tier)
        first = decoder.add([prompts[r] for r in rows], [1] * len(rows))
        return torch.stack([first, *(decoder.step([i] * len(rows)) for i in ids)])

    everyone = states(list(range(64)))
    for rows in ([0], [5], [63], [1, 2], [9, 30, 4], list(range(40, 57))):
        assert_rounded(states(rows), everyone[:, rows], tier)


@pytest.mark.parametrize("tier", ["exact", "near"])
@pytest.mark.parametrize("name", ["llama", "wide heads"])
def test_a_short_row_has_the_same_logits_beside_a_long_one_up_to_rounding(name: str, tier: str) -> None:
    model = tiny(name)
    long = [5 + (7 * i) % 150 for i in range(600)]

    def states(prompts: list[list[int]]) -> torch.Tensor:
        decoder = fused(model, tier)
        decoder.add(prompts, [1] * len(prompts))
        return torch.stack([decoder.step([i] * len(prompts)) for i in (7, 100, 31)])

    for length in (30, 256, 390):
        alone = states([long[:length]])[:, 0]
        for other in (1, 383, 600):
            assert_rounded(states([long[:length], long[:other]])[:, 0], alone, tier)


@pytest.mark.parametrize("inputs", [64, 576, 1024, 1536, 3072, 8192])
@pytest.mark.parametrize("tier", ["exact", "near"])
def test_a_sum_is_as_exact_as_its_numbers_in_whatever_order(tier: str, inputs: int) -> None:
    """Against float64, alone and among others; with heavy tails, as in a real model's activations."""
    torch.manual_seed(0)
    weight_NK, x_RK = torch.randn(256, inputs), torch.randn(64, inputs) ** 5
    linear = packed_linear.make(tier)(weight_NK, None)
    if isinstance(linear, packed_linear.NearLinear):  # its factors are bfloat16, its sums float32, its results bfloat16
        weight_NK, given_RK, rounding = weight_NK.bfloat16().double(), x_RK.bfloat16().double(), 2**-8
    else:
        weight_NK, given_RK, rounding = weight_NK.double(), x_RK.double(), 0.0
    expected_RN = given_RK @ weight_NK.T
    bound_RN = rounding * expected_RN.abs() + inputs * 2**-24 * (given_RK.abs() @ weight_NK.abs().T)
    for start, end in [(0, 64), (0, 1), (7, 8), (63, 64), (0, 2), (5, 8), (1, 5), (3, 20)]:
        off_RN = (linear(x_RK[start:end]).double() - expected_RN[start:end]).abs()
        assert bool((off_RN <= bound_RN[start:end]).all()), (start, end)


def test_how_far_a_tier_is_off_is_a_mean_and_a_largest() -> None:
    p_TV = torch.tensor([[0.5, 0.495, 0.005], [0.2, 0.2, 0.6]], dtype=torch.float64)
    q_TV = torch.tensor([[0.6, 0.399, 0.001], [0.2, 0.3, 0.5]], dtype=torch.float64)
    found = decoders._divergence(p_TV.log() + 3, q_TV.log() - 2)  # logits are log-probabilities but for a constant
    assert found.mean == pytest.approx(float((p_TV * (p_TV / q_TV).log()).sum(-1).mean()))
    assert found.largest == pytest.approx(math.log(0.3 / 0.2))  # not that of the rare token, log 5


@pytest.mark.parametrize("tier", ["exact", "near", "turbo"])
def test_packing_after_some_calls_changes_nothing_but_rounding(tier: str) -> None:
    model = tiny("llama")
    decoder = fused(model, tier)
    long = [5 + 7 * i % 150 for i in range(400)]
    first, firsts = decoder.add([PROMPTS[0]], [1]), decoder.add([long], [1])
    decoder.keep([])
    for _ in range(packed_linear.PACK_AFTER + 3):
        decoder.add([PROMPTS[0]], [1])
        decoder.step([5])
        decoder.keep([])
    assert_rounded(decoder.add([PROMPTS[0]], [1]), first, tier)
    assert_rounded(decoder.add([long], [1]), firsts, tier)


@pytest.mark.skipif(not packed_linear.has_int4(), reason="no 4-bit kernel here")
def test_four_bits_are_as_exact_as_their_steps() -> None:
    torch.manual_seed(0)
    weight_NK = torch.randn(128, 64)
    x_RK = torch.randn(5, 64)
    quarter = packed_linear.make("turbo")(weight_NK, None)
    step = (weight_NK.view(128, 2, 32).amax(-1) - weight_NK.view(128, 2, 32).amin(-1)) / 15
    bound_RN = 0.51 * x_RK.abs().view(5, 2, 32).sum(-1) @ step.T  # half a step a weight, at worst
    off_RN = (quarter(x_RK) - x_RK @ weight_NK.T).abs()
    assert type(quarter).__name__ == "TurboLinear"
    assert bool((off_RN < bound_RN + 0.02 * (x_RK @ weight_NK.T).abs() + 0.1).all())
    assert off_RN.mean() > 0  # it is another number: the 4-bit kernel did run


def test_a_four_bit_file_comes_back_as_it_was() -> None:
    torch.manual_seed(0)
    scales = torch.rand(64, 2, 1).bfloat16().float() + 0.5
    steps = torch.randint(0, 16, (64, 2, 32))
    steps[..., 0], steps[..., 1] = 0, 15  # every group uses its whole range
    weight_NK = (steps * scales - 8 * scales).view(64, 64)
    found = packed_linear.make("turbo")(weight_NK, None)(torch.eye(64)[:8])
    if packed_linear.has_int4():
        torch.testing.assert_close(found, weight_NK.T[:8], atol=0.05, rtol=0.01)


@pytest.mark.parametrize("name", ["gemma2", "phi3", "gpt_neox", "opt", "mixtral", "gpt_oss"])
def test_other_architectures_keep_their_forward_and_get_packed_layers(name: str) -> None:
    model = architectures.build(name)
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    ids = torch.arange(5, 29)[None]
    decoder = decoders._of_loaded(model, "near", None)()
    assert isinstance(decoder, ModuleDecoder)
    kinds = {type(part).__name__ for part in decoder.model.module.modules()}
    assert kinds & {"NearLinear", "ExactLinear"}
    with torch.inference_mode():
        expected, found = model.module(ids).logits[0], decoder.model.module(ids).logits[0]
    assert decoders._divergence(expected, found).mean < 0.02  # random weights: no trained model's margins
    assert not torch.equal(expected, found)
    assert all(torch.equal(before[key], value) for key, value in model.module.state_dict().items())
    assert not any(isinstance(part, packed_linear.PackedLinear) for part in model.module.modules())


def test_what_our_forward_has_not_is_left_to_transformers() -> None:
    sliding = transformers.MistralConfig(**SMALL, sliding_window=8)
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}
    odd = transformers.GPT2Config(scale_attn_by_inverse_layer_idx=True)
    for config in (sliding, transformers.LlamaConfig(**SMALL, rope_parameters=yarn), odd, transformers.OPTConfig()):
        assert shape_of(config) is None


def test_a_forward_that_does_not_agree_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("llama")
    assert isinstance(open_decoder(model, "exact"), FusedDecoder)
    honest = Fused._finish

    def off(self: Fused, *of: Any) -> torch.Tensor:
        return honest(self, *of) * 1.01

    monkeypatch.setattr(Fused, "_finish", off)
    assert isinstance(open_decoder(tiny("llama"), "exact"), ModuleDecoder)


def test_a_module_that_was_trained_further_is_packed_again() -> None:
    model = tiny("llama")
    rows = [Row("", PROMPTS[0], max_new_tokens=8)]
    before = [row.ids for row, _ in run(open_decoder(model, "exact"), rows) if row.finish]
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(torch.randn_like(weight))
    rows = [Row("", PROMPTS[0], max_new_tokens=8)]
    after = [row.ids for row, _ in run(open_decoder(model, "exact"), rows) if row.finish]
    assert before != after


def test_two_runs_of_one_model_do_not_disturb_each_other() -> None:
    model = tiny("llama")
    alone = [Row("", ids, max_new_tokens=12) for ids in PROMPTS]
    for _ in run(open_decoder(model, "exact"), alone):
        pass
    first, second = ([Row("", ids, max_new_tokens=12) for ids in PROMPTS] for _ in range(2))
    for _ in zip(run(open_decoder(model, "exact"), first), run(open_decoder(model, "exact"), second), strict=True):
        pass
    assert [r.ids for r in first] == [r.ids for r in second] == [r.ids for r in alone]


def test_more_rows_than_room_are_admitted_as_others_end() -> None:
    model = tiny("llama")
    settings = [(ids, 3 + 5 * (i % 4)) for i, ids in enumerate(PROMPTS * 4)]
    alone = []
    for ids, length in settings:
        row = Row("", ids, max_new_tokens=length)
        for _ in run(open_decoder(model, "exact"), [row]):
            pass
        alone.append(row.ids)
    for size in (2, 3, 7, 64):
        rows = [Row("", ids, max_new_tokens=length) for ids, length in settings]
        for _ in run(open_decoder(model, "exact"), iter(rows), batch_size=size):
            pass
        assert [row.ids for row in rows] == alone


def test_the_cache_grows_and_shrinks_and_keeps_what_it_holds() -> None:
    shape = Shape("llama", 2, 4, 2, 8, 1e-5, 10)
    cache = Cache(shape)
    cache.reserve(2, 3)
    kept = [torch.randn(2, 2, 3, 8) for _ in range(2)]
    cache.append(kept, 2)
    cache.reserve(5, 70)
    assert (cache.rows, cache.clean, cache.lengths) == (5, 96, [3, 3])
    for layer in range(2):
        _, keys_bKn, values_bnK = cache.views(2, 3)[layer]
        assert torch.equal(keys_bKn[2:4, :, :3].transpose(1, 2), kept[layer][:, 0])
        assert torch.equal(values_bnK[2:4, :3], kept[layer][:, 1])
    cache.keep([1])
    assert cache.lengths == [3] and torch.equal(cache.views(1, 3)[0][2][:, :3], kept[0][:, 1])
    cache.keep([])
    assert (cache.rows, cache.room, cache.lengths) == (0, 0, [])


def test_an_unknown_tier_is_named(tiny_gpt2: Path) -> None:
    with pytest.raises(InputError, match="quick"):
        generate("The", load(tiny_gpt2), tier="quick")


@pytest.mark.skipif(not packed_linear.fast_bfloat16(), reason="nothing is kept where bfloat16 is slow")
def test_kept_weights_start_the_same_model_until_its_folder_changes(tiny_llama: Path) -> None:
    name = os.fspath(tiny_llama)
    model = load(name)
    shape = shape_of(model.config)
    assert shape is not None and quickstart.read(name, tiny_llama) is None
    quickstart.write(model, cache.stamp(tiny_llama), shape, parts_of(model.module, shape), FAR)
    kept = quickstart.read(name, tiny_llama)
    assert kept is not None
    assert (kept.context, kept.end_ids, kept.shape) == (model.context, model.end_ids, shape)
    assert kept.divergence == models.model_info(name).divergence == FAR
    assert models.model_info(name).to_dict()["divergence"]["near"] == {"mean": 0.001, "largest": 0.1}
    settings = {"max_new_tokens": 12, "temperature": 1.0, "seed": 4}
    assert isinstance(open_decoder(name), FusedDecoder)
    assert not isinstance(open_decoder(name).model, Model)
    quick = generate(["The animal", "a"], name, **settings)
    slow = generate(["The animal", "a"], model, **settings)
    assert [r.token_ids for r in quick] == [r.token_ids for r in slow]
    assert [r.logprobs for r in quick] == [pytest.approx(r.logprobs, abs=0.02) for r in slow]
    config = tiny_llama / "config.json"
    text = config.read_text()
    config.write_text(text + "\n")
    assert quickstart.read(name, tiny_llama) is None and not models.model_info(name).divergence
    config.write_text(text)
    assert quickstart.forget(tiny_llama) > 0 and quickstart.read(name, tiny_llama) is None


@pytest.mark.skipif(not packed_linear.fast_bfloat16(), reason="nothing is kept where bfloat16 is slow")
def test_the_mapped_file_s_memory_goes_when_a_layer_is_packed_and_the_numbers_stay(tiny_llama: Path) -> None:
    name = os.fspath(tiny_llama)
    model = load(name)
    shape = shape_of(model.config)
    assert shape is not None and not packed_linear.in_file(model.module.lm_head.weight.clone())
    quickstart.write(model, cache.stamp(tiny_llama), shape, parts_of(model.module, shape), FAR)
    settings = {"max_new_tokens": 8, "temperature": 1.0, "seed": 4}
    before = generate("The animal", name, **settings)
    decoder = open_decoder(name)
    assert isinstance(decoder, FusedDecoder)
    linears = decoder.fused.linears()
    assert not Path("/proc/self/maps").exists() or all(linear.mapped for linear in linears)
    for linear in linears:
        assert isinstance(linear, packed_linear.NearLinear)
        linear.pack()
        assert linear.weight is None
    [after] = generate("The animal", name, **settings)
    assert after.token_ids == before[0].token_ids
    assert after.logprobs == pytest.approx(before[0].logprobs, abs=0.02)


def test_damaged_kept_weights_are_written_again(tiny_llama: Path) -> None:
    model = load(tiny_llama)
    shape = shape_of(model.config)
    assert shape is not None
    quickstart.write(model, cache.stamp(tiny_llama), shape, parts_of(model.module, shape), FAR)
    file = quickstart._file(tiny_llama)
    file.write_bytes(file.read_bytes()[:100])
    assert quickstart.read("x", tiny_llama) is None


@pytest.mark.parametrize("tier", ["exact", "near"])
@pytest.mark.parametrize("name", ["llama", "qwen2", "wide heads", "gpt2"])
def test_several_tokens_at_once_have_the_logits_of_one_after_the_other(name: str, tier: str) -> None:
    model = tiny(name)
    one, several = fused(model, tier), fused(model, tier)
    for decoder in (one, several):
        decoder.add([PROMPTS[3], PROMPTS[1]], [1, 1])
    ids = [[9, 12, 80, 33], [7, 7, 50, 3]]
    expected = torch.stack([one.step([ids[0][i], ids[1][i]]) for i in range(4)], dim=1)
    assert_rounded(several.extend(ids), expected, tier)
    several.rewind(2)
    assert_rounded(several.extend([row[2:3] for row in ids]), expected[:, 2:3], tier)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7), Sampling(temperature=1.5, top_p=0.9)])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_looking_ahead_changes_no_token_and_saves_steps(name: str, sampling: Sampling) -> None:
    model = tiny(name)
    with torch.no_grad():  # surer of itself, so that it says again what it has said
        model.module.get_output_embeddings().weight.mul_(3)
    shape = shape_of(model.config)
    assert shape is not None
    weights = decoders._fused(shape, parts_of(model.module, shape), "exact")
    texts, calls = [], []
    step = weights.step

    def counted(ids: Any, cache: Cache) -> torch.Tensor:
        calls[-1].append(len(ids[0]))
        return step(ids, cache)

    weights.step = counted  # type: ignore[method-assign]
    for kind in (FusedDecoder, LookupDecoder):
        calls.append([])
        [row] = rows = [Row("", [5, 9, 17, 5, 9, 17, 5, 9], sampling, seed=3, max_new_tokens=100)]
        for _ in run(kind(model, weights), rows):
            pass
        texts.append((row.ids, row.logprobs, row.finish))
    assert texts[0] == (texts[1][0], pytest.approx(texts[1][1], abs=1e-3), texts[1][2])
    assert set(calls[0]) == {1} and len(calls[0]) == len(texts[0][0]) - 1
    if sampling.temperature == 0:
        assert max(calls[1]) > 1 and len(calls[1]) < 0.6 * len(calls[0])


def test_looking_ahead_stops_at_the_end_of_the_context_and_when_rows_join() -> None:
    model = tiny("gpt2")
    repeated = [5, 9, 17] * 41
    for prompts in ([repeated], [repeated, [8]], [[8], repeated, repeated]):
        found = []
        for kind in (FusedDecoder, LookupDecoder):
            shape = shape_of(model.config)
            assert shape is not None
            decoder = kind(model, decoders._fused(shape, parts_of(model.module, shape), "exact"))
            rows = [Row("", ids, max_new_tokens=40) for ids in prompts]
            for _ in run(decoder, rows, batch_size=2):
                pass
            found.append([(row.ids, row.finish) for row in rows])
        assert found[0] == found[1]
        assert all(len(ids) <= 128 - len(prompt) + 1 for (ids, _), prompt in zip(found[0], prompts, strict=True))

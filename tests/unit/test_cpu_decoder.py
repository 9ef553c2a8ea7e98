"""Our own step against transformers' module, and the bits of rows alone, in batches, beside others and at once."""

from __future__ import annotations

import copy
import errno
import json
import math
import os
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers

from cutaway import models
from cutaway.errors import InputError, ModelError
from cutaway.generation import decoders, generate
from cutaway.generation.cpu import families, machine_code, products, weights
from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.cpu.threads import Team, thread_count
from cutaway.generation.cpu.weights import Weights, lay_out
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.module_decoder import ModuleDecoder
from cutaway.generation.rows import Row
from cutaway.generation.settings import Sampling
from cutaway.generation.speculation import LookupDecoder
from cutaway.models import cache, load, prepared, residency
from cutaway.models.text_model import Model
from tests.unit import architectures
from tests.unit.architectures import VOCAB

pytestmark = pytest.mark.skipif(not machine_code.is_supported(), reason="this processor runs torch's path")


@pytest.fixture(autouse=True)
def nothing_prepared() -> None:
    """Forget what another test prepared: it may have kept the weights in that test's own cache folder."""
    residency.evict()


SMALL = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 120, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}
SLIDING = {"sliding_window": 40, "head_dim": 24}
LOCAL = {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
MODELS: dict[str, tuple[Any, Any]] = {
    "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL)),
    "llama with biases": (
        transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True)
    ),
    "llama 3 rope": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, rope_parameters=LLAMA3)),
    "llama yarn": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, rope_parameters=YARN)),
    "llama tied": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, tie_word_embeddings=True)),
    "mistral": (transformers.MistralForCausalLM, transformers.MistralConfig(**SMALL, sliding_window=None)),
    "mistral with a window": (transformers.MistralForCausalLM, transformers.MistralConfig(**SMALL, **SLIDING)),
    "qwen2": (transformers.Qwen2ForCausalLM, transformers.Qwen2Config(**SMALL)),
    "qwen3": (transformers.Qwen3ForCausalLM, transformers.Qwen3Config(**SMALL, head_dim=32)),
    "phi3": (transformers.Phi3ForCausalLM, transformers.Phi3Config(**SMALL, sliding_window=33)),
    "smollm3": (
        transformers.SmolLM3ForCausalLM, transformers.SmolLM3Config(**SMALL, no_rope_layers=[1, 0, 1])
    ),
    "gemma": (transformers.GemmaForCausalLM, transformers.GemmaConfig(**SMALL, head_dim=16)),
    "gemma2": (transformers.Gemma2ForCausalLM, transformers.Gemma2Config(**SMALL, **SLIDING, **LOCAL)),
    "gemma3": (transformers.Gemma3ForCausalLM, transformers.Gemma3TextConfig(**SMALL, **SLIDING, **LOCAL)),
    "wide heads": (
        transformers.Qwen3ForCausalLM,
        transformers.Qwen3Config(**SMALL | {"num_attention_heads": 6, "num_key_value_heads": 2}, head_dim=128),
    ),
    "many queries of a key": (
        transformers.LlamaForCausalLM,
        transformers.LlamaConfig(**SMALL | {"num_attention_heads": 16, "num_key_value_heads": 1}, head_dim=8),
    ),
    "narrow gpt2": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            vocab_size=VOCAB, n_embd=40, n_inner=96, n_layer=2, n_head=5, n_positions=128, bos_token_id=1
        ),
    ),
    "gpt2": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            vocab_size=VOCAB, n_embd=64, n_layer=3, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2
        ),
    ),
    "gpt2 with an exact gelu": (
        transformers.GPT2LMHeadModel,
        transformers.GPT2Config(
            vocab_size=VOCAB, n_embd=64, n_layer=3, n_head=4, n_positions=128, bos_token_id=1,
            activation_function="gelu",
        ),
    ),
}  # fmt: skip
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
        for weight in module.parameters():
            if weight.ndim > 1:
                weight.mul_(4)
            else:  # biases and some norms begin as zeros or ones, which would hide that one is left out
                weight.add_(torch.randn_like(weight) * 0.2)
    return Model(name, None, module, Letters())  # type: ignore[arg-type]


def code() -> machine_code.Step:
    found = machine_code.load()
    assert found is not None  # tests/conftest.py has compiled it
    return found


def laid_out(model: Model, tier: str = "exact") -> Weights:
    shape = families.shape_of(model.module)
    assert shape is not None
    return Weights(shape, lay_out(shape, families.parts_of(model.module, shape), tier), tier)


def decoder_of(model: Model, tier: str = "exact", threads: int | None = None) -> CpuDecoder:
    return CpuDecoder(model, laid_out(model, tier), code(), threads)


def whole(model: Model, ids: list[int]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        logits: npt.NDArray[np.float32] = model.module(input_ids=torch.tensor([ids])).logits[0].numpy()
    return logits


@pytest.mark.parametrize("name", MODELS)
def test_logits_equal_eager_transformers(name: str) -> None:
    """Within 1e-5 of the largest logit, for a prompt in blocks and token after token."""
    model = tiny(name)
    model.module.set_attn_implementation("eager")
    ids = [5 + (11 * i + i * i) % 150 for i in range(100)]
    expected_TV = whole(model, ids)
    decoder = decoder_of(model)
    found = [decoder.add([ids[:60]], [1])[0], *(decoder.step([i])[0] for i in ids[60:])]
    assert np.abs(np.stack(found) - expected_TV[59:]).max() < 1e-5 * np.abs(expected_TV).max()


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "gpt2 with an exact gelu"])
@pytest.mark.parametrize("gate", [-40.0, -88.0, -90.0, -100.0, -177.0, -1000.0, 100.0, 1000.0])
def test_gates_far_from_zero_are_open_or_closed(name: str, gate: float) -> None:
    model = tiny(name)
    linears = [part for path, part in model.module.named_modules() if path.endswith(("gate_proj", "c_fc"))]
    with torch.no_grad():
        weight = linears[1].weight
        weight.mul_(abs(gate) / 8)  # activations are a few units wide: products reach many times the gate
        if linears[1].bias is not None:
            linears[1].bias[:5] = gate
    ids = [5 + (11 * i + i * i) % 150 for i in range(40)]
    expected_TV = whole(model, ids)
    found_V = decoder_of(model).add([ids], [1])[0]
    assert np.isfinite(expected_TV).all()
    assert np.abs(found_V - expected_TV[-1]).max() < 1e-4 * np.abs(expected_TV).max()


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_rows_come_and_go_with_the_logits_of_transformers(name: str) -> None:
    model = tiny(name)
    decoder = decoder_of(model)
    said = [[20 + (7 * r + s) % 100 for s in range(6)] for r in range(6)]
    texts = [*PROMPTS, PROMPTS[1]]
    rows = [0, 1, 2, 3]
    logits_BV = decoder.add(texts[:4], [1, 1, 1, 1])
    for step in range(6):
        for slot, row in enumerate(rows):
            expected_V = whole(model, texts[row] + said[row][:step])[-1]
            assert np.abs(logits_BV[slot] - expected_V).max() < 2e-5 * np.abs(expected_V).max()
        if step == 2:  # one leaves, the last takes its place; two that have run as long in spirit join
            rows = [0, 3, 2]
            decoder.keep([0, 3, 2])
            for row in (4, 5):
                fresh = decoder.add([texts[row] + said[row][:step]], [1])
                expected_V = whole(model, texts[row] + said[row][:step])[-1]
                assert np.abs(fresh[0] - expected_V).max() < 2e-5 * np.abs(expected_V).max()
                rows.append(row)
        if step == 3:  # a beam search's way: one twice, in another order
            rows = [rows[4], rows[0], rows[0]]
            decoder.keep([4, 0, 0])
        logits_BV = decoder.step([said[row][step] for row in rows])


@pytest.mark.parametrize("tier", ["exact", "near", "turbo"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "wide heads", "gemma3", "gpt2", "many queries of a key"])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(name: str, tier: str) -> None:
    laid = laid_out(tiny(name), tier)
    prompts = [[5 + (11 * r + 3 * i) % 150 for i in range(1 + (17 * r) % 90)] for r in range(64)]
    ids = [7, 100, 31, 8]

    def states(rows: list[int], threads: int) -> npt.NDArray[np.float32]:
        decoder = CpuDecoder(tiny(name), laid, code(), threads)
        first = decoder.add([prompts[r] for r in rows], [1] * len(rows))
        return np.stack([first, *(decoder.step([i] * len(rows)) for i in ids)])

    everyone = states(list(range(64)), 2)
    for threads, rows in enumerate(([0], [5], [63], [1, 2], [9, 30, 4], list(range(40, 57)), list(range(64)))):
        assert np.array_equal(states(rows, 1 + threads % 2), everyone[:, rows])


@pytest.mark.parametrize("tier", ["exact", "near"])
@pytest.mark.parametrize("name", ["llama", "wide heads", "mistral with a window"])
def test_a_short_row_has_the_same_bits_beside_a_long_one(name: str, tier: str) -> None:
    laid = laid_out(tiny(name), tier)
    long = [5 + (7 * i) % 150 for i in range(600)]

    def states(prompts: list[list[int]]) -> npt.NDArray[np.float32]:
        decoder = CpuDecoder(tiny(name), laid, code())
        first = decoder.add(prompts, [1] * len(prompts))
        return np.stack([first, *(decoder.step([i] * len(prompts)) for i in (7, 100, 31))])

    for length in (30, 256, 390):
        alone = states([long[:length]])[:, 0]
        for other in (1, 383, 600):
            assert np.array_equal(states([long[:length], long[:other]])[:, 0], alone)


@pytest.mark.parametrize("tier", ["exact", "near", "turbo"])
@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma2", "gpt2"])
def test_several_tokens_at_once_have_the_bits_of_one_after_the_other(name: str, tier: str) -> None:
    laid = laid_out(tiny(name), tier)
    one, several = (CpuDecoder(tiny(name), laid, code()) for _ in range(2))
    for decoder in (one, several):
        decoder.add([PROMPTS[3], PROMPTS[1]], [1, 1])
    ids = [[9, 12, 80, 33], [7, 7, 50, 3]]
    expected = np.stack([one.step([ids[0][i], ids[1][i]]) for i in range(4)], axis=1)
    assert np.array_equal(several.extend(ids), expected)
    several.rewind(2)
    assert np.array_equal(several.extend([row[2:3] for row in ids]), expected[:, 2:3])


def test_a_prompt_that_was_read_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, read = decoder_of(tiny("llama")), list[int]()
    compute = decoder._compute
    monkeypatch.setattr(decoder, "_compute", lambda ids, *rest: (read.append(len(ids)), compute(ids, *rest)))
    first = decoder.add([PROMPTS[1], PROMPTS[0]], [2, 1])
    decoder.step([7, 8, 9])
    decoder.keep([0, 2])
    again = decoder.add([PROMPTS[1], PROMPTS[0]], [3, 2])
    assert read == [len(PROMPTS[1]) + len(PROMPTS[0]), 3]
    assert np.array_equal(again, first[[0, 0, 0, 2, 2]])
    mixed = decoder.step([7, 9, 7, 7, 7, 9, 9])
    fresh = decoder_of(tiny("llama"))
    fresh.add([PROMPTS[1], PROMPTS[0]], [1, 1])
    assert np.array_equal(mixed[[2, 5]], fresh.step([7, 9]))


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_join_leave_repeat_and_move_have_the_bits_of_rows_alone(seed: int) -> None:
    dice = np.random.default_rng(seed)
    laid, model = laid_out(tiny("llama")), tiny("llama")
    prompts = [dice.integers(5, 150, dice.integers(1, 40)).tolist() for _ in range(5)]
    decoder, rows = CpuDecoder(model, laid, code()), list[list[int]]()
    logits_BV = np.empty((0, VOCAB), np.float32)
    for _ in range(30):
        if len(rows) < 7 and (not rows or dice.random() < 0.5):
            chosen = [prompts[i] for i in dice.choice(5, dice.integers(1, 4), replace=False)]
            copies = dice.integers(1, 3, len(chosen)).tolist()
            logits_BV = np.concatenate([logits_BV, decoder.add(chosen, copies)])
            rows += [list(ids) for ids, number in zip(chosen, copies, strict=True) for _ in range(number)]
        elif dice.random() < 0.4:
            order = dice.integers(0, len(rows), dice.integers(1, len(rows) + 2)).tolist()
            decoder.keep(order)
            rows, logits_BV = [list(rows[i]) for i in order], logits_BV[order]
        else:
            said = dice.integers(5, 150, len(rows)).tolist()
            logits_BV = decoder.step(said)
            rows = [[*row, i] for row, i in zip(rows, said, strict=True)]
        for at in {0, len(rows) - 1, int(dice.integers(len(rows)))}:
            assert np.array_equal(CpuDecoder(model, laid, code()).add([rows[at]], [1])[0], logits_BV[at])


def test_the_cache_grows_and_keeps_what_it_holds() -> None:
    ids = [5 + i % 150 for i in range(700)]
    small, large = decoder_of(tiny("llama")), decoder_of(tiny("llama"))
    large._reserve(70, 1024)
    small.add([ids[:3]], [1])
    large.add([ids[:3]], [1])
    for i in ids[3:120]:
        assert np.array_equal(small.step([i]), large.step([i]))
    assert np.array_equal(small.add([ids, [8]], [1, 1]), large.add([ids, [8]], [1, 1]))
    assert np.array_equal(small.step([1, 2, 3]), large.step([1, 2, 3]))


@pytest.mark.parametrize("inputs", [32, 96, 576, 1536])
@pytest.mark.parametrize(("tier", "kind"), [("exact", 0), ("near", 1), ("head of turbo", 2), ("turbo", 3)])
def test_a_product_is_that_of_its_numbers_summed_in_order(tier: str, kind: int, inputs: int) -> None:
    """Against float64 with the numbers that were kept; the error of a float32 sum in order is known (Higham 2002)."""
    dice = np.random.default_rng(inputs)
    weight_NK = dice.normal(size=(128, inputs)).astype(np.float32)
    x_RK = (dice.normal(size=(29, inputs)) ** 5).astype(np.float32)  # heavy tails, as real activations have
    packed = weights.packed(weight_NK, kind)
    kept_NK = weights.unpacked(packed, kind, 128, inputs).astype(np.float64)
    given = weights.bfloat16(x_RK) if kind == weights.BF16 else x_RK
    exact_RK = (given.astype(np.uint32) << 16).view(np.float32) if kind == weights.BF16 else given
    terms_NK = np.abs(kept_NK)
    if kind == weights.INT4:  # each weight is the sum of its group's offset, the least weight, and steps
        least = kept_NK.reshape(128, -1, 32).min(-1).repeat(32, -1)
        terms_NK = np.abs(least) + (kept_NK - least)
    out_RN = np.zeros((29, 128), np.float32)
    for rows in (1, 2, 3, 4, 7, 12, 29):
        for blocks in (8, 2):
            products.tile(
                kind, packed.ctypes.data, given.ctypes.data, out_RN.ctypes.data, inputs, given.strides[0],
                out_RN.strides[0], rows, blocks,
            )  # fmt: skip
            some_RK, some_NK = exact_RK[:rows].astype(np.float64), kept_NK[: 16 * blocks]
            bound = (inputs + 2) * 2.0**-24 * (np.abs(some_RK) @ terms_NK[: 16 * blocks].T)
            assert (np.abs(out_RN[:rows, : 16 * blocks] - some_RK @ some_NK.T) <= bound).all(), (rows, blocks)


def test_whole_numbers_are_half_a_step_off_at_the_most() -> None:
    weight_NK = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
    groups = weight_NK.reshape(64, 3, 32)
    eight = np.abs(weights.unpacked(weights.packed(weight_NK, 2), 2, 64, 96).reshape(groups.shape) - groups)
    assert (eight <= 0.51 * np.abs(groups).max(-1, keepdims=True) / 127 + 1e-4).all() and eight.max() > 0
    four = np.abs(weights.unpacked(weights.packed(weight_NK, 3), 3, 64, 96).reshape(groups.shape) - groups)
    assert (four <= 0.51 * np.ptp(groups, axis=-1, keepdims=True) / 15 + 3e-3).all()


@pytest.mark.parametrize("most", [15, 13, 9])
def test_weights_from_a_file_of_four_bits_are_kept_as_they_are(most: int) -> None:
    dice = np.random.default_rng(0)
    steps = (dice.random((64, 2, 1)) + 0.5).astype(np.float16).astype(np.float32)
    offsets = (-7 * steps).astype(np.float16).astype(np.float32)
    numbers = dice.integers(0, most + 1, (64, 2, 32))
    numbers[..., 0], numbers[..., 1] = 0, most
    weight_NK = (numbers * steps + offsets).astype(np.float32).reshape(64, 64)
    kept_NK = weights.unpacked(weights.packed(weight_NK, 3), 3, 64, 64)
    assert np.abs(kept_NK - weight_NK).max() < 2e-3 * most  # the step is rounded to float16


def test_how_far_a_tier_is_off_is_a_mean_and_a_largest() -> None:
    p_TV = np.array([[0.5, 0.495, 0.005], [0.2, 0.2, 0.6]])
    q_TV = np.array([[0.6, 0.399, 0.001], [0.2, 0.3, 0.5]])
    found = decoders._divergence(np.log(p_TV) + 3, np.log(q_TV) - 2)  # logits are log-probabilities but for a constant
    assert found.mean == pytest.approx(float((p_TV * np.log(p_TV / q_TV)).sum(-1).mean()))
    assert found.largest == pytest.approx(math.log(0.3 / 0.2))  # not that of the rare token, log 5


@pytest.mark.parametrize("name", ["gpt_neox", "opt", "mixtral", "gpt_oss"])
def test_other_architectures_are_run_by_transformers(name: str) -> None:
    decoder = open_decoder(architectures.build(name))
    assert isinstance(decoder, ModuleDecoder)


def test_what_a_step_has_not_is_left_to_transformers() -> None:
    long = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    for cls, config in (
        (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, rope_parameters=long)),
        (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SMALL, hidden_act="relu")),
        (transformers.GPT2LMHeadModel, transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=9,
                                                               scale_attn_by_inverse_layer_idx=True)),
    ):  # fmt: skip
        assert families.shape_of(cls._from_config(config)) is None


def test_a_step_that_does_not_agree_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_decoder(tiny("llama"), "exact"), CpuDecoder)
    honest = families.parts_of

    def off(*of: Any) -> Any:
        return ((name, part * 1.01 if name == "1.down" else part) for name, part in honest(*of))

    monkeypatch.setattr(families, "parts_of", off)
    assert isinstance(open_decoder(tiny("llama"), "exact"), ModuleDecoder)


def test_weights_that_are_not_numbers_are_named() -> None:
    model = tiny("llama")
    with torch.no_grad():
        model.module.model.layers[1].mlp.down_proj.weight[3, 5] = torch.nan
    with pytest.raises(ModelError, match=r"model\.layers\.1\.mlp\.down_proj\.weight holds NaN"):
        open_decoder(model)


def test_threads_are_as_many_as_asked_for_and_no_more_than_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    available = len(os.sched_getaffinity(0))
    for asked, expected in (("1", 1), ("999", available), ("0", available), ("many", available)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert thread_count() == expected
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert thread_count() == available


def test_an_interrupted_step_is_finished_before_the_interruption_is_raised() -> None:
    done, begun = list[int](), list[int]()

    def work(me: int) -> None:
        begun.append(me)
        if len(begun) == 1:
            raise KeyboardInterrupt
        done.extend(range(9))

    with pytest.raises(KeyboardInterrupt):
        Team(1).run(work)
    assert done == list(range(9))


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:50], lambda b: b"", lambda b: b[:-9] + b"\0" * 9])
def test_damaged_machine_code_is_not_loaded_but_made_anew(
    damage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = machine_code._file().read_bytes()
    monkeypatch.setattr(machine_code, "_file", lambda: tmp_path / "kernels" / "step.o")
    monkeypatch.setattr(machine_code, "_loaded", {})
    assert machine_code.load() is None
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "step.o").write_bytes(damage(content))
    assert machine_code.load() is None
    (tmp_path / "kernels" / "step.o").write_bytes(content)
    assert machine_code.load() is not None


def test_threads_that_load_the_code_at_once_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "_loaded", {})
    model, laid = tiny("llama"), laid_out(tiny("llama"))
    found = list[npt.NDArray[np.float32]]()

    def load_and_run() -> None:
        decoder = CpuDecoder(model, laid, code(), 1)
        found.append(np.concatenate([decoder.add([PROMPTS[1][: 60 + i]], [1]) for i in range(11)]))

    threads = [threading.Thread(target=load_and_run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(np.array_equal(one, found[0]) for one in found)


def test_ids_and_positions_outside_the_model_are_refused() -> None:
    decoder = decoder_of(tiny("gpt2"))
    for ids in ([VOCAB], [-1], [10**9], [5, VOCAB + 3]):
        with pytest.raises(InputError, match="an id must be from 0 to"):
            decoder.add([ids], [1])
    with pytest.raises(InputError, match="128 positions"):
        decoder.add([[5] * 129], [1])


def test_a_decoder_keeps_its_weights_if_the_model_changes() -> None:
    model = tiny("gpt2")
    decoder = decoder_of(model)
    before = decoder.add([PROMPTS[1]], [1])
    decoder.keep([])
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(2)
    assert np.array_equal(decoder.add([PROMPTS[1]], [1]), before)


def test_the_compiler_is_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[Any]()
    monkeypatch.setattr(machine_code, "_compiling", [])
    monkeypatch.setattr(machine_code.subprocess, "Popen", lambda *of, **how: begun.append(of) or object())
    assert [machine_code.start_compiling() for _ in range(3)] == [True, False, False] and len(begun) == 1


def test_a_processor_without_vectors_runs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "_features", lambda: {"avx2": False, "fma": True})
    assert isinstance(open_decoder(tiny("llama")), ModuleDecoder)


def test_until_the_step_is_compiled_torch_runs_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[bool]()
    monkeypatch.setattr(machine_code, "load", lambda: None)
    monkeypatch.setattr(machine_code, "start_compiling", lambda: begun.append(True))
    model = tiny("llama")
    assert isinstance(open_decoder(model), ModuleDecoder) and begun
    monkeypatch.undo()
    assert isinstance(open_decoder(model), CpuDecoder)


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


def test_an_unknown_tier_is_named(tiny_gpt2: Path) -> None:
    with pytest.raises(InputError, match="quick"):
        generate("The", load(tiny_gpt2), tier="quick")


def test_prepared_weights_start_the_same_model_until_its_folder_changes(tiny_llama: Path) -> None:
    name = os.fspath(tiny_llama)
    model = load(name)
    assert prepared.read(name, tiny_llama, "near") is None
    settings: dict[str, Any] = {"max_new_tokens": 12, "temperature": 1.0, "seed": 4, "tier": "near"}
    slow = generate(["The animal", "a"], name, **settings)
    residency.evict()
    kept = prepared.read(name, tiny_llama, "near")
    assert kept is not None and (kept.context, kept.end_ids) == (model.context, model.end_ids)
    assert kept.divergence == models.model_info(name).divergence and set(kept.divergence) == {"near"}
    assert models.model_info(name).to_dict()["divergence"]["near"]["mean"] < 0.002
    decoder = open_decoder(name)
    assert isinstance(decoder, CpuDecoder) and not isinstance(decoder.model, Model)
    quick = generate(["The animal", "a"], name, **settings)
    assert [(r.token_ids, r.logprobs) for r in quick] == [(r.token_ids, r.logprobs) for r in slow]
    config = tiny_llama / "config.json"
    text = config.read_text()
    config.write_text(text + "\n")
    assert prepared.read(name, tiny_llama, "near") is None and not models.model_info(name).divergence
    config.write_text(text)
    assert prepared.forget(tiny_llama) > 0 and prepared.read(name, tiny_llama, "near") is None


def damaged(content: bytes, change: Any) -> bytes:
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    change(head)
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head["0.qkv"].update(data_offsets=[]),
        lambda head: head["0.qkv"].update(data_offsets=[-100, 0]),
        lambda head: head["0.qkv"].update(data_offsets=[0, 1 << 60]),
        lambda head: head["0.qkv"].update(shape=[1], data_offsets=[0, 1]),
        lambda head: head["norm"].update(dtype="F64"),
        lambda head: head.pop("0.down"),
        lambda head: head.update(__metadata__={"cutaway": "[" * 100_000}),
        lambda head: head.update(__metadata__={}),
    ],
)
def test_prepared_weights_with_a_damaged_head_are_written_again(tiny_llama: Path, change: Any) -> None:
    name = os.fspath(tiny_llama)
    open_decoder(name, "exact")
    file = prepared._file(tiny_llama, "exact")
    content = file.read_bytes()
    file.write_bytes(damaged(content, change))
    assert isinstance(models.model_info(name).divergence, dict)
    residency.evict()
    [found] = generate("The animal", name, max_new_tokens=3, tier="exact")
    assert file.read_bytes() == content and len(found.token_ids) == 3


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_prepared_weights_that_are_cut_off_are_written_again(tiny_llama: Path, size: int) -> None:
    name = os.fspath(tiny_llama)
    open_decoder(name, "exact")
    file = prepared._file(tiny_llama, "exact")
    content = file.read_bytes()
    file.write_bytes(content[:size])
    assert prepared.read(name, tiny_llama, "exact") is None
    residency.evict()
    open_decoder(name, "exact")
    assert file.read_bytes() == content


def test_a_full_disk_only_makes_the_next_start_slow(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: Path, *_: Any) -> None:
        file.write_bytes(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepared, "_save", full)
    assert isinstance(open_decoder(os.fspath(tiny_llama)), CpuDecoder)
    assert "the disk is full" in capsys.readouterr().err
    assert list((cache.home() / "prepared").iterdir()) == []


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.7), Sampling(temperature=1.5, top_p=0.9)])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_looking_ahead_changes_no_bit_and_saves_steps(name: str, sampling: Sampling) -> None:
    model = tiny(name)
    with torch.no_grad():  # surer of itself, so that it says again what it has said
        model.module.get_output_embeddings().weight.mul_(3)
    laid = laid_out(model)
    texts, calls = [], list[list[int]]()
    for kind in (CpuDecoder, LookupDecoder):
        calls.append([])

        class Counted(kind):  # type: ignore[valid-type, misc]
            def extend(self, ids: Any) -> Any:
                calls[-1].append(len(ids[0]))
                return super().extend(ids)

        [row] = rows = [Row("", [5, 9, 17, 5, 9, 17, 5, 9], sampling, seed=3, max_new_tokens=100)]
        for _ in run(Counted(model, laid, code()), rows):
            pass
        texts.append((row.ids, row.logprobs, row.finish))
    assert texts[0] == texts[1]
    assert set(calls[0]) == {1} and len(calls[0]) == len(texts[0][0]) - 1
    if sampling.temperature == 0:
        assert max(calls[1]) > 1 and len(calls[1]) < 0.6 * len(calls[0])


def test_looking_ahead_stops_at_the_end_of_the_context_and_when_rows_join() -> None:
    model = tiny("gpt2")
    laid = laid_out(model)
    repeated = [5, 9, 17] * 41
    for prompts in ([repeated], [repeated, [8]], [[8], repeated, repeated]):
        found = []
        for kind in (CpuDecoder, LookupDecoder):
            rows = [Row("", ids, max_new_tokens=40) for ids in prompts]
            for _ in run(kind(model, laid, code()), rows, batch_size=2):
                pass
            found.append([(row.ids, row.logprobs, row.finish) for row in rows])
        assert found[0] == found[1]
        assert all(len(ids) <= 128 - len(prompt) + 1 for (ids, _, _), prompt in zip(found[0], prompts, strict=True))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_model_without_layers_is_run_by_transformers(kind: str) -> None:
    """It crashed the process: the compiled step read weights of a layer that is not there."""
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=40, hidden_size=16, num_hidden_layers=0, num_attention_heads=2, intermediate_size=32,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    assert families.shape_of(transformers.AutoModelForCausalLM.from_config(config)) is None

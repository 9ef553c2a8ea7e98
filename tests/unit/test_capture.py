"""Attention seen while sdpa runs equals what transformers' eager attention hands out, model by model."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers

from cutaway.errors import AttentionHidden
from cutaway.inside.capture import watch
from cutaway.inside.head_statistics import Statistics
from cutaway.inside.recording import Calls, Maps
from cutaway.models.text_model import Model
from tests.unit import architectures

NAMES = sorted(architectures.EVERY)


def run(model: Model, observer: Any, given: dict[str, torch.Tensor]) -> torch.Tensor:
    with watch(model, observer), torch.no_grad():
        logits: torch.Tensor = model.module(**given).logits
    return logits


def valid(kind: str, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Which rows of weights are of tokens, not of padding: [B, 1, T, 1]."""
    if kind in ("decoder", "cross"):
        return torch.ones(2, 1, 10, 1, dtype=torch.bool)
    return given["attention_mask"].bool()[:, None, :, None]


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", NAMES)
def test_logits_and_stored_maps_equal_eager(name: str, padded: bool) -> None:
    given = architectures.inputs(name, padded=padded)
    reference, attentions = architectures.eager(name, given)
    rows = torch.ones(2, 10) if name in architectures.PAIRS else given["attention_mask"]
    for dtype, unit, tolerance in (("float16", 1, 5e-4), ("uint8", 255, 1 / 510 + 1e-6)):
        maps = Maps(dtype)
        logits = run(architectures.build(name), maps, given)
        assert ((logits - reference) * rows[..., None]).abs().max() <= 1e-5 * max(1, reference.abs().max())
        assert sorted(maps.maps) == sorted(attentions)
        for place, weights in attentions.items():
            (kept,) = maps.maps[place]
            assert ((kept.float() / unit - weights) * valid(place[0], given)).abs().max() <= tolerance


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", NAMES)
def test_statistics_equal_eager(name: str, padded: bool) -> None:
    given = architectures.inputs(name, padded=padded)
    reference, attentions = architectures.eager(name, given)
    statistics = Statistics(given["input_ids"])
    logits = run(architectures.build(name), statistics, given)
    rows = torch.ones(2, 10) if name in architectures.PAIRS else given["attention_mask"]
    assert ((logits - reference) * rows[..., None]).abs().max() <= 1e-5 * max(1, reference.abs().max())
    assert len(statistics.rows) == len(attentions)
    for found in statistics.rows:
        weights = attentions[found.kind, found.layer].double()
        keep = valid(found.kind, given)[..., 0]
        expected = by_hand(weights, given["input_ids"], found.kind)
        for key, values in {"entropy": found.entropy, "distance": found.distance, **found.shares}.items():
            there = ~expected[key].isnan() & keep
            assert (~values.isnan() & keep).equal(there & ~values.isnan()), key
            assert torch.allclose(values.double()[there], expected[key][there], atol=1e-5), (key, found.layer)
        if not padded:
            assert torch.allclose(found.received.double(), weights.sum(-2), atol=1e-5)


def by_hand(weights: torch.Tensor, ids: torch.Tensor, kind: str) -> dict[str, torch.Tensor]:
    """The same statistics from whole matrices, the slow way."""
    batch, heads, rows, keys = weights.shape
    nothing = torch.full((batch, heads, rows), torch.nan, dtype=torch.double)
    found = {name: nothing.clone() for name in ("distance", "current", "previous", "next", "duplicate", "induction")}
    found["entropy"] = -torch.special.xlogy(weights, weights).sum(-1)
    found["sink"] = weights[..., 0].clone()
    if kind == "cross":
        return found
    t, s = torch.arange(rows)[:, None], torch.arange(keys)[None]
    found["distance"] = (weights * (t - s).abs()).sum(-1)
    ahead = weights.triu(1).abs().max() > 0
    for name, step in (("current", 0), ("previous", -1), ("next", 1)):
        for row in range(rows):
            if 0 <= row + step < keys and (step < 1 or ahead):
                found[name][..., row] = weights[..., row, row + step]
    for text in range(batch if kind != "decoder" else 0):
        for row in range(rows):
            before = [j for j in range(row) if ids[text, j] == ids[text, row]]
            if before:
                found["duplicate"][text, :, row] = weights[text, :, row, before].sum(-1)
                found["induction"][text, :, row] = weights[text, :, row, [j + 1 for j in before]].sum(-1)
    return found


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "gpt_oss", "bert", "t5"])
def test_any_row_of_a_kept_call_equals_eager(name: str) -> None:
    given = architectures.inputs(name, padded=True)
    _, attentions = architectures.eager(name, given)
    calls = Calls()
    run(architectures.build(name), calls, given)
    for (kind, layer), weights in attentions.items():
        for position in (0, 1, 9):
            row = calls.calls[kind, layer].row(position)
            assert torch.allclose(row, weights[:, :, position], atol=1e-6)


@pytest.mark.parametrize("size", [1, 5, 7, 24, 64])
def test_tiles_of_any_size_give_the_same_weights(size: int) -> None:
    given = architectures.inputs("llama", padded=True)
    calls = Calls()
    run(architectures.build("llama"), calls, given)
    call = calls.calls["self", 1]
    whole = torch.cat([tile.weights.clone() for tile in call.tiles(size=1000)], 2)
    for tile in call.tiles(size=size):
        assert torch.allclose(tile.weights, whole[:, :, tile.start : tile.end, : tile.seen], atol=1e-6)


@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2", "gpt_oss"])
def test_generation_with_a_cache_is_seen_step_by_step(name: str) -> None:
    prompt = architectures.inputs(name)["input_ids"][:1, :12]
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    reference = architectures.build(name, "eager").module.generate(
        prompt, **options, output_attentions=True, return_dict_in_generate=True
    )
    model, maps, statistics = architectures.build(name), Maps("float16"), Statistics()
    with watch(model, maps):
        made = model.module.generate(prompt, **options)
    with watch(model, statistics):
        model.module.generate(prompt, **options)
    assert made.equal(reference.sequences)
    for layer in (0, 1):
        steps = maps.maps["self", layer]
        assert len(steps) == len(reference.attentions) == 6
        for kept, step in zip(steps, reference.attentions, strict=True):
            assert torch.allclose(kept.float(), step[layer], atol=5e-4)
    for i, found in enumerate(statistics.rows):
        weights = reference.attentions[i // 2][i % 2].double()
        length = 12 + i // 2
        first = length - weights.shape[-1]  # a sliding cache has dropped the keys before
        keys = torch.arange(first, length)
        rows = torch.arange(length - weights.shape[-2], length)
        distance = (weights * (rows[:, None] - keys)).sum(-1)
        assert torch.allclose(found.distance.double(), distance, atol=1e-5)
        assert found.shares["sink"].isnan().all() == (first > 0)
        assert torch.allclose(found.shares["current"].double(), weights.diagonal(weights.shape[-1] - len(rows), 2, 3))


def test_no_n_by_n_tensor_is_made() -> None:
    length, largest = 512, 0

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal largest
            made = function(*args, **(kwargs or {}))
            for tensor in made if isinstance(made, (tuple, list)) else [made]:
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.untyped_storage().nbytes() // max(1, tensor.element_size()))
            return made

    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2
    )
    model = Model("tiny", None, transformers.LlamaForCausalLM(config).eval(), None)  # type: ignore[arg-type]
    ids = torch.randint(0, 50, (1, length))
    with watch(model, Statistics(ids)), torch.no_grad(), Sizes():
        model.module(ids, use_cache=False)
    assert 2 * 2 * 64 * length <= largest < length * length  # the two buffers of a tile, and nothing larger


def test_models_that_hide_their_attention_are_refused_before_they_run() -> None:
    small = {"vocab_size": 200, "hidden_size": 64}
    for cls, config in (
        (transformers.BloomForCausalLM, transformers.BloomConfig(**small, n_layer=2, n_head=4)),
        (
            transformers.FalconForCausalLM,
            transformers.FalconConfig(**small, num_hidden_layers=2, num_attention_heads=4),
        ),
        (
            transformers.DebertaV2ForMaskedLM,
            transformers.DebertaV2Config(
                **small, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, pad_token_id=0
            ),
        ),
    ):
        model = Model("x", None, cls(config).eval(), None)  # type: ignore[arg-type]
        with pytest.raises(AttentionHidden, match="cannot be recorded"), watch(model, Maps()):
            pytest.fail("it ran")


def test_a_model_without_attention_is_refused() -> None:
    config = transformers.MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, state_size=4)
    model = Model("mamba", None, transformers.MambaForCausalLM(config).eval(), None)  # type: ignore[arg-type]
    with pytest.raises(AttentionHidden, match="it has no attention"), watch(model, Maps()):
        pytest.fail("it ran")


def test_a_layer_that_was_not_seen_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    model = architectures.build("llama")
    layer = model.module.model.layers[1].self_attn
    monkeypatch.setattr(layer, "config", copy.deepcopy(layer.config))  # keeps sdpa while the others are watched
    with pytest.raises(AttentionHidden, match=r"1 of 2 attention modules were seen, model\.layers\.1"):
        run(model, Maps(), architectures.inputs("llama"))


def test_models_that_share_a_configuration_do_not_disturb_each_other() -> None:
    given = architectures.inputs("llama")
    model = architectures.build("llama")
    other = transformers.LlamaForCausalLM(model.config).eval()
    maps = Maps()
    with torch.no_grad():
        alone = other(**given).logits
        with watch(model, maps):
            model.module(**given)
            inside = other(**given).logits
    assert torch.allclose(alone, inside, atol=1e-6)
    assert all(len(steps) == 1 for steps in maps.maps.values())
    assert model.config._attn_implementation == "sdpa"


def test_the_model_is_as_before_after_an_error() -> None:
    model = architectures.build("gemma2", "eager")
    with pytest.raises(RuntimeError, match="stop"), watch(model, Maps()):
        raise RuntimeError("stop")
    assert model.config._attn_implementation == "eager"
    assert not model.module._forward_pre_hooks
    with torch.no_grad():
        assert model.module(**architectures.inputs("gemma2"), output_attentions=True).attentions[0] is not None


def test_transformers_returns_no_weights_with_sdpa() -> None:
    """Why all this is needed: asked for attentions, sdpa gives nothing and no error."""
    with torch.no_grad():
        output = architectures.build("llama").module(**architectures.inputs("llama"), output_attentions=True)
    assert not [layer for layer in output.attentions or () if layer is not None]


def test_gpt2s_last_output_is_not_its_attention() -> None:
    """Old lessons read `outputs[-1]`; it is the empty tuple of cross-attentions now."""
    with torch.no_grad():
        output = architectures.build("gpt2", "eager").module(
            **architectures.inputs("gpt2"), output_attentions=True, use_cache=False
        )
    assert output[-1] == () and len(output.attentions) == 2


def test_chosen_layers_and_heads() -> None:
    given = architectures.inputs("llama")
    _, attentions = architectures.eager("llama", given)
    maps = Maps("float16", layers=[1], heads=[3, 0])
    run(architectures.build("llama"), maps, given)
    assert list(maps.maps) == [("self", 1)]
    assert torch.allclose(maps.maps["self", 1][0].float(), attentions["self", 1][:, [3, 0]], atol=5e-4)


@pytest.mark.parametrize("pool", [2, 4, 16])
def test_pooled_maps_sum_over_keys_and_average_over_queries(pool: int) -> None:
    given = architectures.inputs("llama", length=38)
    _, attentions = architectures.eager("llama", given)
    maps = Maps("float16", pool=pool)
    run(architectures.build("llama"), maps, given)
    weights, kept = attentions["self", 0], maps.maps["self", 0][0].float()
    cells = -(-38 // pool)
    assert kept.shape[2:] == (cells, cells)
    for row in range(cells):
        for column in range(cells):
            block = weights[:, :, row * pool : (row + 1) * pool, column * pool : (column + 1) * pool]
            assert torch.allclose(kept[:, :, row, column], block.sum(-1).mean(-1), atol=5e-4)
    assert torch.allclose(kept.sum(-1), torch.ones(1), atol=5e-3)

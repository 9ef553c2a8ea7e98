"""A model that was changed in place says what it is now, and its name says what its folder has: nothing old is kept."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import cutaway
from cutaway.errors import InputError
from cutaway.generation import decoders
from cutaway.generation.cpu import weights
from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.rows import Row
from cutaway.lessons.draft import Lesson
from cutaway.lessons.sections_training import training
from cutaway.models import load, prepared
from cutaway.models.digest import digest, is_altered
from cutaway.models.text_model import Model
from cutaway.sequences import SENTENCES
from cutaway.training import Settings, TrainingRun
from tests.unit.lively import PROMPTS, lively, reference

LENGTH = 12
NAMES = ["llama", "gpt2", "gpt_neox"]  # two on our own forward, one on transformers'


def said(model: Model, tier: str) -> list[tuple[list[int], list[float]]]:
    rows = [Row("", ids, max_new_tokens=LENGTH) for ids in PROMPTS[:3]]
    for _ in run(open_decoder(model, tier), rows):
        pass
    return [(row.ids, row.logprobs) for row in rows]


def layers(model: Model) -> Any:
    body = model.module.base_model
    return getattr(body, "layers", None) or body.h


def matrix(model: Model) -> Any:
    """A weight matrix in the middle of the model."""
    return next(weight for weight in layers(model)[0].parameters() if weight.ndim == 2)


def linear(model: Model) -> tuple[Any, str]:
    """A linear layer in the middle of the model: its parent and its name there."""
    for part in layers(model)[1].modules():
        for name, child in part.named_children():
            if type(child).__name__ in {"Linear", "Conv1D"}:
                return part, name
    raise AssertionError


class Adapted(nn.Module):
    """A linear layer with more beside it, as an adapter is put on; `weight` and `bias` are those of the layer."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.weight, self.bias = inner, inner.weight, inner.bias
        self.more = nn.Linear(inner.weight.shape[0], inner.weight.shape[0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        return out - 3 * out.roll(1, -1)


def an_optimizer_step(model: Model) -> None:
    optimizer = torch.optim.AdamW(model.module.parameters(), lr=0.05, fused=True)  # its step leaves `_version` alone
    ids = torch.tensor([PROMPTS[2]])
    model.module(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()


def loaded_weights(model: Model) -> None:
    other = {name: weight.flip(0) * 1.1 for name, weight in model.module.state_dict().items()}
    model.module.load_state_dict(other)


def data_in_place(model: Model) -> None:
    matrix(model).data.mul_(-2.0)  # nor does this


def signs(model: Model) -> None:
    model.module.get_input_embeddings().weight.data[:, 1::2].neg_()


def rows_change_places(model: Model) -> None:
    table = model.module.get_input_embeddings().weight
    with torch.no_grad():
        table.copy_(table.roll(7, 0).clone())


def one_number(model: Model) -> None:
    table = model.module.get_input_embeddings().weight
    table.data[PROMPTS[2][-1], 5] += 40 * table.abs().max().item()


def another_parameter(model: Model) -> None:
    parent, name = linear(model)
    child = getattr(parent, name)
    child.weight = nn.Parameter(child.weight.detach().flip(1) * 2)


def another_layer(model: Model) -> None:
    parent, name = linear(model)
    setattr(parent, name, Adapted(getattr(parent, name)))


def a_layer_removed(model: Model) -> None:
    del layers(model)[1]


def layers_change_places(model: Model) -> None:
    stack = layers(model)
    stack[0], stack[1] = stack[1], stack[0]
    for place, layer in enumerate(stack):
        attention = getattr(layer, "self_attn", None) or getattr(layer, "attn", None) or layer.attention
        attention.layer_idx = place


def a_hook(model: Model) -> None:
    parent, name = linear(model)
    getattr(parent, name).register_forward_hook(lambda module, args, out: out * 0)


def a_hook_before(model: Model) -> None:
    layers(model)[1].register_forward_pre_hook(lambda module, args: (args[0].roll(1, -1), *args[1:]))


def a_hook_for_some_texts(model: Model) -> None:
    def on_one_token(module: Any, args: Any, out: torch.Tensor) -> torch.Tensor:
        return torch.where(args[0][..., None] == PROMPTS[0][-1], out.roll(3, -1), out)

    model.module.get_input_embeddings().register_forward_hook(on_one_token)


def a_forward(model: Model) -> None:
    parent, name = linear(model)
    child = getattr(parent, name)
    was = child.forward
    child.forward = lambda x: was(x) * -1


def a_setting_of_a_layer(model: Model) -> None:
    for part in model.module.modules():
        for name in ("variance_epsilon", "eps"):
            if hasattr(part, name):
                setattr(part, name, 5.0)


def what_ends_a_text(model: Model) -> None:
    model.module.generation_config.eos_token_id = reference(model, PROMPTS[0], LENGTH)[3]


def a_token_forbidden(model: Model) -> None:
    model.module.generation_config.suppress_tokens = [reference(model, PROMPTS[0], LENGTH)[0]]


CHANGES = [
    an_optimizer_step, loaded_weights, data_in_place, signs, rows_change_places, one_number, another_parameter,
    another_layer, a_layer_removed, layers_change_places, a_hook, a_hook_before, a_hook_for_some_texts, a_forward,
    a_setting_of_a_layer, what_ends_a_text, a_token_forbidden,
]  # fmt: skip

SHOWN = [change for change in CHANGES[:9] if change is not one_number]  # on any text


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_after_a_change_a_model_says_what_transformers_says(name: str, change: Callable[[Model], None]) -> None:
    model = lively(name)
    before = said(model, "exact")
    change(model)
    after = said(model, "exact")
    assert [ids for ids, _ in after] == [reference(model, ids, LENGTH) for ids in PROMPTS[:3]]
    assert [ids for ids, _ in after] != [ids for ids, _ in before], "the change shows nothing"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_after_a_change_the_default_tier_says_what_it_says_of_a_fresh_copy(
    name: str, change: Callable[[Model], None]
) -> None:
    model, fresh = lively(name), lively(name)
    before = said(model, "near")
    change(model)
    torch.manual_seed(0)
    change(fresh)
    assert said(model, "near") == said(fresh, "near") != before


@pytest.mark.parametrize("tier", ["exact", "near"])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_undone_leaves_nothing_behind(name: str, tier: str) -> None:
    model = lively(name)
    before = said(model, tier)
    parent, child = linear(model)
    hook = getattr(parent, child).register_forward_hook(lambda module, args, out: out * 0)
    weights = {key: value.clone() for key, value in model.module.state_dict().items()}
    assert said(model, tier) != before
    hook.remove()
    assert said(model, tier) == before
    loaded_weights(model)
    assert said(model, tier) != before
    model.module.load_state_dict(weights)
    assert said(model, tier) == before


def test_an_unchanged_model_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, built = lively("llama"), []
    lay_out = decoders.lay_out
    monkeypatch.setattr(decoders, "lay_out", lambda *of: built.append(of[2]) or lay_out(*of))
    first = said(model, "near")
    assert built
    built.clear()
    assert said(model, "near") == first and not built
    assert isinstance(open_decoder(model, "exact"), CpuDecoder)


def test_a_user_s_hook_sees_every_call_and_keeps_what_it_saw() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.shapes: list[tuple[int, ...]] = []

        def __call__(self, module: Any, args: Any, out: torch.Tensor) -> None:
            self.shapes.append(tuple(out.shape[:2]))

    for name in NAMES:
        model, recorder = lively(name), Recorder()
        said(model, "near")
        parent, child = linear(model)
        getattr(parent, child).register_forward_hook(recorder)
        said(model, "near")
        assert recorder.shapes[0] == (3, max(map(len, PROMPTS[:3]))) and recorder.shapes[1:] == [(3, 1)] * (LENGTH - 1)


@pytest.mark.parametrize("change", SHOWN, ids=lambda change: change.__name__)
def test_scores_and_lenses_follow_a_change(change: Callable[[Model], None], tiny_llama: Path) -> None:
    """What runs on the module itself keeps nothing either: each verb says of a changed model what it says of a copy."""
    model = load(tiny_llama)
    text = "The animal"

    def verbs(of: Any) -> list[Any]:
        return [
            [token.logprob for token in cutaway.score(text, of).tokens],
            cutaway.neighbours("a", of).to_dict(),
            cutaway.attention(text, of).to_dict(),
            cutaway.lens(text, of).to_dict(),
            cutaway.embed([text], of).to_dict(),
        ]

    before = verbs(model)
    change(model)
    after = verbs(model)
    plain = Model(model.name, model.path, copy.deepcopy(model.module), model.tokenizer)
    assert after == verbs(plain) != before


# Training


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_a_trained_run_says_what_its_folder_says(arch: str, tmp_path: Path) -> None:
    trained = TrainingRun(Settings.of(arch=arch, layers=2, heads=2, width=32, context=64, steps=40))
    how: dict[str, Any] = {"max_new_tokens": 40, "temperature": 1.0, "seed": 1}
    untrained = cutaway.generate("The ", trained.model, **how)[0]
    trained.train(output=tmp_path / "run")
    for tier in ("exact", "near"):
        here = cutaway.generate("The ", trained.model, tier=tier, **how)[0]
        there = cutaway.generate("The ", tmp_path / "run", tier=tier, **how)[0]
        assert here.token_ids == there.token_ids != untrained.token_ids
        assert here.logprobs == pytest.approx(there.logprobs, abs=1e-4)


def test_after_training_the_tour_s_sample_is_made_of_the_source_s_words() -> None:
    """One word may slip: how sums are rounded differs between processors, and the tour itself takes more steps."""
    known = {word for sentence, _ in SENTENCES.sentences() for word in sentence.split()}
    lesson = Lesson(lively("llama"), "", 0, Settings.of(steps=300))
    [_, before, after] = [result for _, result in training(lesson).results]
    unknown = [[word for word in of.completion.split()[:-1] if word not in known] for of in (before, after)]
    assert len(unknown[0]) >= len(before.completion.split()) - 2
    assert len(unknown[1]) <= 1 and len(after.completion.split()) > 20


# Training mode

DROPOUT = {"resid_pdrop": 0.5, "embd_pdrop": 0.5, "attn_pdrop": 0.5}


@pytest.mark.parametrize("tier", ["exact", "near"])
def test_a_model_in_training_mode_is_looked_at_in_eval_mode_and_keeps_its_mode(tier: str) -> None:
    """Dropout would make each number a random one."""
    text = "The animal"
    found = lively("gpt2")
    tokenizer, config = found.tokenizer, transformers.GPT2Config(**{**found.config.to_dict(), **DROPOUT})
    module = transformers.GPT2LMHeadModel(config).eval()
    module.load_state_dict(found.module.state_dict())
    model = Model(found.name, None, module, tokenizer)

    def verbs() -> list[Any]:
        return [
            cutaway.score(text, model).to_dict(),
            cutaway.attention(text, model).to_dict(),
            cutaway.lens(text, model).to_dict(),
            cutaway.ablate(text, model, heads=[(0, 1)]).to_dict(),
            cutaway.embed([text], model).to_dict(),
        ]

    right, texts = verbs(), said(model, tier)
    module.train()
    module.transformer.h[0].eval()
    modes = [part.training for part in module.modules()]
    assert verbs() == right
    for (ids, logprobs), (right_ids, right_logprobs) in zip(said(model, tier), texts, strict=True):
        assert ids == right_ids and logprobs == pytest.approx(right_logprobs, abs=1e-4)
    with pytest.raises(InputError):
        cutaway.score("", model)
    assert [part.training for part in module.modules()] == modes
    changed = matrix(model).data.mul_(-2.0)  # the copy that is looked at stands on the same weights
    assert changed is not None and verbs() != right
    assert [ids for ids, _ in said(model, tier)] != [ids for ids, _ in texts]


# Names


def greedy(model: Any, tier: str) -> list[int]:
    return cutaway.generate("The animal", model, max_new_tokens=LENGTH, tier=tier)[0].token_ids


@pytest.mark.parametrize("tier", ["exact", "near"])
def test_a_changed_handle_changes_nothing_of_its_name(tiny_llama: Path, tmp_path: Path, tier: str) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "model")
    name = os.fspath(folder)
    right = greedy(load(name), tier)
    mine = load(name)
    loaded_weights(mine)
    changed = greedy(mine, tier)  # before the name was ever prepared: what is kept on the disk would be this one's
    assert changed != right
    assert greedy(name, tier) == greedy(name, tier) == greedy(load(name), tier) == right
    data_in_place(mine)
    assert greedy(name, tier) == right
    assert load(name) is not load(name) and load(mine) is mine
    score = cutaway.score("The animal", name).total_bits
    loaded_weights(mine)
    assert cutaway.score("The animal", name).total_bits == score


@pytest.mark.parametrize("tier", ["exact", "near"])
def test_a_folder_trained_again_is_another_model_under_the_same_name(
    tiny_llama: Path, tmp_path: Path, tier: str
) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "model")
    name = os.fspath(folder)
    first = greedy(name, tier)
    mine = load(name)
    loaded_weights(mine)
    times = (folder / "model.safetensors").stat()
    other = tmp_path / "other"
    mine.module.save_pretrained(other)
    shutil.copyfile(other / "model.safetensors", folder / "model.safetensors")
    os.utime(folder / "model.safetensors", ns=(times.st_atime_ns, times.st_mtime_ns))  # as `cp -p` and `rsync -t` do
    assert (folder / "model.safetensors").stat().st_size == times.st_size
    assert greedy(name, tier) == greedy(mine, tier) != first


def test_only_what_a_folder_has_is_kept_on_the_disk(tiny_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "model")
    name = os.fspath(folder)
    greedy(load(name), "near")
    assert prepared.read(name, folder, "near") is None
    greedy(name, "near")
    kept = prepared.read(name, folder, "near")
    plain = load(name).module.get_input_embeddings().weight.detach()
    if kept is not None:  # if bfloat16 is near enough for these random weights
        found = weights.unpacked(kept.parts["embed"], weights.BF16, *plain.shape)
        assert torch.equal(torch.from_numpy(found), plain.bfloat16().float())


# The digest


def test_an_embedding_that_grew_takes_the_new_ids_and_one_that_shrank_refuses_them(
    tiny_llama: Path, tmp_path: Path
) -> None:
    model = load(tiny_llama)
    rows = model.module.get_input_embeddings().num_embeddings
    backend = model.tokenizer.backend
    backend.add_tokens([f"<new{i}>" for i in range(rows - backend.get_vocab_size() + 1)])
    text = f"The {backend.id_to_token(rows)} of"
    with pytest.raises(InputError, match=f"has the id {rows:,}, but the embedding of .* has {rows:,} rows"):
        cutaway.generate(text, model, max_new_tokens=2)
    model.module.resize_token_embeddings(rows + 1, mean_resizing=False)
    [found] = cutaway.generate(text, model, max_new_tokens=4, tier="exact")
    assert found.token_ids == reference(model, model.tokenizer.encode(text).ids, 4)
    cutaway.save(model, tmp_path / "grown")
    assert cutaway.tokenize(text, str(tmp_path / "grown")).ids == model.tokenizer.encode(text).ids
    model.module.resize_token_embeddings(rows, mean_resizing=False)
    with pytest.raises(InputError, match=f"has {rows:,} rows"):
        cutaway.generate(text, model, max_new_tokens=2)


def test_the_digest_tells_any_change_of_any_number() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(700, 700), nn.BatchNorm1d(700))
    found = {digest(module)}
    weight, changes = module[0].weight, 1

    def changed() -> None:
        nonlocal changes
        changes += 1
        found.add(digest(module))
        assert len(found) == changes

    for at in (0, 1, 350_000, 489_999):
        weight.data.view(-1)[at] += 1e-3
        changed()
    for columns in (slice(0, 2), slice(1, None, 2), slice(0, None, 2)):
        weight.data[:, columns].neg_()
        changed()
    for shift in (1, 2, 350):
        weight.data.copy_(weight.data.roll(shift, 0))
        changed()
        weight.data.copy_(weight.data.roll(shift, 1))
        changed()
    weight.data[3], weight.data[5] = weight.data[5].clone(), weight.data[3].clone()
    changed()
    module[1].running_mean.add_(1)
    changed()
    module[1].eps = 1.0
    changed()
    module.eval()
    changed()
    assert digest(module) in found and not is_altered(module)
    handle = module[0].register_forward_hook(lambda *_: None)
    changed()
    assert is_altered(module)
    handle.remove()
    assert digest(module) in found and not is_altered(module)
    module[0].forward = lambda x: x  # type: ignore[method-assign]
    assert is_altered(module)

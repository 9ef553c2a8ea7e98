"""`plan`: memory against what autograd saves and what a process takes, operations against torch's counter, by hand."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

import cutaway
from cutaway.errors import InputError, WrongKind
from cutaway.models.accelerators import ACCELERATORS, accelerator
from cutaway.models.activation_memory import activation_bytes, shape_of
from cutaway.shards import prepare_shards
from cutaway.tokens import characters
from cutaway.training.model_sizes import ARCHITECTURES, SIZES, Size, configuration, model_class
from cutaway.training.plan import plan
from cutaway.training.step_costs import counts_of, flops_of_row
from cutaway.training.trials import set_attention
from tests.unit.commands import run

B, T, V = 3, 48, 50
SMALL = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": V,
    "intermediate_size": 176, "max_position_embeddings": 64,
}  # fmt: skip
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
GPT2 = {"n_embd": 64, "n_head": 4, "n_layer": 3, "vocab_size": V, "n_positions": 64, "bos_token_id": 0,
        "eos_token_id": 0}  # fmt: skip
PUBLISHED = {
    "llama with fewer keys": (transformers.LlamaConfig(**SMALL), "causal"),
    "qwen3": (transformers.Qwen3Config(**SMALL, head_dim=32), "causal"),
    "gpt2 as published": (transformers.GPT2Config(**GPT2, **NO_DROPOUT), "causal"),
}


def _ours(arch):
    objective = ARCHITECTURES[arch][0]
    config = configuration(
        arch, layers=3, heads=4, width=64, context=T, vocab_size=V, bos=0, eos=0, pad=1, mask=2, objective=objective
    )
    return config, objective


MODELS = PUBLISHED | {arch: _ours(arch) for arch in ARCHITECTURES}


def _saved_bytes(config, objective, attention, precision):
    """The storages that autograd keeps of a forward pass, other than weights."""
    module = model_class(objective).from_config(config).train()
    set_attention(module, attention)
    own = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    ids = torch.randint(3, V, (B, T))
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if objective == "seq2seq" else {})
    inputs |= {"use_cache": False} if objective in ("causal", "seq2seq") else {}
    found = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage  # kept alive, so that no other takes its place
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        logits = module(**inputs).logits
    assert logits.requires_grad
    return sum(storage.nbytes() for storage in found.values()), counts_of(module).matrices


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("attention", ["sdpa", "eager", "plain"])
@pytest.mark.parametrize("name", MODELS)
def test_activations_are_what_autograd_saves(name, attention, precision):
    config, objective = MODELS[name]
    saved, matrices = _saved_bytes(config, objective, attention, precision)
    planned = activation_bytes(shape_of(config), B, T, precision=precision, attention=attention, matrices=matrices)
    assert planned == pytest.approx(saved, rel=0.08 if name == "t5" else 0.015)


def test_dropout_keeps_its_masks():
    config = transformers.GPT2Config(**GPT2)
    saved, _ = _saved_bytes(config, "causal", "sdpa", "float32")
    assert activation_bytes(shape_of(config), B, T) == pytest.approx(saved, rel=0.01)


def test_checkpointing_keeps_the_inputs_of_the_layers():
    config, _ = MODELS["gpt2"]
    shape = shape_of(config)
    more = [activation_bytes(dataclasses.replace(shape, layers=n), B, T, checkpointing=True) for n in (3, 4)]
    assert more[1] - more[0] == 4 * B * T * shape.width
    assert more[0] < activation_bytes(shape, B, T)


@pytest.mark.parametrize("name", [*ARCHITECTURES, "llama with fewer keys"])
def test_operations_are_those_that_torch_counts(name):
    """Backward is twice forward. torch counts products of matrices, attention's among them."""
    config, objective = MODELS[name]
    module = model_class(objective).from_config(config, attn_implementation="eager")
    ids = torch.full((B, T), 7)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if objective == "seq2seq" else {})
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(**inputs)
    planned = B * flops_of_row(shape_of(config), counts_of(module), T)
    assert planned == pytest.approx(3 * counter.get_total_flops(), rel=1e-6)


def test_shared_layers_are_counted_as_often_as_they_are_used():
    config = transformers.AlbertConfig(
        hidden_size=64, embedding_size=16, num_attention_heads=4, intermediate_size=128, vocab_size=V,
        num_hidden_layers=6, num_hidden_groups=2,
    )  # fmt: skip
    module = transformers.AlbertForMaskedLM._from_config(config, attn_implementation="eager")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        module(input_ids=torch.full((B, T), 7))
    planned = B * flops_of_row(shape_of(config), counts_of(module), T)
    assert planned == pytest.approx(3 * counter.get_total_flops(), rel=1e-6)


def test_of_experts_those_that_are_used_are_counted():
    """Mixtral: 46.7 billion parameters, of which a token uses 12.9 (Jiang et al. 2024, arXiv:2401.04088)."""
    result = plan("mixtral", device="h200", count=64, batch_size=64, context=1, optimizer="adamw")
    assert result.parameters / 1e9 == pytest.approx(46.7, abs=0.05)
    embedded = 32_000 * 4096
    assert result.flops_per_token / 6e9 + embedded / 1e9 == pytest.approx(12.9, abs=0.05)


@pytest.mark.parametrize("kind", ["mamba", "rwkv", "vit"])
def test_what_is_not_a_transformer_of_tokens_is_refused(kind):
    with pytest.raises(WrongKind, match="not a Transformer"):
        plan(kind, device="h100")


def test_counts_by_hand():
    """GPT-2 nano: a layer has matrices of D × 3D, D × D, D × 4D and 4D × D; the embedding of tokens is the head."""
    config = configuration("gpt2", **dataclasses.asdict(SIZES["nano"]), context=T, vocab_size=V)
    with torch.device("meta"):
        counts = counts_of(model_class("causal").from_config(config))
    D, L = 64, 4
    layer = 12 * D * D + 13 * D
    assert (counts.parameters, counts.matrices) == (L * layer + 2 * D + (V + T) * D, L * 12 * D * D + V * D)
    assert (counts.layers, counts.largest_layer, counts.muon) == (L * layer, layer, L * 12 * D * D)
    assert counts.muon_largest == L * 8 * D * D  # D × 4D and 4D × D are updated together
    turns = [(D, 3 * D), (D, D), (D, 4 * D), (D, 4 * D)]
    assert counts.muon_flops == L * 5 * sum(4 * i * i * o + 2 * i**3 for i, o in turns)


def _part(result, name):
    return next(part for part in result.memory if part.name == name)


def test_one_device_holds_everything():
    result = plan("micro", vocab_size=V, batch_size=8, micro_batch=8, optimizer="adamw", device="h100")
    P = result.parameters
    assert _part(result, "weights").bytes == 4 * P
    assert _part(result, "optimizer").bytes == 8 * P
    assert _part(result, "gradients").bytes == 4 * P
    assert result.gathered_bytes == result.reduced_bytes == result.communication_seconds == 0
    assert result.sharding == "none" and result.fewest == 1
    several = plan("micro", vocab_size=V, batch_size=8, micro_batch=2, optimizer="adamw", device="h100")
    assert _part(several, "gradients").bytes == 12 * P  # the newest in float32 and the sum in float64
    assert sum(part.at_peak for part in several.memory) == several.peak_bytes


def test_muon_keeps_one_number_for_each_weight_of_the_layers():
    result = plan("mini", vocab_size=V, optimizer="muon", device="h100")
    counts = counts_of_size("mini")
    assert _part(result, "optimizer").bytes == 4 * counts.muon + 8 * (counts.parameters - counts.muon)


def counts_of_size(size):
    config = configuration("gpt2", **dataclasses.asdict(SIZES[size]), context=128, vocab_size=V)
    with torch.device("meta"):
        return counts_of(model_class("causal").from_config(config))


def test_eight_devices_share_and_send():
    """Each layer is gathered forward and backward, the rest once; a ring sends 7 of 8 parts (FSDP2's collectives)."""
    result = plan("small", vocab_size=V, count=8, device="h100", batch_size=64, micro_batch=8, optimizer="adamw")
    counts = counts_of_size("small")
    P, layers = counts.parameters, counts.layers
    assert result.gathered_bytes == pytest.approx(4 * (2 * layers + P - layers) * 7 / 8)
    assert result.reduced_bytes == pytest.approx(4 * P * 7 / 8)
    assert _part(result, "optimizer").bytes == P
    assert _part(result, "weights").bytes == pytest.approx(4 * P / 8 + 4 * (P - layers) + 8 * counts.largest_layer)
    twice = plan("small", vocab_size=V, count=8, device="h100", batch_size=128, micro_batch=8, optimizer="adamw")
    assert twice.gathered_bytes == 2 * result.gathered_bytes and twice.reduced_bytes == result.reduced_bytes
    turned = plan("small", vocab_size=V, count=8, device="h100", batch_size=64, micro_batch=8, optimizer="muon")
    assert turned.gathered_bytes - result.gathered_bytes == pytest.approx(4 * counts.muon * 7 / 8)
    copies = plan("small", vocab_size=V, count=8, device="h100", batch_size=64, sharding="none", optimizer="adamw")
    assert copies.reduced_bytes == pytest.approx(2 * 4 * P * 7 / 8) and copies.gathered_bytes == 0
    apart = plan("small", vocab_size=V, count=16, per_node=8, device="h100", batch_size=128, network=5e9)
    assert apart.communication_seconds == pytest.approx((apart.gathered_bytes + apart.reduced_bytes) / 5e9)


def test_it_takes_what_fits():
    """A batch that is too large is divided first; layers are computed again only if one row alone is too large."""
    easy = plan("gpt2", device="h100", batch_size=8, context=1024, optimizer="adamw")
    assert easy.fits and easy.micro_batch == 8 and not easy.checkpointing
    divided = plan("gpt2", device="h100", batch_size=512, context=1024, optimizer="adamw")
    assert divided.fits and divided.micro_batch < 512 and not divided.checkpointing
    assert any(not choice.fits for choice in divided.choices)
    long = plan("llama", device="h100", count=16, batch_size=16, context=16_384, optimizer="adamw")
    assert long.fits and long.checkpointing
    never = plan("llama", device="t4", batch_size=1, optimizer="adamw")
    assert not never.fits and never.fewest is not None and never.fewest >= 8
    enough = plan("llama", device="t4", batch_size=never.fewest, count=never.fewest, context=2048, optimizer="adamw")
    assert enough.fits
    chosen = [choice for choice in divided.choices if choice.chosen]
    assert [(one.micro_batch, one.peak_bytes) for one in chosen] == [(divided.micro_batch, divided.peak_bytes)]


def test_time_is_operations_over_speed():
    result = plan("small", device="a100", batch_size=64, context=1024, tokens=1_000_000_000, optimizer="adamw",
                  efficiency=0.5)  # fmt: skip
    assert result.precision == "bfloat16" and result.peak_flops == 312e12
    assert result.compute_seconds == pytest.approx(result.flops_per_step / (0.5 * 312e12))
    assert result.steps == -(-1_000_000_000 // (64 * 1024))
    assert result.total_seconds == pytest.approx(result.steps * result.step_seconds)
    assert result.device_hours == pytest.approx(result.total_seconds / 3600)
    assert result.tokens_per_second == pytest.approx(64 * 1024 / result.step_seconds)
    assert plan("nano", device="t4").precision == "float32"  # it has no bfloat16


def test_gpt2_on_a_node_takes_about_as_long_as_was_published():
    """llm.c, discussion 481: 124M parameters, 10 billion tokens, 8 A100 of 80 GB: about 90 minutes."""
    result = plan("gpt2", device="a100", count=8, batch_size=512, context=1024, tokens=10_000_000_000, efficiency=0.5)
    assert result.fits and 60 < result.total_seconds / 60 < 135


def test_masked_models_predict_a_share_and_labels_are_few():
    causal, masked = (
        plan("micro", objective=objective, vocab_size=30_000, micro_batch=8, device="h100", precision="float32")
        for objective in ("causal", "masked")
    )
    places = 8 * 128 * 30_000
    assert _part(causal, "logits").bytes == 12 * places
    assert _part(masked, "logits").bytes == round((4 + 12 * 0.15) * places)
    labels = plan("micro", objective="classes", vocab_size=30_000, micro_batch=8, device="h100")
    assert labels.outputs == 2 and _part(labels, "logits").bytes < 1e6


def test_files_are_counted_by_their_bytes(tmp_path):
    file = tmp_path / "genome.fa"
    file.write_text(">a\n" + "ACGT" * 1000 + "\n")
    assert plan("nano", data=file, epochs=2.0).tokens == 2 * file.stat().st_size
    assert plan("nano", data=[file, file]).tokens == 2 * file.stat().st_size
    assert plan("nano", steps=10).tokens == 10 * 8 * 128


def test_shards_are_counted_without_what_is_held_out(tmp_path):
    file = tmp_path / "smiles.smi"
    file.write_text("".join(f"{'C' * (1 + number % 50)}O{'N' * (number // 50)} m{number}\n" for number in range(400)))
    shards = prepare_shards(file, tmp_path / "shards", characters(["CON"]), alphabet="smiles")
    training = plan("nano", data=shards.folder, device="h100").tokens
    held_out = int((shards.held_out[:, 2] - shards.held_out[:, 1]).sum())
    assert held_out > 0 and training + held_out == shards.counts["tokens"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "h10"}, "h100"),
        ({"count": 0}, "count"),
        ({"efficiency": 1.5}, "share of the peak"),
        ({"efficiency": 0.0}, "above 0"),
        ({"optimizer": "sgd"}, "muon, adamw"),
        ({"precision": "bfloat16", "device": "v100"}, "float32"),
        ({"data": "no/such.file"}, "no file or folder"),
        ({"data": "x", "tokens": 3}, "leave one"),
        ({"model": "gpt2", "arch": "llama"}, "nano, micro"),
        ({"arch": "bert"}, "masked"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(InputError) as error:
        plan(**options)
    assert said in str(error.value)


def test_the_table_of_devices_is_consistent():
    for name, device in ACCELERATORS.items():
        assert device.name == name and device.source
        assert device.bfloat16 is None or device.bfloat16 > device.float32
        assert 1e10 < device.memory < 1e12 and device.link < device.bandwidth < 1e13
    here = accelerator("cpu")
    assert 1e8 < here.float32 < 1e14 and here.memory > 1e8


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_a_real_step_takes_this_memory():
    """A process trains for two steps; its allocator gives back what is freed, so its size is that of the tensors."""
    program = """
import resource, torch
from pathlib import Path
from torch.nn import functional
from cutaway.training.model_sizes import SIZES, configuration, model_class
import dataclasses

def train(size, rows, context):
    config = configuration("gpt2", **dataclasses.asdict(size), context=context, vocab_size=60, bos=0, eos=0)
    module = model_class("causal").from_config(config, attn_implementation="sdpa")
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    ids = torch.randint(0, 60, (rows, context + 1))
    for _ in range(2):
        logits = module(input_ids=ids[:, :-1], use_cache=False).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        del logits
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

torch.set_num_threads(1)
train(SIZES["nano"], 4, 256)  # libraries and their kernels are loaded
before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
train(SIZES["nano"], 64, 256)
status = Path("/proc/self/status").read_text().splitlines()  # of this program; ru_maxrss includes its parent's
print(int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024 - before)
"""
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment, timeout=300
    )
    result = plan("nano", vocab_size=60, batch_size=64, micro_batch=64, context=256, optimizer="adamw",
                  gradient_checkpointing=False)  # fmt: skip
    assert result.peak_bytes / int(done.stdout) == pytest.approx(1, abs=0.15)


def test_a_plan_for_several_devices_is_saved(capsys, tmp_path: Path):
    """`--count` of a plan is not that of `generate`, after which -o names a file of records."""
    words = ("plan", "small", "--device", "a100", "--count", "4", "-o")
    code, _, _ = run(capsys, *words, tmp_path / "plan.json")
    assert code == 0 and json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["count"] == 4
    code, _, err = run(capsys, *words, tmp_path / "plan.npz")
    assert code == 2 and "this result can't be saved as .npz" in err


def test_the_command_says_and_saves_it(capsys, tmp_path: Path):
    code, out, err = run(capsys, "plan", "micro", "--arch", "llama", "--device", "h100", "--tokens", "20M", "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["schema"] == "cutaway.plan/1" and record["tokens"] == 20_000_000
    assert record["parameters"] == plan("micro", arch="llama", device="h100").parameters
    code, out, err = run(capsys, "plan", "small", "--device", "a100", "--count", "4", "--steps", "10")
    assert code == 0 and "4 × a100" in out and "fits" in out and "activations" in out, err
    saved = tmp_path / "plan.json"
    result = cutaway.plan("nano", device="h100", tokens=1000)
    result.save(saved)
    assert cutaway.load_result(saved) == result
    table = (result.save(tmp_path / "plan.csv")).read_text()
    assert table.splitlines()[0].startswith("name,bytes") and "activations" in table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tokens", "many"], "2.5B"),
        (["--device", "gpu"], "cpu, t4"),
        (["--batch-size", "0"], "--batch-size"),
        (["no-such-model-anywhere"], "no-such-model-anywhere"),
    ],
)
def test_the_command_refuses(capsys, words, said):
    code, out, err = run(capsys, "plan", *words)
    assert code in (1, 2) and out == "" and said in err and "Traceback" not in err


def test_the_dial_is_planned_without_weights():
    assert plan("small", device="h100").parameters > 80e6
    assert Size(12, 12, 768) == SIZES["small"]

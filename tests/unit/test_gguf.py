"""GGUF: what the converted folder says is what the file says, to the bit, for plain transformers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import tokenizers
import torch
import transformers

from cutaway import models
from cutaway.errors import CorruptFile, NotFetched, UnsupportedArchitecture
from cutaway.models import cache, sources
from cutaway.models.gguf import _convert

LAYERS, HEADS, KV_HEADS, WIDTH, INNER, CONTEXT = 2, 4, 2, 64, 96, 128
MERGES = ["t h", "th e", "Ġ the", "c a", "ca t", "Ġ cat", "1 2", "Ċ Ċ"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"


def alphabet() -> list[str]:
    """The 256 characters that stand for bytes in GPT-2's vocabulary, in the order of the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet(), *(pair.replace(" ", "") for pair in MERGES)]


def reference(tied: bool) -> transformers.LlamaForCausalLM:
    """Build a llama by hand; nothing in it is a default that a lost setting could hit by luck."""
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, max_position_embeddings=CONTEXT, rms_norm_eps=3e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 50_000.0}, tie_word_embeddings=tied,
        bos_token_id=1, eos_token_id=2, initializer_range=0.4,
    )  # fmt: skip
    torch.manual_seed(3)
    model = transformers.LlamaForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            torch.nn.init.uniform_(weight, 0.5, 2)
    return model


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Bring the rows of a query or key matrix into the order that llama.cpp's rotary positions expect."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def add_tokenizer(writer: gguf.GGUFWriter, pre: str | None = "gpt-2", kind: str = "gpt2") -> None:
    writer.add_tokenizer_model(kind)
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, 3] + [1] * (len(TOKENS) - 3))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)


def write_gguf(path, model, matrices=gguf.GGMLQuantizationType.F32, tokenizer=True, add_bos=None, **names) -> None:
    """Write the model as llama.cpp's converter would; what quantisation takes away, it takes from `model` too."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(50_000.0)
    writer.add_layer_norm_rms_eps(3e-5)
    writer.add_vocab_size(len(TOKENS))
    if tokenizer:
        add_tokenizer(writer, **names)
    if add_bos is not None:
        writer.add_add_bos_token(add_bos)
    tensors = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    for name, weight in model.named_parameters():
        data = weight.detach().numpy()
        if data.ndim == 2:
            quantised = gguf.quants.quantize(data, matrices)
            weight.data = torch.from_numpy(gguf.quants.dequantize(quantised, matrices).copy())
            data = weight.detach().numpy()
        if "q_proj" in name or "k_proj" in name:
            data = permuted(data, HEADS if "q_proj" in name else KV_HEADS)
        kind = matrices if data.ndim == 2 else gguf.GGMLQuantizationType.F32
        told = tensors.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(told, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def quantised(tmp_path_factory):
    """A GGUF file in eight bits, and the model that it stands for."""
    path = tmp_path_factory.mktemp("gguf") / "tiny [8].gguf"
    model = reference(tied=False)
    write_gguf(path, model, gguf.GGMLQuantizationType.Q8_0)
    return path, model


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def converted(quantised, home):
    """The folder that the file was converted to, as `-m FILE.gguf` converts it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUTAWAY_HOME", str(home))
        return sources.resolve(quantised[0])


def in_the_cache() -> list[str]:
    root = cache.home() / "models"
    return sorted(path.name for path in root.iterdir() if path.suffix != ".lock") if root.exists() else []


def same_logits(folder: Path, model: transformers.LlamaForCausalLM) -> bool:
    again = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    ids_BT = torch.arange(0, 120).reshape(1, -1) * 2 % len(TOKENS)
    with torch.inference_mode():
        assert model(ids_BT).logits.std() > 0.1
        return torch.equal(again(ids_BT).logits, model(ids_BT).logits)


@pytest.mark.nightly
def test_eight_bits_give_the_logits_of_the_model_they_stand_for(converted, quantised):
    assert same_logits(converted, quantised[1])
    config = json.loads((converted / "config.json").read_text())
    assert "quantization_config" not in config and config["tie_word_embeddings"] is False
    assert config["dtype"] == "float32"


@pytest.mark.parametrize("kind", ["F32", "F16", "Q4_1"])
def test_other_types_and_tied_embeddings(tmp_path, kind):
    model = reference(tied=True)
    write_gguf(tmp_path / "tiny.gguf", model, gguf.GGMLQuantizationType[kind])
    (tmp_path / "out").mkdir()
    _convert(tmp_path / "tiny.gguf", tmp_path / "out")
    assert same_logits(tmp_path / "out", model)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["tie_word_embeddings"] is True


def test_its_tokenizer_is_there_for_plain_transformers(converted):
    tokenizer = transformers.AutoTokenizer.from_pretrained(converted, local_files_only=True)
    text = "the cat on the mat<|im_end|> é😀\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert [TOKENS[i] for i in ids[:2]] == ["the", "Ġcat"] and 2 in ids
    assert tokenizer.decode(ids) == text
    assert models.tokenize(text, converted, add_special_tokens=False).ids == ids
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
    assert tokenizer.model_max_length == CONTEXT
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert chat == "<|im_start|>user hi<|im_end|>"


def test_the_converted_model_loads_and_has_its_end_token(converted):
    loaded = models.load(converted)
    assert loaded.end_ids == {2} and loaded.context == CONTEXT
    assert loaded.tokenizer.special_id("bos") == 1


def test_it_is_converted_once(converted, quantised, home, monkeypatch, capsys):
    monkeypatch.setenv("CUTAWAY_HOME", str(home))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("converted again"))
    monkeypatch.chdir(quantised[0].parent)
    assert sources.resolve(quantised[0].name) == converted  # however the file is named
    assert capsys.readouterr().err == ""
    assert [path for path in in_the_cache() if not path.startswith("tiny [8]-")] == []

    name = converted.name
    assert [model.name for model in models.list_models().models if model.cached and not model.built_in] == [name]
    assert models.model_info(name).source == str(quantised[0])
    assert models.load(name).config.model_type == "llama"  # the list's name is as good as the file's
    os.utime(quantised[0], (1, 1))
    with pytest.raises(pytest.fail.Exception):
        sources.resolve(quantised[0])  # it is another file now


@pytest.mark.parametrize("pre", ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"])
def test_digits_are_single_tokens_and_line_ends_stay_together(tmp_path, pre, monkeypatch):
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), pre=pre)
    folder = sources.resolve(tmp_path / "tiny.gguf")
    text = "the cat\n\n12 the"
    ids = models.tokenize(text, folder, add_special_tokens=False).ids
    assert [TOKENS[i] for i in ids] == ["the", "Ġcat", "ĊĊ", "1", "2", "Ġthe"]  # 1 and 2 have a merge
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids and tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    ("pre", "add_bos", "bos"),
    [("llama-bpe", None, True), ("llama-bpe", False, False), ("gpt-2", None, False), ("gpt-2", True, True)],
)
def test_the_first_token_is_as_the_file_says_or_its_pre_tokenizer(tmp_path, pre, add_bos, bos, monkeypatch):
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), pre=pre, add_bos=add_bos)
    folder = sources.resolve(tmp_path / "tiny.gguf")
    right = ["<|im_start|>"] * bos + ["the", "Ġcat"]
    assert [TOKENS[i] for i in models.tokenize("the cat", folder).ids] == right
    again = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert [TOKENS[i] for i in again("the cat")["input_ids"]] == right


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"pre": "nobody-knows"}, "'nobody-knows'.*tokenizer.ggml.pre"),
        ({"pre": "default"}, "tokenizer.ggml.pre is 'default'"),
        ({"pre": None}, "tokenizer.ggml.pre is missing"),
        ({"kind": "rwkv"}, "kind 'rwkv'.*tokenizer.ggml.model"),
    ],
)
def test_a_tokenizer_that_would_be_cut_wrongly_is_refused(tmp_path, names, words, monkeypatch):
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), **names)
    with pytest.raises(UnsupportedArchitecture, match=words) as raised:
        sources.resolve(tmp_path / "tiny.gguf")
    assert "tiny.gguf" in raised.value.message and raised.value.hint and in_the_cache() == []


def made_by_an_older_version(folder):
    """Put a folder back to what the first conversion left: no version in its record, cut as GPT-2."""
    record = json.loads((folder / cache.RECORD).read_text())
    assert record.pop("conversion") == sources.gguf.CONVERSION
    (folder / cache.RECORD).write_text(json.dumps(record))
    loaded = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    loaded.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("named", ["file", "name in the list", "folder"])
def test_a_folder_of_an_older_conversion_is_made_again(tmp_path, monkeypatch, named):
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), pre="smollm")
    folder = sources.resolve(tmp_path / "tiny.gguf")
    made_by_an_older_version(folder)
    name = {"file": tmp_path / "tiny.gguf", "name in the list": folder.name, "folder": folder}[named]
    assert [TOKENS[i] for i in models.tokenize("12", name).ids] == ["1", "2"]
    assert in_the_cache() == [folder.name]  # the old one is gone
    assert models.remove_model(folder.name) > 0 and in_the_cache() == []


def test_a_folder_of_an_older_conversion_whose_file_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), pre="smollm")
    folder = sources.resolve(tmp_path / "tiny.gguf")
    made_by_an_older_version(folder)
    (tmp_path / "tiny.gguf").unlink()
    with pytest.raises(NotFetched, match=rf"older cutaway.*{tmp_path}") as raised:
        models.tokenize("12", folder.name)
    assert f"cutaway models rm {folder.name}" in raised.value.hint
    assert [model.name for model in models.list_models().models if model.cached and not model.built_in] == [folder.name]
    assert models.remove_model(folder.name) > 0


@pytest.mark.parametrize("links", [True, False])
def test_the_default_model_of_an_older_conversion_is_mended_without_a_network(tmp_path, monkeypatch, links):
    """Only its tokenizer is made again: the weights are the same file."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sources, "download", lambda *_, **__: pytest.fail("fetched"))
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    write_gguf(tmp_path / "tiny.gguf", reference(tied=False), pre="smollm")
    (tmp_path / "out").mkdir()
    _convert(tmp_path / "tiny.gguf", tmp_path / "out")
    folder = cache.folder(f"smollm2-135m-{models.SHELF['smollm2-135m'].version}")
    shutil.copytree(tmp_path / "out", folder)
    record = {"name": "smollm2-135m", "kind": "decoder", "source": "", "licence": "Apache-2.0", "conversion": 2}
    (folder / cache.RECORD).write_text(json.dumps(record))
    made_by_an_older_version(folder)
    before = (folder / "model.safetensors").stat()
    loaded = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert len(loaded.encode("12").ids) == 1  # as it was cut

    assert [TOKENS[i] for i in models.tokenize("12", "smollm2-135m").ids] == ["1", "2"]
    after = (folder / "model.safetensors").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not links or after.st_ino == before.st_ino
    assert cache.record(folder.name) == record and in_the_cache() == [folder.name]
    assert models.model_info("smollm2-135m").licence == "Apache-2.0"
    assert models.load("smollm2-135m").config.vocab_size == len(TOKENS)


def cut_short(path, source):
    path.write_bytes(source.read_bytes()[:-1_000])


def cut_shorter(path, source):
    path.write_bytes(source.read_bytes()[:500])


def empty(path, _source):
    path.write_bytes(b"")


def without_a_tensor(path, _source):
    model = reference(tied=False)
    del model.model.layers[1].mlp.down_proj
    write_gguf(path, model)


def without_a_tokenizer(path, _source):
    write_gguf(path, reference(tied=False), tokenizer=False)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_short, "incomplete"),
        (cut_shorter, "incomplete"),
        (empty, "incomplete"),
        (without_a_tensor, "1.mlp.down_proj"),
        (without_a_tokenizer, "tokenizer"),
    ],
)
def test_a_damaged_file(tmp_path, quantised, damage, words, monkeypatch):
    """Converted in this process to spare the time: what travels between processes is tested below."""
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    damage(tmp_path / "bad.gguf", quantised[0])
    with pytest.raises(CorruptFile, match=rf"bad\.gguf.*{words}"):
        sources.resolve(tmp_path / "bad.gguf")
    assert in_the_cache() == []


def test_an_architecture_that_transformers_can_not_build(tmp_path, monkeypatch):
    writer = gguf.GGUFWriter(str(tmp_path / "odd.gguf"), "rwkv6")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    monkeypatch.setattr(sources.gguf, "convert", _convert)
    with pytest.raises(UnsupportedArchitecture, match="rwkv6") as raised:
        sources.resolve(tmp_path / "odd.gguf")
    assert "llama" in raised.value.hint
    assert in_the_cache() == []


def cutaway(*arguments):
    command = [sys.executable, "-m", "cutaway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_command_a_file_that_is_cut_short(tmp_path, quantised):
    cut_short(tmp_path / "bad.gguf", quantised[0])
    run = cutaway("tokenize", "hello", "-m", str(tmp_path / "bad.gguf"))
    assert run.returncode == 1 and run.stdout == "" and "Traceback" not in run.stderr
    told = [line for line in run.stderr.splitlines() if " I " not in line]  # but for the progress
    assert len(told) == 2 and "bad.gguf" in told[0] and "incomplete" in told[0] and "fetch the file again" in told[1]
    assert in_the_cache() == []


def test_command_a_full_disk(quantised):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))"
    code = f"{limit}; from cutaway.cli import main; main()"
    command = [sys.executable, "-c", code, "tokenize", "hello", "-m", str(quantised[0])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1 and "the disk is full" in run.stderr and "Traceback" not in run.stderr
    assert in_the_cache() == []

"""Saving: the folder says what the model said, to the bit, or is not there at all."""

import dataclasses
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import transformers

import cutaway
from cutaway import cli, models
from cutaway.errors import ModelError, OutputError
from cutaway.models import saving
from tests.unit import tokenizer_layouts

IDS_BT = torch.arange(2, 42).reshape(1, -1)
MODELS = ["tiny_gpt2", "tiny_llama", "tiny_bert_classifier"]


def said_by(module) -> torch.Tensor:
    with torch.inference_mode():
        return module(IDS_BT).logits


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("model", MODELS)
def test_plain_transformers_loads_what_was_saved(request, tmp_path, model):
    source, target = request.getfixturevalue(model), tmp_path / "new" / "mine"
    found = models.save(source, target)
    assert found.max_abs_difference == 0 and found.probe_tokens == 57
    auto = getattr(
        transformers, "AutoModelForSequenceClassification" if "bert" in model else "AutoModelForCausalLM"
    )  # fmt: skip
    before, after = (auto.from_pretrained(path, local_files_only=True).eval() for path in (source, target))
    assert torch.equal(said_by(before), said_by(after))
    assert before.config.id2label == after.config.id2label

    text = "A text, with 2 lines\nand äé."
    tokenizers = [transformers.AutoTokenizer.from_pretrained(path, local_files_only=True) for path in (source, target)]
    assert tokenizers[0](text)["input_ids"] == tokenizers[1](text)["input_ids"]
    assert tokenizers[0].eos_token_id == tokenizers[1].eos_token_id
    assert models.tokenize(text, source).ids == models.tokenize(text, target).ids


def test_everything_is_there_and_only_that(tiny_llama, tmp_path):
    found = models.save(tiny_llama, tmp_path / "mine")
    needed = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert names_in(tmp_path / "mine") == needed | {"README.md"} == {file.name for file in found.files}
    assert found.bytes == sum(path.stat().st_size for path in (tmp_path / "mine").iterdir())
    assert names_in(tmp_path) == {"mine"}  # nothing beside it
    for path in (tmp_path / "mine", *(tmp_path / "mine").iterdir()):
        assert path.stat().st_mode & stat.S_IRGRP


def test_the_card(tiny_llama, tmp_path):
    models.save(tiny_llama, tmp_path / "one")
    assert "llama" in models.model_card(tmp_path / "one")
    models.save(tmp_path / "one", tmp_path / "two", card_text="---\nlicense: mit\n---\n# Mine\n")
    assert models.model_card(tmp_path / "two").endswith("# Mine\n")
    assert models.model_info(tmp_path / "two").licence == "mit"
    models.save(tmp_path / "two", tmp_path / "three")
    assert models.model_card(tmp_path / "three") == models.model_card(tmp_path / "two")  # it travels with the model


@pytest.mark.parametrize(
    "readme", ["---\nlicense: [\n---\n", "---\n- a list\n---\n", "no front matter", "", "\xff\xfe"]
)
def test_an_unreadable_card_does_no_harm(tiny_llama, tmp_path, readme):
    models.save(tiny_llama, tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_bytes(readme.encode("latin-1"))
    assert models.model_info(tmp_path / "mine").licence is None
    assert isinstance(models.model_card(tmp_path / "mine"), str)


def test_a_model_that_was_made_here(tiny_llama, tmp_path):
    """A trained model has no folder of its own yet: its tokenizer is saved from the one in use."""
    made = dataclasses.replace(models.load(tiny_llama), name="mine", path=None)
    with torch.no_grad():
        made.module.lm_head.weight.mul_(2)
    assert models.save(made, tmp_path / "mine", card_text="# Mine\n").max_abs_difference == 0
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "mine").eval()
    assert torch.equal(said_by(again), said_by(made.module))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "mine", local_files_only=True)
    assert tokenizer("abc")["input_ids"] == made.tokenizer.encode("abc").ids
    assert (tokenizer.eos_token, tokenizer.unk_token, tokenizer.model_max_length) == ("<|end|>", "<unk>", 128)


def test_a_model_that_was_made_here_with_a_tokenizer_in_python(tmp_path):
    folder = tmp_path / "esm"
    folder.mkdir()
    tokenizer_layouts.LAYOUTS["esm"](folder)
    config = transformers.EsmConfig(
        vocab_size=33, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, pad_token_id=1
    )
    module = transformers.EsmForMaskedLM(config).eval()
    model = models.Model("made here", None, module, models.load_tokenizer(folder))
    assert models.save(model, tmp_path / "saved").max_abs_difference == 0.0
    saved = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert saved("MKTAYIW")["input_ids"] == [0, 20, 15, 11, 5, 19, 12, 22, 2]


@pytest.mark.parametrize("name", ["gpt2", "smollm2-135m", "of-my-own", "somebody/model"])
@pytest.mark.parametrize("gone", [False, True])
def test_nothing_about_a_model_in_memory_asks_the_hub(request, tmp_path, monkeypatch, name, gone):
    """Its name may be that of another model, and its folder may be gone."""
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *where, **_: asked.append(where) or [])
    for fixture in MODELS:
        path = tmp_path / "gone" / fixture if gone else None
        made = dataclasses.replace(models.load(request.getfixturevalue(fixture), "any"), name=name, path=path)
        target = tmp_path / f"{fixture}-{gone}"
        assert models.save(made, target).max_abs_difference == 0
        text = models.model_card(target)
        assert text.startswith(f"# {name}\n") and f"{made.module.num_parameters():,}" in text
        if fixture != "tiny_bert_classifier":
            said = cutaway.generate("The animal", made, max_new_tokens=3)
            assert said == called(cutaway.generate("The animal", target, max_new_tokens=3), name)
            cutaway.score("The animal", made)
        cutaway.tokenize("The animal", made)
        cutaway.architecture(made)
        cutaway.attention("The animal", made)
        cutaway.embed(["The animal"], made)
    assert not asked


def called(results, name):
    return [dataclasses.replace(result, model=name) for result in results]


def test_the_metrics_of_a_run_stay(tiny_gpt2, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("{}\n")
    models.save(tiny_gpt2, tmp_path / "run", card_text="# Mine\n")
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == "{}\n"
    assert (tmp_path / "run" / "README.md").read_text() == "# Mine\n"
    assert models.load(tmp_path / "run").context == 64 and names_in(tmp_path) == {"run"}


def test_saving_leaves_the_settings_of_transformers_alone(tiny_gpt2, tmp_path, capfd):
    logging = transformers.utils.logging
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    models.save(tiny_gpt2, tmp_path / "mine")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


# What does not work, and leaves nothing


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_is_never_written_over(tiny_gpt2, tiny_llama, tmp_path):
    models.save(tiny_gpt2, tmp_path / "mine")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="is not empty") as raised:
        models.save(tiny_llama, tmp_path / "mine")
    assert "new folder" in raised.value.hint and contents(tmp_path) == before


@pytest.mark.parametrize("target", ["file", "file/mine", "file/below/mine"])
def test_a_file_in_the_way(tiny_gpt2, tmp_path, target):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file' is a file, not a folder"):
        models.save(tiny_gpt2, tmp_path / target)
    assert contents(tmp_path) == {"file": b"mine"}


def test_a_target_in_the_way_is_seen_before_the_model_is_loaded(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError):
        models.save("no-such-model", tmp_path / "file")


@pytest.mark.parametrize("existing", [False, True])
def test_a_difference_is_an_error_and_nothing_is_saved(tiny_gpt2, tmp_path, monkeypatch, existing):
    """Spoil the weights between the saving and the check."""
    if existing:
        (tmp_path / "mine").mkdir()
    write = saving._write

    def spoil(model, aside, card_text):
        write(model, aside, card_text)
        spoilt = transformers.AutoModelForCausalLM.from_pretrained(aside)
        spoilt.transformer.h[0].mlp.c_fc.weight.data[0, 0] += 1
        spoilt.save_pretrained(aside)

    monkeypatch.setattr(saving, "_write", spoil)
    with pytest.raises(ModelError, match="gives different logits"):
        models.save(tiny_gpt2, tmp_path / "mine")
    assert contents(tmp_path) == {} and names_in(tmp_path) == ({"mine"} if existing else set())


def test_another_tokenizer_is_an_error(tiny_gpt2, tmp_path, monkeypatch):
    def swap(model, aside, card_text):
        write(model, aside, card_text)
        path = aside / "tokenizer.json"
        saved = json.loads(path.read_text())
        vocabulary = saved["model"]["vocab"]
        vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
        path.write_text(json.dumps(saved))

    write = saving._write
    monkeypatch.setattr(saving, "_write", swap)
    with pytest.raises(ModelError, match="tokenizer"):
        models.save(tiny_gpt2, tmp_path / "mine")
    assert names_in(tmp_path) == set()


def test_settings_that_transformers_refuses_to_save(tiny_gpt2, tmp_path):
    odd = models.load(tiny_gpt2)
    odd.module.generation_config.early_stopping = "perhaps"
    try:
        with pytest.raises(ModelError, match="can't save"):
            models.save(odd, tmp_path / "mine")
    finally:
        odd.module.generation_config.early_stopping = None
    assert names_in(tmp_path) == set()


SAVER = """
import resource, sys
from cutaway import models
from cutaway.errors import CutawayError
from cutaway.models import saving

source, target, how = sys.argv[1:]
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
else:  # stop where everything is written and nothing is in its place yet, or where the first file is
    def stop(*_):
        print("stopped", flush=True)
        sys.stdin.readline()

    if how == "compare":
        saving._difference = stop
    else:
        replace, done = saving.Path.replace, []
        saving.Path.replace = lambda path, to: (stop() if done else done.append(path), replace(path, to))[1]
try:
    models.save(source, target)
except CutawayError as error:
    print(f"{type(error).__name__}: {error}")
"""


def saver(*arguments):
    command = [sys.executable, "-c", SAVER, *map(str, arguments)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, text=True, **pipes)
    watchdog = threading.Timer(300, process.kill)  # a test that waits in vain fails, it does not hang
    watchdog.daemon = True
    watchdog.start()
    return process


@pytest.mark.parametrize(("how", "existing"), [("compare", False), ("move", True)])
def test_a_kill_leaves_no_model_of_that_name(tiny_gpt2, tmp_path, how, existing):
    if existing:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "metrics.jsonl").write_text("{}\n")
    process = saver(tiny_gpt2, tmp_path / "mine", how)
    assert process.stdout.readline() == "stopped\n"
    process.kill()
    process.communicate(timeout=300)
    assert (tmp_path / "mine").exists() == existing
    assert not (tmp_path / "mine" / "config.json").exists()
    if existing:  # it may be half of a model by now: nothing is written over
        with pytest.raises(OutputError, match="is not empty"):
            models.save(tiny_gpt2, tmp_path / "mine")
    else:
        assert models.save(tiny_gpt2, tmp_path / "mine").max_abs_difference == 0


def test_a_full_disk(tiny_gpt2, tmp_path):
    out, err = saver(tiny_gpt2, tmp_path / "mine", "full").communicate(timeout=300)
    assert out.startswith("DiskFull: can't save to") and "File too large" in out and "has room" in out
    assert err == "" and names_in(tmp_path) == set()


def test_what_the_tokenizer_declares_goes_with_it(tmp_path):
    """Without it a model of series writes words instead of numbers."""
    from cutaway.models.text_model import Model
    from cutaway.tokens import Codec, train_tokenizer

    tokenizer = train_tokenizer([[[1.0, 2.0, 3.5]]], "bins", alphabet="series", vocab_size=110)
    size = max(tokenizer.vocabulary.values()) + 1
    config = transformers.GPT2Config(
        vocab_size=size, n_layer=1, n_head=2, n_embd=16, n_positions=32, bos_token_id=0, eos_token_id=0
    )
    made = Model("made", None, transformers.GPT2LMHeadModel(config).eval(), tokenizer)
    models.save(made, tmp_path / "first")
    models.save(str(tmp_path / "first"), tmp_path / "second")
    for name in ("first", "second"):
        codec = Codec.of(models.load_tokenizer(tmp_path / name))
        assert (codec.kind, codec.alphabet) == ("bins", "series")
        ids = codec.encode([[1.0, 2.0, 3.5]]).ids
        assert codec.decode(ids).tolist() == Codec.of(tokenizer).decode(ids).tolist()
        transformers.AutoTokenizer.from_pretrained(tmp_path / name)


# The same, as the command line says it


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


def test_command(tiny_gpt2, tmp_path, capsys):
    cli.main(["models", "save", str(tiny_gpt2), "-o", str(tmp_path / "mine"), "--json"])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["schema"] == "cutaway.saved/1" and found["max_abs_difference"] == 0 and said.err == ""

    code, out, err = run(capsys, "models", "save", tiny_gpt2, "-o", tmp_path / "mine")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2 and "is not empty" in err and "name a new folder" in err
    assert os.listdir(tmp_path) == ["mine"]  # noqa: PTH208

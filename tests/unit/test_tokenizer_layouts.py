"""Ids, text and roles are those of `transformers.AutoTokenizer`, whatever files a folder brings them in."""

import json
import subprocess
import sys

import pytest
import transformers
from transformers.models.auto import tokenization_auto

from cutaway import models
from cutaway.errors import CorruptFile, MissingPackage
from cutaway.models import tokenizer_files
from cutaway.models.python_tokenizer import PythonBackend, spans
from cutaway.models.tokenizer_files import forget_tokenizer, quiet_transformers
from cutaway.sequences.libraries import pip_install
from cutaway.tokens.tokenizer import ROLES
from tests.unit import tokenizer_layouts as made

PYTHON_ONLY = {"esm", "byt5", "canine", "prophetnet", "ctrl"}


def layout(name, tmp_path):
    folder = tmp_path / "layout"
    folder.mkdir()
    made.LAYOUTS[name](folder)
    return folder


@pytest.mark.parametrize("name", made.LAYOUTS)
def test_ids_text_and_roles_are_those_of_transformers(name, tmp_path):
    folder = layout(name, tmp_path)
    with quiet_transformers():
        theirs = transformers.AutoTokenizer.from_pretrained(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for tokenizer in (models.load_tokenizer(folder), models.load_tokenizer(folder)):  # the second may be a kept one
        assert isinstance(tokenizer.backend, PythonBackend) == (name in PYTHON_ONLY)
        for text in made.TEXTS:
            ids = theirs(text)["input_ids"]
            assert tokenizer.encode(text).ids == ids, text
            bare = theirs(text, add_special_tokens=False)["input_ids"]
            assert tokenizer.encode(text, add_special_tokens=False).ids == bare, text
            assert tokenizer.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text
        for role in ROLES:
            token = getattr(theirs, f"{role}_token")
            assert tokenizer.special_id(role) == (None if token is None else theirs.convert_tokens_to_ids(token)), role
    assert before == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_there_are_layouts_enough():
    assert len(made.LAYOUTS) >= 30 and len(made.TEXTS) >= 12


def test_the_models_whose_own_class_is_taken_are_those_of_transformers():
    names, plain = tokenization_auto.TOKENIZER_MAPPING_NAMES, {"TokenizersBackend", "PythonBackend", None}
    own = [
        kind
        for kind in tokenization_auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS
        if names.get(kind) not in plain and names.get(kind) != "MistralCommonBackend"
    ]
    assert own and all(kind.startswith(tokenizer_files._OWN_CLASS) for kind in own)


@pytest.mark.parametrize(("name", "first"), [("generic", True), ("generic, template", True), ("bert", False)])
def test_a_second_start_needs_no_transformers(name, first, tmp_path):
    """A plain folder needs none at the first start either."""
    folder = layout(name, tmp_path)
    if not first:
        models.load_tokenizer(folder)
    code = (
        "import sys; from cutaway.models.vocabulary import load_tokenizer\n"
        f"print(load_tokenizer({str(folder)!r}).encode('hello').ids, {{'torch', 'transformers'}} & {{*sys.modules}})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == f"{models.load_tokenizer(folder).encode('hello').ids} set()\n"


def test_a_folder_that_changed_is_read_anew(tmp_path):
    folder = layout("bert, cased by its configuration", tmp_path)
    assert models.load_tokenizer(folder).decode(models.load_tokenizer(folder).encode("Hello").ids) != "hello"
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    assert models.load_tokenizer(folder).decode(models.load_tokenizer(folder).encode("Hello").ids) == "hello"
    assert len([*tokenizer_files.cache.home().glob("tokenizers/*")]) == 1
    assert forget_tokenizer(folder) > 0 and not [*tokenizer_files.cache.home().glob("tokenizers/*")]


def test_esm(tmp_path):
    found = models.tokenize("MKTAYIW", str(layout("esm", tmp_path)))
    assert found.ids == [0, 20, 15, 11, 5, 19, 12, 22, 2]
    assert found.pieces == ["<cls>", *"MKTAYIW", "<eos>"] and found.kind == "EsmTokenizer"
    assert models.tokenize("MKJ", str(tmp_path / "layout")).unknown == 1


def test_bytes_lie_at_their_characters(tmp_path):
    found = models.tokenize("aé😀", str(layout("byt5", tmp_path)))
    assert found.offsets == [(0, 1), (1, 2), (1, 2), (2, 3), (2, 3), (2, 3), (2, 3), (0, 0)]
    assert found.round_trip


def test_what_stands_nowhere_lies_between_its_neighbours():
    assert spans("the zebra sat", ["the", "<unk>", "sat"], "<unk>") == [(0, 3), (4, 9), (10, 13)]
    assert spans("The CAT", ["the", "cat"]) == [(0, 3), (4, 7)]
    assert spans("zz", ["<unk>", "<unk>"], "<unk>") == [(0, 2), (0, 2)]


@pytest.mark.parametrize(
    ("model_type", "files", "package"),
    [
        ("biogpt", {"vocab.json": b'{"a": 0}', "merges.txt": b"#version: 0.2\n"}, "sacremoses"),
        ("t5", {"spiece.model": b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02"}, "sentencepiece"),
        ("marian", {"source.spm": b"\n\x0e", "target.spm": b"\n\x0e", "vocab.json": b'{"a": 0}'}, "sentencepiece"),
        ("roformer", {"vocab.txt": b"[PAD]\n[UNK]\na\n"}, "rjieba"),
    ],
)
def test_a_missing_package_is_named_and_no_file_is_blamed(model_type, files, package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed, if it is
    find = tokenizer_files.importlib.util.find_spec
    monkeypatch.setattr(
        tokenizer_files.importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MissingPackage) as raised:
        models.load_tokenizer(tmp_path)
    assert raised.value.hint == f"{pip_install()} {package}" and package in raised.value.message


def test_a_damaged_file_is_told_as_one(tmp_path):
    folder = layout("bert", tmp_path)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(CorruptFile, match="can't read the tokenizer"):
        models.load_tokenizer(folder)

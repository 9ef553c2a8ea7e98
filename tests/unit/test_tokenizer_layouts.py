"""Ids, text and roles are those of `transformers.AutoTokenizer`, whatever files a folder brings them in."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest
import transformers
from transformers.models.auto import tokenization_auto

from cutaway import models
from cutaway.errors import CorruptFile, MissingPackage
from cutaway.extras import pip_install
from cutaway.models import tokenizer_files
from cutaway.models.python_tokenizer import PythonBackend, spans
from cutaway.models.tokenizer_files import forget_tokenizer, quiet_transformers
from cutaway.tokens.tokenizer import ROLES, Tokenizer
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


def test_there_are_enough_layouts():
    assert len(made.LAYOUTS) >= 30 and len(made.TEXTS) >= 12


def test_models_read_with_their_own_class_are_those_of_transformers():
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
        "import sys; from cutaway.models.named_tokenizer import load_tokenizer\n"
        f"print(load_tokenizer({str(folder)!r}).encode('hello').ids, {{'torch', 'transformers'}} & {{*sys.modules}})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == f"{models.load_tokenizer(folder).encode('hello').ids} set()\n"


def test_a_changed_folder_is_read_again(tmp_path):
    folder = layout("bert, cased by its configuration", tmp_path)
    assert models.load_tokenizer(folder).decode(models.load_tokenizer(folder).encode("Hello").ids) != "hello"
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    assert models.load_tokenizer(folder).decode(models.load_tokenizer(folder).encode("Hello").ids) == "hello"
    assert len([*tokenizer_files.cache.home().glob("tokenizers/*")]) == 1
    assert forget_tokenizer(folder) > 0 and not [*tokenizer_files.cache.home().glob("tokenizers/*")]


def test_a_file_replaced_with_the_same_time_is_read_again(tmp_path):
    """As by `cp -p` or `rsync -t`: the new file has the size and the time of writing of the old one."""
    folder = layout("bert, vocab.txt", tmp_path)
    file = folder / "vocab.txt"
    models.load_tokenizer(folder)
    first, second = file.read_text().splitlines()[-2:]
    old = file.stat()
    file.write_text(file.read_text().replace(f"{first}\n{second}", f"{second}\n{first}"))
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (old.st_size, old.st_mtime_ns)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    assert models.load_tokenizer(folder).vocabulary == theirs.get_vocab()


def test_the_stored_tokenizer_is_readable_by_all_and_never_missing(tmp_path):
    """A second process that built the same must not remove what a third one is reading."""
    folder = layout("bert", tmp_path)
    tokenizer = models.load_tokenizer(folder)
    kept = tokenizer_files._kept(folder)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o755
    place, done, failed = kept.stat().st_ino, threading.Event(), []

    def read() -> None:
        while not done.is_set():
            try:
                found = Tokenizer.from_directory(kept)
                assert found.special_id("cls") is not None
            except Exception as error:  # whatever it is, the test has failed
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        tokenizer_files._keep(tokenizer, kept)
    done.set()
    reader.join()
    assert not failed and kept.stat().st_ino == place
    assert len([*kept.parent.iterdir()]) == 1


@pytest.mark.parametrize("lost", ["tokenizer.json", "tokenizer_config.json"])
def test_an_incomplete_stored_tokenizer_is_not_used(lost, tmp_path):
    folder = layout("bert", tmp_path)
    whole = models.load_tokenizer(folder)
    (tokenizer_files._kept(folder) / lost).unlink()
    for _ in range(2):
        found = models.load_tokenizer(folder)
        assert [found.special_id(role) for role in ROLES] == [whole.special_id(role) for role in ROLES]
    assert (tokenizer_files._kept(folder) / lost).is_file()


def test_esm(tmp_path):
    found = models.tokenize("MKTAYIW", str(layout("esm", tmp_path)))
    assert found.ids == [0, 20, 15, 11, 5, 19, 12, 22, 2]
    assert found.pieces == ["<cls>", *"MKTAYIW", "<eos>"] and found.kind == "EsmTokenizer"
    assert models.tokenize("MKJ", str(tmp_path / "layout")).unknown == 1


def test_bytes_lie_at_their_characters(tmp_path):
    found = models.tokenize("aé😀", str(layout("byt5", tmp_path)))
    assert found.offsets == [(0, 1), (1, 2), (1, 2), (2, 3), (2, 3), (2, 3), (2, 3), (0, 0)]
    assert found.round_trip


def test_tokens_not_in_the_text_lie_between_their_neighbours():
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


def test_a_damaged_file_is_named_as_damaged(tmp_path):
    folder = layout("bert", tmp_path)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(CorruptFile, match="can't read the tokenizer"):
        models.load_tokenizer(folder)

"""Models that lie in the package itself: found by name, listed, described, never fetched and never removed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import transformers
from rich.console import Console

import cutaway
from cutaway import models
from cutaway.errors import CorruptFile, InputError, ModelError, UnknownModel
from cutaway.models import sources
from cutaway.models.shelf import SHELF
from cutaway.models.shipped_models import KINDS, shipped_models
from cutaway.training.starting_run import _place
from cutaway.views import terminal_models
from tests.unit.commands import run

RECORD = {
    "name": "tiny-letters", "kind": "decoder", "domain": "text", "task": "generate", "parameters": 5_000,
    "description": "a model of a test, 2 layers × 2 heads", "headline": "2.31 bits per letter [2.2, 2.4]",
    "licence": "Apache-2.0", "citation": "Nobody: nothing, 2026",
}  # fmt: skip


@pytest.fixture
def letters(tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the model `tiny-letters`, in what stands for the folder of the package; no other model is there."""
    monkeypatch.setenv("CUTAWAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("cutaway.models.shipped_models.FOLDER", tmp_path / "shipped")
    folder = Path(shutil.copytree(tiny_gpt2, tmp_path / "shipped" / "tiny-letters"))
    (folder / "README.md").write_text("# tiny-letters\n\nOf a test.\n", encoding="utf-8")
    (folder / "cutaway.json").write_text(json.dumps(RECORD), encoding="utf-8")
    (tmp_path / "shipped" / "half").mkdir()  # without a record it is no model
    return folder


def test_its_name_gives_the_folder_itself(letters, tmp_path):
    for need in ("config", "tokenizer", "weights", "all"):
        assert sources.resolve("tiny-letters", need) == letters
    assert not (tmp_path / "home").exists()  # nothing was fetched or copied
    assert [model.name for model in shipped_models()] == ["tiny-letters"]


def test_every_verb_takes_its_name(letters, tiny_gpt2):
    text = "the animal"
    by_path = cutaway.load(tiny_gpt2)
    assert cutaway.tokenize(text, "tiny-letters").ids == by_path.tokenizer.encode(text).ids
    assert cutaway.architecture("tiny-letters").parameters == by_path.module.num_parameters()
    written = [cutaway.generate(text, model, temperature=0, max_new_tokens=8)[0] for model in ("tiny-letters", by_path)]
    assert written[0].token_ids == written[1].token_ids
    assert cutaway.score(text, "tiny-letters").total_bits == pytest.approx(cutaway.score(text, by_path).total_bits)


def test_the_list_has_it_with_its_domain_and_task(letters, capsys):
    listed = {model.name: model for model in models.list_models().models}
    assert set(listed) == {"tiny-letters", *SHELF} and all(one.domain and one.task for one in listed.values())
    one = listed["tiny-letters"]
    assert (one.domain, one.task, one.kind, one.licence) == ("text", "generate", "decoder", "Apache-2.0")
    assert (one.built_in, one.cached, one.parameters) == (True, True, 5_000)
    assert one.bytes == sum(file.stat().st_size for file in letters.iterdir())
    assert one.source == f"cutaway {cutaway.__version__} itself"

    code, out, _ = run(capsys, "models", "list", "--json")
    [line] = [entry for entry in json.loads(out)["models"] if entry["name"] == "tiny-letters"]
    assert (code, line["domain"], line["task"], line["built_in"]) == (0, "text", "generate", True)


def test_the_list_as_a_table_of_a_file(letters, tmp_path):
    models.list_models().save(tmp_path / "shelf.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "shelf.csv").read_text(encoding="utf-8"))))
    assert [(row["domain"], row["task"], row["built_in"]) for row in rows if row["name"] == "minilm-l6"] == [
        ("text", "embed", "False")
    ]


def test_each_line_of_the_list_fits_into_80_columns(letters):
    def lines(width):
        console = Console(width=width, file=io.StringIO(), color_system=None)
        console.print(terminal_models.models(models.list_models()), crop=False)
        return console.file.getvalue().splitlines()

    narrow = lines(80)
    assert max(map(len, narrow)) <= 80
    assert narrow[0].split() == ["name", "domain", "task", "size", "here", "licence"]
    [own] = [line.split() for line in narrow if line.startswith("tiny-letters")]
    assert (own[1:3], own[-3:]) == (["text", "generate"], ["built", "in", "Apache-2.0"])
    names = [line.split()[0] for line in narrow[1:] if line.strip()]
    assert [name for name in names if name in SHELF] == list(SHELF)  # one line a model
    assert any("cutaway models info NAME" in line for line in narrow)
    assert "a model of a test" in "\n".join(lines(140)) and "a model of a test" not in "\n".join(narrow)


def test_what_info_card_and_get_say(letters, capsys):
    found = models.model_info("tiny-letters")
    assert (found.path, found.source, found.kind) == (str(letters), f"cutaway {cutaway.__version__} itself", "decoder")
    assert (found.domain, found.task, found.headline) == ("text", "generate", "2.31 bits per letter [2.2, 2.4]")
    assert (found.licence, found.citation) == ("Apache-2.0", "Nobody: nothing, 2026")
    assert models.model_info(letters).headline == found.headline  # however it is named
    assert models.get_model("tiny-letters").path == str(letters)

    code, out, _ = run(capsys, "models", "info", "tiny-letters")
    assert code == 0 and "2.31 bits per letter" in out and "a model of a test" in out
    assert run(capsys, "models", "get", "tiny-letters")[:2] == (0, f"{letters}\n")
    assert run(capsys, "models", "card", "tiny-letters")[:2] == (0, "# tiny-letters\n\nOf a test.\n")


def test_it_is_not_removed(letters, capsys):
    with pytest.raises(InputError, match="tiny-letters is a part of cutaway itself"):
        models.remove_model("tiny-letters")
    code, _, err = run(capsys, "models", "rm", "tiny-letters")
    assert code == 2 and "it stays as long as cutaway is installed" in err
    assert letters.is_dir()


def test_no_revision_and_no_misspelling(letters):
    with pytest.raises(UnknownModel, match=r"tiny-letters is always cutaway .* itself: it has no revision 'main'"):
        sources.resolve("tiny-letters", revision="main")
    with pytest.raises(ModelError) as raised:
        sources.resolve("tiny-leters")
    assert "did you mean tiny-letters?" in raised.value.hint
    for name in ("half", "../shipped/tiny-letters", "tiny-letters/", ".", ".."):
        with pytest.raises(ModelError):
            sources.resolve(name)


def test_a_damaged_one_is_installed_again(letters):
    (letters / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(CorruptFile) as raised:
        models.load("tiny-letters")
    assert "--force-reinstall --no-deps cutaway" in raised.value.hint


def test_adapters_of_it_name_its_folder(letters):
    class Start:
        name, path = "tiny-letters", letters

    assert _place(Start) == str(letters)


def test_a_folder_of_the_same_name_is_not_taken_silently(letters, tiny_gpt2, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_gpt2, tmp_path / "tiny-letters")
    sources._tell_of_namesake.cache_clear()
    assert sources.resolve("tiny-letters") == sources.resolve("tiny-letters") == letters
    assert capsys.readouterr().err.count("write ./tiny-letters") == 1
    assert sources.resolve("./tiny-letters") == Path("tiny-letters")


def test_the_package_has_records_that_can_be_read():
    transformers_types = set(transformers.CONFIG_MAPPING)
    for model in shipped_models():
        assert model.name == model.path.name and model.name not in SHELF and model.name not in transformers_types
        assert model.kind in KINDS.values() and model.domain and model.task and model.headline
        assert (model.path / "README.md").is_file() and (model.path / "model.safetensors").is_file()

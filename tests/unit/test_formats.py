"""What a result can be saved as: which suffixes, what is in the files, and that no file is written over unasked."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import json
import os
import pkgutil
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
import pytest

import cutaway
from cutaway.cli import cli
from cutaway.errors import InputError, OutputError
from cutaway.result import Result, is_file, save_results
from tests.unit.commands import run

SENTENCE = "No, I am your father"


@dataclasses.dataclass(frozen=True, repr=False)
class Table(Result):
    """A result with rows and arrays."""

    schema: ClassVar[str] = "table"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".npz")

    cells: list[dict[str, Any]]

    def rows(self) -> list[dict[str, Any]]:
        return self.cells

    def arrays(self) -> dict[str, Any]:
        return {"numbers": np.arange(6.0).reshape(2, 3).T, "tokens": np.array(["a", "中"]), "one": np.float32(2)}


def results_there_are() -> list[type[Result]]:
    for module in pkgutil.walk_packages(cutaway.__path__, "cutaway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [found for found in Result.__subclasses__() if found.__module__.startswith("cutaway.")]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_result_says_what_it_can_be_saved_as() -> None:
    found = results_there_are()
    assert len(found) >= 10
    for kind in found:
        assert set(kind.formats) >= {".html", ".json", ".jsonl"}, kind
        assert (".csv" in kind.formats) == (bool(kind.table) or kind.rows is not Result.rows), kind
        assert (".npz" in kind.formats) == (kind.arrays is not Result.arrays), kind
        assert (".svg" in kind.formats) == (".png" in kind.formats), kind


def with_an_output(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from with_an_output(command, f"{before}{name} ")
        elif command is not None and any(one.name == "output" and one.callback for one in command.params):
            yield before + name, command


def test_the_commands_take_what_their_results_take(tiny_gpt2: Path) -> None:
    """The suffixes a command names are those of its result's class, told apart by the option's own check."""
    kinds = {kind.schema: set(kind.formats) for kind in results_there_are()}
    schemas = {
        "tokenize": "tokens", "score": "score", "generate": "generation", "classify": "classification",
        "translate": "translation", "forecast": "forecast", "predict": "prediction",
        "train": "training", "finetune": "training", "evaluate": "evaluation", "plan": "plan", "tour": "tour",
        "architecture": "architecture",
        "attention": "attention", "heads": "heads", "lens": "lens", "ablate": "ablation", "embed": "embeddings",
        "neighbours": "neighbours",
        "map": "map", "sweep": "sweep", "mutate": "mutations", "fill": "filling", "correct": "corrections",
        "contacts": "contacts", "compare": "comparison",
        "models list": "models", "models info": "model", "models get": "model", "models save": "saved",
        "models merge": "saved",
        "data list": "datasets", "data get": "dataset", "doctor": "doctor",
        "homework list": "homework", "homework check": "checked", "homework collect": "collection",
        "tokenizer check": "tokenizer_check", "tokenizer compare": "tokenizer_comparison",
    }  # fmt: skip
    commands = dict(with_an_output(cli))
    assert set(commands) == set(schemas), "a command that saves something says here what"
    for name, command in commands.items():
        schema = schemas[name]
        [option] = [option for option in command.params if option.name == "output"]
        for suffix in (".html", ".json", ".jsonl", ".csv", ".npz", ".svg", ".png"):
            with click.Context(command):
                try:
                    assert option.callback is not None
                    path = f"/nowhere/x{suffix}"
                    option.callback(click.get_current_context(), option, (path,) if option.multiple else path)
                except InputError:
                    assert suffix not in kinds[schema], (schema, suffix)
                except OutputError:
                    assert suffix in kinds[schema], (schema, suffix)


def test_a_table_comes_back_as_it_went_in(tmp_path: Path) -> None:
    awkward = ["a,b", 'say "no"', "two\nlines", "=1+1", " ", "", "中😀\x00"]
    cells = [{"text": text, "number": i / 3, "none": None} for i, text in enumerate(awkward)]
    path = Table([*cells, {"text": "x", "number": float("nan"), "later": 1}]).save(tmp_path / "x.csv")
    rows = read(path)
    assert [row["text"] for row in rows] == [*awkward, "x"]
    assert [float(row["number"]) for row in rows[:-1]] == [cell["number"] for cell in cells]
    assert {row["none"] for row in rows} == {""} and rows[-1]["number"] == ""
    assert [row["later"] for row in rows] == [""] * len(awkward) + ["1"]
    assert b"\r" not in path.read_bytes()


def test_arrays_come_back_as_they_went_in_and_the_bytes_do_not_depend_on_the_time(tmp_path: Path) -> None:
    made = Table([])
    first = made.save(tmp_path / "x.npz").read_bytes()
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert set(found) == {"numbers", "tokens", "one"}
        for name, array in made.arrays().items():
            assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    time.sleep(2.1)  # a zip file's clock ticks every two seconds
    assert made.save(tmp_path / "y.npz").read_bytes() == first


def test_nothing_is_pickled_and_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "arrays", lambda _: {"bad": np.array([object()])})
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        Table([]).save(tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_refused_and_the_known_ones_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be saved as \.svg") as caught:
        Table([]).save(tmp_path / "x.svg")
    assert caught.value.hint == "end the name in .html (a page), .json (the numbers), .csv (a table) or .npz (arrays)"
    with pytest.raises(InputError, match="does not end in a known format"):
        Table([]).save(tmp_path / "x")
    with pytest.raises(InputError, match="one result, not 2"):
        save_results([Table([]), Table([])], tmp_path / "x.npz")
    with pytest.raises(OutputError, match="folder"):
        Table([]).save(tmp_path / "none" / "x.csv")


def test_the_tables_hold_the_results_own_numbers(tmp_path: Path, tiny_gpt2: Path) -> None:
    tokens = cutaway.tokenize(SENTENCE, str(tiny_gpt2))
    rows = read(tokens.save(tmp_path / "tokens.csv"))
    assert [int(row["id"]) for row in rows] == tokens.ids
    assert "".join(SENTENCE[int(row["start"]) : int(row["end"])] for row in rows) == SENTENCE
    score = cutaway.score(SENTENCE, str(tiny_gpt2))
    rows = read(score.save(tmp_path / "score.csv"))
    assert rows[0]["id"] == str(score.first.id) and rows[0]["logprob"] == ""
    assert [float(row["logprob"]) for row in rows[1:]] == [token.logprob for token in score.tokens]
    said = cutaway.generate(SENTENCE, str(tiny_gpt2), max_new_tokens=4, num_return_sequences=2, temperature=1.0)
    rows = read(save_results(said, tmp_path / "said.csv"))
    assert [float(row["logprob"]) for row in rows] == [p for one in said for p in one.logprobs]
    assert {row["seed"] for row in rows} == {"0", "1"}
    parts = cutaway.architecture(str(tiny_gpt2))
    rows = read(parts.save(tmp_path / "parts.csv"))
    assert [int(row["parameters"]) for row in rows] == [module.parameters for module in parts.modules]


def test_a_training_table_has_every_step_and_every_check(tmp_path: Path) -> None:
    run = cutaway.train(steps=4, layers=1, heads=1, width=16, context=32, batch_size=2, validate_every=2)
    rows = read(run.save(tmp_path / "run.csv"))
    assert [float(row["loss"]) for row in rows if row["loss"]] == [step.loss for step in run.metrics]
    checks = [(int(row["step"]), float(row["validation_loss"])) for row in rows if row["validation_loss"]]
    assert checks == [(check.step, check.loss) for check in run.validation]


def test_a_command_refuses_a_form_before_the_work(capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("cutaway.models.tokenize", lambda *_, **__: pytest.fail("the work began"))
    code, out, err = run(capsys, "tokenize", SENTENCE, "-o", tmp_path / "x.svg")
    assert (code, out) == (2, "") and "be saved as .svg" in err and ".csv (a table)" in err
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cutaway", "tokenize", "x", "-o", "x.svg"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "click" in imported and not imported & {"torch", "transformers", "matplotlib", "numpy"}


def test_a_file_is_written_over_only_with_force(capsys: Any, tmp_path: Path, tiny_gpt2: Path, monkeypatch: Any) -> None:
    target = tmp_path / "x.json"
    target.write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr("cutaway.models.tokenize", lambda *_, **__: pytest.fail("the work began"))
        code, out, err = run(capsys, "tokenize", SENTENCE, "-m", tiny_gpt2, "-o", target)
    assert (code, out, target.read_text()) == (2, "", "mine")
    assert "is there already" in err and "--force" in err
    for words in (["-o", target, "--force"], ["--force", "-o", target]):
        target.write_text("mine")
        code, _, err = run(capsys, "tokenize", SENTENCE, "-m", tiny_gpt2, *words)
        assert code == 0 and json.loads(target.read_text())["text"] == SENTENCE
    assert list(tmp_path.iterdir()) == [target]
    cutaway.tokenize("in Python it is the caller's", str(tiny_gpt2)).save(target)
    assert json.loads(target.read_text())["text"] == "in Python it is the caller's"


def test_the_tour_does_not_write_over_an_older_one(capsys: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cutaway.models.load", lambda *_, **__: pytest.fail("the work began"))
    (tmp_path / "tour.html").write_text("mine")
    code, _, err = run(capsys, "tour")
    assert code == 2 and "'tour.html' is there already" in err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_at_a_terminal_overwriting_is_asked_first(tmp_path: Path, tiny_gpt2: Path, answer: str, code: int) -> None:
    target = tmp_path / "x.json"
    target.write_text("mine")
    command = [sys.executable, "-m", "cutaway", "tokenize", SENTENCE, "-m", str(tiny_gpt2), "-o", str(target)]
    ours, theirs = pty.openpty()
    done = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    assert done.wait(timeout=300) == code
    os.close(ours)
    assert b"Write over it?" in shown
    assert (target.read_text() == "mine") == (answer == "n")


def test_devices_and_pipes_are_written_without_asking(capsys: Any, tmp_path: Path, tiny_gpt2: Path) -> None:
    (tmp_path / "null.json").symlink_to("/dev/null")
    (tmp_path / "out.json").symlink_to("/dev/stdout")
    assert not is_file(tmp_path / "null.json")
    assert run(capsys, "tokenize", SENTENCE, "-m", tiny_gpt2, "-o", tmp_path / "null.json")[0] == 0
    command = [sys.executable, "-m", "cutaway", "tokenize", SENTENCE, "-m", str(tiny_gpt2), "-q"]
    piped = subprocess.run([*command, "-o", str(tmp_path / "out.json")], capture_output=True, text=True, check=True)
    assert json.loads(piped.stdout)["text"] == SENTENCE
    with (tmp_path / "kept").open("w") as sink:  # stdout is a file now, and no file to be asked about
        subprocess.run([*command, "-o", str(tmp_path / "out.json")], stdout=sink, check=True)
    assert json.loads((tmp_path / "kept").read_text())["text"] == SENTENCE
    assert (tmp_path / "out.json").is_symlink() and (tmp_path / "null.json").is_symlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="write"):
            Table([]).save(tmp_path / "x.csv")
    finally:
        tmp_path.chmod(0o755)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))"
    code = f"{limit}; from cutaway.result import write_bytes, Path; write_bytes(Path('x.npz'), bytes(99))"
    (tmp_path / "x.npz").write_bytes(b"mine")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "DiskFull" in done.stderr and "File too large" in done.stderr
    assert (tmp_path / "x.npz").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1

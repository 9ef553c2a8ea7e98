"""CONTRIBUTING.md and the glossary name files and commands that exist."""

import inspect
import os
import re
import sys
from itertools import groupby
from pathlib import Path

import click
import pytest

from cutaway.cli import cli
from tests.unit.commands import run

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cutaway"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = re.findall(r"^### `(.+?)`\n(.*?)(?=^##)", CONTRIBUTING, re.DOTALL | re.MULTILINE)


def test_four_paths():
    starts = ["attention", "generate", "tokenizer train", "train"]
    assert [title.startswith(f"cutaway {start} ") for (title, _), start in zip(PATHS, starts, strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize(("title", "path"), PATHS, ids=[title for title, _ in PATHS])
def test_path_names_files_that_exist_and_enters_each_room_once(title, path):
    files = [name for line in path.splitlines() for name in re.findall(r"`([a-z_]+/[\w./]+)`", line.split(" | ")[0])]
    assert len(files) >= 8
    assert [name for name in files if not (PACKAGE / name).exists()] == []
    rooms = [room for room, _ in groupby(name.split("/")[0] for name in files)]
    assert len(rooms) == len(set(rooms))
    assert len(path.splitlines()) <= 30


def _rooms_entered(capsys, *arguments):
    """Run a command; return the rooms whose functions it called, other than the command line's own."""
    entered = set()

    def look(frame, event, _):
        code, name = frame.f_code, frame.f_code.co_filename
        function = code.co_flags & inspect.CO_OPTIMIZED and code.co_name.isidentifier()  # not the body of a class
        if event == "call" and function and name.startswith(f"{PACKAGE}{os.sep}"):
            entered.add(Path(name).relative_to(PACKAGE).parts[0])

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        code, _, err = run(capsys, *arguments)
    finally:
        sys.setprofile(before)
    assert code == 0, err
    return {room for room in entered if (PACKAGE / room).is_dir()} - {"cli"}


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (0, ["attention", "some text", "-m", "MODEL", "-o", "a.html"]),
        (1, ["generate", "some text", "-m", "MODEL", "--max-new-tokens", "2", "--tier", "exact", "-o", "a.html"]),
        (2, ["tokenizer", "train", "a.txt", "--kind", "char", "-o", "made"]),
        (3, ["train", "a.txt", "--width", "8", "--layers", "1", "--context", "8", "--steps", "1", "-o", "a.html"]),
    ],
)
def test_path_names_the_rooms_that_the_command_enters(number, arguments, capsys, tiny_gpt2, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("some words and more words\n" * 20)
    entered = _rooms_entered(capsys, *[str(tiny_gpt2) if word == "MODEL" else word for word in arguments])
    listed = {name.split("/")[0] for name in re.findall(r"^\| `([a-z_]+)/", PATHS[number][1], re.MULTILINE)}
    assert listed - {"cli"} == entered


def test_glossary_names_commands_that_exist():
    glossary = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    shown = [line.split(" | ")[2] for line in glossary.splitlines() if line.startswith("| **")]
    assert len(shown) > 60
    for command in [command for cell in shown for command in re.findall(r"`([^`]+)`", cell)]:
        found, options = cli, []
        for word in command.split():
            if isinstance(found, click.Group) and not word.startswith("-"):
                found = found.get_command(None, word)
                assert found is not None, command
            elif word.startswith("-"):
                options.append(word)
        known = {option for parameter in found.params for option in parameter.opts}
        assert set(options) <= known, command

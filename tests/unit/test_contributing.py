"""CONTRIBUTING.md and the glossary name files and commands that exist."""

import re
from itertools import groupby
from pathlib import Path

import click
import pytest

from cutaway.cli import cli

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

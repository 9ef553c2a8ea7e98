"""The recipes of the models in the package: what each of them must have, without running it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cutaway.cli import cli
from cutaway.models.datasets import DATASETS
from cutaway.models.shelf import SHELF
from tests.unit.test_wheel import AWAITED

RECIPES = Path(__file__).parents[2] / "recipes"
SHELLS = sorted(RECIPES.glob("*.sh"))
TEXTS = sorted([*SHELLS, *RECIPES.glob("*.py")])
sys.path.insert(0, str(RECIPES))

from ship_models import MODELS  # noqa: E402


@pytest.mark.parametrize("recipe", SHELLS, ids=lambda path: path.name)
def test_a_recipe_stops_at_an_error_and_ends_with_a_folder_to_ship(recipe):
    text = recipe.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", recipe], check=True)
    assert text.startswith("#!/usr/bin/env bash\n# ") and "\nset -euo pipefail\n" in text
    assert recipe.stat().st_mode & 0o100, "make it executable"
    assert "${1:-runs/" in text  # the folder to work in is an argument
    commands = re.sub(r"\\\n\s*", "", text)
    shipped = re.findall(r"ship\.py\"? (.*)", commands)
    assert shipped or recipe.stem in AWAITED  # it is not final
    for line in shipped:
        assert "--evaluation" in line and "--cannot" in line
        assert any(re.search(rf"\b{name}\b", line.replace("$size", "nano")) for name in MODELS), line
    trains = re.search(r"cutaway (train|finetune)\b", commands)  # or a script of Python beside it does
    assert not trains or re.search(r"cutaway (train|finetune)\b[^\n]*--seed \d", commands)


@pytest.mark.parametrize("recipe", SHELLS, ids=lambda path: path.name)
def test_a_recipe_calls_commands_that_exist_with_options_that_exist(recipe):
    text = re.sub(r"^#.*$", "", recipe.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in re.findall(r"(?<![-\w/])cutaway ((?!import)(?:[a-z]|\\\n)[^\n]*)", re.sub(r"\\\n\s*", "", text)):
        command, words = cli, re.split(r"[;)|>]|&&", re.sub(r"'[^']*'|\"[^\"]*\"", "X", line))[0].split()
        while words and (found := getattr(command, "get_command", lambda *_: None)(None, words[0])) is not None:
            command, words = found, words[1:]
        assert command is not cli, line
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        asked = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z-]+(=.*)?", word)}
        assert asked <= known, line


@pytest.mark.parametrize("recipe", TEXTS, ids=lambda path: path.name)
def test_a_recipe_names_no_folder_of_one_machine(recipe):
    text = recipe.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)
    if recipe.suffix == ".py":
        ast.parse(text)
        assert ast.get_docstring(ast.parse(text)), "its first lines say what it makes"


def test_what_is_said_of_the_models():
    for name, about in MODELS.items():
        assert set(about.data) <= set(DATASETS), name
        assert not about.start or about.start in {*SHELF, *MODELS}, name
        words = about.example.split()
        assert words[0] == "cutaway" and (name in words or words[1] in ("translate", "classify")), name
        assert about.description and not about.description.endswith("."), name
        assert max(map(len, (name, about.domain, about.task))) <= 17, name  # so that the list fits into 80 columns

"""The Tab key completes commands, options and the values that have names; `cutaway` alone says what to try."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutaway.cli import cli
from cutaway.models.datasets import DATASETS
from cutaway.models.shelf import SHELF
from cutaway.models.shipped_models import shipped_models

BASH = shutil.which("bash")


def offered(*words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    typed = ["cutaway", *words]
    environment = {
        **os.environ, "_CUTAWAY_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(typed), "COMP_CWORD": str(len(words))
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "cutaway"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("att",), ["plain,attention"]),
        (("models", "i"), ["plain,info"]),
        (("generate", "--tem"), ["plain,--temperature"]),
        (("generate", "--tier", "t"), ["plain,turbo"]),
        (("generate", "-m", "smoll"), ["plain,smollm2-135m"]),
        (("compare", "minilm"), ["plain,minilm-l6"]),
        (("models", "info", "antib"), ["plain,antiberty"]),
        (("data", "get", "weather-s"), ["plain,weather-seattle"]),
        (("generate", "-m", "./my"), ["file,./my"]),
        (("generate", "-f", "my"), ["file,my"]),
        (("train", "my"), ["file,my"]),
        (("generate", "-o", "my"), ["file,my"]),
    ],
)
def test_the_last_word_is_completed(words, expected):
    assert offered(*words) == expected


def test_every_name_is_offered():
    names = {*SHELF, *(one.name for one in shipped_models())}
    assert set(offered("generate", "-m", "")) == {f"plain,{name}" for name in names}
    assert set(offered("data", "get", "")) == {f"plain,{name}" for name in DATASETS}


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_bash_takes_the_script(tmp_path):
    # The command that the script calls: this Python's.
    (tmp_path / "cutaway").write_text(f'#!/bin/sh\nexec {sys.executable} -m cutaway "$@"\n')
    (tmp_path / "cutaway").chmod(0o755)
    asked = (
        'eval "$(cutaway completion bash)"; complete -p cutaway; COMP_WORDS=(cutaway tok); COMP_CWORD=1; '
        '_cutaway_completion cutaway; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [BASH, "--norc", "-c", asked], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert "_cutaway_completion" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1:] == ["tokenize", "tokenizer"]


@pytest.mark.parametrize(
    ("shell", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc"), ("fish", ".config/fish/completions/cutaway.fish")]
)
def test_install_adds_one_line_once(shell, file, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    for name in ("XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    before = "alias ll='ls -l'"  # without a line end
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(before)
    for said in ("added to", "has the line already"):
        done = CliRunner().invoke(cli, ["completion", "--install"])
        assert done.exit_code == 0 and said in done.stderr
        lines = Path(tmp_path / file).read_text().splitlines()
        assert lines[0] == before and len(lines) == 2 and f"cutaway completion {shell}" in lines[1]


@pytest.mark.parametrize("shell", ["", "/bin/tcsh"])
def test_an_unknown_shell_is_told(shell, monkeypatch):
    monkeypatch.setenv("SHELL", shell)
    with pytest.raises(Exception, match=r"the variable SHELL is (not set|'/bin/tcsh')"):
        CliRunner().invoke(cli, ["completion"], catch_exceptions=False)


def test_cutaway_alone_says_three_things_to_try():
    done = subprocess.run([sys.executable, "-m", "cutaway"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 100 and len(done.stdout.splitlines()) <= 12
    tried = re.findall(r"^  cutaway (\w+)", done.stdout, re.MULTILINE)
    assert len(tried) == 3 and set(tried) <= set(cli.commands)


def test_help_lists_every_command_once():
    said = CliRunner().invoke(cli, ["--help"]).stdout
    for name in cli.commands:
        assert len(re.findall(rf"^  {name} ", said, re.MULTILINE)) == 1, name

"""After `make tour` a new user is told how her shell finds `cutaway`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutaway.cli.on_path import line_for_the_shell


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Make an environment in a folder whose name has a space; this process believes that it runs in it."""
    home = tmp_path / "a clone"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / ".venv"], check=True)
    command = home / ".venv" / "bin" / "cutaway"
    command.write_text("#!/bin/sh\necho found\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(home / ".venv" / "bin" / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.chdir(home)
    return home


def found_after(line):
    done = subprocess.run(["bash", "-c", f"{line}\ncutaway"], capture_output=True, text=True, check=False)
    return done.stdout


def test_in_the_clone(environment):
    assert line_for_the_shell() == ". .venv/bin/activate"
    assert found_after("") == "" and found_after(line_for_the_shell()) == "found\n"


def test_from_another_folder(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "a clone" / ".venv")
    assert found_after(line_for_the_shell()) == "found\n"
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert found_after(line_for_the_shell()) == "found\n"


def test_for_other_shells(environment, monkeypatch):
    for shell, line in (("fish", "source .venv/bin/activate.fish"), ("tcsh", "source .venv/bin/activate.csh")):
        monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
        assert line_for_the_shell() == line and Path(line.split()[1]).is_file()


def test_without_an_environment(environment):
    (environment / ".venv" / "bin" / "activate").unlink()
    assert found_after(line_for_the_shell()) == "found\n"


def test_nothing_is_said_where_it_is_found(environment, monkeypatch):
    monkeypatch.setenv("PATH", f"{environment / '.venv' / 'bin'}{os.pathsep}/usr/bin")
    assert line_for_the_shell() is None
    (environment / ".venv" / "bin" / "cutaway").unlink()  # run as a module, from sources
    assert line_for_the_shell() is None

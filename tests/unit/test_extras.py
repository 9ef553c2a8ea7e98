"""The line that installs what is missing fits how this cutaway was installed."""

import json
import shlex
import subprocess
import sys

import pytest

from cutaway.extras import install_line


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that lets this process find cutaway as pip would have noted it."""
    site = tmp_path / "site"
    (site / "cutaway-9.dist-info").mkdir(parents=True)
    (site / "cutaway-9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cutaway\nVersion: 9\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)

    def note(record=None):
        if record is not None:
            text = record if isinstance(record, str) else json.dumps(record)
            (site / "cutaway-9.dist-info" / "direct_url.json").write_text(text)
        return shlex.split(install_line("science"))

    return note


PIP = [sys.executable, "-m", "pip", "install"]


def test_from_an_index(installed):
    assert installed() == [*PIP, "cutaway[science]"]


@pytest.mark.parametrize("editable", [True, False])
def test_from_a_clone(installed, tmp_path, editable):
    clone = tmp_path / "a clone"
    clone.mkdir()
    (clone / "constraints.txt").write_text("")
    words = installed({"url": clone.as_uri(), "dir_info": {"editable": editable}})
    flag = ["-e"] if editable else []
    assert words == [*PIP, "-c", "a clone/constraints.txt", *flag, "a clone[science]"]
    (clone / "constraints.txt").unlink()
    assert installed() == [*PIP, *flag, "a clone[science]"]


def test_in_the_clone_itself(installed, tmp_path, monkeypatch):
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    words = installed({"url": (tmp_path / "clone").as_uri(), "dir_info": {"editable": True}})
    assert words == [*PIP, "-e", ".[science]"]


@pytest.mark.parametrize(
    ("record", "last"),
    [
        ({"url": "file:///nowhere/clone", "dir_info": {"editable": True}}, "cutaway[science]"),
        ({"url": "https://e.org/c.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
         "cutaway[science] @ git+https://e.org/c.git@ab12"),
        ({"url": "file:///tmp/cutaway-9.whl", "archive_info": {}}, "cutaway[science] @ file:///tmp/cutaway-9.whl"),
        ("no JSON", "cutaway[science]"),
    ],
)  # fmt: skip
def test_from_elsewhere(installed, record, last):
    assert installed(record) == [*PIP, last]


def test_the_shell_reads_it_as_it_is_meant(installed, tmp_path):
    clone = tmp_path / "it's [one]"
    clone.mkdir()
    installed({"url": clone.as_uri(), "dir_info": {}})
    line = install_line("science").replace(shlex.quote(sys.executable), "printf '%s\\n'", 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["-m", "pip", "install", "it's [one][science]"]

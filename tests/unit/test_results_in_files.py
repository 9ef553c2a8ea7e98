"""Several results in one file: an array in .json, a line each in .jsonl; who is to blame for what can't be written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

import cutaway
from cutaway.errors import DiskFull, OutputError, cannot_write
from cutaway.result import save_results
from tests.unit.commands import run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_json_file_holds_one_value(tiny_gpt2) -> None:
    found = [cutaway.tokenize(text, str(tiny_gpt2)) for text in ("one", "two", "three\n")]
    for count in range(4):
        save_results(found[:count], "x.json")
        said = json.loads(Path("x.json").read_text())
        assert said == (found[0].to_dict() if count == 1 else [one.to_dict() for one in found[:count]])
        save_results(found[:count], "x.jsonl")
        lines = [json.loads(line) for line in Path("x.jsonl").read_text().splitlines()]
        assert lines == [one.to_dict() for one in found[:count]]


def test_commands_with_several_results_write_one_value(tiny_gpt2, capsys) -> None:
    Path("corpus.txt").write_text("the river ran by the bank\nthe bank ran by the river\n" * 4)
    commands = {
        "neighbours": ["neighbours", "river", "bank", "--corpus", "corpus.txt", "--min-count", 1],
        "generation": ["generate", "one", "-n", 2, "--max-new-tokens", 3],
    }
    for schema, command in commands.items():
        words = [*command, "-m", tiny_gpt2]
        for name in ("x.json", "x.jsonl"):
            code, _, err = run(capsys, *words, "-o", name, "--force")
            assert code == 0, err
        said = json.loads(Path("x.json").read_text())
        assert isinstance(said, list) and len(said) == 2
        assert said == [json.loads(line) for line in Path("x.jsonl").read_text().splitlines()]
        assert {one["schema"].partition("/")[0] for one in said} == {f"cutaway.{schema}"}


def test_a_bad_place_is_the_callers_and_a_full_disk_is_not() -> None:
    for number in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ENAMETOOLONG, errno.EROFS):
        error = cannot_write("can't", OSError(number, os.strerror(number)), hint="")
        assert type(error) is OutputError and error.exit_code == 2
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        error = cannot_write("can't", OSError(number, os.strerror(number)), hint="")
        assert type(error) is DiskFull and error.exit_code == 1


@pytest.mark.parametrize("place", ["nowhere/x", "file/x", "folder", "x" * 300])
def test_every_command_that_writes_says_so_with_2(place, tiny_gpt2, capsys) -> None:
    Path("file").write_text("mine")
    for suffix in (".json", ".html", ".jsonl"):
        Path(f"folder{suffix}").mkdir()
    commands = {
        ".json": [["tokenize", "a", "-m", tiny_gpt2], ["score", "a", "-m", tiny_gpt2], ["train", "--steps", 1]],
        ".html": [["generate", "a", "-m", tiny_gpt2], ["tour"], ["neighbours", "a", "-m", tiny_gpt2]],
        ".jsonl": [["records", "file"], ["sweep", "a", "-m", tiny_gpt2]],
    }
    for suffix, some in commands.items():
        for words in some:
            code, out, err = run(capsys, *words, "-o", place + suffix)
            assert (code, out) == (2, "") and len(err.splitlines()) == 2, (words, err)
    if place.startswith("file"):  # folders that are not there are made
        make = ["tokenizer", "train", "file", "--format", "txt", "--kind", "char", "-o"]
        for words in (make, ["train", "--steps", 1, "-o"]):
            code, _, err = run(capsys, *words, place)
            assert code == 2 and "'file" in err, (words, err)  # the name given, or the file that is in its way

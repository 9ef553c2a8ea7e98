"""What the tests of training share: tiny settings, a clock that they turn, and the records of a folder."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from cutaway.training import StepRecord, train

TINY: dict[str, Any] = {
    "layers": 1, "heads": 2, "width": 16, "context": 32, "batch_size": 4, "steps": 4, "threads": 1, "samples": 0,
}  # fmt: skip
"""A run of a few hundredths of a second."""

LONGER: dict[str, Any] = TINY | {"steps": 12, "save_every": 4, "validate_every": 4}
"""A run with three validations and checkpoints."""


class FakeClock:
    """A clock that stands still unless a test turns it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def lines(folder: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Return the records of a run's folder."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def computed(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a step computed, without how long it took."""
    return {name: value for name, value in record.items() if name not in ("seconds", "tokens_per_second")}


def checkpoints(folder: Path) -> list[str]:
    """Return the names of what lies in the checkpoints' folder."""
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


class Killed(BaseException):
    """Ends a run at a step as if the process had died there; nothing in the program catches it."""


def killed_at(step: int, folder: Path, **settings: Any) -> None:
    """Begin a run and let it die after a step."""

    def kill(record: StepRecord) -> None:
        if record.step == step:
            raise Killed

    with pytest.raises(Killed):
        train(**{**LONGER, **settings}, output=folder, on_step=kill)
    saves_ended()


def saves_ended() -> None:
    """Wait for a save that went on in a thread of a run that is gone."""
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join()


def assert_same(folder: Path, whole: Path) -> None:
    """Check that every record but its time, and every weight, is that of the run that nothing interrupted."""
    assert [computed(line) for line in lines(folder)] == [computed(line) for line in lines(whole)]
    assert lines(folder, "validation.jsonl") == lines(whole, "validation.jsonl")
    assert lines(folder, "samples.jsonl") == lines(whole, "samples.jsonl")
    assert (folder / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not [path.name for path in folder.rglob("*.part")]

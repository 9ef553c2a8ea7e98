"""The exact entropy of a source is a floor: a model that sees what it must not see falls below it, and is found out."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cutaway.training import Batch, Batcher, Settings, TrainingRun
from tests.unit.training_runs import TINY


@pytest.fixture(scope="module")
def floors() -> ModuleType:
    """The script benchmarks/floors.py."""
    path = Path(__file__).parents[2] / "benchmarks" / "floors.py"
    spec = importlib.util.spec_from_file_location("floors", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["floors"] = module  # its dataclass looks for it there
    spec.loader.exec_module(module)
    return module


def trained() -> TrainingRun:
    run = TrainingRun(Settings.of(**TINY | {"data": "built-in:markov-dna", "width": 32, "steps": 60, "batch_size": 16}))
    run.train()
    return run


def test_an_honest_model_is_above_the_floor(floors: ModuleType) -> None:
    found = floors.gap(trained(), 64)
    assert 0 < found.error < 0.05
    assert found.bits > -3 * found.error
    with pytest.raises(AssertionError, match="bits above the floor"):
        dataclasses.replace(found, bits=0.3).check()
    dataclasses.replace(found, bits=0.01).check()


def test_a_model_that_sees_the_next_letter_is_found_out(floors: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Batcher.batch

    def leaky(self: Batcher, *arguments: Any) -> Batch:
        batch = honest(self, *arguments)
        ids_BT = batch.inputs["input_ids"]
        return dataclasses.replace(batch, inputs={**batch.inputs, "input_ids": batch.targets.clamp(min=0) + 0 * ids_BT})

    monkeypatch.setattr(Batcher, "batch", leaky)
    found = floors.gap(trained(), 64)
    assert found.bits < -1
    with pytest.raises(AssertionError, match="below the floor, so it must leak"):
        found.check()

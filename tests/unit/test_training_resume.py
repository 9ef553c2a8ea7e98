"""A run that was cut off: the same call goes on as if nothing had happened, whatever was left or lost."""

from __future__ import annotations

import functools
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cutaway.errors import CorruptFile, InputError
from cutaway.training import StepRecord, run, train
from cutaway.training.schedule import Clock
from tests.unit.training_runs import (
    LONGER,
    TINY,
    FakeClock,
    Killed,
    assert_same,
    checkpoints,
    computed,
    killed_at,
    lines,
    saves_ended,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(**LONGER, output=folder)
    return folder


# --- going on


@pytest.mark.parametrize("step", [1, 4, 7, 8, 11, 12])
def test_a_run_that_was_killed_goes_on_as_if_nothing_had_happened(step: int, tmp_path: Path, whole: Path) -> None:
    killed_at(step, tmp_path)
    result = train(**LONGER, output=tmp_path)
    assert_same(tmp_path, whole)
    assert result.resumed_at == ((step - 1) // 4 * 4 or None)
    assert [record.step for record in result.metrics] == list(range(1, 13))
    assert [record.step for record in result.validation] == [0, 4, 8, 12]


@pytest.mark.parametrize("settings", [{"dropout": 0.2}, {"optimizer": "adamw", "arch": "llama"}, {"samples": 2}])
def test_this_holds_with_dropout_adamw_and_samples(settings: dict[str, Any], tmp_path: Path) -> None:
    train(**{**LONGER, **settings}, output=tmp_path / "whole")
    killed_at(6, tmp_path / "killed", **settings)
    train(**{**LONGER, **settings}, output=tmp_path / "killed")
    assert_same(tmp_path / "killed", tmp_path / "whole")


def test_a_kill_between_a_checkpoint_and_its_validation_loses_neither(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cutaway.training import loop

    validate = loop.validate

    def die_at_8(job: Any, step: int) -> Any:
        if step == 8:
            raise Killed
        return validate(job, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", die_at_8)
        with pytest.raises(Killed):
            train(**LONGER, output=tmp_path)
    saves_ended()
    train(**LONGER, output=tmp_path)
    assert_same(tmp_path, whole)


def test_a_complete_run_is_complete(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    (folder / "model.safetensors").unlink()  # killed while the model was saved
    result = train(**LONGER, output=folder, on_step=lambda record: pytest.fail("a step was made"))
    assert (result.resumed_at, result.steps, result.final_loss) == (
        12,
        12,
        lines(whole, "validation.jsonl")[-1]["loss"],
    )
    assert_same(folder, whole)


def test_an_interrupted_run_leaves_whole_lines_and_goes_on(tmp_path: Path, whole: Path) -> None:
    def interrupt(record: StepRecord) -> None:
        if record.step == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(**LONGER, output=tmp_path, on_step=interrupt)
    # The signal came after step 6 was made; the next step ends the run, with a checkpoint.
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, 8))
    assert checkpoints(tmp_path) == ["step-00000004", "step-00000007"]
    assert not (tmp_path / "model.safetensors").exists()
    result = train(**LONGER, output=tmp_path)
    assert result.resumed_at == 7
    assert_same(tmp_path, whole)


def test_steps_may_be_raised_and_the_losses_that_stay_are_those_of_a_constant_rate(tmp_path: Path) -> None:
    train(**LONGER, output=tmp_path)
    result = train(**{**LONGER, "steps": 20}, output=tmp_path)
    assert (result.resumed_at, result.steps) == (12, 20)
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, 21))
    assert [line["place"] for line in lines(tmp_path)][12:] == [step / 20 for step in range(13, 21)]
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["steps"] == 20


def test_raised_steps_make_later_records_anew_even_if_that_is_cut_off(tmp_path: Path) -> None:
    killed_at(7, tmp_path)
    again = {**LONGER, "steps": 20}
    with pytest.MonkeyPatch.context() as patch:

        def die(*_: Any) -> None:
            raise Killed

        patch.setattr("cutaway.training.run_folder.RunFolder.drop_after", die)
        with pytest.raises(Killed):  # after run.json has the new length, before the old records are gone
            train(**again, output=tmp_path)
    saves_ended()
    train(**again, output=tmp_path)
    assert [line["place"] for line in lines(tmp_path)][4:] == [step / 20 for step in range(5, 21)]


def test_what_the_clock_decided_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(run, "Clock", functools.partial(Clock, now=clock))

    def turn(seconds: float, until: int | None = None) -> Callable[[StepRecord], None]:
        def on_step(record: StepRecord) -> None:
            clock.seconds += seconds
            if record.step == until:
                raise Killed

        return on_step

    settings: dict[str, Any] = {**LONGER, "steps": None, "minutes": 0.5}
    with pytest.raises(Killed):
        train(**settings, output=tmp_path, on_step=turn(1.0, until=11))
    saves_ended()
    before = [computed(line) for line in lines(tmp_path)]
    result = train(**settings, output=tmp_path, on_step=turn(2.0))
    assert result.resumed_at == 8
    assert [computed(line) for line in lines(tmp_path)][:11] == before
    assert result.steps == pytest.approx(8 + 22 / 2, abs=2) and result.metrics[-1].learning_rate == 0
    assert train(**settings, output=tmp_path).steps == result.steps  # and it is complete


def test_the_best_of_before_counts_for_patience(tmp_path: Path) -> None:
    settings = {**LONGER, "steps": 400, "learning_rate": 1e-12, "patience": 4}
    train(**settings, output=tmp_path / "whole")
    steps = [line["step"] for line in lines(tmp_path / "whole")]
    killed_at(steps[-1] - 5, tmp_path / "killed", **settings)
    result = train(**settings, output=tmp_path / "killed")
    assert_same(tmp_path / "killed", tmp_path / "whole")
    assert result.stopped.startswith("no better loss")
    again = train(**settings, output=tmp_path / "killed")
    assert again.steps == result.steps


def test_a_run_that_ends_early_keeps_its_best_weights(tmp_path: Path) -> None:
    """The rate is so high that the loss soon rises; called again, it says the same."""
    settings = {**LONGER, "steps": 400, "learning_rate": 0.3, "warmup": 12, "patience": 3, "validate_every": 4}
    result = train(**settings, output=tmp_path / "whole")
    losses = {record.step: record.loss for record in result.validation}
    assert result.stopped.startswith("no better loss") and result.steps > result.best_step
    assert result.final_loss == min(losses.values()) < losses[result.steps]
    weights = load_file(tmp_path / "whole" / "model.safetensors")
    best = tmp_path / "whole" / "checkpoints" / f"step-{result.best_step:08d}"
    kept = {}
    for file in best.glob("*.safetensors"):
        kept |= {name.removeprefix("model."): value for name, value in load_file(file).items()}
    assert all(torch.equal(value, kept[name]) for name, value in weights.items())
    again = train(**settings, output=tmp_path / "whole")  # it is complete
    assert again.final_loss == result.final_loss
    after = load_file(tmp_path / "whole" / "model.safetensors")
    assert all(torch.equal(value, after[name]) for name, value in weights.items())


# --- damage


def test_a_checkpoint_cut_short_is_not_used_and_replaced(
    tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed_at(11, tmp_path)
    [file] = (tmp_path / "checkpoints" / "step-00000008").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1])
    result = train(**LONGER, output=tmp_path)
    assert result.resumed_at == 4
    assert re.search(r"step-00000008' is damaged and is not used: .* is cut short", caplog.text)
    assert_same(tmp_path, whole)
    caplog.clear()
    train(**LONGER, output=tmp_path)
    assert "damaged" not in caplog.text


def test_a_checkpoint_without_a_part_of_the_optimizer_is_refused(tmp_path: Path) -> None:
    killed_at(7, tmp_path)
    [file] = (tmp_path / "checkpoints" / "step-00000004").glob("*.safetensors")
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    gone = next(name for name in sorted(tensors) if name.endswith("exp_avg"))
    save_file({name: tensor for name, tensor in tensors.items() if name != gone}, file, metadata)
    record = json.loads((file.parent / "checkpoint.json").read_text())
    record["files"] = {file.name: file.stat().st_size}
    (file.parent / "checkpoint.json").write_text(json.dumps(record))
    with pytest.raises(CorruptFile, match=rf"does not fit: '{re.escape(gone)}' is missing in it"):
        train(**LONGER, output=tmp_path)


def test_a_line_cut_short_and_lost_records_are_made_anew(tmp_path: Path, whole: Path) -> None:
    killed_at(11, tmp_path)
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:-20])
    train(**LONGER, output=tmp_path)
    assert_same(tmp_path, whole)


def test_lost_records_are_said_and_no_reason_to_begin_anew(
    tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed_at(11, tmp_path)
    for path in tmp_path.glob("*.jsonl"):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    result = train(**LONGER, output=tmp_path)
    assert result.resumed_at == 8
    assert "metrics.jsonl has lost the records of 7 steps" in caplog.text
    assert [line["step"] for line in lines(tmp_path)] == [1, 9, 10, 11, 12]
    assert [computed(line) for line in lines(tmp_path)][1:] == [computed(line) for line in lines(whole)][8:]
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    complete = train(**LONGER, output=tmp_path)
    assert (complete.steps, complete.final_loss) == (12, result.final_loss)


@pytest.mark.parametrize("left", ["run.json.part", "run.json.lock"])
def test_what_a_kill_at_the_very_start_leaves_is_no_obstacle(left: str, tmp_path: Path) -> None:
    (tmp_path / left).write_text("{")
    assert train(**TINY, output=tmp_path).steps == 4


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "cutaway.run/9"}', "null"])
def test_a_damaged_record_of_a_run_is_reported(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json' can't be read") as caught:
        train(**TINY, output=tmp_path)
    assert caught.value.hint is not None and "another folder" in caught.value.hint

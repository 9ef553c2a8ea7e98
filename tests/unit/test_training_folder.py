"""The folder of a run: what lies in it, what a second start finds there, and what it refuses."""

from __future__ import annotations

import dataclasses
import functools
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import filelock
import pytest
import torch
import transformers

from cutaway.errors import InputError, OutputError, TrainingError
from cutaway.training import Settings, StepRecord, TrainingRun, run, train
from cutaway.training.schedule import Clock
from tests.unit.training_runs import (
    LONGER,
    TINY,
    FakeClock,
    assert_same,
    checkpoints,
    lines,
    saves_ended,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(**LONGER, output=folder)
    return folder


# --- what is in it


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_the_folder_loads_with_plain_transformers(tmp_path: Path, arch: str) -> None:
    output = tmp_path / "new" / "model"
    run_ = TrainingRun(Settings.of(**{**TINY, "samples": 2}, arch=arch))
    seen: list[StepRecord] = []
    result = run_.train(output=output, on_step=seen.append)
    assert (result.directory, result.name) == (str(output), "model")

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(output)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(output)
    assert model.config.model_type == arch
    text = "The animal didn't\n cross"
    batch = tokenizer(text, return_tensors="pt")
    assert batch["input_ids"][0].tolist() == run_.model.tokenizer.encode(text).ids
    assert tokenizer.decode(batch["input_ids"][0], skip_special_tokens=True) == text
    with torch.no_grad():
        logits_BTV = model(input_ids=batch["input_ids"]).logits
        assert torch.equal(logits_BTV, run_.model.module(input_ids=batch["input_ids"]).logits)

    assert lines(output) == [dataclasses.asdict(record) for record in result.metrics] and seen == list(result.metrics)
    assert lines(output, "validation.jsonl") == [dataclasses.asdict(record) for record in result.validation]
    assert [len(line["texts"]) for line in lines(output, "samples.jsonl")] == [2] * len(result.validation)
    assert f"{result.final_loss:.4f} nats per prediction" in (output / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in output.parent.iterdir()] == ["model"]
    assert {path.name for path in output.iterdir()} >= {"run.json", "checkpoints", "tokenizer.json", "config.json"}
    assert not list(output.glob("*.lock")) and not list(output.rglob("*.part"))


def test_the_card_says_that_the_clock_cut_a_run_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(run, "Clock", functools.partial(Clock, now=clock))
    train(
        **{**TINY, "steps": 1000}, minutes=0.5, output=tmp_path / "out",
        on_step=lambda record: setattr(clock, "seconds", clock.seconds + 1),
    )  # fmt: skip
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"| {len(lines(tmp_path / 'out')):,} steps of 4 rows" in card
    assert "followed the clock from step" in card and "1 thread," in card


def test_the_last_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    run_ = TrainingRun(Settings.of(**{**LONGER, "steps": 24, "keep": 2}))

    def spoil(record: StepRecord) -> None:
        if record.step == 9:
            for parameter in run_.model.module.parameters():
                parameter.data.mul_(30)

    result = run_.train(output=tmp_path, on_step=spoil)
    assert result.best_step == 8
    kept = {f"step-{step:08d}" for step in (result.best_step, 20, 24)}
    assert set(checkpoints(tmp_path)) == kept


# --- refused


def test_another_runs_folder_is_refused_and_says_what_differs(whole: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"other settings: `width` was 16, and is 32 now \(and `seed`\)"):
        train(**{**LONGER, "width": 32, "seed": 5}, output=whole)
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}


def test_other_records_under_the_same_name_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "story.txt"
    text.write_text("Once upon a time there was a café.\n" * 40, encoding="utf-8")
    train(text, **TINY, output=tmp_path / "out")
    text.write_text("Once upon a time there was an inn.\n" * 40, encoding="utf-8")
    with pytest.raises(InputError, match="other settings: `data` was 'other records'"):
        train(text, **TINY, output=tmp_path / "out")


def test_a_folder_that_another_run_writes_into_is_refused(whole: Path) -> None:
    with filelock.FileLock(whole / "run.json.lock"), pytest.raises(InputError, match="another run is writing into"):
        train(**LONGER, output=whole)
    assert train(**LONGER, output=whole).steps == 12


def test_the_lock_that_is_given_back_is_nobody_elses(tmp_path: Path) -> None:
    """The file goes before the lock: who waits for the old file never shares a folder with one who made a new."""
    seen: list[bool] = []
    release = filelock.FileLock.release

    def look(self: Any, *args: Any, **more: Any) -> None:
        seen.append(Path(self.lock_file).exists())
        release(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filelock.FileLock, "release", look)
        train(**TINY, output=tmp_path)
    assert seen[0] is False


def test_a_folder_of_something_else_is_refused_and_stays(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "README.md").write_text("mine")
    with pytest.raises(OutputError, match="taken' is not empty") as caught:
        train(**TINY, output=taken)
    assert caught.value.hint is not None and "new folder" in caught.value.hint
    assert [path.name for path in taken.iterdir()] == ["README.md"]
    for place in (taken / "README.md", taken / "README.md" / "below"):
        with pytest.raises(OutputError, match="is a file, not a folder"):
            train(**TINY, output=place)


def test_refused_data_leave_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file 'absent"):
        train("absent.txt", **TINY, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_writable_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"can't write to .*: Permission denied"):
        train(**TINY, output=tmp_path / "out")


# --- failures on the way


def test_nan_ends_the_run_and_keeps_what_is_complete(tmp_path: Path) -> None:
    run_ = TrainingRun(Settings.of(**LONGER))

    def spoil(record: StepRecord) -> None:
        if record.step == 8:
            next(run_.model.module.parameters()).data.fill_(float("nan"))

    with pytest.raises(TrainingError, match=r"loss is nan at step 9|held-out rows is nan at step 8"):
        run_.train(output=tmp_path, on_step=spoil)
    assert "step-00000004" in checkpoints(tmp_path)
    assert not [name for name in checkpoints(tmp_path) if name.endswith(".part")]
    assert not (tmp_path / "model.safetensors").exists()


def test_a_full_disk_during_a_save_names_the_cause_and_loses_nothing(tmp_path: Path, whole: Path) -> None:
    """The limit of a file's size is as real as a full disk, and belongs to this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(record: StepRecord) -> None:
        if record.step == 6:
            saves_ended()
            resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, hard))

    try:
        with pytest.raises(OutputError, match=r"can't save a checkpoint in .*File too large") as caught:
            train(**LONGER, output=tmp_path, on_step=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(str(caught.value).splitlines()) == 2  # with the hint
    assert caught.value.hint is not None and "goes on from the last complete checkpoint" in caught.value.hint
    assert "step-00000004" in checkpoints(tmp_path) and "step-00000008" not in checkpoints(tmp_path)
    assert train(**LONGER, output=tmp_path).resumed_at == 4
    assert_same(tmp_path, whole)


def test_a_full_disk_while_records_are_written_is_said_in_words(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(record: StepRecord) -> None:
        if record.step == 6:
            saves_ended()
            resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "metrics.jsonl").stat().st_size + 100, hard))

    try:
        with pytest.raises(OutputError, match=r"can't write to .*File too large"):
            train(**{**LONGER, "save_every": 5}, output=tmp_path, on_step=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    result = train(**{**LONGER, "save_every": 5}, output=tmp_path)
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, 13)) and result.resumed_at == 5


def test_the_interrupted_command_exits_with_130(tmp_path: Path) -> None:
    shape = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "32", "--steps", "100000"]
    with subprocess.Popen(
        [sys.executable, "-m", "cutaway", "train", *shape, "-o", str(tmp_path / "out")],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        end = time.monotonic() + 120
        while not (tmp_path / "out" / "metrics.jsonl").exists() or not lines(tmp_path / "out"):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    [name] = checkpoints(tmp_path / "out")
    assert name == f"step-{lines(tmp_path / 'out')[-1]['step']:08d}"

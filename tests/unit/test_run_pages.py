"""What people see of a run: its page, TensorBoard's event files, the panel of a terminal, and two runs compared."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cutaway.cli import cli
from cutaway.errors import InputError, OutputError
from cutaway.folders import check_new_folder
from cutaway.training import Settings, StepRecord, Training, TrainingRun, compare_runs, read_run, train
from cutaway.training.run_page import page_record, thinned
from cutaway.views.terminal_curve import loss_curve
from tests.unit.test_progress import on_a_terminal

TINY: dict[str, Any] = {"layers": 1, "heads": 2, "width": 16, "context": 32, "batch_size": 4, "validate_every": 4}
with_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of complete runs."""
    place = tmp_path_factory.mktemp("runs")
    train(output=place / "a", steps=12, **TINY)
    train(output=place / "b", steps=16, learning_rate=1e-3, **TINY)
    train(output=place / "seed", steps=12, seed=5, **TINY)
    text = place / "story.txt"
    text.write_text("Once upon a time there was a naïve café.\nIt ended well.\n" * 60, encoding="utf-8")
    train(str(text), output=place / "text", steps=8, **TINY)
    return {name: place / name for name in ("a", "b", "seed", "text")}


def on_page(folder: Path) -> dict[str, Any]:
    """The record that the page of a run draws."""
    text = (folder / "page.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="records">(.*?)</script>', text)
    assert found is not None
    [record] = json.loads(found[1])
    return dict(record)


# --- the page


def test_the_page_is_there_from_the_first_validation_and_complete_at_the_end(tmp_path: Path) -> None:
    folder, seen = tmp_path / "run", []

    def look(record: Any) -> None:
        if isinstance(record, StepRecord):
            seen.append(on_page(folder))

    result = train(output=folder, on_step=look, steps=6, **TINY)
    assert [record["live"]["every"] for record in seen] == [15.0] * 6  # written once: a page is due every 15 s
    assert (seen[0]["steps"], seen[0]["stopped"], len(seen[0]["validation"])) == (0, "now", 1)
    whole = on_page(folder)
    assert "live" not in whole
    assert whole == result.to_dict() | {"every": 1}
    assert not list(folder.glob(".page*")), "a file that was to become the page is left"


def test_a_page_is_due_again_after_15_seconds_or_when_it_costs_half_a_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cutaway.training import run_page

    run = TrainingRun(Settings.of(steps=2, **TINY))
    result = run.train()
    written: list[str] = []
    now = [0.0]

    def so_far(stopped: str) -> Training:
        written.append(stopped)
        now[0] += cost
        return result

    monkeypatch.setattr(run_page.time, "monotonic", lambda: now[0])
    for cost, expected in ((0.01, 15.0), (0.5, 100.0)):
        page, start = run_page.RunPage(tmp_path, so_far), now[0]
        page.look()
        for wait, count in ((expected - 1, 1), (expected + 1, 2)):
            now[0] = start + cost + wait
            page.look()
            assert len(written) == count
        written.clear()


@pytest.mark.parametrize(
    ("error", "stopped"), [(KeyboardInterrupt, "it was interrupted"), (ZeroDivisionError, "an error")]
)
def test_the_page_of_a_run_that_ended_early_does_not_load_again(
    tmp_path: Path, error: type[BaseException], stopped: str
) -> None:
    def fail(record: Any) -> None:
        if isinstance(record, StepRecord) and record.step == 3:
            raise error

    with pytest.raises(error):
        train(output=tmp_path / "run", on_step=fail, steps=9, **TINY)
    record = on_page(tmp_path / "run")
    assert (record["steps"], record["stopped"], "live" in record) == (3, stopped, False)


def test_a_page_that_cannot_be_written_does_not_end_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"

    def block(record: Any) -> None:
        if record.step == 1 and (folder / "page.html").is_file():
            (folder / "page.html").unlink()
            (folder / "page.html").mkdir()

    assert train(output=folder, on_step=block, steps=5, **TINY).steps == 5
    assert capfd.readouterr().err.count("page of the run is not written") == 1


def test_many_steps_are_put_together_on_a_page(runs: dict[str, Path]) -> None:
    result = read_run(runs["a"])
    some = thinned(result.metrics, 5)
    assert [one.step for one in some] == [5, 10, 12]
    assert some[0].loss == pytest.approx(np.mean([step.loss for step in result.metrics[:5]]))
    assert some[2].gradient_norm == max(step.gradient_norm for step in result.metrics[10:])
    assert some[1].tokens == result.metrics[9].tokens
    many = tuple(dataclasses.replace(result.metrics[0], step=i) for i in range(1, 2502))
    record = page_record(dataclasses.replace(result, metrics=many))
    assert record["every"] == 3
    assert len(record["metrics"]) == 834
    assert record["metrics"][-1]["step"] == 2501


# --- what a folder says of its run


def test_a_run_read_from_its_folder_is_the_result(tmp_path: Path) -> None:
    result = train(output=tmp_path / "run", steps=6, **TINY)
    assert read_run(tmp_path / "run") == result


def test_a_run_that_was_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    def stop(record: Any) -> None:
        if isinstance(record, StepRecord) and record.step == 6:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        train(output=tmp_path / "run", on_step=stop, steps=9, **TINY)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    result = read_run(tmp_path / "run")
    assert (result.steps, result.stopped, result.validation[-1].step) == (6, "it was interrupted", 4)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "run.json").unlink(), "has no run.json"),
        (lambda folder: (folder / "run.json").write_text("{"), "can't be read"),
        (lambda folder: (folder / "validation.jsonl").unlink(), "has not validated yet"),
        (lambda folder: (folder / "metrics.jsonl").write_text('{"step": 1, "place": 1}\n'), "missing 8 required"),
    ],
)
def test_a_folder_that_is_not_a_whole_run_is_refused(tmp_path: Path, break_it: Any, message: str) -> None:
    train(output=tmp_path / "run", steps=2, tensorboard=False, **TINY)
    break_it(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        read_run(tmp_path / "run")


# --- guesses


def test_guesses_by_frequency_are_those_of_counted_characters() -> None:
    run = TrainingRun(Settings.of(steps=1, **TINY))
    result = run.train()
    rows = [run.data.rows.row(0, i).ids[1:].tolist() for i in range(4 * 64)]  # 64 steps of 4 rows
    counts = collections.Counter(token for row in rows for token in row)
    total = sum(counts.values()) + result.vocab_size
    held_out = [token for row in run.data.rows.held_out(64) for token in row.ids[1:].tolist()]
    nats = [-math.log((counts[token] + 1) / total) for token in held_out]
    assert result.baselines["frequencies"] == pytest.approx(sum(nats) / len(nats), rel=1e-12)
    assert result.baselines["uniform"] == math.log(result.vocab_size)


def test_guesses_of_labels_and_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("ACGT"), size=12)) for _ in range(200)]
    numbers, labels = rng.normal(5, 2, size=200), rng.choice(["x", "y", "z"], size=200, p=[0.7, 0.2, 0.1])
    table = tmp_path / "table.csv"
    lines = (f"{w},{n},{label}\n" for w, n, label in zip(words, numbers, labels, strict=True))
    table.write_text("sequence,number,label\n" + "".join(lines))
    options = {"alphabet": "dna", "column": "sequence", "steps": 60, "held_out": 0.2, **TINY}
    of_numbers = train(str(table), objective="numbers", label_column="number", **options).baselines
    assert of_numbers["mean"] == pytest.approx(1.0, abs=0.45)  # of numbers whose spread is 1
    of_labels = train(str(table), objective="classes", label_column="label", **options).baselines
    assert of_labels["uniform"] == pytest.approx(math.log(3))
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert of_labels["frequencies"] == pytest.approx(entropy, abs=0.25)


# --- TensorBoard


def events_of(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    return read.Reload()


@with_tensorboard
def test_tensorboard_reads_what_the_run_recorded(runs: dict[str, Path]) -> None:
    result, read = read_run(runs["a"]), events_of(runs["a"])
    for tag, records in (("train/loss", result.metrics), ("held-out/loss", result.validation)):
        found = read.Scalars(tag)
        assert [event.step for event in found] == [record.step for record in records]
        assert [event.value for event in found] == pytest.approx([record.loss for record in records], rel=1e-6)
    rates = [step.learning_rate for step in result.metrics]
    assert [event.value for event in read.Scalars("train/learning_rate")] == pytest.approx(rates, rel=1e-6)
    [text] = read.Tensors("samples/0")[-1].tensor_proto.string_val
    assert [line[4:] for line in text.decode().split("\n")] == result.samples[-1].texts[0].split("\n")
    assert (runs["a"] / "model.safetensors").is_file()  # the model was saved beside them


@with_tensorboard
def test_tensorboard_sees_each_step_once_after_a_resume(tmp_path: Path) -> None:
    def stop(record: Any) -> None:
        if isinstance(record, StepRecord) and record.step == 7:
            raise KeyboardInterrupt

    options = {"output": tmp_path / "run", "steps": 10, "save_every": 5, **TINY}
    with contextlib.suppress(KeyboardInterrupt):
        train(on_step=stop, **options)
    assert train(**options).resumed_at == 5
    assert len(list((tmp_path / "run").glob("events.out.tfevents.*"))) == 2
    assert [event.step for event in events_of(tmp_path / "run").Scalars("train/loss")] == list(range(1, 11))


@with_tensorboard
@pytest.mark.nightly
def test_event_files_do_not_import_tensorflow(tmp_path: Path) -> None:
    """TensorFlow takes seconds to import, and TensorBoard's own helpers import it if it is installed."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise SystemExit('tensorflow was imported')")
    code = f"from cutaway.training import train\ntrain(output={str(tmp_path / 'run')!r}, steps=1, **{TINY!r})"
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": paths})
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def test_without_tensorboard_nothing_is_written_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # how Python marks a package that can't be imported
    train(output=tmp_path / "run", steps=1, **TINY)
    assert not list((tmp_path / "run").glob("events*"))
    with pytest.raises(InputError, match="tensorboard, which is not installed"):
        train(output=tmp_path / "other", steps=1, tensorboard=True, **TINY)
    assert not (tmp_path / "other").exists()


def test_event_files_need_a_folder_and_can_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder of a run"):
        train(steps=1, tensorboard=True, **TINY)
    train(output=tmp_path / "run", steps=1, tensorboard=False, **TINY)
    assert not list((tmp_path / "run").glob("events*"))


def test_a_folder_may_hold_what_a_pattern_names(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.17.host").touch()
    assert check_new_folder(tmp_path, beside=("events.out.tfevents.*",)) == tmp_path
    (tmp_path / "notes.events").touch()
    with pytest.raises(OutputError, match="not empty"):
        check_new_folder(tmp_path, beside=("events.out.tfevents.*",))


# --- terminals


def test_a_curve_is_where_its_numbers_are() -> None:
    """A straight line from the upper left to the lower right, a floor at the foot, and circles on the line."""
    line = [(float(x), 10.0 - x / 10) for x in range(101)]
    rows = loss_curve(line, [(50.0, 5.0), (100.0, 0.0)], 0.0, "bits", width=48, height=8).plain.split("\n")
    assert rows[0].startswith("bits") and "floor 0.00" in rows[0]
    drawn = [row[8:] for row in rows[1:9]]
    assert all(len(row) == 40 for row in drawn)
    for number, row in enumerate(drawn):
        ink = [x for x, sign in enumerate(row) if sign not in " ┄"]
        assert 5 * number - 2 <= min(ink) and max(ink) <= 5 * number + 6
    assert drawn[3][20] == "○" and drawn[7][39] == "○"  # 9.5, after the first steps, is at the top
    assert drawn[7].startswith("┄┄┄")
    assert rows[9].endswith("step 100")


@pytest.mark.parametrize("points", [[], [(1.0, 3.0)], [(1.0, 3.0), (2.0, 3.0)]])
def test_a_curve_of_few_points_is_drawn(points: list[tuple[float, float]]) -> None:
    assert len(loss_curve(points, points, None, "bits").plain.split("\n")) == 10


CODE = """
import cutaway.cli.bars as bars
bars.Bars.after, bars.Bars.with_more = 0.0, 0.05
from cutaway.cli import main
main(["train", "--steps", "60", "--layers", "1", "--width", "16", "--heads", "2", "--context", "32",
      "--validate-every", "20"])
"""


def test_a_terminal_has_a_panel_that_goes_away_and_breaks_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    seen = on_a_terminal(
        "import sys\nsys.argv = ['cutaway']\n" + CODE.replace("main([", "sys.argv += ([").replace("])", "]); main()")
    )
    erased, _, after = seen.rpartition("\x1b[2K")
    assert re.search(r"loss \d\.\d{3} .*learning rate.*tokens/s", erased)
    assert "of peak speed" in erased
    assert re.search(r"\d+:\d+:\d+ training built-in-gpt2: [\d,]+ parameters, 60 steps", seen)
    assert re.search(r"\d+:\d+:\d+ trained for 60 steps in", seen)
    assert "learning rate" not in after and "floor" in after


def test_a_pipe_has_no_panel() -> None:
    code = "import sys\n" + CODE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr + done.stdout and "tokens/s" not in done.stderr


# --- two runs


def test_what_differs_between_runs_is_named(runs: dict[str, Path]) -> None:
    found = compare_runs(runs["a"], runs["b"])
    assert [(one.group, one.name, one.a, one.b) for one in found.differences] == [
        ("settings", "steps", 12, 16),
        ("settings", "learning_rate", None, 1e-3),
        ("model", "planned_steps", 12, 16),
        ("model", "peak_learning_rate", read_run(runs["a"]).peak_learning_rate, 1e-3),
    ]
    assert found.same_rows
    a, b = read_run(runs["a"]), read_run(runs["b"])
    assert a.final_loss < b.final_loss  # at this rate nothing is learned in 16 steps
    assert found.summary[0] == (
        f"A ends at the lower held-out loss: {a.final_loss:.4f} against {b.final_loss:.4f} per prediction, "
        f"{b.final_loss - a.final_loss:.4f} nats ({(b.final_loss - a.final_loss) / math.log(2):.4f} bits) less."
    )
    first = next(check.step for check in a.validation if check.loss <= b.final_loss)
    assert f"after {first} steps (B: 16)" in found.summary[1]
    assert [point.loss for point in found.b.checked] == [check.loss for check in b.validation]
    assert [point.tokens for point in found.a.learned] == [step.tokens for step in a.metrics]


def test_runs_that_differ_in_the_seed_differ_by_chance(runs: dict[str, Path]) -> None:
    assert "is chance" in compare_runs(runs["a"], runs["seed"]).summary[-1]


def test_a_run_equals_itself(runs: dict[str, Path]) -> None:
    found = compare_runs(runs["a"], runs["a"])
    assert found.differences == ()
    assert "same held-out loss" in found.summary[0]
    assert found.summary[-1] == "They differ in nothing that was given or decided."


def test_losses_on_other_rows_are_not_compared(runs: dict[str, Path]) -> None:
    found = compare_runs(runs["a"], runs["text"])
    assert not found.same_rows
    assert "can't be compared" in found.summary[0]
    assert not any("lower" in sentence for sentence in found.summary)


def test_the_command_compares_two_runs(runs: dict[str, Path], tmp_path: Path, run_cli: Any) -> None:
    names = [str(runs["a"]), str(runs["b"])]
    shown = run_cli("compare", *names)
    assert "learning_rate" in shown and "A writes after step 12:" in shown
    assert json.loads(run_cli("compare", *names, "--json")) == compare_runs(*names).to_dict()
    run_cli("compare", *names, "-o", str(tmp_path / "x.csv"))
    rows = (tmp_path / "x.csv").read_text().splitlines()
    assert rows[0] == "run,data,step,tokens,seconds,loss"
    assert len(rows) == 1 + 12 + 4 + 16 + 5
    with pytest.raises(InputError, match=r"can't be saved as \.png"):
        run_cli("compare", *names, "-o", str(tmp_path / "x.png"))


def test_two_runs_and_a_text_are_two_models(runs: dict[str, Path], run_cli: Any) -> None:
    found = json.loads(run_cli("compare", str(runs["a"]), str(runs["b"]), "the goose", "--json"))
    assert found["schema"] == "cutaway.comparison/1"


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        cli.main(args=list(arguments), prog_name="cutaway", standalone_mode=False)
        return capsys.readouterr().out

    return run

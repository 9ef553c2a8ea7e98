"""`cutaway.training`: rows, schedule, loop, and what lies in the folder afterwards."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from cutaway.errors import InputError, MissingText, OutputError, TrainingError
from cutaway.sequences import SENTENCES
from cutaway.training import (
    END,
    Settings,
    SourceRows,
    StepRecord,
    TextRows,
    Training,
    TrainingRun,
    ValidationRecord,
    character_tokenizer,
    configuration,
    fit,
    learning_rate,
    pace,
    text_ids,
    train,
)

TINY: dict[str, Any] = {"layers": 1, "heads": 2, "width": 16, "context": 32, "batch_size": 4, "steps": 4}
TOKENIZER = character_tokenizer([SENTENCES.alphabet])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small gain nothing from a second thread, and wait for it where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text("Once upon a time there was a naïve café.\nIt ended well.\n" * 30, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def learned() -> Training:
    """A run long enough to learn letters and the commonest words."""
    return train(layers=2, heads=2, width=32, context=64, steps=80, learning_rate=2e-2, validate_every=40)


# --- vocabulary


def test_any_text_of_the_alphabet_comes_back() -> None:
    text = "  two  spaces,\n\n\ttabs\r\n and naïve 日本語 e\u0301 .\n"
    tokenizer = character_tokenizer([text])
    ids = tokenizer.encode(text).ids
    assert len(ids) == len(text) + 1
    assert ids[0] == tokenizer.vocabulary[END] == 0
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode("Q").tokens == [END, "<unk>"]


def test_ids_of_a_long_text_are_those_of_the_tokenizer() -> None:
    text = "abc\n" * 5000 + "<|end|>"
    tokenizer = character_tokenizer([text])
    ids = text_ids(text, tokenizer)
    # What spells a special token in a file is text like any other.
    assert tokenizer.decode(ids.tolist()) == text
    assert ids[:-7].tolist() == tokenizer.encode(text[:-7], add_special_tokens=False).ids


# --- rows


def test_a_row_depends_on_seed_step_and_index_alone() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 100)
    again = SourceRows(SENTENCES, TOKENIZER, 100)
    backwards = {index: again.row(7, 3, index).tolist() for index in reversed(range(4))}
    assert [rows.row(7, 3, index).tolist() for index in range(4)] == [backwards[index] for index in range(4)]
    keys = [(2**32, 1, 0), (0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 1, 0), (1, 0, 0)]
    assert len({tuple(rows.row(*key).tolist()) for key in keys}) == len(keys)


def test_source_rows_are_the_end_token_and_sentences_from_their_start() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 150)
    row = rows.row(0, 1, 0)
    assert row.shape == (151,)
    assert row[0] == TOKENIZER.vocabulary[END]
    text = TOKENIZER.decode(row[1:].tolist())
    assert len(text) == 150
    assert SENTENCES.surprisal(text).shape == (150,)


def test_a_longer_row_goes_on_where_the_shorter_stops() -> None:
    short, long = (SourceRows(SENTENCES, TOKENIZER, context).row(0, 1, 0) for context in (40, 90))
    np.testing.assert_array_equal(short, long[:41])


def test_the_floor_is_the_surprisal_of_the_very_rows() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 80)
    validation_BT = rows.validation(5)
    texts = [TOKENIZER.decode(row[1:].tolist()) for row in validation_BT]
    expected = np.mean([SENTENCES.surprisal(text).sum() / 80 for text in texts])
    assert rows.floor(validation_BT) == pytest.approx(float(expected))


def test_validation_rows_are_never_trained_on() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 200)
    held_out = {tuple(row.tolist()) for row in rows.validation(8)}
    trained = {tuple(rows.row(0, step, index).tolist()) for step in range(1, 9) for index in range(8)}
    assert len(held_out) == 8
    assert not held_out & trained


def test_text_rows_are_windows_and_the_tail_is_held_out() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(2000))  # every character once: a window says where it is
    tokenizer = character_tokenizer([text])
    rows = TextRows.of(text, tokenizer, 30, "numbers.txt")
    trained = set()
    for step in range(1, 200):
        row = rows.row(0, step, 0)
        np.testing.assert_array_equal(row, rows.row(0, step, 0))
        assert row.shape == (31,)
        assert row[0] == tokenizer.vocabulary[END]
        np.testing.assert_array_equal(np.diff(row[1:]), 1)
        trained |= set(row[1:].tolist())
    validation_BT = rows.validation(64)
    assert validation_BT.shape == (100 // 30, 31)
    held_out = validation_BT[:, 1:].flatten().tolist()
    assert len(set(held_out)) == len(held_out)
    assert max(trained) < text_ids(text[1900], tokenizer)[0] <= min(held_out)
    assert rows.validation(2).shape == (2, 31)


def test_a_text_of_exactly_two_rows_is_enough() -> None:
    rows = TextRows.of("ab" * 30, character_tokenizer(["ab"]), 30, "short.txt")
    assert rows.row(0, 1, 0).shape == (31,)
    assert rows.validation(64).shape == (1, 31)


# --- settings and schedule


def test_schedule() -> None:
    rates = [learning_rate(step, peak=2.0, warmup=10, steps=110) for step in range(1, 111)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[4] == pytest.approx(1.0)
    assert rates[9] == max(rates) == 2.0
    assert rates[59] == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert rates[-1] == pytest.approx(0.2)
    assert all(a > b for a, b in itertools.pairwise(rates[9:]))


def test_schedule_without_warmup_and_all_warmup() -> None:
    assert learning_rate(1, peak=1.0, warmup=0, steps=1) == pytest.approx(0.1)
    assert learning_rate(5, peak=1.0, warmup=5, steps=5) == 1.0


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_configuration_has_the_numbers_asked_for(arch: str) -> None:
    settings = Settings(arch=arch, layers=3, heads=2, width=24, context=50)
    config = configuration(settings, vocab_size=31)
    assert config.model_type == arch
    numbers = (config.num_hidden_layers, config.num_attention_heads, config.hidden_size, config.vocab_size)
    assert numbers == (3, 2, 24, 31)
    assert config.max_position_embeddings == 50
    assert config.bos_token_id == config.eos_token_id == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arch": "rnn"}, "no architecture 'rnn'"),
        ({"width": 30, "heads": 4}, "`width` is 30, which can't be divided among 4 heads"),
        ({"arch": "llama", "width": 12, "heads": 4}, "`width` is 12, 3 for each head"),
        ({"layers": 0}, "`layers` is 0"),
        ({"heads": 0}, "`heads` is 0"),
        ({"batch_size": -1}, "`batch_size` is -1"),
        ({"context": 1.5}, "`context` is 1.5"),
        ({"steps": True}, "`steps` is True"),
        ({"validate_every": 0}, "`validate_every` is 0"),
        ({"warmup": -1}, "`warmup` is -1"),
        ({"warmup": 11, "steps": 10}, "`warmup` is 11 steps, more than the whole run, which has 10"),
        ({"learning_rate": 0.0}, "`learning_rate` is 0"),
        ({"learning_rate": math.nan}, "`learning_rate` is nan"),
        ({"weight_decay": -0.1}, "`weight_decay` is -0.1"),
        ({"seed": -1}, "`seed` is -1"),
        ({"seed": 2**63}, "`seed` is 9223372036854775808"),
        ({"seed": True}, "`seed` is True"),
        ({"seconds": 0.0}, "`seconds` is 0.0; it must be above 0"),
        ({"seconds": math.nan}, "`seconds` is nan"),
        ({"threads": 0}, "`threads` is 0"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(**{**TINY, **settings})


def test_train_takes_every_setting_with_the_same_default() -> None:
    parameters = inspect.signature(train).parameters
    for field in dataclasses.fields(Settings):
        assert parameters[field.name].default == field.default
    assert set(parameters) == {field.name for field in dataclasses.fields(Settings)} | {"output", "on_step"}


# --- the loop


def test_an_untrained_model_is_close_to_uniform_and_training_learns(learned: Training) -> None:
    uniform = math.log(len(TOKENIZER.vocabulary))
    assert learned.validation[0].loss == pytest.approx(uniform, abs=0.5)
    losses = [record.loss for record in learned.validation]
    assert losses == sorted(losses, reverse=True)
    assert learned.final_loss < uniform / 2


def test_no_validation_loss_is_below_the_floor(learned: Training) -> None:
    assert learned.final_floor is not None
    assert 0.05 < learned.final_floor < 0.2
    assert all(record.loss > record.floor for record in learned.validation if record.floor is not None)
    assert {record.floor for record in learned.validation} == {learned.final_floor}


def test_a_training_says_what_was_done(learned: Training) -> None:
    assert [record.step for record in learned.metrics] == list(range(1, 81))
    assert [record.step for record in learned.validation] == [0, 40, 80]
    assert learned.metrics[-1].tokens == learned.tokens_seen == 80 * 8 * 64
    assert learned.final_loss == learned.validation[-1].loss
    assert learned.floor == SENTENCES.nats_per_character
    assert (learned.source, learned.architecture, learned.directory) == ("built-in", "gpt2", None)
    assert [field.name for field in dataclasses.fields(Training)] == [
        "name", "source", "directory", "architecture", "parameters", "context", "batch_size", "steps", "threads",
        "hurried_at", "tokens_seen", "seconds", "floor", "floor_label", "metrics", "validation", "final_loss",
        "final_floor",
    ]  # fmt: skip
    record = learned.to_dict()
    assert record["schema"] == "cutaway.training/1"
    assert set(record["metrics"][0]) == {"step", "loss", "learning_rate", "gradient_norm", "tokens"}
    assert set(record["validation"][0]) == {"step", "loss", "floor"}


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_the_same_seed_gives_the_same_losses_to_the_bit(arch: str) -> None:
    first = train(**TINY, arch=arch, seed=3)
    torch.rand(5)  # the state of torch's own random numbers plays no part
    second = train(**TINY, arch=arch, seed=3)
    assert first.metrics == second.metrics
    assert first.validation == second.validation
    other = train(**TINY, arch=arch, seed=4)
    assert other.metrics[0].loss != first.metrics[0].loss
    assert other.final_floor == first.final_floor


def test_building_and_training_leave_the_global_random_numbers_alone() -> None:
    before = torch.random.get_rng_state()
    train(**TINY)
    assert torch.equal(before, torch.random.get_rng_state())


def test_one_step_is_adamw_as_written() -> None:
    settings = Settings(**{**TINY, "steps": 1, "warmup": 1, "learning_rate": 1e-2, "weight_decay": 0.5})
    run, twin = TrainingRun(settings), TrainingRun(settings)
    result = run.train()
    module, parameters = twin.model.module, list(twin.model.module.parameters())
    ids_BT = torch.from_numpy(np.stack([twin.rows.row(0, 1, index) for index in range(4)]))
    logits_BTV = module(input_ids=ids_BT[:, :-1]).logits
    loss = -logits_BTV.log_softmax(-1).gather(-1, ids_BT[:, 1:, None]).mean()
    assert result.metrics[0].loss == pytest.approx(loss.item(), abs=1e-5)
    loss.backward()
    norm = torch.sqrt(sum(((p.grad.double() ** 2).sum() for p in parameters), torch.zeros((), dtype=torch.double)))
    assert result.metrics[0].gradient_norm == pytest.approx(norm.item(), rel=1e-4)
    for before, after in zip(parameters, run.model.module.parameters(), strict=True):
        gradient = before.grad * min(1.0, 1.0 / norm.item())
        # The first step of Adam is the sign of the gradient, but for epsilon.
        step = gradient / (gradient.abs() + 1e-8)
        decay = 0.5 if before.dim() >= 2 else 0.0
        expected = before.detach() * (1 - 1e-2 * decay) - 1e-2 * step
        torch.testing.assert_close(after.detach(), expected, atol=2e-4, rtol=0)


def test_a_run_shows_its_model_before_and_after_and_trains_once() -> None:
    run = TrainingRun(Settings(**TINY))
    ids_BT = torch.tensor([[0, 5, 6]])
    before = run.model.module(input_ids=ids_BT).logits
    model, result = run.model, run.train()
    after = run.model.module(input_ids=ids_BT).logits
    assert run.model is model
    assert not model.module.training
    assert result.parameters == sum(p.numel() for p in model.module.parameters())
    assert not torch.equal(before, after)
    with pytest.raises(TrainingError, match="trained before"):
        run.train()


def test_fit_yields_records_as_they_happen() -> None:
    settings = Settings(**TINY, validate_every=3)
    run = TrainingRun(settings)
    records = fit(run.model.module, run.rows, settings)
    kinds = [(type(record), record.step) for record in records]
    assert kinds == [
        (ValidationRecord, 0),
        (StepRecord, 1),
        (StepRecord, 2),
        (StepRecord, 3),
        (ValidationRecord, 3),
        (StepRecord, 4),
        (ValidationRecord, 4),
    ]


def test_reported_losses_are_float64_means_over_all_predictions() -> None:
    settings = Settings(**{**TINY, "steps": 1, "batch_size": 48})  # 64 rows are no multiple of it
    run = TrainingRun(settings)
    rows = {0: run.rows.validation(64), 1: np.stack([run.rows.row(settings.seed, 1, i) for i in range(48)])}
    expected = {}
    for name, rows_BT in rows.items():
        ids_BT = torch.from_numpy(rows_BT)
        with torch.no_grad():
            logits_BTV = run.model.module(ids_BT[:, :-1]).logits.double()
        own_BT = logits_BTV.gather(2, ids_BT[:, 1:, None])[..., 0]
        expected[name] = float((logits_BTV.logsumexp(-1) - own_BT).mean())
    validation, step, *_ = fit(run.model.module, run.rows, settings)
    assert validation.loss == pytest.approx(expected[0], abs=5e-8)
    assert step.loss == pytest.approx(expected[1], abs=5e-8)


def test_a_nan_loss_ends_the_run_and_names_the_step() -> None:
    run = TrainingRun(Settings(**TINY))

    def spoil(record: StepRecord) -> None:
        if record.step == 2:
            next(run.model.module.parameters()).data.fill_(math.nan)

    with pytest.raises(TrainingError, match="loss is nan at step 3"):
        run.train(on_step=spoil)


def test_a_run_that_ends_in_nan_leaves_no_files(tmp_path: Path) -> None:
    output = tmp_path / "out"
    run = TrainingRun(Settings(**TINY))

    def spoil(record: StepRecord) -> None:
        assert (output / "metrics.jsonl").exists()
        if record.step == 2:
            next(run.model.module.parameters()).data.fill_(math.nan)

    with pytest.raises(TrainingError, match="loss is nan"):
        run.train(output=output, on_step=spoil)
    assert not output.exists()
    output.mkdir()
    (output / "README.md").touch()  # a folder that holds something else is refused before, and never taken away
    with pytest.raises(OutputError):
        train(**TINY, output=output)
    assert (output / "README.md").exists()


def test_settings_may_be_numbers_of_numpy(tmp_path: Path) -> None:
    options = TINY | {"learning_rate": np.float32(0.005), "steps": np.int64(3), "weight_decay": np.float16(0.5)}
    result = train(**options, output=tmp_path / "out")
    record = json.loads(result.to_json())
    assert record["steps"] == 3 and len((tmp_path / "out" / "metrics.jsonl").read_text().splitlines()) == 3
    assert record["metrics"][-1]["learning_rate"] == pytest.approx(0.0005, rel=1e-3)


def test_an_interrupted_run_leaves_whole_lines_and_no_model(tmp_path: Path) -> None:
    def interrupt(record: StepRecord) -> None:
        if record.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(**TINY, output=tmp_path / "out", on_step=interrupt)
    assert [json.loads(line)["step"] for line in (tmp_path / "out" / "metrics.jsonl").open()] == [1, 2]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"metrics.jsonl", "validation.jsonl"}


# --- seconds and threads


def test_a_run_ends_with_its_seconds_and_comes_down_to_the_last_rate() -> None:
    result = train(**{**TINY, "steps": 1_000_000}, seconds=2.0)
    assert result.steps == len(result.metrics) == result.metrics[-1].step < 1_000_000
    assert result.seconds < 10
    assert result.metrics[-1].learning_rate == pytest.approx(Settings.learning_rate / 10, rel=1e-3)
    assert result.validation[-1].step == result.steps


def test_a_run_that_was_not_hurried_is_repeated_by_its_steps() -> None:
    short = train(**{**TINY, "steps": 20}, seconds=60.0)
    assert (short.steps, short.hurried_at) == (20, None)
    assert train(**{**TINY, "steps": 20}).metrics == short.metrics


def test_a_machine_that_becomes_slower_shortens_the_run_and_not_its_schedule() -> None:
    def delay(record: StepRecord) -> None:
        if record.step > 5:
            time.sleep(0.05)  # what the pace, measured before, knew nothing of

    result = train(**{**TINY, "steps": 100_000}, seconds=2.0, on_step=delay)
    assert result.hurried_at is not None and 1 < result.hurried_at <= result.steps < 60
    assert result.seconds < 10
    rates = [record.learning_rate for record in result.metrics]
    after = rates[rates.index(max(rates)) :]
    assert after == sorted(after, reverse=True)
    assert rates[-1] == pytest.approx(Settings.learning_rate / 10)


def test_measuring_the_pace_does_not_change_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(**TINY)
    monkeypatch.setattr(pace, "SMALL", 0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # so that one thread it is, but measured
    measured = train(**TINY, seconds=60.0)
    assert measured.metrics == first.metrics and measured.validation == first.validation


def test_threads_are_those_asked_for_and_restored() -> None:
    before, seen = torch.get_num_threads(), []
    result = train(**TINY, threads=2, on_step=lambda record: seen.append(torch.get_num_threads()))
    assert result.threads == 2 and set(seen) == {2} and torch.get_num_threads() == before
    with pytest.raises(TrainingError):
        broken = TrainingRun(Settings(**TINY, threads=2, learning_rate=1e30))
        broken.train()
    assert torch.get_num_threads() == before


def test_a_small_model_takes_one_thread_and_a_larger_one_what_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(4)
    try:
        assert train(**TINY).threads == 1
        monkeypatch.setattr(pace, "SMALL", 0.0)
        run = TrainingRun(Settings(**TINY))
        times = {1: 1.0, 2: 0.6, 4: 0.58}
        monkeypatch.setattr(pace, "_step_seconds", lambda *_: times[torch.get_num_threads()])
        assert pace.measured(run.model.module, run.rows, run.settings).threads == 2  # 4 are hardly faster
        times[2] = 30.0  # as on a busy machine
        assert pace.measured(run.model.module, run.rows, run.settings).threads == 1
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(1)


def test_the_card_says_that_the_clock_cut_a_run_short(tmp_path: Path) -> None:
    train(
        **{**TINY, "steps": 100_000}, seconds=1.5, output=tmp_path / "out",
        on_step=lambda record: time.sleep(0.05 if record.step > 5 else 0),
    )  # fmt: skip
    steps = len((tmp_path / "out" / "metrics.jsonl").read_text().splitlines())
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"| {steps:,} steps of 4 rows" in card and "followed the clock from step" in card and "1 thread;" in card


# --- files


def test_training_on_a_text_file(text_file: Path) -> None:
    result = train(text_file, **TINY)
    assert result.source == str(text_file)
    assert result.floor is None
    assert result.final_floor is None
    assert result.final_loss < result.validation[0].loss
    assert json.loads(result.to_json())["validation"][0]["floor"] is None


def test_unreadable_data_are_refused(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("too short")
    with pytest.raises(InputError, match=r"short\.txt' has 9 tokens; training needs at least 64"):
        train(short, **TINY)
    with pytest.raises(InputError, match="no file 'absent"):
        train("absent.txt", **TINY, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    empty = tmp_path / "empty.txt"
    empty.touch()
    with pytest.raises(MissingText):
        train(empty, **TINY)


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_the_folder_loads_with_plain_transformers(tmp_path: Path, arch: str) -> None:
    output = tmp_path / "new" / "model"
    run = TrainingRun(Settings(**TINY, arch=arch))
    seen: list[StepRecord] = []
    result = run.train(output=output, on_step=seen.append)
    assert result.directory == str(output)
    assert result.name == "model"

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(output)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(output)
    assert model.config.model_type == arch
    text = "The animal didn't\n cross"
    batch = tokenizer(text, return_tensors="pt")
    assert batch["input_ids"][0].tolist() == run.model.tokenizer.encode(text).ids
    assert tokenizer.decode(batch["input_ids"][0], skip_special_tokens=True) == text
    with torch.no_grad():
        logits_BTV = model(input_ids=batch["input_ids"]).logits
        assert torch.equal(logits_BTV, run.model.module(input_ids=batch["input_ids"]).logits)
    assert model.generation_config.pad_token_id == 0

    lines = [json.loads(line) for line in (output / "metrics.jsonl").open()]
    assert lines == [dataclasses.asdict(record) for record in result.metrics]
    assert seen == list(result.metrics)
    lines = [json.loads(line) for line in (output / "validation.jsonl").open()]
    assert lines == [dataclasses.asdict(record) for record in result.validation]
    card = (output / "README.md").read_text(encoding="utf-8")
    assert f"{result.final_loss:.4f} nats per character" in card
    assert [path.name for path in output.parent.iterdir()] == ["model"]


def test_an_output_folder_must_be_empty_and_a_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    train(**TINY, output=taken)
    before = {path.name: path.read_bytes() for path in taken.iterdir()}
    with pytest.raises(OutputError, match="taken' is not empty") as caught:
        train(**TINY, output=taken)
    assert caught.value.hint is not None
    assert "new folder" in caught.value.hint
    assert before == {path.name: path.read_bytes() for path in taken.iterdir()}
    for place in (taken / "config.json", taken / "config.json" / "below"):
        with pytest.raises(OutputError, match="is a file, not a folder"):
            train(**TINY, output=place)


def test_a_folder_that_is_not_writable_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"can't write to .*: Permission denied"):
        train(**TINY, output=tmp_path / "out")

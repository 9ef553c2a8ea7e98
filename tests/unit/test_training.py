"""`cutaway.training`: settings, schedule, loop and optimizers, against formulas, torch's own and a clock of our own."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import pytest
import torch

from cutaway.errors import InputError, TrainingError
from cutaway.sequences import SENTENCES
from cutaway.training import Settings, StepRecord, Training, TrainingRun, learning_rate, run, train
from cutaway.training.schedule import Clock
from tests.unit.training_runs import TINY, FakeClock, computed


@pytest.fixture(scope="module")
def learned() -> Training:
    """A run long enough to learn letters and the commonest words."""
    return train(layers=2, heads=2, width=32, context=64, steps=80, threads=1, validate_every=40)


def steps_of(result: Training) -> list[dict[str, Any]]:
    return [computed(dataclasses.asdict(record)) for record in result.metrics]


# --- settings and schedule


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arch": "rnn"}, "no arch 'rnn'"),
        ({"objective": "guess"}, "no objective 'guess'"),
        ({"optimizer": "sgd"}, "no optimizer 'sgd'"),
        ({"schedule": "flat"}, "no schedule 'flat'"),
        ({"size": "huge"}, "no size 'huge'"),
        ({"width": 30, "heads": 4}, "`width` is 30, which can't be divided among 4 heads"),
        ({"arch": "llama", "width": 12, "heads": 4}, "`width` is 12, 3 for each head"),
        ({"arch": "t5"}, "t5 can't be trained for 'causal'"),
        ({"layers": 0}, "`layers` is 0"),
        ({"heads": 0}, "`heads` is 0"),
        ({"batch_size": -1}, "`batch_size` is -1"),
        ({"micro_batch": 0}, "`micro_batch` is 0"),
        ({"context": 1.5}, "`context` is 1.5"),
        ({"steps": True}, "`steps` is True"),
        ({"epochs": 2}, "`steps` and `epochs` both say how long"),
        ({"steps": None, "epochs": 2}, "'built-in' never ends, so it has no epochs"),
        ({"validate_every": 0}, "`validate_every` is 0"),
        ({"warmup": -1}, "`warmup` is -1"),
        ({"warmup": 11, "steps": 10}, "`warmup` is 11 steps, more than the whole run, which has 10"),
        ({"learning_rate": 0.0}, "`learning_rate` is 0"),
        ({"learning_rate": math.nan}, "`learning_rate` is nan"),
        ({"weight_decay": -0.1}, "`weight_decay` is -0.1"),
        ({"minutes": 0.0}, "`minutes` is 0.0; it must be above 0"),
        ({"minutes": math.nan}, "`minutes` is nan"),
        ({"seed": -1}, "`seed` is -1"),
        ({"seed": 2**63}, "`seed` is 9223372036854775808"),
        ({"threads": 0}, "`threads` is 0"),
        ({"mask_share": 1.0}, "`mask_share` is 1.0"),
        ({"held_out": 0.0}, "`held_out` is 0.0"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"data": "built-in:dreams"}, "no source 'built-in:dreams'"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(**{**TINY, **settings})


def test_a_setting_that_does_not_exist_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="no setting 'lr'"):
        train(**TINY, lr=1.0)


def test_schedules_are_as_published() -> None:
    rates = [learning_rate(step, step / 110, peak=2.0, warmup=10, schedule="cosine") for step in range(1, 111)]
    assert rates[4] == pytest.approx(1.0 * (0.1 + 0.9 * (1 + math.cos(math.pi * 5 / 110)) / 2))
    assert rates[54] == pytest.approx(2.0 * 0.55)
    assert rates[-1] == pytest.approx(0.2)
    rates = [learning_rate(step, step / 100, peak=2.0, warmup=10, schedule="wsd") for step in range(1, 101)]
    np.testing.assert_allclose(rates[:10], np.linspace(0.2, 2.0, 10))
    assert set(rates[9:70]) == {2.0}
    np.testing.assert_allclose(rates[69:], np.linspace(2.0, 0.0, 31), atol=1e-12)


def test_settings_may_be_numbers_of_numpy() -> None:
    options = TINY | {"learning_rate": np.float32(0.005), "steps": np.int64(3), "weight_decay": np.float16(0.5)}
    result = train(**options)
    assert result.steps == 3 and result.peak_learning_rate == pytest.approx(0.005)
    assert result.to_json()


# --- learning


def test_an_untrained_model_is_close_to_uniform_and_training_learns(learned: Training) -> None:
    uniform = math.log(len(SENTENCES.alphabet) + 2)
    assert learned.validation[0].loss == pytest.approx(uniform, abs=0.5)
    losses = [record.loss for record in learned.validation]
    assert losses == sorted(losses, reverse=True)
    assert learned.final_loss < uniform / 2
    assert learned.bits_per_symbol == pytest.approx(learned.final_loss / math.log(2))


def test_no_validation_loss_is_below_the_floor(learned: Training) -> None:
    assert learned.final_floor is not None
    assert 0.05 < learned.final_floor < 0.2
    assert all(record.loss > record.floor for record in learned.validation if record.floor is not None)
    assert {record.floor for record in learned.validation} == {learned.final_floor}


def test_a_training_says_what_was_done(learned: Training) -> None:
    assert [record.step for record in learned.metrics] == list(range(1, 81))
    assert [record.step for record in learned.validation] == [0, 40, 80]
    assert learned.metrics[-1].tokens == learned.tokens_seen == learned.metrics[-1].symbols == 80 * 8 * 64
    assert learned.final_loss == learned.validation[-1].loss
    assert learned.floor == SENTENCES.nats_per_character
    assert (learned.source, learned.architecture, learned.directory) == ("built-in", "gpt2", None)
    assert (learned.ranks, learned.resumed_at, learned.hurried_at, learned.stopped) == (1, None, None, "the end")
    record = learned.to_dict()
    assert record["schema"] == "cutaway.training/1"
    assert set(record["metrics"][0]) == {field.name for field in dataclasses.fields(StepRecord)}


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_the_same_seed_gives_the_same_losses_to_the_bit(arch: str) -> None:
    first = train(**TINY, arch=arch, seed=3)
    torch.rand(5)  # the state of torch's own random numbers plays no part
    second = train(**TINY, arch=arch, seed=3)
    assert steps_of(first) == steps_of(second)
    assert first.validation == second.validation
    other = train(**TINY, arch=arch, seed=4)
    assert other.metrics[0].loss != first.metrics[0].loss
    assert other.final_floor == first.final_floor


def test_dropout_depends_on_the_seed_and_leaves_the_global_random_numbers_alone() -> None:
    settings = {**TINY, "dropout": 0.3}
    before = torch.random.get_rng_state()
    first = train(**settings)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(7)
    assert steps_of(train(**settings)) == steps_of(first)
    assert steps_of(train(**settings, seed=1)) != steps_of(first) != steps_of(train(**TINY))


def test_micro_batches_change_no_step() -> None:
    whole = train(**TINY, micro_batch=4)
    parts = train(**TINY, micro_batch=3)
    assert parts.metrics[0].loss == pytest.approx(whole.metrics[0].loss, abs=1e-7)
    np.testing.assert_allclose(  # Muon turns differences of rounding into larger ones
        [record.loss for record in parts.metrics], [record.loss for record in whole.metrics], atol=1e-4
    )
    assert [record.rows for record in parts.metrics] == [record.rows for record in whole.metrics]
    assert parts.final_loss == pytest.approx(whole.final_loss, abs=1e-4)


# --- records


def test_reported_losses_are_float64_means_over_all_predictions() -> None:
    run_ = TrainingRun(Settings.of(**{**TINY, "steps": 1, "batch_size": 48}))  # 64 rows are no multiple of it
    rows = {0: run_.data.rows.held_out(64), 1: [run_.data.rows.row(0, index) for index in range(48)]}
    expected = {}
    for name, chosen in rows.items():
        ids_BT = torch.from_numpy(np.stack([row.ids for row in chosen]))
        with torch.no_grad():
            logits_BTV = run_.model.module(ids_BT[:, :-1]).logits.double()
        own_BT = logits_BTV.gather(2, ids_BT[:, 1:, None])[..., 0]
        expected[name] = float((logits_BTV.logsumexp(-1) - own_BT).mean())
    result = run_.train()
    assert result.validation[0].loss == pytest.approx(expected[0], abs=5e-8)
    assert result.metrics[0].loss == pytest.approx(expected[1], abs=5e-8)


def test_a_run_shows_its_model_before_and_after_and_trains_once() -> None:
    run_ = TrainingRun(Settings.of(**TINY))
    ids_BT = torch.tensor([[0, 5, 6]])
    before = run_.model.module(input_ids=ids_BT).logits
    result = run_.train()
    after = run_.model.module(input_ids=ids_BT).logits
    assert not run_.model.module.training
    assert result.parameters == sum(p.numel() for p in run_.model.module.parameters())
    assert not torch.equal(before, after)
    with pytest.raises(TrainingError, match="trained before"):
        run_.train()


def test_a_nan_loss_ends_the_run_and_names_the_step() -> None:
    run_ = TrainingRun(Settings.of(**TINY))

    def spoil(record: StepRecord) -> None:
        if record.step == 2:
            next(run_.model.module.parameters()).data.fill_(math.nan)

    with pytest.raises(TrainingError, match="loss is nan at step 3"):
        run_.train(on_step=spoil)


# --- length


def by_clock(monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0, **settings: Any) -> Training:
    """Train with a clock of which each step takes so many seconds."""
    clock = FakeClock()
    monkeypatch.setattr(run, "Clock", functools.partial(Clock, now=clock))

    def turn(record: StepRecord) -> None:
        clock.seconds += seconds

    return train(**{**TINY, **settings}, on_step=turn)


def test_a_length_in_steps_or_tokens(text_of_letters: str) -> None:
    assert train(**{**TINY, "steps": 3}).steps == 3
    assert train(**{**TINY, "steps": None, "tokens": 640}).tokens_seen == 640  # 5 steps of 4 × 32
    epochs = train(text_of_letters, **{**TINY, "steps": None, "epochs": 2})
    assert epochs.tokens_seen == pytest.approx(2 * 1900, abs=4 * 33)


@pytest.fixture
def text_of_letters(tmp_path: Any) -> str:
    path = tmp_path / "letters.txt"
    path.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 2000)))
    return str(path)


def test_a_length_in_minutes_ends_with_the_time_and_at_the_schedules_end(monkeypatch: pytest.MonkeyPatch) -> None:
    result = by_clock(monkeypatch, steps=None, minutes=2.0)
    assert result.steps == pytest.approx(120, abs=1) and result.seconds == pytest.approx(120, abs=1)
    rates = [record.learning_rate for record in result.metrics]
    assert rates[-1] == 0 and max(rates) == result.peak_learning_rate
    after = rates[rates.index(max(rates)) :]
    assert after == sorted(after, reverse=True)
    assert [record.place for record in result.metrics] == sorted(record.place for record in result.metrics)


@pytest.mark.parametrize("steps", [None, 1_000_000])
def test_the_rate_is_at_its_peak_long_before_a_clock_ends_the_run(
    steps: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = by_clock(monkeypatch, steps=steps, minutes=0.5)
    assert result.steps == pytest.approx(30, abs=1) and result.hurried_at is not None
    at_peak = [record.step for record in result.metrics if record.learning_rate == result.peak_learning_rate]
    assert at_peak and at_peak[0] <= 4 and len(at_peak) > 12


def test_a_warmup_that_is_given_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    result = by_clock(monkeypatch, steps=None, minutes=0.5, warmup=10)
    np.testing.assert_allclose(
        [record.learning_rate / result.peak_learning_rate for record in result.metrics[:10]], np.linspace(0.1, 1, 10)
    )


def test_a_machine_that_becomes_slower_shortens_the_run_and_not_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = by_clock(monkeypatch, steps=20, minutes=1.0)
    assert (quick.steps, quick.hurried_at) == (20, None)
    slow = by_clock(monkeypatch, 6.0, steps=20, minutes=1.0)
    assert slow.hurried_at is not None and slow.steps == pytest.approx(10, abs=1)
    assert slow.metrics[-1].learning_rate == 0
    assert steps_of(quick) == steps_of(train(**{**TINY, "steps": 20}))


def test_patience_ends_a_run_that_learns_no_more() -> None:
    result = train(**{**TINY, "steps": 400, "learning_rate": 1e-12, "validate_every": 5}, patience=3)
    assert result.stopped == "no better loss in 3 validations"
    assert result.steps < 400 and result.validation[-1].step == result.steps
    assert len(result.validation) - 1 - [v.step for v in result.validation].index(result.best_step) == 3


# --- threads


def test_threads_are_those_asked_for_and_restored() -> None:
    before, seen = torch.get_num_threads(), []
    settings = {**TINY, "threads": 2}
    result = train(**settings, on_step=lambda record: seen.append(torch.get_num_threads()))
    assert result.threads == 2 and set(seen) == {2} and torch.get_num_threads() == before
    with pytest.raises(TrainingError):
        train(**{**settings, "learning_rate": 1e30})
    assert torch.get_num_threads() == before


def test_trials_do_not_change_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from cutaway.training import trials

    settings = {**TINY, "precision": "float32", "attention": "sdpa", "threads": None}
    first = train(**settings)
    timed: list[Any] = []
    seconds = trials._seconds
    monkeypatch.setattr(trials, "SMALL", 0.0)
    monkeypatch.setattr(trials, "_WORTH", 0.0)  # nothing is ever taken, whatever was measured
    monkeypatch.setattr(trials, "_seconds", lambda *a: timed.append(a) or seconds(*a))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert steps_of(train(**settings)) == steps_of(first)
    assert len(timed) == 2

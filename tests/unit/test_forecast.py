"""Forecasts: a model that was trained on a known series, its baselines by hand, and bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import cutaway
from cutaway.errors import InputError, WrongKind
from cutaway.evaluation import evaluate_forecasts
from cutaway.prediction.series_baselines import climatology, persistence
from cutaway.tokens import save_tokenizer, train_tokenizer

STEPS = 12


def wave(steps: int, start: float = 0) -> np.ndarray:
    """Two channels with a period of 6 steps: a wave, and a number that is 0 half of the time."""
    time = np.arange(start, start + steps)
    return np.stack([20 + 5 * np.sin(time * np.pi / 3), np.maximum(0, np.round(3 * np.cos(time * np.pi / 3), 1))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of the series, and a model that learned windows of it almost by heart."""
    place = tmp_path_factory.mktemp("forecast")
    random = np.random.default_rng(0)
    noise = np.array([0.3, 0.0])[:, None]
    windows = [wave(STEPS, t) + random.normal(size=(2, STEPS)) * noise for t in range(400)]
    lines = [json.dumps({"series": window.tolist()}) for window in windows]
    (place / "windows.jsonl").write_text("\n".join(lines) + "\n")
    tokenizer = train_tokenizer(windows, "bins", vocab_size=120, method="quantile", scale="fixed")
    tokenizer.config["cutaway"] |= {
        "columns": ["warm", "rain"], "ranges": [[15.0, 25.0], [0.0, 3.0]], "season": 6, "step": "hour",
    }  # fmt: skip
    save_tokenizer(tokenizer, place / "tokenizer")
    cutaway.train(
        place / "windows.jsonl", alphabet="series", tokenizer=place / "tokenizer", arch="gpt2", layers=1, heads=2,
        width=32, context=2 * STEPS + 7, steps=150, batch_size=16, held_out=0.05, threads=1,
        output=place / "model",
    )  # fmt: skip
    table(place / "wave.csv", wave(60))
    return place


def table(path: Path, values: np.ndarray, names: str = "time,warm,rain") -> str:
    rows = "".join(f"{t},{a},{b}\n" for t, (a, b) in enumerate(values.T.tolist()))
    path.write_text(f"{names}\n{rows}")
    return str(path)


def test_a_known_series_goes_on_as_it_must(folder: Path) -> None:
    found = cutaway.forecast(folder / "wave.csv", folder / "model", horizon=3, samples=40)
    assert [channel.name for channel in found.channels] == ["warm", "rain"]
    assert (found.step, found.read, found.horizon) == ("hour", STEPS - 3, 3)
    coming = wave(3, 60)
    for channel, truth in zip(found.channels, coming, strict=True):
        by = {fan.by: fan for fan in channel.fans}
        assert np.allclose(by[found.model].quantiles[4], truth, atol=0.6)
        assert np.allclose(by["climatology"].quantiles[4], truth)
        numbers = by[found.model].quantiles
        low, high = {"warm": (15, 25), "rain": (0, 3)}[channel.name]
        assert low <= min(map(min, numbers)) <= max(map(max, numbers)) <= high
        for fan in channel.fans:
            assert (np.diff(np.array(fan.quantiles), axis=0) >= 0).all()
    assert found.channels[1].fans[0].quantiles[4][2] == 0  # a frequent number comes exactly
    assert len(found.rows()) == 2 * 3 * 3
    assert found.rows()[0].keys() == {"channel", "by", "ahead", "mean", *(f"q0.{i}" for i in range(1, 10))}


def test_samples_have_streams_of_their_own(folder: Path) -> None:
    one, other = (
        cutaway.forecast(folder / "wave.csv", folder / "model", horizon=2, samples=30, seed=5, batch_size=size)
        for size in (30, 7)
    )
    assert one == other
    assert one != cutaway.forecast(folder / "wave.csv", folder / "model", horizon=2, samples=30, seed=99)
    first = cutaway.forecast(folder / "wave.csv", folder / "model", horizon=2, samples=1, seed=8, quantiles=[0.5])
    second = cutaway.forecast(wave(60).tolist(), folder / "model", horizon=2, samples=1, seed=8, quantiles=[0.5])
    assert first.channels == second.channels


def test_baselines_by_hand() -> None:
    values = np.array([[1.0, 3.0, 2.0, 6.0, 5.0, 9.0, 8.0]])
    one, two = persistence(values, 2) or ()
    assert sorted(one[0]) == [7.0, 7.0, 7.0, 9.0, 9.0, 9.0]  # 8 and the changes −1 and 2 to 4, kept within 1 to 9
    assert sorted(two[0]) == [9.0, 9.0, 9.0, 9.0, 9.0]
    days = np.arange(3 * 365 + 100, dtype=float)[None]
    [[numbers]] = climatology(days, 1, 365.25) or ()
    middles = [days.shape[1] - round(365.25 * k) for k in (1, 2, 3)]
    assert sorted(numbers) == sorted(m + near for m in middles for near in range(-7, 8))
    assert climatology(days[:, :300], 1, 365.25) is None
    assert persistence(values[:, :4], 2) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": 7}, r"`horizon` is 7; .* was trained on 12 steps at once, so it goes on for at most 6"),
        ({"horizon": 0}, "`horizon` is 0"),
        ({"quantiles": [0.5, 1.0]}, "`quantiles` is 0.5, 1"),
        ({"temperature": 0.0}, "`temperature` is 0"),
        ({"season": 1.0}, "`season` is 1"),
        ({"column": ["warm", "snow"]}, "snow"),
    ],
)
def test_bad_settings(folder: Path, change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cutaway.forecast(folder / "wave.csv", folder / "model", **{"horizon": 2} | change)


def test_bad_series(folder: Path) -> None:
    model, path = folder / "model", folder / "bad.csv"

    def refused(values: np.ndarray, words: str, **more: str) -> None:
        with pytest.raises(InputError, match=words) as error:
            cutaway.forecast(table(path, values, **more), model, horizon=2)
        assert len(str(error.value).splitlines()) <= 2

    refused(wave(60), "no column 'warm'|warm", names="time,cold,rain")
    refused(wave(1), "the series has 1 step; it needs at least 2")
    gap = wave(60)
    gap[1, 55] = np.nan
    refused(gap, r"1 number missing in the last 10 steps.*\(the last one: rain, 5 from the end\)")
    refused(32 + 1.8 * wave(60), "warm is 60.* learned from 15 to 25: another unit")
    gap[1, 55], gap[0, 20] = 0, np.nan  # before what the model reads
    assert cutaway.forecast(table(path, gap), model, horizon=2).horizon == 2
    with pytest.raises(InputError, match=r"the series has 1 channel, and .* goes on with 2"):
        cutaway.forecast([[1.0] * 30], model)
    with pytest.raises(InputError, match="has several series"):
        cutaway.forecast(folder / "windows.jsonl", model, column="series")
    short = cutaway.forecast(wave(5).tolist(), model, horizon=2)
    assert any("there are only 5" in note for note in short.notes)
    odd = wave(60)
    odd[0, -1] = 40
    assert "warm is" in cutaway.forecast(odd.tolist(), model, horizon=2).notes[0]


def test_a_model_of_text_is_refused(folder: Path, tmp_path: Path) -> None:
    cutaway.save_tokenizer(train_tokenizer(["abc"], "char"), tmp_path / "letters")
    with pytest.raises(WrongKind, match="does not write series of numbers"):
        cutaway.forecast(folder / "wave.csv", tmp_path / "letters")


def test_evaluation_knows_what_is_known(folder: Path) -> None:
    found = evaluate_forecasts(folder / "model", folder / "wave.csv", horizon=3, held_out=0.5, samples=40, draws=200)
    assert found.n == 28
    assert found.baselines["climatology"]["wql"].value == pytest.approx(0, abs=1e-9)
    own, persistent = found.metrics["wql"].value, found.baselines["persistence"]["wql"].value
    assert own is not None
    assert persistent is not None
    assert own < persistent / 2
    assert found.metrics["crps_warm"].value < 1
    assert {"wql_1", "wql_2", "wql_3", "mase", "coverage_80", "crps_rain"} <= found.metrics.keys()
    assert "persistence" in found.made
    assert cutaway.load_result(found.save(folder / "evaluation.json")) == found


def test_evaluation_of_bad_input(folder: Path) -> None:
    with pytest.raises(InputError, match="no forecast of 3 steps has 9 steps"):
        evaluate_forecasts(folder / "model", table(folder / "short.csv", wave(8)), horizon=3)
    with pytest.raises(InputError, match=r"there is no file 'nowhere.csv'"):
        evaluate_forecasts(folder / "model", "nowhere.csv", horizon=3)
    with pytest.raises(InputError, match="at most 6"):
        evaluate_forecasts(folder / "model", folder / "wave.csv", horizon=9)


def test_saved_and_read_back(folder: Path, tmp_path: Path) -> None:
    found = cutaway.forecast(folder / "wave.csv", folder / "model", horizon=2, samples=5)
    assert cutaway.load_result(found.save(tmp_path / "x.json")) == found
    for suffix in (".svg", ".png", ".csv", ".html"):
        assert found.save(tmp_path / f"x{suffix}").stat().st_size > 500
    assert dataclasses.asdict(found)["levels"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

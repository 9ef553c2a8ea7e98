"""Windows of weather to train on, from the part before the held-out end, and their tokenizer.

    python recipes/weather_data.py days|hours FOLDER

Four years of days are 4,400 numbers, which a model of any size knows by heart before it has learned much. So most
windows are made by a weather generator that is fitted to the same part: each number becomes the normal quantile of its
rank among the numbers of the same season (and the same hour); a linear recursion over the last steps of all channels,
with normal noise, goes on from there; and the ranks turn back into numbers. Source: Richardson 1981,
doi:10.1029/WR017i001p00182, with ranks instead of his distributions.

Axis letters: `C` channels, `T` time steps, `W` windows, `N` numbers of one season.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from cutaway import get_data, save_tokenizer, train_tokenizer
from cutaway.sequences import read_records

HELD_OUT = {"days": 365, "hours": 1752}  # steps at the end of each file
COLUMNS = {
    "days": ["precipitation", "temp_max", "temp_min", "wind"],
    "hours": ["Dry-bulb (C)", "Dew-point (C)", "Wspd (m/s)"],
}
STEPS = {"days": 40, "hours": 72}  # of a window
MADE = {"days": 12_000, "hours": 6_000}  # windows from the generator of each file
EVERY = {"days": 1, "hours": 3}  # a window of the file itself begins at each so many steps
BINS = {"days": 184, "hours": 216}  # tokens, 73 of them not bins


class Generator:
    """A weather generator: `phase` names the season of each step, `near` the steps that count as alike for each."""

    def __init__(self, values_TC, phase_T, near, lags, random):
        self.sorted = {phase: np.sort(values_TC[near(phase)], axis=0) for phase in np.unique(phase_T)}
        self.lags, self.random = lags, random
        normal_TC = self._normal(values_TC, phase_T)
        past_TK, next_TC = self._past(normal_TC), normal_TC[lags[-1] :]
        self.weights_KC = np.linalg.solve(past_TK.T @ past_TK + 20 * np.eye(past_TK.shape[1]), past_TK.T @ next_TC)
        self.noise_CC = np.linalg.cholesky(np.cov((next_TC - past_TK @ self.weights_KC).T))

    def _past(self, normal_TC):
        rows = [normal_TC[self.lags[-1] - lag : len(normal_TC) - lag] for lag in self.lags]
        return np.concatenate([*rows, np.ones((len(rows[0]), 1))], axis=1)

    def _normal(self, values_TC, phase_T):
        """Return the normal quantile of each number's rank; equal numbers share their ranks by chance."""
        found = np.empty_like(values_TC)
        for t, (values_C, phase) in enumerate(zip(values_TC, phase_T, strict=True)):
            for c, value in enumerate(values_C):
                known_N = self.sorted[phase][:, c]
                low, high = np.searchsorted(known_N, value, "left"), np.searchsorted(known_N, value, "right")
                found[t, c] = ndtri(
                    (low + self.random.random() * max(high - low, 1e-9)).clip(0.5, len(known_N) - 0.5) / len(known_N)
                )
        return found

    def windows(self, phases_WT):
        """Return W × T × C numbers for the seasons of W windows."""
        windows, _ = phases_WT.shape
        channels = len(self.noise_CC)
        past = [np.zeros((windows, channels)) for _ in range(self.lags[-1])]
        for _ in range(30 + phases_WT.shape[1]):
            seen = np.concatenate([*(past[-lag] for lag in self.lags), np.ones((windows, 1))], axis=1)
            past.append(seen @ self.weights_KC + self.random.standard_normal((windows, channels)) @ self.noise_CC.T)
        normal_WTC = np.stack(past[-phases_WT.shape[1] :], axis=1)
        found = np.empty_like(normal_WTC)
        for phase, known_NC in self.sorted.items():
            here = phases_WT == phase
            place = (ndtr(normal_WTC[here]) * len(known_NC) - 0.5).clip(0, len(known_NC) - 1)
            for c in range(channels):
                found[here, c] = np.interp(place[:, c], np.arange(len(known_NC)), known_NC[:, c])
        return found.round(1)


def seasons(kind, steps):
    """Return the season of each step, which steps are alike for a season, and the lags of the recursion."""
    time_T = np.arange(steps)
    if kind == "days":
        day_T = np.floor(time_T % 365.25).astype(int)
        return day_T, (lambda day: np.abs((day_T - day + 183) % 366 - 183) <= 30), (1, 2)
    hour_T, day_T = time_T % 24, time_T // 24
    near = lambda phase: (np.abs(day_T - phase // 24) <= 10) & (hour_T == phase % 24)  # noqa: E731
    return time_T, near, (1, 2, 24)


def main(kind, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random, steps, windows = np.random.default_rng(17), STEPS[kind], []
    data = get_data({"days": "weather-seattle", "hours": "weather-year"}[kind])
    for file in sorted(Path(data.path).glob("*.csv")):
        [record] = read_records(file, "series", column=COLUMNS[kind])
        values_TC = np.array(record.sequence).T[: -HELD_OUT[kind]]
        phase_T, near, lags = seasons(kind, len(values_TC))
        starts = np.arange(0, len(values_TC) - steps + 1)
        windows += [values_TC[start : start + steps] for start in starts[:: EVERY[kind]]]
        drawn = random.choice(starts, MADE[kind])
        generator = Generator(values_TC, phase_T, near, lags, random)
        windows += list(generator.windows(phase_T[drawn[:, None] + np.arange(steps)]))
    order = random.permutation(len(windows))
    with (folder / "windows.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"series": windows[i].T.tolist()}) + "\n" for i in order)
    series = [windows[i].T for i in order]
    tokenizer = train_tokenizer(series, "bins", vocab_size=BINS[kind], method="quantile", scale="fixed")
    seen_WCT = np.array(series)
    tokenizer.config["cutaway"] |= {
        "columns": COLUMNS[kind],
        "ranges": list(zip(seen_WCT.min((0, 2)).tolist(), seen_WCT.max((0, 2)).tolist(), strict=True)),
        "season": {"days": 365.25, "hours": 24}[kind],
        "step": {"days": "day", "hours": "hour"}[kind],
    }
    save_tokenizer(tokenizer, folder / "tokenizer", force=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

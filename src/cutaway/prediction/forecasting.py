"""`forecast`: how a series goes on, as quantiles of sampled continuations, beside forecasts without a model.

Axis letters: `C` channels, `T` time steps, `H` steps ahead, `Q` quantiles, `S` samples.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, at_least
from cutaway.generation.decoders import open_decoder
from cutaway.generation.settings import check_streams
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.continuations import Window, continuations
from cutaway.prediction.series_baselines import climatology, persistence
from cutaway.prediction.series_input import NamedSeries, SeriesKind, check_history, check_levels, read_series
from cutaway.result import Result
from cutaway.tokens.bins import Series

Floats = NDArray[np.float64]

QUANTILES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

_LEAST_SHOWN = 20  # steps of the series beside a forecast


@dataclasses.dataclass(frozen=True)
class Fan:
    """What one forecast says about one channel: `quantiles`[q][h] and `means`[h], for each step ahead."""

    by: str
    quantiles: list[list[float]]
    means: list[float]


@dataclasses.dataclass(frozen=True)
class ForecastChannel:
    """A channel: its name, its last numbers (`history`), and the fans of the model and of the baselines."""

    name: str
    history: list[float]
    fans: list[Fan]


@dataclasses.dataclass(frozen=True, repr=False)
class Forecast(Result):
    """How a series goes on: for each channel a fan of quantiles by the model, and by baselines beside it.

    `levels` are the quantiles' levels, from 0 to 1. The model read the last `read` steps of the series and drew
    `samples` continuations of `horizon` steps at a temperature. `made` says how each fan was made, `notes` what else is
    worth knowing. `step` is what a time step is.
    """

    schema: ClassVar[str] = "forecast"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")

    model: str
    series: str
    step: str
    horizon: int
    read: int
    samples: int
    seed: int
    temperature: float
    levels: list[float]
    channels: list[ForecastChannel]
    made: dict[str, str]
    notes: list[str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each channel, forecast and step ahead: its mean and its quantiles."""
        names = [f"q{level:g}" for level in self.levels]
        return [
            {"channel": channel.name, "by": fan.by, "ahead": h + 1, "mean": fan.means[h]}
            | {name: fan.quantiles[q][h] for q, name in enumerate(names)}
            for channel in self.channels
            for fan in channel.fans
            for h in range(self.horizon)
        ]


def forecast(
    series: str | os.PathLike[str] | Series,
    model: ModelLike = "weather-days",
    *,
    horizon: int = 7,
    samples: int = 100,
    quantiles: Sequence[float] = QUANTILES,
    column: str | Sequence[str] | None = None,
    season: float | None = None,
    temperature: float | None = None,
    format: str | None = None,  # noqa: A002
    seed: int = 0,
    batch_size: int = 128,
    tier: str = "exact",
) -> Forecast:
    """Go on with a series for `horizon` steps: `samples` continuations by the model, and the quantiles of these.

    The series is a file (of tables the columns that the model was trained on, or `column`) or C channels of T numbers.
    The model reads its last steps, as many as fit beside the horizon into what it was trained on. Sample s draws from
    the random stream of `seed + s`. Beside it stand what needs no model and learns from the same series: persistence
    (the last value, with all changes so far) and, if there is a `season` (in steps; by default the model's own),
    climatology (the numbers at the same place of earlier seasons). The temperature is by default what the model says,
    or else 1.

    Raises `InputError` for a horizon beyond half of what the model was trained on, a series that is too short, has a
    missing number among what the model reads, or is of another kind; a `WrongKind` for a model that does not go on with
    numbers, or another `ModelError`.

    >>> found = forecast("seattle-weather.csv", horizon=3)  # doctest: +SKIP
    >>> found.channels[1].fans[0].quantiles[4]  # doctest: +SKIP
    [6.4, 7.1, 7.8]
    """
    at_least(1, horizon=horizon, samples=samples, batch_size=batch_size)
    levels = check_levels(quantiles)
    seed = check_streams(seed, samples)
    kind = SeriesKind.of(model.tokenizer if isinstance(model, Model) else load_tokenizer(model))
    named = read_series(series, kind, column=column, format=format)
    decoder = open_decoder(model, tier)
    steps = Window.of(decoder.model, len(named.names)).history(horizon, decoder.model.name)
    notes = check_history(named, kind, steps, least=max(2, horizon))
    heat = kind.temperature if temperature is None else temperature
    if not 0 < heat < np.inf:
        raise InputError(f"`temperature` is {heat:g}", hint="it must be above 0: a forecast is drawn")
    [drawn_SCH] = continuations(
        decoder, kind, [named.values[:, -steps:]], horizon, samples=samples, seed=seed, temperature=heat,
        batch_size=batch_size,
    )  # fmt: skip
    found = {decoder.model.name: list(drawn_SCH.transpose(2, 1, 0))}
    made = {decoder.model.name: f"{samples:,} sampled continuations, temperature {heat:g}, {_seeds(seed, samples)}"}
    season = kind.season if season is None else season
    for name, sets, how in _baselines(named, horizon, season, kind.step):
        if sets is None:
            notes.append(f"No {name}: {how}.")
        else:
            found[name], made[name] = sets, how
    if named.steps < steps:
        notes.append(f"The model could read {steps:,} steps; there are only {named.steps:,}, so it is less sure.")
    shown = min(named.steps, max(3 * horizon, _LEAST_SHOWN))
    return Forecast(
        model=decoder.model.name,
        series=named.source,
        step=kind.step,
        horizon=horizon,
        read=min(steps, named.steps),
        samples=samples,
        seed=seed,
        temperature=heat,
        levels=levels,
        channels=[
            ForecastChannel(
                name,
                named.values[c, -shown:].tolist(),
                [_fan(by, [step_CN[c] for step_CN in sets], levels) for by, sets in found.items()],
            )
            for c, name in enumerate(named.names)
        ],
        made=made,
        notes=notes,
    )


def _baselines(
    series: NamedSeries, horizon: int, season: float | None, step: str
) -> list[tuple[str, list[Floats] | None, str]]:
    """Return the name of each baseline, its sets of numbers, and how it was made, or why it was not."""
    kept = persistence(series.values, horizon)
    found = [("persistence", kept, "the last value, with every change over as many steps in this series")]
    if kept is None:
        found[0] = ("persistence", None, "the series is too short")
    if season is None:
        return [*found, ("climatology", None, "the model says no season; give one: `season`")]
    alike = climatology(series.values, horizon, season)
    how = f"the numbers at the same time of earlier seasons of {season:g} {step}s in this series"
    return [*found, ("climatology", alike, how if alike else f"the series has too few seasons of {season:g} {step}s")]


def _fan(by: str, sets: Sequence[Floats], levels: Sequence[float]) -> Fan:
    quantiles_QH = np.stack([np.quantile(values_N, levels) for values_N in sets], axis=1)
    return Fan(by, quantiles_QH.tolist(), [float(values_N.mean()) for values_N in sets])


def _seeds(seed: int, samples: int) -> str:
    return f"seed {seed}" if samples == 1 else f"seeds {seed} to {seed + samples - 1}"

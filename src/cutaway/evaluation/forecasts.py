"""`evaluate_forecasts`: forecasts from many places of the last part of series, beside persistence and climatology.

Axis letters: `C` channels, `T` time steps, `H` steps ahead, `S` samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted
from cutaway.evaluation.forecast_measures import HEADLINE, losses, measures_of, naive_error, notes_of
from cutaway.evaluation.forecast_request import FORECASTS, ForecastRequest
from cutaway.evaluation.resampling import DRAWS, measured, resampled
from cutaway.evaluation.result import Evaluation
from cutaway.evaluation.tasks import MODEL
from cutaway.evaluation.verdict import differences, verdict
from cutaway.generation.decoders import open_decoder
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.continuations import Window, continuations
from cutaway.prediction.series_baselines import climatology, persistence
from cutaway.prediction.series_input import NamedSeries, SeriesKind, check_ranges, read_series
from cutaway.progress import step
from cutaway.sequences.records import Paths

Floats = NDArray[np.float64]

_BLOCK = 2  # horizons that are drawn together, since forecasts from near places err alike


@dataclasses.dataclass(frozen=True, eq=False)
class _Place:
    """Where a forecast begins: at step `start` of series `series`, whose test part begins at step `cut`."""

    series: int
    start: int
    cut: int


def evaluate_forecasts(
    model: ModelLike,
    data: Paths,
    *,
    horizon: int,
    samples: int = 100,
    held_out: float = 0.2,
    column: str | Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002
    season: float | None = None,
    temperature: float | None = None,
    records: int = FORECASTS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Evaluation:
    """Measure forecasts of `horizon` steps in the last part of series, a share `held_out` of each file.

    They begin at `records` places, evenly spread. Each is `samples` continuations by the model, which reads the steps
    before the place. Persistence and climatology use all numbers before it. Measured are WQL (the headline, also for
    each step), MASE, the coverage of 80 % intervals, and the CRPS of each channel. Intervals are from `draws` bootstrap
    draws of blocks of neighbouring forecasts.

    Raises what `forecast` raises, and `InputError` for a series that has no place to begin.

    >>> found = evaluate_forecasts("weather-days", "seattle-weather.csv", horizon=7, held_out=0.25)  # doctest: +SKIP
    >>> found.verdict  # doctest: +SKIP
    'The model has a WQL of 0.341 …'
    """
    request = ForecastRequest(
        data, horizon, samples, held_out, column, format, season, temperature, records, draws, seed
    )
    return measure_forecasts(request, model)


def measure_forecasts(request: ForecastRequest, model: ModelLike) -> Evaluation:
    """Return what `evaluate_forecasts` returns for a request."""
    kind = SeriesKind.of(model.tokenizer if isinstance(model, Model) else load_tokenizer(model))
    all_series = [read_series(file, kind, column=request.column, format=request.format) for file in request.files]
    decoder = open_decoder(model, "exact")
    names, horizon = all_series[0].names, request.horizon
    steps = Window.of(decoder.model, len(names)).history(horizon, decoder.model.name)
    notes = [remark for series in all_series for remark in check_ranges(series.names, series.values, kind)]
    places = _places(all_series, request, steps)
    before = [all_series[place.series].values[:, : place.start] for place in places]
    truths = [all_series[place.series].values[:, place.start : place.start + horizon] for place in places]
    temperature = kind.temperature if request.temperature is None else request.temperature
    drawn = continuations(
        decoder, kind, [values_CT[:, -steps:] for values_CT in before], horizon, samples=request.samples,
        seed=request.seed, temperature=temperature, batch_size=512,
    )  # fmt: skip
    found = {MODEL: [list(drawn_SCH.transpose(2, 1, 0)) for drawn_SCH in drawn]}
    season = kind.season if request.season is None else request.season
    with step("baselines"):
        by = {
            "persistence": [persistence(values_CT, horizon) for values_CT in before],
            "climatology": [
                None if season is None else climatology(values_CT, horizon, season) for values_CT in before
            ],
        }
    for name, sets in by.items():
        made = [one for one in sets if one is not None]
        if len(made) == len(sets):
            found[name] = made
        else:
            notes.append(f"No {name}: there are too few steps, or no season, before some of the forecasts.")
    naive = [naive_error(all_series[place.series].values[:, : place.cut]) for place in places]
    groups = [place.series * 1_000_000 + (place.start - place.cut) // (_BLOCK * horizon) for place in places]
    flat = {
        (who, key): measure
        for who, sets in found.items()
        for key, measure in measures_of(losses(truths, sets, naive), names).items()
    }
    with step("drawing intervals"):
        values = resampled(flat, len(places), seed=request.seed, draws=request.draws, groups=groups)
    about = notes_of(names, horizon, kind.step)
    drawn_by = {who: {note.key: values[who, note.key] for note in about} for who in found}
    compared = [note for note in about if note.better in ("lower", "higher")]
    against = differences(drawn_by, compared, MODEL)
    tables = {who: {key: measured(one) for key, one in found_.items()} for who, found_ in drawn_by.items()}
    own = tables.pop(MODEL)
    test = " and ".join(f"the last {series.steps - cut:,} of {series.steps:,} {kind.step}s of {series.source}"
                        for series, cut in zip(all_series, _cuts(all_series, request), strict=True))  # fmt: skip
    blocks = len(set(groups))
    return Evaluation(
        model=decoder.model.name,
        data=", ".join(Path(file).name for file in request.files),
        objective="forecasts",
        alphabet="series",
        symbol="number",
        n=len(places),
        units="forecasts",
        draws=request.draws,
        seed=request.seed,
        verdict=verdict(HEADLINE, own, against, compared),
        headline=HEADLINE,
        metrics=own,
        baselines=tables,
        differences=against,
        about=about,
        made={
            "persistence": "the last value, with every change over as many steps before the forecast",
            **(
                {"climatology": f"the numbers at the same time of earlier seasons of {season:g} {kind.step}s"}
                if "climatology" in found
                else {}
            ),
        },
        counts={
            "tokens": len(places) * request.samples * horizon * len(names),
            "symbols": len(places) * horizon * len(names),
        },
        notes=[
            f"Forecasts of {counted(horizon, kind.step)} from {len(places):,} places, evenly spread over {test}.",
            f"Each forecast: {request.samples:,} continuations at temperature {temperature:g}, after {steps:,} steps.",
            f"Intervals: 95 %, from {request.draws:,} bootstrap draws of {blocks:,} blocks of neighbouring forecasts; "
            "the same draws for the model and all baselines.",
            *notes,
        ],
        labels=[],
        calibration=[],
        confusion=[],
        points=[],
        texts=[],
    )


def _cuts(all_series: Sequence[NamedSeries], request: ForecastRequest) -> list[int]:
    return [round(series.steps * (1 - request.held_out)) for series in all_series]


def _places(all_series: Sequence[NamedSeries], request: ForecastRequest, steps: int) -> list[_Place]:
    """Return where the forecasts begin: places without a missing number in what is read and what is to come."""
    found: list[_Place] = []
    for i, (series, cut) in enumerate(zip(all_series, _cuts(all_series, request), strict=True)):
        last = series.steps - request.horizon
        missing_T = np.isnan(series.values).sum(0) > 0
        for start in range(max(cut, steps), last + 1):
            if not missing_T[start - steps : start + request.horizon].any():
                found.append(_Place(i, start, cut))
    if not found:
        raise InputError(
            f"no forecast of {request.horizon:,} steps has {steps:,} steps without a missing number before it",
            hint="give a longer series, a smaller `horizon`, or a larger `held_out`",
        )
    chosen = np.unique(np.linspace(0, len(found) - 1, min(request.records, len(found))).round().astype(int))
    return [found[i] for i in chosen]

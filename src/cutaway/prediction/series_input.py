"""A series to go on with: what a tokenizer says about its series, and the numbers of a file or of lists, checked.

No torch is needed, so the command line reports a mistake at once. Axis letters: `C` channels, `T` time steps.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, WrongKind, counted
from cutaway.sequences.records import read_records
from cutaway.tokens.bins import Bins, Series, channels_of
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

Floats = NDArray[np.float64]

_ROOM = 0.1  # of a channel's range: so far beyond it a number may lie


@dataclasses.dataclass(frozen=True)
class SeriesKind:
    """What a tokenizer of bins says about the series that it was made for; what it does not say is None.

    `columns` are the names of its channels, `ranges` the least and the greatest number of each, `step` what a time step
    is ("day"), `season` after how many steps the series is alike again, and `temperature` at which to sample.
    """

    model: str
    bins: Bins
    columns: tuple[str, ...] | None
    ranges: tuple[tuple[float, float], ...] | None
    step: str
    season: float | None
    temperature: float

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> SeriesKind:
        """Return what a tokenizer says. Raises `WrongKind` if it does not write numbers as bins."""
        bins = Codec.of(tokenizer).numbers
        if not isinstance(bins, Bins):
            raise WrongKind(
                f"{tokenizer.name} does not write series of numbers, so it can't go on with one",
                hint="take a model of series, for example `model='weather-days'`, or train one on your own",
            )
        said: dict[str, Any] = tokenizer.config["cutaway"]
        columns, ranges = said.get("columns"), said.get("ranges")
        return cls(
            tokenizer.name,
            bins,
            None if columns is None else tuple(columns),
            None if ranges is None else tuple((float(low), float(high)) for low, high in ranges),
            said.get("step", "step"),
            said.get("season"),
            float(said.get("temperature", 1.0)),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class NamedSeries:
    """A series: where it comes from, and the names and numbers (C × T; NaN is missing) of its channels."""

    source: str
    names: tuple[str, ...]
    values: Floats

    @property
    def steps(self) -> int:
        """How many time steps T there are."""
        return int(self.values.shape[1])


def read_series(
    series: str | os.PathLike[str] | Series,
    kind: SeriesKind,
    *,
    column: str | Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002
) -> NamedSeries:
    """Return the series in a file, or one that is given as lists, with the channels that a model knows.

    Raises `InputError` for a file without these columns or with several series, a wrong number of channels, and numbers
    that are of another kind: most of a channel lies outside what the model was trained on.
    """
    wanted = ((column,) if isinstance(column, str) else tuple(column or ())) or kind.columns
    if isinstance(series, (str, os.PathLike)):
        records = read_records(series, "series", column=wanted, format=format)
        record = next(records)
        if next(records, None) is not None:
            raise InputError(
                f"{os.fspath(series)!r} has several series", hint="give a file with one: a table of time steps"
            )
        source, values_CT = Path(series).name, channels_of(record.sequence)
    else:
        source, values_CT = "the given numbers", channels_of(series)
    expected = len(kind.columns or kind.bins.powers or values_CT)
    if len(values_CT) != expected:
        raise InputError(
            f"the series has {counted(len(values_CT), 'channel')}, and {kind.model} goes on with {expected}"
            + (f" ({', '.join(kind.columns)})" if kind.columns else ""),
            hint="choose the columns that it was trained on: `column`",
        )
    names = wanted if wanted and len(wanted) == len(values_CT) else [f"channel {c + 1}" for c in range(len(values_CT))]
    return NamedSeries(source, tuple(names), values_CT)


def check_levels(quantiles: Sequence[float]) -> list[float]:
    """Return the levels in ascending order. Raises `InputError` unless they are between 0 and 1."""
    levels = sorted({float(level) for level in quantiles})
    if not levels or not 0 < levels[0] <= levels[-1] < 1:
        raise InputError(
            f"`quantiles` is {', '.join(f'{level:g}' for level in levels) or 'empty'}",
            hint="they must be between 0 and 1, for example 0.1, 0.5, 0.9",
        )
    return levels


def check_history(series: NamedSeries, kind: SeriesKind, steps: int, least: int) -> list[str]:
    """Check the last `steps` steps, which a model is to read, and return remarks on them.

    Raises `InputError` for fewer than `least` steps, a missing number, and what `check_ranges` refuses.
    """
    if series.steps < least:
        raise InputError(
            f"the series has {counted(series.steps, 'step')}; it needs at least {least:,} to go on for so long",
            hint="give a longer series, or a smaller `horizon`",
        )
    last_CT = series.values[:, -steps:]
    missing = np.argwhere(np.isnan(last_CT))
    if len(missing):
        channel, step = missing[-1]
        raise InputError(
            f"{counted(len(missing), 'number')} missing in the last {counted(last_CT.shape[1], 'step')}, which the "
            f"model reads (the last one: {series.names[channel]}, {last_CT.shape[1] - step:,} from the end)",
            hint="fill them in, or end the series before them",
        )
    return check_ranges(series.names, last_CT, kind)


def check_ranges(names: Sequence[str], values_CT: Floats, kind: SeriesKind) -> list[str]:
    """Return a remark on each channel with numbers outside its range; raise `InputError` if most of them are."""
    remarks = []
    for name, values_T, (low, high) in zip(
        names, values_CT, kind.ranges or [(-np.inf, np.inf)] * len(names), strict=True
    ):
        room = _ROOM * (high - low)
        known_T = values_T[~np.isnan(values_T)]
        outside = int(((known_T < low - room) | (known_T > high + room)).sum())
        if not outside:
            continue
        found = f"{name} is {known_T.min():g} to {known_T.max():g}, and {kind.model} learned from {low:g} to {high:g}"
        if outside > len(known_T) / 2:
            raise InputError(
                f"{found}: another unit, or another kind of series",
                hint="convert the numbers, or train a model on series like this one",
            )
        remarks.append(f"{found}: the forecast may be worse.")
    return remarks

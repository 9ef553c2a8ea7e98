"""What a call of `evaluate_forecasts` asks for, checked. No torch is needed, so a mistake is reported at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cutaway.errors import InputError, at_least
from cutaway.evaluation.resampling import DRAWS
from cutaway.generation.settings import check_streams
from cutaway.sequences.records import Paths

FORECASTS: Final = 100


@dataclasses.dataclass(frozen=True)
class ForecastRequest:
    """The data and all settings of one call; their names and meanings are the parameters of `evaluate_forecasts`.

    Raises `InputError` for a file that is not there and a setting out of range.
    """

    data: Paths
    horizon: int
    samples: int = 100
    held_out: float = 0.2
    column: str | Sequence[str] | None = None
    format: str | None = None
    season: float | None = None
    temperature: float | None = None
    records: int = FORECASTS
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        one = isinstance(self.data, (str, os.PathLike))
        object.__setattr__(self, "data", [os.fspath(self.data)] if one else [os.fspath(file) for file in self.data])  # type: ignore[union-attr,arg-type]
        at_least(1, horizon=self.horizon, samples=self.samples, records=self.records)
        at_least(100, draws=self.draws)
        object.__setattr__(self, "seed", check_streams(self.seed, self.samples * self.records))
        if not 0 < self.held_out < 1:
            raise InputError(
                f"`held_out` is {self.held_out:g}", hint="it must be between 0 and 1; 0.2 is the last fifth"
            )
        if self.temperature is not None and not self.temperature > 0:
            raise InputError(f"`temperature` is {self.temperature:g}", hint="it must be above 0: forecasts are drawn")
        if not self.files:
            raise InputError("there is no series to forecast", hint="give a file")
        for file in self.files:
            if not Path(file).exists():
                raise InputError(f"there is no file {file!r}", hint="check the name and the folder you are in")

    @property
    def files(self) -> list[str]:
        """The files, each of which has one series."""
        return list(self.data)  # type: ignore[arg-type]

"""What a call of `evaluate` asks for, checked. No torch is needed, so the command line reports a mistake at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cutaway.errors import InputError, at_least
from cutaway.evaluation.resampling import DRAWS
from cutaway.random_streams import check_seed
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.readers import READERS
from cutaway.sequences.records import Paths

RECORDS: Final = 2000
TRAIN_SYMBOLS: Final = 1_000_000


@dataclasses.dataclass(frozen=True)
class Request:
    """The data and all settings of one call; their names and meanings are the parameters of `evaluate`.

    Raises `InputError` for a file that is not there and for a setting out of range.
    """

    data: Paths = ()
    train_data: Paths = ()
    held_out: float = 0.2
    label_column: str | None = None
    target_column: str | None = None
    column: str | Sequence[str] | None = None
    alphabet: str | None = None
    format: str | None = None
    skip_bad: bool = False
    records: int = RECORDS
    tokens: int | None = None
    window: int | None = None
    draws: int = DRAWS
    seed: int = 0
    train_symbols: int = TRAIN_SYMBOLS

    def __post_init__(self) -> None:
        for name in ("data", "train_data"):
            files = getattr(self, name)
            one = isinstance(files, (str, os.PathLike))
            object.__setattr__(self, name, [os.fspath(files)] if one else [os.fspath(file) for file in files])
        object.__setattr__(self, "seed", check_seed(self.seed))
        at_least(
            1, records=self.records, train_symbols=self.train_symbols, tokens=1 if self.tokens is None else self.tokens
        )
        at_least(4, window=4 if self.window is None else self.window)
        at_least(100, draws=self.draws)
        if not 0 < self.held_out < 1:
            raise InputError(
                f"`held_out` is {self.held_out:g}", hint="it must be between 0 and 1; 0.2 is a fifth of the records"
            )
        if self.alphabet is not None and self.alphabet not in CHECKS:
            raise InputError(f"there is no alphabet {self.alphabet!r}", hint=f"choose from {', '.join(CHECKS)}")
        if self.format is not None and self.format not in READERS:
            raise InputError(f"there is no format {self.format!r}", hint=f"choose from {', '.join(READERS)}")
        for file in (*self.files, *self.train_files):
            if not Path(file).exists():
                raise InputError(f"there is no file {file!r}", hint="check the name and the folder you are in")

    @property
    def files(self) -> list[str]:
        """The files of records to measure on."""
        return list(self.data)  # type: ignore[arg-type]

    @property
    def train_files(self) -> list[str]:
        """The files that baselines learn from; empty if they are to be divided off from `files`."""
        return list(self.train_data)  # type: ignore[arg-type]

    def column_for(self, built: str, is_encoder_decoder: bool) -> str | None:
        """Return the column of labels or targets that a model of this class needs; None if it needs none.

        Raises `InputError` if it is missing, or if one is given that has no effect.
        """
        labels = "ForSequenceClassification" in built
        name = "label_column" if labels else "target_column" if is_encoder_decoder else ""
        what = "a classifier or a regression" if labels else "an encoder-decoder" if name else "a language model"
        given = {"label_column": self.label_column, "target_column": self.target_column}
        for other, value in given.items():
            if value is not None and other != name:
                raise InputError(f"`{other}` has no effect on this model, which is {what}", hint="leave it out")
        if name and given[name] is None:
            missing = "labels" if labels else "targets"
            raise InputError(
                f"the model is {what}, and the {missing} are missing", hint=f"say which column has them: `{name}`"
            )
        return given.get(name)

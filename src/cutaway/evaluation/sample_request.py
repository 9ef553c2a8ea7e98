"""What a call of `evaluate_samples` asks for, checked. No torch is needed, so a mistake is reported at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cutaway.errors import InputError, at_least
from cutaway.random_streams import check_seed
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.known_sources import KNOWN_SOURCES
from cutaway.sequences.readers import READERS, suffix_format
from cutaway.sequences.records import Paths

SAMPLES: Final = 10_000
_TABLES: Final = ("csv", "tsv", "parquet", "jsonl")
_ALPHABETS: Final = {"smi": "smiles", "sdf": "smiles"}


@dataclasses.dataclass(frozen=True)
class SampleRequest:
    """The data and all settings of one call; their names and meanings are the parameters of `evaluate_samples`.

    Raises `InputError` for a file that is not there, a missing file of records, and a setting out of range.
    """

    data: Paths
    train_data: Paths
    samples: int | str | os.PathLike[str] = SAMPLES
    column: str | Sequence[str] | None = None
    alphabet: str | None = None
    format: str | None = None
    skip_bad: bool = False
    records: int = SAMPLES
    seed: int = 0
    statistics: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("data", "train_data"):
            files = getattr(self, name)
            one = isinstance(files, (str, os.PathLike))
            object.__setattr__(self, name, [os.fspath(files)] if one else [os.fspath(file) for file in files])
        if not isinstance(self.samples, int):
            object.__setattr__(self, "samples", os.fspath(self.samples))
        object.__setattr__(self, "seed", check_seed(self.seed))
        at_least(2, samples=2 if self.count is None else self.count, records=self.records)
        if self.alphabet is not None and self.alphabet not in CHECKS:
            raise InputError(f"there is no alphabet {self.alphabet!r}", hint=f"choose from {', '.join(CHECKS)}")
        if self.format is not None and self.format not in READERS:
            raise InputError(f"there is no format {self.format!r}", hint=f"choose from {', '.join(READERS)}")
        for file in (*self.files, *self.train_files, *self._more_files):
            if file != self.source and not Path(file).exists():
                raise InputError(f"there is no file {file!r}", hint="check the name and the folder you are in")
        if not self.files:
            raise InputError("there are no test records", hint="give a file of records that the model has not seen")
        if self.source is not None:
            if self.train_files:
                raise InputError(f"`train_data` has no effect on the source {self.source!r}", hint="leave it out")
        elif not self.train_files:
            why = "what the model learned from is missing: what is new can't be told without it"
            raise InputError(why, hint="give its file as `train_data`")

        if self.statistics is not None and self.stated_alphabet not in (None, "smiles"):
            why = f"`statistics` are of molecules, and the records are of the alphabet {self.stated_alphabet}"
            raise InputError(why, hint="leave `statistics` out")

    @property
    def _more_files(self) -> list[str]:
        return [os.fspath(file) for file in (self.file, self.statistics) if file is not None]

    @property
    def count(self) -> int | None:
        """How many records the model writes; None if a file has them."""
        return self.samples if isinstance(self.samples, int) else None

    @property
    def file(self) -> str | None:
        """The file of the written records, if there is one."""
        return None if isinstance(self.samples, int) else str(self.samples)

    @property
    def source(self) -> str | None:
        """The name of a known source, instead of test records; its values are exact."""
        return self.files[0] if len(self.files) == 1 and self.files[0] in KNOWN_SOURCES else None

    @property
    def files(self) -> list[str]:
        """The files of test records."""
        return list(self.data)  # type: ignore[arg-type]

    @property
    def train_files(self) -> list[str]:
        """The files of what the model learned from."""
        return list(self.train_data)  # type: ignore[arg-type]

    def column_of(self, files: Sequence[str]) -> str | Sequence[str] | None:
        """Return the column to read in some of the files: a .smi file beside a table has none."""
        tables = [file for file in (*self.files, *self.train_files, *self._more_files) if self._is_table(file)]
        return None if tables and not any(map(self._is_table, files)) else self.column

    def _is_table(self, file: str) -> bool:
        return (self.format or suffix_format(file)) in _TABLES

    @property
    def stated_alphabet(self) -> str | None:
        """The alphabet that was given, or that the suffix of a file means."""
        kinds = [self.format or suffix_format(file) for file in (self.file or self.files[0], self.files[0])]
        if self.source is not None:
            return "text"
        return self.alphabet or next((_ALPHABETS[kind] for kind in kinds if kind in _ALPHABETS), None)

    def check_without_model(self) -> None:
        """Raise `InputError` if only a model could tell what the records are."""
        if self.file is None:
            raise InputError("there is no model to write records", hint="name one, or a file of records as `samples`")
        if self.stated_alphabet is None:
            raise InputError(
                f"{self.file!r} does not say what its records are made of", hint="say it, such as `alphabet='protein'`"
            )

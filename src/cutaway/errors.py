"""The exception tree: every error that a caller may want to catch, and the exit code each gives on the command line.

An error says what was wrong and with which value; `hint` is the next thing to type or do.
"""

from __future__ import annotations

import errno


class CutawayError(Exception):
    """Base of every error cutaway raises on purpose; `exit_code` is 1 (failed) or 2 (usage)."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class InputError(CutawayError):
    """What the caller gave can't be used: an option out of range, a file that can't be read."""

    exit_code = 2


class MissingText(InputError):
    """There is no text to work on, or it is empty."""


class TextError(InputError):
    """The text holds something no tokenizer can take, such as a lone surrogate."""


class BadSequence(InputError):
    """A sequence, its record or its file is malformed; `column` is the place of the bad letter, counted from 1."""

    def __init__(self, message: str, *, hint: str | None = None, column: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.column = column


class PromptTooLong(InputError):
    """The text has more tokens than the model's context holds."""


class ModelError(CutawayError):
    """Something is wrong with a model, or with getting it."""


class UnknownModel(ModelError):
    """No model of that name on the shelf, on the disk or on the Hub."""

    exit_code = 2


class HubUnreachable(ModelError):
    """The Hugging Face Hub, or the package index, can't be reached from here."""


class NotFetched(ModelError):
    """The model is known but not in the cache, and fetching is switched off."""


class GatedModel(ModelError):
    """The Hub gives this model only to users who accepted its terms and show a token."""


class ChecksumMismatch(ModelError):
    """A fetched file differs from the pinned one."""


class CorruptFile(ModelError):
    """A model file is cut short or damaged."""


class UnsafeFile(ModelError):
    """Opening the file would run code that it carries."""


class UnsupportedArchitecture(ModelError):
    """transformers can't build the model's architecture."""


class MissingPackage(ModelError):
    """Reading the model's files needs a package that is not installed."""


class WrongKind(ModelError):
    """The model is sound but of the wrong kind for this verb."""

    exit_code = 2


class AttentionHidden(WrongKind):
    """The model's attention can't be captured, or it has none."""


class CacheError(CutawayError):
    """The cache folder can't be written, is full, or is in use by another process."""


class OutputError(CutawayError):
    """The result can't be written to this path: the folder does not exist, or the name is taken."""

    exit_code = 2


class DiskFull(OutputError):
    """The path for the result is fine, but the disk is full or fails."""

    exit_code = 1


class TrainingError(CutawayError):
    """A training run can't start or can't go on."""


def cannot_write(message: str, error: BaseException, *, hint: str) -> OutputError:
    """Return the error for a failed write: `DiskFull` if the disk is full or fails, else `OutputError`."""
    full = getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
    return (DiskFull if full else OutputError)(message, hint=hint)


def counted(number: int, word: str, several: str | None = None) -> str:
    """Return a number with its noun, in the plural unless it is 1.

    >>> counted(1, "record"), counted(2000, "quality", "qualities")
    ('1 record', '2,000 qualities')
    """
    return f"{number:,} {word if number == 1 else several or f'{word}s'}"


def sized(size: int) -> str:
    """Return a number of bytes in a readable unit.

    >>> sized(98_200_000), sized(1_240_000), sized(48_700), sized(1)
    ('98 MB', '1.2 MB', '49 kB', '1 byte')
    """
    if size < 1000:
        return counted(size, "byte")
    if size < 1e6:
        return f"{size / 1e3:,.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"


def at_least(least: int, **values: int) -> None:
    """Raise `InputError` for the first value that is smaller than `least`.

    >>> at_least(1, batch_size=8, samples=2)
    """
    for name, value in values.items():
        if not value >= least:
            raise InputError(f"`{name}` is {value}", hint=f"it must be {least} or above")

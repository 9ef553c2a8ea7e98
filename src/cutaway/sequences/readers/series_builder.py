"""Build a series one time step at a time; it becomes a record when it ends or grows too long."""

from __future__ import annotations

import functools
import math
from array import array
from collections.abc import Iterator, Sequence

from cutaway.errors import BadSequence
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.request import Raw, Request


class SeriesBuilder:
    """The channels of the record that is being read; `end` yields it and starts the next."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.arrays: tuple[array[float], ...] = ()
        self.line = 0

    def add(self, line: int, values: Sequence[float], label: str | None = None) -> Iterator[Raw]:
        """Add the numbers of one time step; if the record is full, yield it first."""
        if self.arrays and (len(self.arrays[0]) + 1) * len(values) > series.PIECE:
            self.request.counts["long series cut"] += 1
            yield from self.end(label)
        if not self.arrays:
            self.arrays, self.line = tuple(array("d") for _ in values), line
        for channel, value in zip(self.arrays, values, strict=True):
            channel.append(value)

    def lost(self, line: int, error: BadSequence, label: str | None = None) -> Iterator[Raw | BadSequence]:
        """Handle a time step that cannot be read: inside a record, with `skip_bad`, all its numbers become missing."""
        if not self.begun:
            yield error
            return
        self.request.skip(error)
        self.request.counts["bad steps to missing"] += 1
        yield from self.add(line, [math.nan] * len(self.arrays), label)

    @property
    def begun(self) -> bool:
        """Whether the record has a time step already."""
        return bool(self.arrays)

    def end(self, label: str | None = None) -> Iterator[Raw]:
        """Yield the record, if there is one, and start the next."""
        if self.arrays:
            yield Raw(None, self.arrays, label, self.line, functools.partial(_step, self.line))
        self.arrays = ()


def _step(line: int, step: int) -> str:
    return f"line {line:,}, step {step:,}"

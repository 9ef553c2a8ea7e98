"""Token ids on disk: files of plain integers, one after another, mapped into memory when they are read."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

CHUNK = 1 << 20


class TokenFiles:
    """The tokens of N records: `starts` (N + 1) counts the tokens before each record, over all files together.

    A record lies in one file. `sizes` are the tokens of each file.
    """

    def __init__(self, paths: Sequence[Path], sizes: Sequence[int], dtype: np.dtype[Any], starts: IntArray) -> None:
        self.starts = starts
        self._paths, self._dtype = list(paths), dtype
        self._before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.array(sizes, dtype=np.int64))])
        self._file = functools.cache(self._opened)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def ids(self, record: int) -> NDArray[Any]:
        """Return the tokens of a record as they lie on disk; the array can't be written."""
        start, end = int(self.starts[record]), int(self.starts[record + 1])
        file = int(np.searchsorted(self._before, start, "right")) - 1
        if start == end:
            return np.empty(0, self._dtype)
        return self._file(file)[start - self._before[file] : end - self._before[file]]

    def chunks(self, start: int, end: int) -> Iterator[NDArray[Any]]:
        """Yield the tokens from place `start` to `end` of all files together; they are read, not mapped."""
        while start < end:
            file = int(np.searchsorted(self._before, start, "right")) - 1
            many = min(end, int(self._before[file + 1]), start + CHUNK) - start
            offset = int(start - self._before[file]) * self._dtype.itemsize
            yield np.fromfile(self._paths[file], self._dtype, many, offset=offset)
            start += many

    def lengths(self, records: IntArray) -> IntArray:
        """Return how many tokens some records have."""
        return self.starts[records + 1] - self.starts[records]

    def gather(self, records: IntArray) -> NDArray[Any]:
        """Return the tokens of some records one after another; no file stays mapped."""
        starts, ends = self.starts[records], self.starts[records + 1]
        file_of = np.searchsorted(self._before, starts, "right") - 1
        found: list[NDArray[Any]] = [np.empty(0, self._dtype)] * len(records)
        for file in np.unique(file_of[ends > starts]).tolist():
            tokens, before = self._opened(file), self._before[file]
            there = np.flatnonzero((file_of == file) & (ends > starts))
            spans = zip(there.tolist(), (starts[there] - before).tolist(), (ends[there] - before).tolist(), strict=True)
            for place, start, end in spans:
                found[place] = tokens[start:end]
        return np.concatenate(found)

    def _opened(self, file: int) -> NDArray[Any]:
        return np.asarray(np.memmap(self._paths[file], self._dtype, "r"))  # slicing a memmap itself is slow

"""Which ids of a file have been seen: by their hashes, eight bytes an id."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

__all__ = ["SeenIds"]

_RECENT = 1 << 19
_MOST = 1 << 25


class SeenIds:
    """The ids seen so far. Two ids have one hash (64 bits) by a chance of one in 30,000 among 33 million.

    Recent hashes are in a set, older ones in one sorted array; of more than 33,554,432 ids the rest is let through, so
    that memory stays below 400 MB, and `full` says so.
    """

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older = np.empty(0, dtype=np.int64)
        self._old = self._older.data
        self.full = False

    def add(self, name: str) -> bool:
        """Take an id; say whether it is new."""
        if self.full:
            return True
        key, old = hash(name), self._old
        if key in self._recent:
            return False
        at = bisect_left(old, key) if len(old) else 0
        if at < len(old) and old[at] == key:
            return False
        self._recent.add(key)
        if len(self._recent) == _RECENT:
            recent = np.fromiter(self._recent, np.int64, _RECENT)
            self._recent.clear()
            old.release()  # of an array that grows in place
            self._older.resize(len(self._older) + _RECENT, refcheck=False)
            self._older[-_RECENT:] = np.sort(recent)
            self._older.sort(kind="stable")  # two sorted runs: one merge, which needs room for the shorter
            self._old, self.full = self._older.data, len(self._older) >= _MOST
        return True

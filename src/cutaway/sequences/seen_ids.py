"""Remember which record ids a file has had, at eight bytes per id, to find duplicates."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

_RECENT = 1 << 19
_MOST = 1 << 25


class SeenIds:
    """The 64-bit hashes of the ids seen so far: recent ones in a set, older ones in a sorted array.

    Among 33 million ids the chance that any two have the same hash is one in 30,000. After 33,554,432 ids `full` is
    true and every further id counts as new, so that memory stays below 400 MB.
    """

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._older = np.empty(0, dtype=np.int64)
        self._old = self._older.data
        self.full = False

    def add(self, name: str) -> bool:
        """Add an id; return whether it is new."""
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
            old.release()  # so that the array can grow in place
            self._older.resize(len(self._older) + _RECENT, refcheck=False)
            self._older[-_RECENT:] = np.sort(recent)
            self._older.sort(kind="stable")  # merges two sorted runs, with memory for the shorter one
            self._old, self.full = self._older.data, len(self._older) >= _MOST
        return True

"""A keyed permutation: the order of rows in an epoch, without a table and without a shuffle buffer."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.random_streams import stream

_ROUNDS: Final = 6


@dataclasses.dataclass(frozen=True)
class Permutation:
    """The order of n items in one epoch: `permutation[i]` is the item at place i, each item at exactly one place.

    A Feistel network with keys of (seed, epoch) permutes the numbers below the next power of four; a result that is not
    below n is permuted again until it is. Sources: Luby and Rackoff 1988, doi:10.1137/0217022 (the network); Black and
    Rogaway 2002, doi:10.1007/3-540-45760-7_9 (the walk).

    Raises `InputError` if `n` is below 1 or the seed is not one.

    >>> order = Permutation(seed=5, epoch=0, n=10)
    >>> sorted(order[np.arange(10)].tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    seed: int
    epoch: int
    n: int

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"a permutation of {self.n:,} items", hint="there must be at least one")

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, place: Any) -> Any:
        """Return the item at a place, or the items at an array of places. Raises `IndexError` beyond n."""
        places = np.asarray(place)
        if places.size and not (places.min() >= 0 and places.max() < self.n):
            raise IndexError(f"place {place} of a permutation of {self.n:,}")
        items = self._walked(places.reshape(-1).astype(np.uint64)).astype(np.int64)
        return int(items[0]) if places.ndim == 0 else items.reshape(places.shape)

    @functools.cached_property
    def _keys(self) -> NDArray[np.uint64]:
        return stream(self.seed, "permutation", self.epoch).integers(0, 2**64, _ROUNDS, dtype=np.uint64)

    def _walked(self, items: NDArray[np.uint64]) -> NDArray[np.uint64]:
        half = max(1, -(-(self.n - 1).bit_length() // 2))
        items = self._mixed(items, half)
        while (beyond := items >= self.n).any():
            items[beyond] = self._mixed(items[beyond], half)
        return items

    def _mixed(self, items: NDArray[np.uint64], half: int) -> NDArray[np.uint64]:
        """Permute the numbers of 2 × `half` bits."""
        bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
        left, right = items >> bits, items & mask
        for key in self._keys:
            left, right = right, left ^ (mixed(right + key) & mask)
        return (left << bits) | right


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64-bit hashes of 64-bit words, one to one.

    Source: Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195 (the finalizer of SplitMix64).
    """
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))

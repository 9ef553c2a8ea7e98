"""The seed, and the random streams that follow from it.

A seed is a whole number from 0 to 2**63 - 1. It is hashed together with the purpose of a stream. So all its bits count
(torch's generator on a CPU reads only 32), and streams for two purposes are independent.
"""

from __future__ import annotations

import hashlib
import operator

import numpy as np

from cutaway.errors import InputError


def check_seed(seed: int) -> int:
    """Return the seed as an int. Raises `InputError` unless it is a whole number from 0 to 2**63 - 1.

    >>> check_seed(5)
    5
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise InputError(f"`seed` is {seed!r}", hint="it must be a whole number from 0 to 2**63 - 1")
    return number


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the random stream of a seed for a purpose. Raises `InputError` as `check_seed` does.

    Source: Salmon et al. 2011, doi:10.1145/2063384.2063405 (Philox, here with a key of 128 bits).

    >>> float(stream(5, "tokens").random()) == float(stream(5, "tokens").random())
    True
    >>> float(stream(5, "tokens").random()) == float(stream(5 + 2**32, "tokens").random())
    False
    """
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_hashed(seed, purpose, 16), "little")))


def seed32(seed: int, *purpose: str | int) -> int:
    """Return a 32-bit number made from all bits of a seed, for libraries that read only 32.

    >>> seed32(5, "weights") == seed32(5 + 2**32, "weights")
    False
    """
    return int.from_bytes(_hashed(seed, purpose, 4), "little")


def _hashed(seed: int, purpose: tuple[str | int, ...], size: int) -> bytes:
    return hashlib.blake2b(repr((check_seed(seed), *purpose)).encode(), digest_size=size).digest()

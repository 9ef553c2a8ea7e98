"""Whether a result that was handed in is the one that cutaway computes: number by number, within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

RELATIVE: Final = 1e-3
ABSOLUTE: Final = 1e-3
_IGNORED: Final = {"seconds", "path", "cache", "directory", "tokens_per_second"}


def differences(handed_in: Any, computed: Any, where: str = "") -> Iterator[str]:
    """Yield in words each place where a record differs from the computed one; time and folders do not count.

    >>> list(differences({"rank": 1, "bits": 2.0}, {"rank": 2, "bits": 2.001}))
    ['rank is 1, computed again it is 2']
    """
    if isinstance(computed, dict) and isinstance(handed_in, dict):
        for key, value in computed.items():
            if key not in _IGNORED:
                name = f"{where}.{key}" if where else key
                if key not in handed_in:
                    yield f"{name} is missing"
                else:
                    yield from differences(handed_in[key], value, name)
    elif isinstance(computed, list) and isinstance(handed_in, list):
        if len(computed) != len(handed_in):
            yield f"{where} has {len(handed_in):,} entries, computed again {len(computed):,}"
        for at, (mine, ours) in enumerate(zip(handed_in, computed, strict=False)):
            yield from differences(mine, ours, f"{where}[{at}]")
    elif not _alike(handed_in, computed):
        yield f"{where} is {_shown(handed_in)}, computed again it is {_shown(computed)}"


def _alike(mine: Any, ours: Any) -> bool:
    numbers = [isinstance(one, (int, float)) and not isinstance(one, bool) for one in (mine, ours)]
    if all(numbers) and (isinstance(mine, float) or isinstance(ours, float)):
        return math.isclose(mine, ours, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(mine) is type(ours) and bool(mine == ours)


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"

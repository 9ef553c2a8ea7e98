"""How fast this process multiplies matrices: what a training step can reach at most."""

from __future__ import annotations

import math
import time
from typing import Final

import torch

_SIDE: Final = {"cpu": 768, "cuda": 8192}
_TIMED: Final = 3


@torch.no_grad()
def matrix_speed(device: str, precision: str) -> float:
    """Return operations per second of a large square matrix product, with torch's threads as they are now.

    >>> matrix_speed("cpu", "float32") > 1e6
    True
    """
    kind = device.partition(":")[0]
    side = _SIDE.get(kind, 2048)
    matrix = torch.ones(side, side, device=device, dtype=getattr(torch, precision))
    best = math.inf
    for _ in range(_TIMED):
        began = time.perf_counter()
        product = matrix @ matrix
        float(product[0, 0])  # a GPU computes later unless someone asks
        best = min(best, time.perf_counter() - began)
    return 2.0 * side**3 / best

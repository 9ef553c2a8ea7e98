"""The shape of a model that a step can run: numbers from its configuration."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Shape:
    """A decoder's numbers; `windows` and `rotations` have one for each layer, `rotation_scales` one for each table.

    `activation` is 0 for a layer gated by SiLU, 1 for one gated by GELU (by tanh), 2 for that GELU without a
    gate, 3 for the exact one. A window of 0 is none. A rotation is the number of a table of frequencies, or -1 for
    none. A cap of 0 is none.
    """

    layers: int
    width: int
    heads: int
    key_heads: int
    head_width: int
    inner: int
    vocabulary: int
    epsilon: float
    layer_norm: bool
    activation: int
    attention_scale: float
    windows: tuple[int, ...]
    rotations: tuple[int, ...]
    rotation_scales: tuple[float, ...] = ()
    attention_cap: float = 0.0
    logit_cap: float = 0.0
    embed_scale: float = 1.0

    @classmethod
    def of_json(cls, known: dict[str, Any]) -> Shape:
        """Return the shape that `dataclasses.asdict` turned into plain values."""
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in known.items()}
        return cls(**values)

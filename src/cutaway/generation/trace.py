"""What each sampler did to the distribution of one step."""

from __future__ import annotations

import dataclasses

__all__ = ["Step"]


@dataclasses.dataclass(frozen=True)
class Step:
    """One token and what was behind it."""

"""What `plan` found."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from cutaway.result import Result
from cutaway.training.step_costs import MemoryPart


@dataclasses.dataclass(frozen=True)
class Choice:
    """One way to compute the step: rows at once on a device, and whether layers are computed again in backward.

    `tokens_per_second` is of all devices together.
    """

    micro_batch: int
    checkpointing: bool
    peak_bytes: int
    fits: bool
    tokens_per_second: float
    chosen: bool


@dataclasses.dataclass(frozen=True, repr=False)
class Plan(Result):
    """What a training run needs.

    `memory` lists the parts of one device's memory. They are not all largest at once: `peak_bytes` is their sum when it
    is largest. `fits` compares it with the part of `device_bytes` that they may take. `flops_per_token` counts forward
    and backward. `gathered_bytes` (weights, Muon's updates) and `reduced_bytes` (gradients) are what each device sends.
    `choices` are ways to compute the step; the fastest that fits is chosen. `fewest` is the least number of devices on
    which the run would fit, None if it is unknown. `assumed` says in sentences what the numbers rest on.
    """

    schema: ClassVar[str] = "plan"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "memory"

    model: str
    model_type: str
    parameters: int
    layers: int
    heads: int
    width: int
    outputs: int
    device: str
    count: int
    device_bytes: float
    batch_size: int
    context: int
    precision: str
    optimizer: str
    sharding: str
    micro_batch: int
    checkpointing: bool
    memory: tuple[MemoryPart, ...]
    peak_bytes: int
    fits: bool
    fewest: int | None
    flops_per_token: float
    flops_per_step: float
    peak_flops: float
    gathered_bytes: float
    reduced_bytes: float
    compute_seconds: float
    communication_seconds: float
    update_seconds: float
    step_seconds: float
    tokens_per_second: float
    tokens: int | None
    steps: int | None
    total_seconds: float | None
    device_hours: float | None
    choices: tuple[Choice, ...]
    assumed: tuple[str, ...]

"""What a run records: one record a step, one a validation, one a sample."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class StepRecord:
    """One step: the loss before the update, and what the step read.

    `loss` is in nats per predicted token (of the label, or the squared error of a standardised number), `gradient_norm`
    the norm before clipping. `tokens` and `symbols` count what was predicted since the run began, and the letters or
    numbers of the data that it stands for. `place` is the share of the run that was done, from which the learning rate
    follows. `rows` is a checksum of the rows that were read; it does not depend on their order.
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    symbols: int
    place: float
    rows: int
    seconds: float
    tokens_per_second: float


@dataclasses.dataclass(frozen=True)
class ValidationRecord:
    """The loss on the held-out rows after `step` updates, as in `StepRecord`.

    `bits_per_symbol` is the loss in bits for each letter (or number) of the data, None for labels and hidden tokens.
    `floor` is the exact loss of the source on the same rows, None if its entropy is unknown.
    """

    step: int
    loss: float
    bits_per_symbol: float | None
    floor: float | None


@dataclasses.dataclass(frozen=True)
class SampleRecord:
    """What the model wrote after `step` updates."""

    step: int
    texts: tuple[str, ...]


Record = StepRecord | ValidationRecord | SampleRecord

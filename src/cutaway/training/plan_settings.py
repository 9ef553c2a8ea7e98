"""The settings of a plan, checked before torch is imported."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError, at_least
from cutaway.models.accelerators import ACCELERATORS, check_accelerator
from cutaway.shards import open_shards
from cutaway.training.model_sizes import SIZES, check_objective

_CHOICES: Final = {
    "precision": ("auto", "float32", "bfloat16"),
    "optimizer": ("muon", "adamw"),
    "sharding": ("auto", "full", "none"),
    "attention": ("sdpa", "eager", "plain"),
}
_DEFAULT_ARCH: Final = {"masked": "bert", "seq2seq": "t5"}
# Of the speed of large products: on this machine, and as published for training runs on GPUs.
_EFFICIENCY: Final = {"cpu": 0.5, "gpu": 0.4}


@dataclasses.dataclass(frozen=True)
class PlanSettings:
    """What is planned; see `plan`. Raises `InputError` for a setting out of range.

    `arch`, `precision` and `efficiency` are filled in if they are left open, and `tokens` with what `data` hold.
    """

    model: Any = "nano"
    arch: str | None = None
    objective: str = "causal"
    vocab_size: int | None = None
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None
    tokens: int | None = None
    epochs: float = 1.0
    steps: int | None = None
    device: str = "cpu"
    count: int = 1
    per_node: int = 8
    network: float = 25e9
    batch_size: int = 8
    micro_batch: int | None = None
    context: int | None = None
    precision: str = "auto"
    optimizer: str = "muon"
    attention: str = "sdpa"
    sharding: str = "auto"
    gradient_checkpointing: bool | None = None
    efficiency: float | None = None

    def __post_init__(self) -> None:
        for name in ("count", "batch_size", "per_node", "micro_batch", "context", "tokens", "steps", "vocab_size"):
            if (whole := getattr(self, name)) is not None:
                at_least(1, **{name: whole})
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"there is no {name} {getattr(self, name)!r}", hint=f"choose one of {', '.join(choices)}"
                )
        for name in ("efficiency", "network", "epochs"):
            number = getattr(self, name)
            if number is not None and not (math.isfinite(number) and number > 0):
                raise InputError(f"`{name}` is {number}", hint="it must be above 0 and finite")
        if self.efficiency is not None and self.efficiency > 1:
            raise InputError(f"`efficiency` is {self.efficiency}", hint="it is a share of the peak: at most 1")
        check_accelerator(self.device)
        known = ACCELERATORS.get(self.device)
        low = known is not None and known.bfloat16 is not None
        if self.precision == "auto":
            object.__setattr__(self, "precision", "bfloat16" if low else "float32")
        elif known is not None:
            known.peak(self.precision)
        if self.efficiency is None:
            object.__setattr__(self, "efficiency", _EFFICIENCY["cpu" if known is None else "gpu"])
        self._check_model()
        object.__setattr__(self, "tokens", self._all_tokens())

    @property
    def is_size(self) -> bool:
        """Whether the model is a step of the size dial."""
        return isinstance(self.model, str) and self.model in SIZES

    def _check_model(self) -> None:
        if self.is_size:
            object.__setattr__(self, "arch", self.arch or _DEFAULT_ARCH.get(self.objective, "gpt2"))
            check_objective(str(self.arch), self.objective)
        elif self.arch is not None:
            raise InputError(
                f"`arch` is {self.arch!r}, but {self.model!r} is not a size",
                hint=f"with `arch` take {', '.join(SIZES)}",
            )

    def _all_tokens(self) -> int | None:
        if self.tokens is not None and self.data is not None:
            raise InputError("`tokens` and `data` both say how much is read", hint="leave one of them out")
        if self.data is None:
            return None if self.tokens is None else math.ceil(self.tokens * self.epochs)
        paths = [self.data] if isinstance(self.data, str | os.PathLike) else self.data
        return math.ceil(sum(_tokens_in(Path(path)) for path in paths) * self.epochs)


def _tokens_in(path: Path) -> int:
    """Return the tokens to train on in a folder of shards, or the bytes of a file."""
    if path.is_dir():
        spans = open_shards(path, verify=False).train
        return int((spans[:, 2] - spans[:, 1]).sum())
    if not path.is_file():
        raise InputError(f"there is no file or folder {str(path)!r}", hint="give a file or shards, or `tokens`")
    return path.stat().st_size

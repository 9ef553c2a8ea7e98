"""A loaded model, and the part of it that encoding and decoding text needs."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cutaway.models.context_limit import context_of
from cutaway.tokens import Tokenizer

if TYPE_CHECKING:
    import torch


class TextModel(Protocol):
    """The part of a model that encoding and decoding text needs; a loaded `Model` has it."""

    @property
    def name(self) -> str:
        """The name that the user gave."""

    @property
    def path(self) -> Path | None:
        """The model's folder, or None if it was made in memory."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back."""

    @property
    def context(self) -> int | None:
        """How many positions T it can attend to, or None if it has no limit."""

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a text."""


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A loaded model: `module` is the transformers model itself, `tokenizer` turns text into its ids."""

    name: str
    path: Path | None
    module: Any
    tokenizer: Tokenizer

    @property
    def config(self) -> Any:
        """The transformers configuration."""
        return self.module.config

    @property
    def context(self) -> int | None:
        """How many positions T the model can attend to, or None if it has no limit."""
        return context_of(self.config)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        device: torch.device = self.module.device
        return device

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a text (a configuration may name several)."""
        generation = getattr(self.module, "generation_config", None)
        ends = getattr(generation, "eos_token_id", None)
        if ends is None:
            ends = getattr(self.config, "eos_token_id", None)
        return frozenset([ends] if isinstance(ends, int) else ends or [])


ModelLike = str | os.PathLike[str] | Model

"""Which decoder a model gets."""

from __future__ import annotations

from cutaway.generation.engine import Decoder
from cutaway.generation.general import open_module
from cutaway.models.loading import ModelLike, load

__all__ = ["TIERS", "open_decoder"]

TIERS = ("exact", "near", "turbo")


def open_decoder(model: ModelLike, tier: str = "near") -> Decoder:
    """Return the model ready to run rows."""
    return open_module(load(model, "generator"))

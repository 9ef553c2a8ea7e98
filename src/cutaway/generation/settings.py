"""The settings of `generate` and their bounds.

This module does not import torch, so that the command line reports a wrong setting at once. Names and meanings are
those of transformers' `GenerationConfig`; the presence penalty is that of OpenAI's API and of vLLM.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Final

from cutaway.errors import InputError, at_least
from cutaway.random_streams import check_seed

TIERS: Final = ("exact", "near", "turbo")


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 is greedy; any other setting is off if it is None."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None

    def __post_init__(self) -> None:
        finite = 0 <= self.temperature < math.inf
        _check("temperature", self.temperature, finite, "0 (greedy) or above, and finite")
        _check("top_k", self.top_k, self.top_k is None or self.top_k >= 1, "1 or above")
        _check("top_p", self.top_p, self.top_p is None or 0 < self.top_p <= 1, "above 0 and at most 1")
        _check("min_p", self.min_p, self.min_p is None or 0 <= self.min_p <= 1, "from 0 to 1")
        penalty = self.repetition_penalty
        _check("repetition_penalty", penalty, penalty is None or 0 < penalty < math.inf, "above 0 (1 has no effect)")
        penalty = self.presence_penalty
        _check("presence_penalty", penalty, penalty is None or -2 <= penalty <= 2, "from -2 to 2 (0 has no effect)")

    @property
    def penalises(self) -> bool:
        """Whether a penalty changes the logits of tokens that already occurred."""
        return self.repetition_penalty not in {None, 1.0} or bool(self.presence_penalty)


def _check(name: str, value: float | None, good: bool, range_: str) -> None:
    if not good:  # a NaN fails every comparison
        raise InputError(f"`{name}` is {value}", hint=f"it must be {range_}")


def check_tier(tier: str) -> None:
    """Raise `InputError` for an unknown tier."""
    if tier not in TIERS:
        raise InputError(f"there is no tier {tier!r}", hint=f"choose one of {', '.join(TIERS)}")


def check_lengths(min_new_tokens: int, max_new_tokens: int) -> None:
    """Raise `InputError` unless 0 <= min_new_tokens <= max_new_tokens and max_new_tokens is at least 1."""
    at_least(1, max_new_tokens=max_new_tokens)
    at_least(0, min_new_tokens=min_new_tokens)
    if min_new_tokens > max_new_tokens:
        raise InputError(
            f"`min_new_tokens` is {min_new_tokens}, more than `max_new_tokens`, which is {max_new_tokens}",
            hint="lower the first or raise the second",
        )


def check_streams(seed: int, responses: int) -> int:
    """Return the seed as an int; raise `InputError` if there are too few seeds from it upwards for all responses."""
    seed = check_seed(seed)
    if seed + responses > 2**63:
        raise InputError(
            f"`seed` is {seed}, too large for {responses:,} responses: each takes the next seed, up to 2**63 - 1",
            hint=f"give a seed of at most {2**63 - responses}",
        )
    return seed


def check_beams(
    num_beams: int, num_return_sequences: int, length_penalty: float, sampling: Sampling, stop: Sequence[str]
) -> None:
    """Raise `InputError` for settings that beam search does not support."""
    at_least(1, num_beams=num_beams, num_return_sequences=num_return_sequences)
    if num_return_sequences > num_beams:
        raise InputError(
            f"`num_return_sequences` is {num_return_sequences}, more than `num_beams`, which is {num_beams}",
            hint="give at least as many beams as responses",
        )
    if not math.isfinite(length_penalty):
        raise InputError(f"`length_penalty` is {length_penalty}", hint="it must be finite; 0 ignores the length")
    if sampling.temperature != 0:
        raise InputError(
            f"`temperature` is {sampling.temperature}, but beam search does not sample",
            hint="leave `temperature` or `num_beams` out",
        )
    if stop:
        raise InputError(
            f"`stop` is {stop[0]!r}, but beam search does not support stop strings",
            hint="leave `stop` or `num_beams` out",
        )

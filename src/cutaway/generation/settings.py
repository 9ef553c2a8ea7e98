"""What a call of `generate` may ask for: the settings, their bounds, and one check of all of them.

This module needs no torch, so that the command line tells a wrong setting at once. Names and meanings are those of
transformers' `GenerationConfig`; the presence penalty is that of OpenAI's API and of vLLM.
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
    """How the next token is chosen; `temperature` 0 is greedy, the other settings are off if they are None."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None

    def __post_init__(self) -> None:
        finite = 0 <= self.temperature < math.inf
        _check("temperature", self.temperature, finite, "0 (greedy) or above, and finite")
        _check("top-k", self.top_k, self.top_k is None or self.top_k >= 1, "1 or above")
        _check("top-p", self.top_p, self.top_p is None or 0 < self.top_p <= 1, "above 0 and at most 1")
        _check("min-p", self.min_p, self.min_p is None or 0 <= self.min_p <= 1, "from 0 to 1")
        penalty = self.repetition_penalty
        _check("repetition-penalty", penalty, penalty is None or 0 < penalty < math.inf, "above 0 (1 has no effect)")
        penalty = self.presence_penalty
        _check("presence-penalty", penalty, penalty is None or -2 <= penalty <= 2, "from -2 to 2 (0 has no effect)")

    @property
    def penalises(self) -> bool:
        """Say whether tokens that occurred count for more or less."""
        return self.repetition_penalty not in {None, 1.0} or bool(self.presence_penalty)


def _check(name: str, value: float | None, good: bool, range_: str) -> None:
    if not good:  # a NaN fails every comparison
        raise InputError(f"{name} is {value}", hint=f"it must be {range_}")


def check_tier(tier: str) -> None:
    """Raise `InputError` for an unknown tier."""
    if tier not in TIERS:
        raise InputError(f"there is no tier {tier!r}", hint=f"one of {', '.join(TIERS)}")


def check_lengths(min_new_tokens: int, max_new_tokens: int) -> None:
    """Raise `InputError` unless 0 <= min_new_tokens <= max_new_tokens and max_new_tokens is at least 1."""
    at_least(1, max_new_tokens=max_new_tokens)
    at_least(0, min_new_tokens=min_new_tokens)
    if min_new_tokens > max_new_tokens:
        raise InputError(
            f"min-new-tokens is {min_new_tokens} and max-new-tokens {max_new_tokens}",
            hint="the first must not be above the second",
        )


def check_request(
    *,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    repetition_penalty: float | None,
    presence_penalty: float | None,
    seed: int,
    max_new_tokens: int,
    min_new_tokens: int,
    stop: Sequence[str],
    num_return_sequences: int,
    num_beams: int,
    length_penalty: float,
    alternatives: int,
    trace: bool,
    batch_size: int,
    tier: str,
    chat: bool,
    system: str | None,
) -> Sampling:
    """Return how tokens are chosen; raise `InputError` for settings that no model can follow, alone or together.

    A temperature of None is 0 (greedy) for one response or for beams, and 1 for several responses.
    """
    if temperature is None:
        temperature = 0.0 if num_return_sequences == 1 or num_beams > 1 else 1.0
    sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty, presence_penalty)
    check_tier(tier)
    at_least(1, num_return_sequences=num_return_sequences, num_beams=num_beams, batch_size=batch_size)
    at_least(0, alternatives=alternatives)
    check_lengths(min_new_tokens, max_new_tokens)
    if any(not text for text in stop):
        raise InputError("a stop string is empty", hint="give the text to stop before, for example `stop='END'`")
    check_seed(seed)
    if sampling.temperature == 0 and num_return_sequences > 1 and num_beams == 1:
        raise InputError(
            f"{num_return_sequences} greedy responses would all be the same", hint="sample: `temperature=0.8`"
        )
    if num_beams != 1:
        check_beams(num_beams, num_return_sequences, length_penalty, sampling, stop)
        if trace:
            raise InputError("beam search draws no tokens, so it has no trace", hint="leave `trace` or `num_beams` out")
    if system is not None and not chat:
        raise InputError("a system message is part of a chat", hint="give `chat=True` as well")
    return sampling


def check_streams(seed: int, responses: int) -> int:
    """Return the seed as an int; raise `InputError` unless each response has a random stream, from `seed` upwards."""
    seed = check_seed(seed)
    if seed + responses > 2**63:
        raise InputError(
            f"seed is {seed}, and {responses:,} responses draw from the streams of {seed} and above",
            hint=f"the last stream is 2**63 - 1: give a seed of at most {2**63 - responses}",
        )
    return seed


def check_beams(
    num_beams: int, num_return_sequences: int, length_penalty: float, sampling: Sampling, stop: Sequence[str]
) -> None:
    """Raise `InputError` for settings that beam search cannot follow."""
    at_least(1, num_beams=num_beams, num_return_sequences=num_return_sequences)
    if num_return_sequences > num_beams:
        raise InputError(
            f"num-return-sequences is {num_return_sequences} and num-beams {num_beams}",
            hint="no more beams can be returned than are searched",
        )
    if not math.isfinite(length_penalty):
        raise InputError(f"length-penalty is {length_penalty}", hint="it must be a number; 0 ignores the length")
    if sampling.temperature != 0:
        raise InputError(
            f"temperature is {sampling.temperature}, but beam search does not sample",
            hint="leave `temperature` out (beams need 0), or leave `num_beams` out",
        )
    if stop:
        raise InputError(
            f"beam search does not stop at a text such as {stop[0]!r}",
            hint="leave `stop` or `num_beams` out",
        )

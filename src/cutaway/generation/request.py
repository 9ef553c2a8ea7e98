"""What a call of `generate` asks for, checked. No torch is needed, so the command line reports a mistake at once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from cutaway.errors import InputError, MissingText, at_least
from cutaway.generation.settings import Sampling, check_beams, check_lengths, check_streams, check_tier

if TYPE_CHECKING:
    from cutaway.models.prompt import Prompt


@dataclasses.dataclass(frozen=True)
class Request:
    """The prompts and all settings of one call; their names and meanings are the parameters of `generate`.

    Raises `MissingText` for an empty prompt, and `InputError` for a setting out of range or settings that contradict.
    """

    prompts: Prompt | Sequence[Prompt]
    max_new_tokens: int = 64
    min_new_tokens: int = 0
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    num_return_sequences: int = 1
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    stop: Sequence[str] = ()
    seed: int = 0
    chat: bool = False
    system: str | None = None
    truncate: str | None = None
    alternatives: int = 0
    trace: bool = False
    batch_size: int = 64
    tier: str = "near"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", [self.stop] if isinstance(self.stop, str) else list(self.stop))
        sampling = self.sampling
        check_tier(self.tier)
        at_least(
            1, num_return_sequences=self.num_return_sequences, num_beams=self.num_beams, batch_size=self.batch_size
        )
        at_least(0, alternatives=self.alternatives)
        check_lengths(self.min_new_tokens, self.max_new_tokens)
        if not all(self.stop):
            raise InputError("a stop string is empty", hint="give the text at which to stop, for example `stop='END'`")
        if sampling.temperature == 0 and self.num_return_sequences > 1 and self.num_beams == 1:
            raise InputError(
                f"{self.num_return_sequences} greedy responses would all be the same", hint="sample: `temperature=0.8`"
            )
        if self.num_beams != 1:
            check_beams(self.num_beams, self.num_return_sequences, self.length_penalty, sampling, self.stop)
            if self.trace:
                raise InputError(
                    "beam search does not sample, so it has no trace", hint="leave `trace` or `num_beams` out"
                )
        given = self.each_prompt
        if self.system is not None and not self.chat and any(isinstance(prompt, str) for prompt in given):
            raise InputError("`system` is given, but the prompt is not a chat", hint="give `chat=True` as well")
        object.__setattr__(self, "seed", check_streams(self.seed, len(given) * self.num_return_sequences))
        if not all(given):
            raise MissingText("the prompt is empty", hint=_SOME_TEXT)

    @functools.cached_property
    def each_prompt(self) -> list[Prompt]:
        """The prompts, each a text or the messages of a chat."""
        if isinstance(self.prompts, str):
            return [self.prompts]
        given = list(self.prompts)
        if not given:
            raise MissingText("there is no prompt", hint=_SOME_TEXT)
        one_chat = any(isinstance(item, Mapping) for item in given)
        return cast("list[Prompt]", [given] if one_chat else given)

    @functools.cached_property
    def sampling(self) -> Sampling:
        """How tokens are chosen. A temperature of None is 0 (greedy) for one response or for beams, 1 for several."""
        temperature = self.temperature
        if temperature is None:
            temperature = 0.0 if self.num_return_sequences == 1 or self.num_beams > 1 else 1.0
        return Sampling(temperature, self.top_k, self.top_p, self.min_p, self.repetition_penalty, self.presence_penalty)

    def settings(self) -> dict[str, Any]:
        """Return the settings that a result records."""
        lengths = {"min_new_tokens": self.min_new_tokens, "max_new_tokens": self.max_new_tokens}
        found = dataclasses.asdict(self.sampling) | lengths
        found |= {"stop": self.stop, "chat": self.chat, "tier": self.tier}
        found |= {} if self.system is None else {"system": self.system}
        return found | (self.search() if self.num_beams > 1 else {})

    def search(self) -> dict[str, Any]:
        """Return the settings of beam search."""
        return {
            "num_beams": self.num_beams,
            "length_penalty": self.length_penalty,
            "early_stopping": self.early_stopping,
        }


_SOME_TEXT = 'give some text: cutaway generate "The capital of France is"'

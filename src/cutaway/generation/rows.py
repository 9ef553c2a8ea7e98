"""A row: one prompt being completed, with its own settings and its own random stream."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cutaway.generation.settings import Sampling, check_lengths
from cutaway.random_streams import check_seed, stream
from cutaway.tokens import Tokenizer

if TYPE_CHECKING:
    import torch

# Ids so far (1, T) and scores (1, V) → scores (1, V).
Processor = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]


@dataclasses.dataclass(frozen=True)
class Alternative:
    """A token that the model could have chosen, and its probability before any sampler."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True)
class TraceOption:
    """A possible token: its probability before and after the samplers, and the sampler that removed it."""

    token: str
    id: int
    before: float
    after: float
    removed_by: str | None


@dataclasses.dataclass(frozen=True)
class SamplerEffect:
    """What one sampler did at one step.

    `moved` is how much probability it moved between tokens (total variation: half the sum of the absolute changes).
    `removed` is how many tokens can no longer be drawn, `mass` the probability that they had just before, and
    `mass_before` the probability that they had under the model itself.
    """

    sampler: str
    setting: float
    moved: float
    removed: int
    mass: float
    mass_before: float


@dataclasses.dataclass(frozen=True)
class TraceStep:
    """One token and its distribution before the samplers (the model's own) and after (what was drawn from).

    Ranks count from 1; entropies and the surprisal are in bits. `options` are the likeliest tokens before and after the
    samplers and the chosen one, likeliest first; `effects` are the samplers in the order in which they act.
    """

    token: str
    id: int
    before: float
    after: float
    rank: int
    surprisal_bits: float
    entropy_bits: float
    entropy_after_bits: float
    effects: list[SamplerEffect]
    options: list[TraceOption]


@dataclasses.dataclass(eq=False)
class Row:
    """A prompt's ids, how to continue them, and the tokens so far.

    Each row draws from the stream of its own `seed`, so that its tokens do not depend on the other rows of the batch.
    `ids` and `logprobs` (nats, under the model itself, before any sampler) grow by one each step; so do `entropies`
    (also in nats), `alternatives` and `steps`, if requested. `finish` is None while the row runs, then "eos", "stop",
    "length" or "cancelled".
    """

    prompt: str
    prompt_ids: list[int]
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    seed: int = 0
    max_new_tokens: int = 64
    min_new_tokens: int = 0
    stop: Sequence[str] = ()
    keep: int = 0  # how many alternatives are kept at each step
    measured: bool = False  # `entropies` are kept
    traced: bool = False  # `entropies` and `steps` are kept
    processors: Sequence[Processor] = ()  # change the logits before any sampler: transformers' `LogitsProcessor`s
    start_ids: list[int] | None = None  # ids from which the decoder of an encoder-decoder starts; None: the prompt's

    ids: list[int] = dataclasses.field(default_factory=list)
    logprobs: list[float] = dataclasses.field(default_factory=list)
    entropies: list[float] = dataclasses.field(default_factory=list)
    alternatives: list[list[Alternative]] = dataclasses.field(default_factory=list)
    steps: list[TraceStep] = dataclasses.field(default_factory=list)
    text: str = ""
    finish: str | None = None
    cancelled: bool = False  # set it to make the row leave a running batch

    def __post_init__(self) -> None:
        check_lengths(self.min_new_tokens, self.max_new_tokens)
        self.seed = check_seed(self.seed)
        # Decoded together with the prompt's last tokens, because several tokenizers drop a space at the start.
        self._window = self._tail
        self._read = len(self._window)
        self._settled = ""
        self._shown = 0

    @functools.cached_property
    def chance(self) -> np.random.Generator:
        """The random stream from which the row's tokens are drawn."""
        return stream(self.seed, "tokens")

    @property
    def seen(self) -> list[int]:
        """The ids that the decoder has read: what it started from and what it has generated."""
        return (self.prompt_ids if self.start_ids is None else self.start_ids) + self.ids

    @property
    def _tail(self) -> list[int]:
        return self.prompt_ids[-4:] if self.start_ids is None else []

    def start_from(self, ids: list[int]) -> None:
        """Begin a new text after these ids; the prompt is what an encoder read."""
        self.start_ids, self._window, self._read = ids, [], 0

    def take(self, token_id: int, tokenizer: Tokenizer, end_ids: frozenset[int]) -> None:
        """Add the chosen token to the ids and the text, and end the row if the token ends it."""
        self.ids.append(token_id)
        finish = "eos" if token_id in end_ids else "length" if len(self.ids) >= self.max_new_tokens else None
        searched = len(self.text)
        self.text = self._settled + self._unsettled(token_id, tokenizer)
        if finish is not None:
            self.text = self._whole(tokenizer)
        from_ = max(0, searched - max(map(len, self.stop), default=0))
        ends = [at for text in self.stop if (at := self.text.find(text, from_)) >= 0]
        if ends:
            self.text, finish = self.text[: min(ends)], "stop"
        self.finish = finish  # last, so that after an interruption every finished row has its text

    def certain(self) -> str:
        """Return the new text that no later token can change: without half characters and beginnings of a stop."""
        end = len(self.text)
        if self.finish is None:
            end = len(self.text.rstrip("\ufffd"))
            for text in self.stop:
                for size in range(len(text) - 1, 0, -1):
                    if self.text[:end].endswith(text[:size]):
                        end -= size
                        break
        text, self._shown = self.text[self._shown : end], max(self._shown, end)
        return text

    def _unsettled(self, token_id: int, tokenizer: Tokenizer) -> str:
        # Only the last tokens are decoded again, so that the time per token does not grow with the text.
        self._window.append(token_id)
        before = tokenizer.decode(self._window[: self._read])
        whole = tokenizer.decode(self._window)
        new = whole[len(before) :] if whole.startswith(before) else tokenizer.decode(self._window[self._read :])
        if new and not new.endswith("\ufffd"):
            self._settled += new
            self._window = self._window[-4:]
            self._read = len(self._window)
            return ""
        return new

    def _whole(self, tokenizer: Tokenizer) -> str:
        tail = self._tail
        before, whole = tokenizer.decode(tail), tokenizer.decode(tail + self.ids)
        return whole[len(before) :] if whole.startswith(before) else tokenizer.decode(self.ids)

"""A row: one prompt being completed, with its own settings, its own random stream and its own end."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from cutaway.generation.settings import Sampling, check_lengths
from cutaway.random_streams import check_seed, stream
from cutaway.tokens import Tokenizer

# Ids so far (1, T) and scores (1, V) → scores (1, V).
Processor = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Alternative:
    """A token that the model could have chosen, and its probability before any sampler."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True)
class TraceOption:
    """A token that could have come: its probability before and after the samplers, and the sampler that removed it."""

    token: str
    id: int
    before: float
    after: float
    removed_by: str | None


@dataclasses.dataclass(frozen=True)
class SamplerEffect:
    """What one sampler did at one step.

    `moved` is how much probability it shifted from token to token (total variation: half the sum of the changes);
    `removed` how many tokens can no longer be drawn, `mass` the probability that these held when it acted, and
    `mass_before` what they held under the model itself.
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

    Ranks count from 1, entropies and the surprisal are in bits. `options` are the likeliest tokens before and after and
    the one that was chosen, likeliest first; `effects` are the samplers in the order in which they act.
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
    """A prompt's ids, how to continue them, and what has come of it so far.

    Row after row draws from the stream of its own `seed`, so that its chances do not depend on who is decoded beside
    it. `ids` and `logprobs` (nats, under the model itself, before any sampler) grow by one a step; `entropies` (the
    same), `alternatives` and `steps` only where they are asked for. `finish` is None while the row runs, then "eos",
    "stop", "length" or "cancelled".
    """

    prompt: str
    prompt_ids: list[int]
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    seed: int = 0
    max_new_tokens: int = 64
    min_new_tokens: int = 0
    stop: Sequence[str] = ()
    keep: int = 0  # so many alternatives are kept at each step
    measured: bool = False  # `entropies` are kept
    traced: bool = False  # `entropies` and `steps` are kept
    processors: Sequence[Processor] = ()  # change the logits before any sampler: transformers' `LogitsProcessor`s
    start_ids: list[int] | None = None  # what an encoder-decoder's decoder starts from; None: the prompt is continued

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
        # Decoded behind the prompt's last tokens: several decoders drop the space at the start of what they are given.
        self._window = self._tail
        self._read = len(self._window)
        self._settled = ""
        self._shown = 0

    @functools.cached_property
    def chance(self) -> np.random.Generator:
        """The random stream that the row's tokens are drawn from."""
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
        self.finish = finish  # last: whoever interrupts finds no row that has ended without its text

    def certain(self) -> str:
        """Return the text not shown yet that no later token can change: no half character, no beginning of a stop."""
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
        # Only the last tokens are decoded again, so that a long text costs no more a token than a short one.
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

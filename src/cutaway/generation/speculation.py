"""Prompt lookup: where the last tokens occurred before, what followed them then is tried again, several at once.

For a lone row a step is bound by reading the weights: several tokens cost hardly more than one. They are guessed from
the text itself (Saxena 2023, prompt lookup decoding) and kept as far as the sampler, with its own stream of chance,
chooses the same (Leviathan et al. 2023). The logits are those of single steps, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.cpu.machine_code import Step
from cutaway.generation.cpu.weights import Weights
from cutaway.models.text_model import TextModel

NGRAMS = (3, 2)  # tokens that have to have occurred before, the longer first
PRICE = 0.5  # tokens that a guess has to bring on average, or there are no more guesses
CREDIT = 16.0  # tokens to begin with


class LookupDecoder(CpuDecoder):
    """A `CpuDecoder` that looks ahead while it has one row; with more rows a step has no room for guesses."""

    def __init__(self, model: TextModel, weights: Weights, code: Step, guessed: int = 5) -> None:
        super().__init__(model, weights, code)
        self._guessed = guessed  # tokens tried at once, besides the one that is known
        self._text: list[int] | None = None  # of a lone row: its prompt and what came since
        self._followers: dict[tuple[int, ...], int] = {}  # where what follows these tokens stands in it
        self._guess: list[int] = []
        self._ahead_CV = np.empty((0, 0), np.float32)
        self._credit = CREDIT

    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> npt.NDArray[np.float32]:
        """Read prompts; the text of a lone row is what guesses are taken from."""
        self._forget()
        alone = not self.rows and list(copies) == [1]
        logits_BV = super().add(prompts, copies)
        self._text, self._followers, self._credit = [] if alone else None, {}, CREDIT
        if self._text is not None:
            for token_id in prompts[0]:
                self._append(self._text, token_id)
        return logits_BV

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these slots."""
        self._forget()
        if list(slots) != [0]:
            self._text = None
        super().keep(slots)

    def step(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Run one token a slot, or hand out what was computed ahead if it is the token that was guessed."""
        if self._text is None:
            return super().step(ids)
        self._append(self._text, ids[0])
        if self._guess and self._guess[0] == ids[0]:
            self._guess, self._ahead_CV = self._guess[1:], self._ahead_CV[1:]
            self._credit = min(CREDIT, self._credit + 1)
            return self._ahead_CV[:1]
        self._forget()
        self._guess = self._lookup(self._text)
        self._credit -= PRICE if self._guess else 0.0
        self._ahead_CV = self.extend([[ids[0], *self._guess]])[0]
        return self._ahead_CV[:1]

    def _forget(self) -> None:
        if self._guess:
            self.rewind(len(self._guess))
            self._guess = []

    def _append(self, text: list[int], token_id: int) -> None:
        for size in NGRAMS:
            if len(text) >= size:
                self._followers[tuple(text[-size:])] = len(text)
        text.append(token_id)

    def _lookup(self, text: list[int]) -> list[int]:
        context = self.model.context
        room = self._guessed if context is None else min(self._guessed, context - len(text) - 1)
        for size in NGRAMS if self._credit > 0 else ():
            at = self._followers.get(tuple(text[-size:]))
            if at is not None and len(text) >= size:
                return text[at : at + max(0, room)]
        return []

"""A source of English sentences with a known entropy, which is the lowest loss a model trained on it can reach.

    The animal didn't cross the street because it was too tired.

A sentence is a sequence of slots. Each slot is filled with a random word, whose probability may depend on the word in
one earlier slot. In `SENTENCES` the reason depends on the animal, about forty characters before it. A model that sees
only the last few words cannot reach the lowest loss; a model whose attention finds the animal can.

Different choices of words give different sentences, so the chain rule gives the entropy of a sentence exactly: the sum
over slots of H(slot | the slot it depends on). Sentences are independent, so the entropy per character is H(sentence) /
E[characters in a sentence] (Cover & Thomas, *Elements of Information Theory*, chapters 2 and 4; the division is the
renewal-reward theorem). All entropies are in nats.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Slot:
    """One slot of a sentence: the fixed text before it, the words that can fill it, and their weights.

    `weights` has one row for each word of slot number `given`, or a single row if `given` is None. Weights are
    relative: a row need not sum to 1. A word with weight 0 never occurs.
    """

    lead: str
    words: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    given: int | None = None

    @functools.cached_property
    def chances(self) -> FloatArray:
        """The weights as probabilities: one row for each word of slot `given`."""
        weights = np.array(self.weights, dtype=np.float64)
        chances: FloatArray = weights / weights.sum(axis=1, keepdims=True)
        return chances


@dataclasses.dataclass(frozen=True)
class Source:
    """Sentences made of slots, with exact probabilities.

    Example:
        >>> SENTENCES.sample(np.random.default_rng(0))
        "The horse didn't cross the street because it was too icy.\\n"
        >>> SENTENCES.nats_per_character
        0.11660919438927372
    """

    name: str
    slots: tuple[Slot, ...]
    end: str = ".\n"

    def sample(self, rng: np.random.Generator, length: int | None = None) -> str:
        """Return a random sentence, or as many as `length` characters take, cut there; one uniform number per slot."""
        if length is not None:
            text = ""
            while len(text) < length:
                text += self.sample(rng)
            return text[:length]
        chosen: list[int] = []
        pieces: list[str] = []
        for slot, steps, uniform in zip(self.slots, self._steps, rng.random(len(self.slots)), strict=True):
            row = 0 if slot.given is None else chosen[slot.given]
            chosen.append(int(np.searchsorted(steps[row], uniform, side="right")))
            pieces += [slot.lead, slot.words[chosen[-1]]]
        return "".join(pieces) + self.end

    @functools.cached_property
    def entropy_nats(self) -> float:
        """Entropy of a sentence in nats, by the chain rule over the slots."""
        total = 0.0
        for slot, given in zip(self.slots, self._given, strict=True):
            logs = np.log(slot.chances, out=np.zeros_like(slot.chances), where=slot.chances > 0)
            total += float(given @ -(slot.chances * logs).sum(axis=1))
        return total

    @functools.cached_property
    def mean_characters(self) -> float:
        """Expected number of characters in a sentence, including its end."""
        fixed = sum(len(slot.lead) for slot in self.slots) + len(self.end)
        words = sum(
            float(given @ slot.chances @ np.array([len(word) for word in slot.words], dtype=np.float64))
            for slot, given in zip(self.slots, self._given, strict=True)
        )
        return fixed + words

    @property
    def nats_per_character(self) -> float:
        """Entropy per character: the lowest average loss with which any model can predict the next character."""
        return self.entropy_nats / self.mean_characters

    @functools.cached_property
    def alphabet(self) -> str:
        """All characters that occur, sorted."""
        texts = (text for slot in self.slots for text in (slot.lead, *slot.words))
        return "".join(sorted(set(self.end).union(*texts)))

    def sentences(self) -> Iterator[tuple[str, float]]:
        """Yield every sentence that can occur, and its probability."""
        for chosen in itertools.product(*(range(len(slot.words)) for slot in self.slots)):
            probability, pieces = 1.0, []
            for slot, word in zip(self.slots, chosen, strict=True):
                probability *= float(slot.chances[0 if slot.given is None else chosen[slot.given], word])
                pieces += [slot.lead, slot.words[word]]
            if probability > 0:
                yield "".join(pieces) + self.end, probability

    def logprob(self, sentence: str) -> float:
        """Return the natural logarithm of a sentence's probability; minus infinity for any other text."""
        probability = self._probabilities.get(sentence, 0.0)
        return math.log(probability) if probability > 0 else -math.inf

    def surprisal(self, text: str) -> FloatArray:
        """Return the exact surprisal of every character, in nats: -ln p(character | all before it).

        `text` begins with the start of a sentence and may end inside one. The result has one number per character; over
        a whole sentence they sum to `-logprob(sentence)`. The probability of the next character is P(sentences that
        continue with it) / P(sentences that agree so far).

        Raises `InputError` at the first character that the source cannot produce.
        """
        surprisal_T = np.empty(len(text), dtype=np.float64)
        start = 0
        for position in range(len(text)):
            before, after = text[start:position], text[start : position + 1]
            if after not in self._mass:
                raise InputError(
                    f"the source {self.name!r} never writes {text[position]!r} at position {position}, "
                    f"after {text[max(start, position - 40) : position]!r}",
                    hint="give text that this source wrote, from the start of a sentence",
                )
            surprisal_T[position] = math.log(self._mass[before]) - math.log(self._mass[after])
            if after in self._probabilities:
                start = position + 1
        return surprisal_T

    @functools.cached_property
    def _given(self) -> list[FloatArray]:
        """For each slot, the probability of each row of its table, that is of each word it can depend on."""
        given: list[FloatArray] = []
        for slot in self.slots:
            # P(word of a slot) = P(word of the slot it depends on) @ table. It depends only on an earlier slot.
            given.append(np.ones(1) if slot.given is None else given[slot.given] @ self.slots[slot.given].chances)
        return given

    @functools.cached_property
    def _steps(self) -> list[FloatArray]:
        """For each slot, the cumulative sums of its rows; the last sum is set to infinity, above any uniform number."""
        steps = [np.cumsum(slot.chances, axis=1) for slot in self.slots]
        for slot, table in zip(self.slots, steps, strict=True):
            for row, chances in zip(table, slot.chances, strict=True):
                row[np.flatnonzero(chances)[-1] :] = np.inf
        return steps

    @functools.cached_property
    def _probabilities(self) -> dict[str, float]:
        return dict(self.sentences())

    @functools.cached_property
    def _mass(self) -> dict[str, float]:
        """For each prefix that can occur, also the empty one, the probability that a sentence begins with it."""
        mass: dict[str, float] = {}
        for sentence, probability in self.sentences():
            for length in range(len(sentence) + 1):
                prefix = sentence[:length]
                mass[prefix] = mass.get(prefix, 0.0) + probability
        return mass


_ANIMALS = ("animal", "cat", "dog", "horse", "snail", "fox", "goose", "mule")
_REASONS = ("tired", "sleepy", "hungry", "proud", "slow", "scared", "old", "wide", "busy", "icy", "dark", "loud")

# One row per animal, one column per reason: each animal prefers some reasons, and every reason is possible.
_WHY = (
    # tired sleepy hungry proud slow scared old | wide busy icy dark loud
    (40, 2, 2, 1, 1, 3, 1, 25, 20, 2, 2, 1),  # animal
    (1, 45, 2, 30, 1, 2, 1, 1, 3, 2, 1, 11),  # cat
    (2, 2, 50, 1, 1, 3, 20, 1, 14, 2, 2, 2),  # dog
    (14, 1, 2, 2, 1, 4, 3, 1, 2, 60, 8, 2),  # horse
    (1, 1, 1, 1, 35, 1, 1, 55, 1, 1, 1, 1),  # snail
    (1, 2, 12, 1, 1, 45, 1, 1, 2, 1, 31, 2),  # fox
    (1, 1, 2, 30, 1, 2, 1, 1, 20, 1, 1, 39),  # goose
    (18, 1, 1, 25, 2, 1, 45, 1, 1, 3, 1, 1),  # mule
)

SENTENCES = Source(
    name="built-in",
    slots=(
        Slot("The ", _ANIMALS, ((22, 18, 16, 12, 10, 9, 7, 6),)),
        Slot(" ", ("didn't cross", "wouldn't cross", "couldn't leave", "didn't enter"), ((40, 25, 20, 15),)),
        Slot(
            " the ",
            ("street", "road", "bridge", "field", "yard", "tunnel"),
            ((45, 25, 15, 10, 2, 3), (30, 30, 25, 10, 2, 3), (4, 4, 2, 40, 45, 5), (8, 4, 10, 20, 18, 40)),
            given=1,
        ),
        Slot(" because it was ", ("too", "far too", "a bit too"), ((70, 18, 12),)),
        Slot(" ", _REASONS, _WHY, given=0),
    ),
)
"""The built-in source: 6,912 sentences about animals that stay where they are, and why."""

"""A source of English sentences whose entropy is known exactly, so that a model trained on it has a known floor.

    The animal didn't cross the street because it was too tired.

A sentence is a chain of slots, each filled with one word by chance. The chances of a slot may depend on the word of one
earlier slot. In `SENTENCES` the reason depends on the animal, some forty characters back: a model that looks only at
the last few words can't reach the floor, one whose attention finds the animal can.

No two fillings spell the same sentence, so the entropy of the filling is the entropy of the sentence, and the chain
rule gives it exactly: the sum over slots of H(slot | what it depends on). Sentences follow one another independently,
so the rate per character is H(sentence) / E[characters in a sentence] (Cover & Thomas, *Elements of Information
Theory*, chapters 2 and 4; the division is the renewal-reward theorem). All entropies are in nats.
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

__all__ = ["SENTENCES", "Slot", "Source"]

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Slot:
    """One place in a sentence: the fixed characters before it, the words that can fill it, and their weights.

    `weights` has a row for each word of the slot that `given` points to, or a single row where `given` is None.
    Weights are relative: a row needn't sum to one, and a weight of zero rules its word out.
    """

    lead: str
    words: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    given: int | None = None

    @functools.cached_property
    def chances(self) -> FloatArray:
        """The weights as probabilities, one row for each word of the slot depended on."""
        weights = np.array(self.weights, dtype=np.float64)
        chances: FloatArray = weights / weights.sum(axis=1, keepdims=True)
        return chances


@dataclasses.dataclass(frozen=True)
class Source:
    """Sentences made of slots, with everything about their probabilities exact.

    Example:
        >>> SENTENCES.sample(np.random.default_rng(0))
        "The horse didn't cross the street because it was too icy.\\n"
        >>> SENTENCES.nats_per_character
        0.11660919438927372
    """

    name: str
    slots: tuple[Slot, ...]
    end: str = ".\n"

    def sample(self, rng: np.random.Generator) -> str:
        """Return one sentence, drawn with one uniform number per slot."""
        chosen: list[int] = []
        pieces: list[str] = []
        for slot, steps, uniform in zip(self.slots, self._steps, rng.random(len(self.slots)), strict=True):
            row = 0 if slot.given is None else chosen[slot.given]
            chosen.append(int(np.searchsorted(steps[row], uniform, side="right")))
            pieces += [slot.lead, slot.words[chosen[-1]]]
        return "".join(pieces) + self.end

    @functools.cached_property
    def entropy_nats(self) -> float:
        """Entropy of one sentence in nats, by the chain rule over the slots."""
        total = 0.0
        for slot, given in zip(self.slots, self._given, strict=True):
            logs = np.log(slot.chances, out=np.zeros_like(slot.chances), where=slot.chances > 0)
            total += float(given @ -(slot.chances * logs).sum(axis=1))
        return total

    @functools.cached_property
    def mean_characters(self) -> float:
        """Expected number of characters in a sentence, its end included."""
        fixed = sum(len(slot.lead) for slot in self.slots) + len(self.end)
        words = sum(
            float(given @ slot.chances @ np.array([len(word) for word in slot.words], dtype=np.float64))
            for slot, given in zip(self.slots, self._given, strict=True)
        )
        return fixed + words

    @property
    def nats_per_character(self) -> float:
        """Entropy rate of sentences one after another: no model predicts the next character better, on average."""
        return self.entropy_nats / self.mean_characters

    @functools.cached_property
    def alphabet(self) -> str:
        """The characters that occur, sorted."""
        texts = (text for slot in self.slots for text in (slot.lead, *slot.words))
        return "".join(sorted(set(self.end).union(*texts)))

    def sentences(self) -> Iterator[tuple[str, float]]:
        """Yield every filling that can occur: its sentence and its probability."""
        for chosen in itertools.product(*(range(len(slot.words)) for slot in self.slots)):
            probability, pieces = 1.0, []
            for slot, word in zip(self.slots, chosen, strict=True):
                probability *= float(slot.chances[0 if slot.given is None else chosen[slot.given], word])
                pieces += [slot.lead, slot.words[word]]
            if probability > 0:
                yield "".join(pieces) + self.end, probability

    def logprob(self, sentence: str) -> float:
        """Return the natural logarithm of a whole sentence's probability; minus infinity for any other text."""
        probability = self._probabilities.get(sentence, 0.0)
        return math.log(probability) if probability > 0 else -math.inf

    def surprisal(self, text: str) -> FloatArray:
        """Return the exact surprisal of every character, in nats: -ln p(character | all before it).

        `text` starts with a sentence and may stop inside one. The result has one number per character; over a whole
        sentence they sum to `-logprob(sentence)`. A next character's probability is the mass of the sentences that go
        on with it over the mass of those that agree so far.

        Raises `InputError` at the first character that the source can't produce.
        """
        surprisal_T = np.empty(len(text), dtype=np.float64)
        start = 0
        for position in range(len(text)):
            before, after = text[start:position], text[start : position + 1]
            if after not in self._mass:
                raise InputError(
                    f"the source {self.name!r} never writes {text[position]!r} at position {position}, "
                    f"after {text[max(start, position - 40) : position]!r}"
                )
            surprisal_T[position] = math.log(self._mass[before]) - math.log(self._mass[after])
            if after in self._probabilities:
                start = position + 1
        return surprisal_T

    @functools.cached_property
    def _given(self) -> list[FloatArray]:
        """For each slot, the chances of the rows of its table: how likely each word it can depend on is."""
        given: list[FloatArray] = []
        for slot in self.slots:
            # A slot's own chances are what it depends on, times its table. It depends only on slots before it.
            given.append(np.ones(1) if slot.given is None else given[slot.given] @ self.slots[slot.given].chances)
        return given

    @functools.cached_property
    def _steps(self) -> list[FloatArray]:
        """For each slot, the running sums of its rows, ending in infinity so that every uniform number falls inside."""
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
        """The probability that a sentence begins with each prefix that can occur, the empty one included."""
        mass: dict[str, float] = {}
        for sentence, probability in self.sentences():
            for length in range(len(sentence) + 1):
                prefix = sentence[:length]
                mass[prefix] = mass.get(prefix, 0.0) + probability
        return mass


_ANIMALS = ("animal", "cat", "dog", "horse", "snail", "fox", "goose", "mule")
_REASONS = ("tired", "sleepy", "hungry", "proud", "slow", "scared", "old", "wide", "busy", "icy", "dark", "loud")

# One row an animal, one column a reason: each animal has reasons of its own, and every reason stays possible.
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

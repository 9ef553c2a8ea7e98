"""What edits gain under a causal model: ln P(edited sequence) - ln P(sequence), in nats.

The whole sequence is run once. Then the places that surprise the model, and those just before them, are looked at: what
the model expected there is put in or put instead, or the element is taken out. Each edit is scored over the next few
tokens first, and the best ones to the end of the sequence, which is exact.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Sequence

import torch

from cutaway.models.text_model import Model
from cutaway.prediction.elements import Elements
from cutaway.prediction.language_model import Trunk
from cutaway.prediction.noisy_channel import DELETE, INSERT, SUBSTITUTE, Channel, Edit, meant

_ALL = 48  # elements of a sequence whose places are all looked at
_REACH = 3  # places before a surprise where its cause is looked for
_SLACK = 6.0  # nats that the tokens beyond the horizon may add
_EXACT = 12  # edits that are scored to the end


@dataclasses.dataclass(frozen=True)
class _Settings:
    surprises: int
    expected: int
    horizon: int


_LETTERS, _WORDS = _Settings(16, 8, 10), _Settings(8, 6, 6)


class CausalEdits:
    """One sequence of units under a causal model: how surprising each is, and what edits would gain."""

    def __init__(self, model: Model, elements: Elements, units: Sequence[str]) -> None:
        self._elements, self._units = elements, list(units)
        self._ids, self._starts = elements.encode(units)
        self._settings = _WORDS if elements.kind.name == "word" else _LETTERS
        self._trunk = Trunk(model, self._ids)
        self._own = self._trunk.own
        pairs = zip(self._starts, self._starts[1:], strict=False)
        self.surprisals = [-math.fsum(self._own[start:end]) for start, end in pairs]

    @property
    def total(self) -> float:
        """The logprob of the sequence, nats."""
        return math.fsum(self._own)

    def suspects(self) -> set[int]:
        """Return the places to look at: all of a short sequence, else those near what is more surprising than usual."""
        count = len(self._units)
        if count <= _ALL and self._elements.kind.name != "word":
            return set(range(count + 1))
        entropies_T = -(self._trunk.logprobs_TV.exp() * self._trunk.logprobs_TV).sum(-1)
        expected = [0.0, *entropies_T.tolist()]
        excess = [s - expected[start] for s, start in zip(self.surprisals, self._starts, strict=False)]
        order = sorted(range(count), key=lambda unit: -excess[unit])[: self._settings.surprises]
        reach = 1 if self._elements.kind.name == "word" else _REACH
        return {place for unit in order for place in range(max(0, unit - reach), unit + 1)}

    def gains(
        self, places: Collection[int], editable: Sequence[bool], channel: Channel, *, lengths: bool
    ) -> list[tuple[Edit, float]]:
        """Return the most promising edits at these places and their gains, nats; `lengths`: also put in and take out.

        Only `editable` units are replaced or taken out.
        """
        first = list[tuple[Edit, float]]()
        for place in sorted(places):
            edits = self._at(place, place < len(editable) and editable[place], lengths)
            first += zip(edits, self._scored(edits, self._settings.horizon), strict=True)
        excess = {edit: gain - channel.required(edit, self._units) for edit, gain in first}
        best = sorted((edit for edit in excess if excess[edit] > -_SLACK), key=lambda edit: -excess[edit])[:_EXACT]
        return list(zip(best, self._scored(best, len(self._ids)), strict=True))

    def _at(self, place: int, editable: bool, lengths: bool) -> list[Edit]:
        units, found = self._units, list[Edit]()
        names = list(self._elements.kind.choices)
        words = self._elements.kind.name == "word"
        if editable:
            own = units[place]
            fitting = [name for name in names if not words or (own.strip() and _instead(name, own))]
            likely = {*self._expected(place, fitting)}
            if words:
                likely |= {*self._ranked(place, meant(own, {*fitting}))[: self._settings.expected]}
            found += [Edit(SUBSTITUTE, place, put) for put in sorted(likely) if put != own]
            if lengths and len(units) > 1:
                found.append(Edit(DELETE, place))
        if lengths:
            following = units[place] if place < len(units) else ""
            fitting = [name for name in names if not words or (place and _between(name, following))]
            found += [Edit(INSERT, place, put) for put in self._expected(place, fitting)]
        return found

    def _expected(self, place: int, names: Sequence[str]) -> list[str]:
        """Return the likeliest of some elements at a place; none if nothing is before it."""
        return self._ranked(place, names)[: self._settings.expected] if self._starts[place] else []

    def _ranked(self, place: int, names: Sequence[str]) -> list[str]:
        """Return elements in the order of their probability at a place, given what is before it."""
        start = self._starts[place]
        if start == 0:
            return list(names)
        of_A = torch.tensor([self._elements.kind.choices[name] for name in names], dtype=torch.long)
        order = self._trunk.logprobs_TV[start - 1][of_A].argsort(descending=True, stable=True)
        return [names[a] for a in order.tolist()]

    def _scored(self, edits: Sequence[Edit], horizon: int) -> list[float]:
        """Return what each edit gains up to `horizon` tokens after it."""
        gains = [0.0] * len(edits)
        groups = dict[int, list[tuple[int, list[int], int]]]()
        for number, edit in enumerate(edits):
            ids, _ = self._elements.encode(edit.of(self._units))
            same = _alike(self._ids, ids)
            tail = _alike(self._ids[same:][::-1], ids[same:][::-1])
            after = min(tail, horizon)
            groups.setdefault(same, []).append((number, ids[: len(ids) - tail + after], len(self._ids) - tail + after))
        for same, some in groups.items():
            scored = self._trunk.branches([row for _, row, _ in some], same)
            for (number, _, end), logprobs in zip(some, scored, strict=True):
                gains[number] = math.fsum(logprobs) - math.fsum(self._own[same:end])
        return gains


def _instead(name: str, own: str) -> bool:
    """Return whether a word may replace a word, or a sign a sign: they are spaced alike."""
    return name.startswith(" ") == own.startswith(" ") and name.strip()[0].isalnum() == own.strip()[0].isalnum()


def _between(name: str, following: str) -> bool:
    """Return whether a word or sign may be put before what follows: a word with its space, a sign without."""
    if name.strip()[0].isalnum():
        return name.startswith(" ") and not following[:1].isalnum()
    return not name.startswith(" ")


def _alike(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many ids two sequences share at their beginning."""
    pairs: Iterable[tuple[int, int]] = zip(first, second, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))

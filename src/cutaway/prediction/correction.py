"""`correct`: the places of a text or a sequence that are probably mistakes, and what the model would put there.

An edit is reported if the model prefers the edited sequence by more nats than the noisy channel requires: if it is then
more likely that the edited sequence is right than that the given one is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

from cutaway.errors import PromptTooLong, WrongKind
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.causal_edits import CausalEdits
from cutaway.prediction.correction_request import RATE, check_request, elements_to_correct
from cutaway.prediction.elements import WHOLE, Elements
from cutaway.prediction.language_model import masked_or_causal
from cutaway.prediction.masked_edits import MaskedEdits
from cutaway.prediction.noisy_channel import DELETE, INSERT, SUBSTITUTE, Channel, Edit
from cutaway.progress import step
from cutaway.result import Result

_NEAR = 8  # elements on either side of an edit that are looked at again after it
_MOST = 100  # edits


@dataclasses.dataclass(frozen=True)
class Element:
    """One element of the given sequence, its characters there, and how much it surprises the model, in bits.

    A causal model sees what is before it, a masked one what is on both sides.
    """

    text: str
    start: int
    end: int
    surprisal_bits: float


@dataclasses.dataclass(frozen=True)
class Correction:
    """An edit: element `position` (from 1) is replaced or taken out, or something is put in before it.

    `kind` is "substitute", "insert" (an element is missing) or "delete" (one is surplus); `found` and `put` are what is
    there and what the model puts there. `gain` is what the model gains by it, `required` what it must gain, both in
    nats; `probability` is that of a mistake, 1 / (1 + e^(required - gain)).
    """

    kind: str
    position: int
    start: int
    end: int
    found: str
    put: str
    gain: float
    required: float
    probability: float


@dataclasses.dataclass(frozen=True, repr=False)
class Corrections(Result):
    """The probable mistakes of a text and the text without them; `gain` is what all edits gain together, in nats.

    `kind` says what one element is (word, letter, codon, …). `error_rate` is the assumed share of elements that are
    wrong, of those that are missing, and of those that are surplus; `required` says what each kind of edit must gain.
    `lengths` says whether missing and surplus elements were looked for.
    """

    schema: ClassVar[str] = "corrections"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "corrections"

    model: str
    text: str
    changes: dict[str, int]
    kind: str
    alphabet: str
    method: str
    error_rate: float
    required: dict[str, float]
    lengths: bool
    elements: list[Element]
    corrections: list[Correction]
    corrected: str
    gain: float


def correct(
    text: str,
    model: ModelLike = DEFAULT,
    *,
    error_rate: float = RATE,
    alphabet: str | None = None,
    lengths: bool = True,
) -> Corrections:
    """Find the places of a text that are probably mistakes: wrong, missing and surplus elements.

    The model may be causal, or masked with one token for each element. `error_rate` is the share of elements that you
    expect to be wrong in each of these ways: it sets how much the model must gain by an edit, so a smaller one gives
    fewer edits. `lengths=False` looks for wrong elements only. `alphabet` (protein, dna or rna) is for tokenizers that
    don't say what they read. Raises `MissingText`, `InputError`, `PromptTooLong` or a `ModelError`.

    >>> correct("The capital of Frence is Paris.").corrected  # doctest: +SKIP
    'The capital of France is Paris.'
    """
    check_request(text, error_rate)
    loaded, mask = masked_or_causal(model, DEFAULT, "what may stand in a place")
    elements = elements_to_correct(loaded.tokenizer, text, alphabet)
    if mask is not None and elements.kind.name == "word":
        raise WrongKind(
            f"{loaded.name} is a masked model that reads words as several tokens, so it can't compare words",
            hint=f"use a causal model, for example `model={DEFAULT!r}`",
        )
    try:
        # Each round may put in a few elements more.
        fit_context(loaded, elements.encode(elements.units)[0], room=1)
    except PromptTooLong as error:
        raise PromptTooLong(error.message, hint="give a part of it") from error
    lengths = lengths and len(elements.scales) <= 1  # a number that is missing would move all others to other channels
    channel = Channel(error_rate, len(elements.kind.choices), elements.kind.name == "word")
    return _Correcting(loaded, mask, elements, channel, lengths).result()


@dataclasses.dataclass
class _Slot:
    """A unit of the sequence as it is now; `origin` is its place in the given one, None if it was put in."""

    unit: str
    origin: int | None
    changed: Correction | None = None


class _Correcting:
    """The sequence on its way to the corrected one: one edit after the other, the best one first.

    Two edits that gain enough may be about the same mistake, so after each edit the others are looked at again.
    """

    def __init__(self, model: Model, mask: int | None, elements: Elements, channel: Channel, lengths: bool) -> None:
        self._model, self._mask, self._elements, self._channel = model, mask, elements, channel
        self._lengths = lengths
        self._slots = [_Slot(unit, place) for place, unit in enumerate(elements.units)]
        self._found = list[tuple[int, int, Correction]]()

    @step("looking for mistakes")
    def result(self) -> Corrections:
        """Return the corrections: edits are made until none gains enough."""
        first = scan = self._scanned()
        places = scan.suspects()
        while len(self._found) < _MOST and not self._full():
            ranked = self._ranked(scan, places)
            if not ranked:
                break
            (edit, gain, required), *others = ranked
            self._apply(edit, gain, required)
            scan = self._scanned()
            moved = {INSERT: 1, DELETE: -1, SUBSTITUTE: 0}[edit.kind]
            again = {other.at + (moved if other.at > edit.at else 0) for other, _, _ in others}
            again |= set(range(edit.at - _NEAR, edit.at + _NEAR + 1))
            places = {place for place in again if 0 <= place <= len(self._slots)}
        return self._told(first.surprisals, scan.total - first.total)

    def _scanned(self) -> CausalEdits | MaskedEdits:
        units = [slot.unit for slot in self._slots]
        if self._mask is None:
            return CausalEdits(self._model, self._elements, units)
        return MaskedEdits(self._model, self._mask, self._elements, units)

    def _full(self) -> bool:
        """Return whether the sequence has grown to the model's context."""
        ids, _ = self._elements.encode([slot.unit for slot in self._slots])
        return self._model.context is not None and len(ids) >= self._model.context

    def _editable(self, slot: _Slot) -> bool:
        if slot.origin is None or slot.changed is not None:
            return False
        if self._elements.kind.name == "word":
            return WHOLE.fullmatch(slot.unit) is not None
        return slot.unit in self._elements.kind.choices

    def _ranked(self, scan: CausalEdits | MaskedEdits, places: set[int]) -> list[tuple[Edit, float, float]]:
        """Return the edits that gain enough, the best first, each with its gain and what is required."""
        units = [slot.unit for slot in self._slots]
        editable = [self._editable(slot) for slot in self._slots]
        found = scan.gains(places, editable, self._channel, lengths=self._lengths)
        scored = [(edit, gain, self._channel.required(edit, units)) for edit, gain in found]
        return sorted((one for one in scored if one[1] > one[2]), key=lambda one: one[2] - one[1])

    def _apply(self, edit: Edit, gain: float, required: float) -> None:
        following = (slot.origin for slot in self._slots[edit.at :] if slot.origin is not None)
        origin = next(following, len(self._elements.units))
        spans, text = self._elements.spans, self._elements.text
        start, end = spans[origin] if origin < len(spans) else (len(text), len(text))
        found = "" if edit.kind == INSERT else text[start:end].strip() or text[start:end]
        put = "" if edit.kind == DELETE else self._elements.shown(edit.put, origin)
        probability = 1 / (1 + math.exp(min(700.0, required - gain)))
        end = start if edit.kind == INSERT else end
        put = put.strip() or put
        correction = Correction(edit.kind, origin + 1, start, end, found, put, gain, required, probability)
        self._found.append((origin, len(self._found) if edit.kind != INSERT else -1, correction))
        if edit.kind == DELETE:
            del self._slots[edit.at]
        elif edit.kind == SUBSTITUTE:
            self._slots[edit.at] = _Slot(edit.put, origin, correction)
        else:
            self._slots.insert(edit.at, _Slot(edit.put, None, correction))

    def _told(self, surprisals: Sequence[float], gain: float) -> Corrections:
        elements, text = self._elements, self._elements.text
        shown = [
            elements.shown(slot.unit, at) if slot.origin is None or slot.changed else _as_given(elements, slot.origin)
            for at, slot in enumerate(self._slots)
        ]
        units = [_as_given(elements, place) for place in range(len(elements.units))]
        inserted = [slot.changed for slot in self._slots if slot.origin is None]
        # What was put in keeps its order among what was put in at the same place.
        order = {id(one): number for number, one in enumerate(inserted)}
        found = sorted(self._found, key=lambda one: (one[0], order.get(id(one[2]), len(order))))
        return Corrections(
            model=self._model.name,
            text=text,
            changes=elements.changes,
            kind=elements.kind.name,
            alphabet=elements.kind.alphabet,
            method="log-likelihood ratio" if self._mask is None else "masked marginals and pseudo-likelihood",
            error_rate=self._channel.rate,
            required=self._required(),
            lengths=self._lengths,
            elements=[
                Element(unit, *span, nats / math.log(2))
                for unit, span, nats in zip(units, elements.spans, surprisals, strict=True)
            ],
            corrections=[one for _, _, one in found],
            corrected=elements.joined(shown),
            gain=gain,
        )

    def _required(self) -> dict[str, float]:
        """Return what each kind of edit must gain; a slip in a word of five letters stands for all of them."""
        channel, words = self._channel, ["words", "others"]
        found = {SUBSTITUTE: channel.required(Edit(SUBSTITUTE, 0, "others"), words)}
        if channel.words:
            found["slip"] = channel.required(Edit(SUBSTITUTE, 0, "words"), ["wrds", "others"])
        if self._lengths:
            found[INSERT] = channel.required(Edit(INSERT, 0, "others"), words)
            found[DELETE] = channel.required(Edit(DELETE, 0), words)
        if channel.words and self._lengths:
            found["repeat"] = channel.required(Edit(DELETE, 0), ["words", "words"])
        return found


def _as_given(elements: Elements, place: int) -> str:
    """Return an element as it is written in the text; words keep the space before them."""
    start, end = elements.spans[place]
    return elements.text[start:end] if elements.kind.name == "number" else elements.units[place]

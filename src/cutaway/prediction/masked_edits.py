"""What edits gain under a masked model, in nats.

To replace an element gains its masked marginal, ln P(new | all others) - ln P(old | all others): the element alone is
masked. By Bayes' rule that is ln P(edited sequence) - ln P(sequence). To put one in or take one out changes the length,
so the pseudo-log-likelihoods of the two sequences are compared: the sum of ln P(element | others) over all elements.
Every sixth element is masked at once, the same ones in both sequences, which takes six runs instead of one for each
element; what is put in is masked alone.

Sources: Meier et al. 2021 (masked marginals); Salazar et al. 2020, doi:10.18653/v1/2020.acl-main.240.

Axis letters: B rows, T positions, U units, A choices, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from cutaway.models.text_model import Model
from cutaway.prediction.elements import Elements
from cutaway.prediction.language_model import check_finite, masked_logprobs, rows_at_once
from cutaway.prediction.noisy_channel import DELETE, INSERT, SUBSTITUTE, Channel, Edit

_STRIDE = 6
_SINGLE = 16  # places where one element alone is masked
_SURPRISES = 8  # places beside which elements may be missing or surplus
_LENGTHS = 4  # edits that change the length and are compared by all elements
_NEAR = 3  # elements on either side that say first whether such an edit helps


class MaskedEdits:
    """One sequence of units under a masked model: how surprising each is, and what edits would gain."""

    def __init__(self, model: Model, mask: int, elements: Elements, units: Sequence[str]) -> None:
        self._model, self._mask, self._elements, self._units = model, mask, elements, list(units)
        self._ids, self._starts = elements.encode(units)
        self._names = list(elements.kind.choices)
        self._letters_A = torch.tensor(list(elements.kind.choices.values()), device=model.device)
        self._classes = [unit % _STRIDE for unit in range(len(units))]
        self._known_UV = self._by_class(units, self._classes)
        own = self._own(units, self._known_UV)
        self.surprisals = (-own).tolist()
        self._whole = float(own.sum())

    @property
    def total(self) -> float:
        """The pseudo-logprob of the sequence, nats."""
        return self._whole

    def suspects(self) -> set[int]:
        """Return all places: which of them are looked at closely, the first run decides."""
        return set(range(len(self._units) + 1))

    def gains(
        self, places: Collection[int], editable: Sequence[bool], channel: Channel, *, lengths: bool
    ) -> list[tuple[Edit, float]]:
        """Return the most promising edits at these places and their gains, nats; `lengths`: also put in and take out.

        Only `editable` units are replaced or taken out.
        """
        free = [unit for unit in sorted(places) if unit < len(editable) and editable[unit]]
        found = self._replaced(free)
        return [*found, *self._longer_or_shorter(places, editable)] if lengths else found

    def _replaced(self, free: list[int]) -> list[tuple[Edit, float]]:
        if not free:
            return []
        best_U = self._known_UV[:, self._letters_A].max(-1).values
        order = sorted(free, key=lambda unit: -float(best_U[unit]) - self.surprisals[unit])[:_SINGLE]
        sites = [self._starts[unit] for unit in order]
        ids_T = torch.tensor(self._ids, device=self._model.device)
        room = rows_at_once(self._model, len(self._ids))
        logprobs_PA = masked_logprobs(self._model, ids_T, sites, self._mask, self._letters_A, room)
        check_finite(self._model, logprobs_PA)
        found = []
        for unit, logprobs_A in zip(order, logprobs_PA, strict=True):
            own = self._names.index(self._units[unit])
            gains_A = logprobs_A - logprobs_A[own]
            gains_A[own] = -torch.inf
            a = int(gains_A.argmax())
            found.append((Edit(SUBSTITUTE, unit, self._names[a]), float(gains_A[a])))
        return found

    def _longer_or_shorter(self, places: Collection[int], editable: Sequence[bool]) -> list[tuple[Edit, float]]:
        order = sorted(range(len(self._units)), key=lambda unit: -self.surprisals[unit])[:_SURPRISES]
        gaps = sorted({gap for unit in order for gap in (unit, unit + 1)} & {*places})
        gone = sorted({unit for at in order for unit in (at - 1, at) if unit >= 0 and editable[unit]} & {*places})
        if len(self._units) < 2:
            gone = []
        plain_T = self._near([self._units])[0]
        first = list[tuple[float, Edit]]()
        rows = self._near([Edit(INSERT, gap, self._names[0]).of(self._units) for gap in gaps], masked=gaps)
        for gap, logprobs_TV in zip(gaps, rows, strict=True):
            here_A = logprobs_TV[gap][self._letters_A]
            a = int(here_A.argmax())
            edit = Edit(INSERT, gap, self._names[a])
            around = self._around(edit.of(self._units), logprobs_TV, gap, 1, without=gap)
            before = self._around(self._units, plain_T, gap, 0)
            first.append((around + float(here_A[a]) - before, edit))
        rows = self._near([Edit(DELETE, unit).of(self._units) for unit in gone])
        for unit, logprobs_TV in zip(gone, rows, strict=True):
            edit = Edit(DELETE, unit)
            after = self._around(edit.of(self._units), logprobs_TV, unit, 0)
            first.append((after - self._around(self._units, plain_T, unit, 1), edit))
        # Either kind has its own scale here, so the best of each go on.
        chosen = list[Edit]()
        for kind in (INSERT, DELETE):
            ranked = sorted((one for one in first if one[1].kind == kind), key=lambda one: -one[0])
            chosen += [edit for _, edit in ranked[: _LENGTHS // 2]]
        return [(edit, self._pseudo_gain(edit)) for edit in chosen]

    def _pseudo_gain(self, edit: Edit) -> float:
        units, classes = edit.of(self._units), list(self._classes)
        if edit.kind == INSERT:
            classes.insert(edit.at, _STRIDE)
        else:
            del classes[edit.at]
        return float(self._own(units, self._by_class(units, classes)).sum()) - self._whole

    def _around(self, units: list[str], logprobs_UV: torch.Tensor, at: int, wide: int, without: int = -1) -> float:
        """Return the sum of the logprobs of the units near a place, which is `wide` units wide, but for one."""
        near = [unit for unit in range(max(0, at - _NEAR), min(len(units), at + wide + _NEAR)) if unit != without]
        own_U = self._own(units, logprobs_UV)
        return float(own_U[near].sum()) if near else 0.0

    def _own(self, units: Sequence[str], logprobs_UV: torch.Tensor) -> torch.Tensor:
        ids, starts = self._elements.encode(units)
        own_U = torch.tensor([ids[start] for start in starts[:-1]])
        return logprobs_UV.gather(1, own_U[:, None])[:, 0]

    def _near(self, rows: list[list[str]], masked: Sequence[int] = ()) -> list[torch.Tensor]:
        """Return the logprobs [U, V] of every unit of each row in one run each, with one unit masked, or none."""
        plain = []
        for number, units in enumerate(rows):
            ids, starts = self._elements.encode(units)
            if masked:
                ids[starts[masked[number]]] = self._mask
            plain.append((ids, starts[:-1]))
        return self._run(plain)

    def _by_class(self, units: Sequence[str], classes: Sequence[int]) -> torch.Tensor:
        """Return the logprobs [U, V] of every unit while all units of its class are masked."""
        ids, starts = self._elements.encode(units)
        rows, wanted = [], []
        for one in sorted({*classes}):
            at = [unit for unit, other in enumerate(classes) if other == one]
            hidden = list(ids)
            for unit in at:
                hidden[starts[unit] : starts[unit + 1]] = [self._mask] * (starts[unit + 1] - starts[unit])
            rows.append((hidden, [starts[unit] for unit in at]))
            wanted += at
        found_UV = torch.cat(self._run(rows))
        return found_UV[torch.tensor(wanted).argsort()]

    @torch.inference_mode()
    def _run(self, rows: list[tuple[list[int], list[int]]]) -> list[torch.Tensor]:
        """Return the logprobs [P, V] at the given positions of each row of ids; rows of equal length go together."""
        found: list[torch.Tensor] = [torch.empty(0)] * len(rows)
        lengths = sorted({len(ids) for ids, _ in rows})
        for length in lengths:
            same = [number for number, (ids, _) in enumerate(rows) if len(ids) == length]
            room = rows_at_once(self._model, length)
            for start in range(0, len(same), room):
                some = same[start : start + room]
                ids_BT = torch.tensor([rows[number][0] for number in some], device=self._model.device)
                logits_BTV = self._model.module(input_ids=ids_BT).logits
                for number, logits_TV in zip(some, logits_BTV, strict=True):
                    logprobs_PV = logits_TV[rows[number][1]].double().log_softmax(-1).cpu()
                    check_finite(self._model, logprobs_PV)
                    found[number] = logprobs_PV
        return found

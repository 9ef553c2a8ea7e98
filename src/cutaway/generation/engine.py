"""The engine: rows in, tokens out. A prompt is read once, rows go together, finished ones make room for waiting ones.

Everything that generates runs on `run`: one prompt, several responses, a batch, a sweep, a server. What it asks of a
model is the methods of a `Decoder`. Axis letters: B rows, V vocabulary.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import torch

from cutaway.errors import ModelError
from cutaway.generation.rows import Alternative, Row
from cutaway.generation.samplers import Chosen, choose
from cutaway.models.prompt import TextModel

__all__ = ["Decoder", "alternatives_of", "processed", "run"]


class Decoder(Protocol):
    """A model with a cache of rows. Slots are numbered from 0 in the order of the rows; logits are float32."""

    @property
    def joins(self) -> bool:
        """Whether rows may be added while others run; otherwise only when none does."""

    @property
    def model(self) -> TextModel:
        """Whose tokens these are."""

    def begin(self, row: Row) -> None:
        """Tell a row, before its prompt is added, what the model itself asks: where to start, tokens it forces."""

    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> torch.Tensor:
        """Read each prompt once, give it so many slots behind the last, and return the logits_BV of the new slots."""

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these slots, in this order; one may be named several times."""

    def step(self, ids: Sequence[int]) -> torch.Tensor:
        """Put one more token into every slot and return the logits_BV of the next."""


def run(decoder: Decoder, rows: Iterable[Row], *, batch_size: int = 64) -> Iterator[tuple[Row, str]]:
    """Decode the rows, at most `batch_size` at a time, and yield (row, new text) as soon as the text is certain.

    A row's last pair comes when its `finish` is set, with text or without; rows end in any order. The iterable is read
    only as far as there is room. Raises `ModelError` where logits are not numbers.
    """
    waiting, active = iter(rows), list[Row]()
    logits_BV = torch.empty(0, 0)
    try:
        while True:
            room = batch_size - len(active) if decoder.joins or not active else 0
            if new := list(itertools.islice(waiting, room)):
                for row in new:
                    decoder.begin(row)
                prompts, copies = _grouped(new)
                added_BV = decoder.add(prompts, copies)
                logits_BV = torch.cat([logits_BV, added_BV]) if active else added_BV
                active += new
            if not active:
                return
            scores_BV = processed(logits_BV, active)
            chosen = choose(scores_BV, active, decoder.model.end_ids)
            if scores_BV is not logits_BV:  # a processor is a sampler: what a row says of its tokens is the model's own
                chosen = _restated(chosen, logits_BV)
            if not all(map(math.isfinite, chosen.entropies)):
                raise ModelError("the model's logits are not numbers: its weights may hold NaN", hint=_NO_NUMBERS)
            going = []
            for slot, row in enumerate(active):
                if row.keep:
                    row.alternatives.append(alternatives_of(decoder.model, logits_BV[slot], row.keep))
                row.logprobs.append(chosen.logprobs[slot])
                row.entropies.append(chosen.entropies[slot])
                row.take(chosen.ids[slot], decoder.model.tokenizer, decoder.model.end_ids)
                context = decoder.model.context
                if row.finish is None and context is not None and len(row.seen) >= context:
                    row.finish = "length"
                text = row.certain()
                if text or row.finish is not None:
                    yield row, text
                if row.finish is None:
                    going.append(slot)
            if len(going) < len(active):
                active = [active[slot] for slot in going]
                decoder.keep(going)
            if active:
                logits_BV = decoder.step([row.ids[-1] for row in active])
    finally:
        decoder.keep([])


_NO_NUMBERS = "try --dtype float32, or fetch the weights again"


def processed(logits_BV: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Return the logits as each row's own processors leave them: the very same tensor where no row has any."""
    if not any(row.processors for row in rows):
        return logits_BV
    scores_BV = logits_BV.clone()
    for slot, row in enumerate(rows):
        ids_BT = torch.tensor([row.seen])
        for processor in row.processors:
            scores_BV[slot] = processor(ids_BT, scores_BV[slot : slot + 1])[0]
    return scores_BV


def _restated(chosen: Chosen, logits_BV: torch.Tensor) -> Chosen:
    logprobs_BV = logits_BV.log_softmax(-1)
    entropies_B = -(logprobs_BV.exp() * logprobs_BV.clamp_min(-1e4)).sum(-1)
    logprobs_B = logprobs_BV.gather(1, torch.tensor(chosen.ids)[:, None])[:, 0]
    return Chosen(chosen.ids, logprobs_B.tolist(), entropies_B.tolist())


def _grouped(rows: Sequence[Row]) -> tuple[list[list[int]], list[int]]:
    prompts: list[list[int]] = []
    copies: list[int] = []
    for row in rows:
        if prompts and prompts[-1] == row.prompt_ids:
            copies[-1] += 1
        else:
            prompts.append(row.prompt_ids)
            copies.append(1)
    return prompts, copies


def alternatives_of(model: TextModel, logits_V: torch.Tensor, keep: int) -> list[Alternative]:
    """Return the `keep` likeliest next tokens."""
    top = logits_V.log_softmax(-1).topk(min(keep, logits_V.shape[-1]))
    pairs = zip(top.values.exp().tolist(), top.indices.tolist(), strict=True)
    return [Alternative(model.tokenizer.piece(i), i, p) for p, i in pairs]

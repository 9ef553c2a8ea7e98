"""The engine: rows in, tokens out. A prompt is read once, rows go together, finished ones make room for waiting ones.

Everything that generates runs on `run`: one prompt, several responses, a batch, a sweep, a server. What it asks of a
model is the methods of a `Decoder`. Axis letters: B rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cutaway.generation.drawing import choose
from cutaway.generation.rows import Alternative, Row
from cutaway.generation.samplers import log_softmax
from cutaway.generation.trace import trace
from cutaway.models.prepared import Divergence
from cutaway.models.text_model import TextModel

Floats = npt.NDArray[np.float32]


class Decoder(Protocol):
    """A model with a cache of rows. Slots are numbered from 0 in the order of the rows; logits are float32."""

    @property
    def joins(self) -> bool:
        """Whether rows may be added while others run; otherwise only when none does."""

    @property
    def model(self) -> TextModel:
        """Whose tokens these are."""

    @property
    def tier(self) -> str | None:
        """The tier that it runs in; None for a model of transformers."""

    @property
    def divergence(self) -> Divergence | None:
        """How far its logits are from float32; None for float32 itself."""

    def begin(self, row: Row) -> None:
        """Tell a row, before its prompt is added, what the model itself asks: where to start, tokens it forces."""

    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> Floats:
        """Read each prompt once, give it so many slots after the last, and return the logits_BV of the new slots."""

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these slots, in this order; one may be named several times."""

    def step(self, ids: Sequence[int]) -> Floats:
        """Put one more token into every slot and return the logits_BV of the next."""


def run(decoder: Decoder, rows: Iterable[Row | None], *, batch_size: int = 64) -> Iterator[tuple[Row, str]]:
    """Decode the rows, at most `batch_size` at a time, and yield (row, new text) as soon as the text is certain.

    The last pair of a row comes when its `finish` is set, with text or without; a traced row has a pair every step.
    Rows end in any order. Rows can join and leave while others run, and the others go on as if nothing had happened:

    - Join: before each step the iterable is read as far as there is room, never further, so it may wait until then to
      make a row. None means that no row is ready now: the iterable is read again before the next step. If no row runs
      it is read again at once, so an iterable without work should wait itself. A decoder whose `joins` is False takes
      new rows only when none runs.
    - Leave: set `row.cancelled`, in this thread or another. The row leaves before its next token, or after it if a step
      is under way; its `finish` is "cancelled" and it keeps what it has. A row that has not joined never does.

    Raises `ModelError` if logits are not numbers.
    """
    waiting, active = iter(rows), list[Row]()
    logits_BV = np.empty((0, 0), np.float32)
    try:
        while True:
            arrived, ended = _arrived(waiting, batch_size - len(active) if decoder.joins or not active else 0)
            yield from _leaving(arrived)
            if new := [row for row in arrived if row.finish is None]:
                for row in new:
                    decoder.begin(row)
                prompts, copies = _grouped(new)
                added_BV = decoder.add(prompts, copies)
                logits_BV = np.concatenate([logits_BV, added_BV]) if active else added_BV
                active += new
            if not active:
                if ended:
                    return
                continue
            chosen = choose(logits_BV, active, decoder.model.end_ids, processed(logits_BV, active))
            news = list[tuple[Row, str]]()
            for slot, row in enumerate(active):
                if row.traced:
                    end_ids = decoder.model.end_ids
                    row.steps.append(trace(logits_BV[slot], row, chosen.ids[slot], decoder.model.tokenizer, end_ids))
                if row.keep:
                    row.alternatives.append(alternatives_of(decoder.model, logits_BV[slot], row.keep))
                row.logprobs.append(chosen.logprobs[slot])
                if (entropy := chosen.entropies[slot]) is not None:
                    row.entropies.append(entropy)
                row.take(chosen.ids[slot], decoder.model.tokenizer, decoder.model.end_ids)
                context = decoder.model.context
                if row.finish is None and context is not None and len(row.seen) >= context:
                    row.finish = "length"
                text = row.certain()
                if text or row.finish is not None or row.traced:
                    news.append((row, text))
            yield from news  # after all rows took their token: an interrupted caller finds every row that has ended
            yield from _leaving(active)
            going = [slot for slot, row in enumerate(active) if row.finish is None]
            if len(going) < len(active):
                going = _closed(going)
                active = [active[slot] for slot in going]
                decoder.keep(going)
            if active:
                logits_BV = np.empty((0, 0), np.float32)  # those of the last step go before the next ones come
                logits_BV = decoder.step([row.ids[-1] for row in active])
    finally:
        decoder.keep([])


def _arrived(waiting: Iterator[Row | None], room: int) -> tuple[list[Row], bool]:
    """Return the rows that are ready, at most `room`, and whether the iterator has ended."""
    arrived = list[Row]()
    while len(arrived) < room:
        try:
            row = next(waiting)
        except StopIteration:
            return arrived, True
        if row is None:
            break
        arrived.append(row)
    return arrived, False


def _leaving(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """End the rows that were cancelled and yield the last pair of each."""
    for row in rows:
        if row.cancelled and row.finish is None:
            row.finish = "cancelled"
            yield row, row.certain()


def _closed(going: list[int]) -> list[int]:
    """Order the slots that go on so that few move: those behind the new end fill the holes before it."""
    end = len(going)
    late = [slot for slot in going if slot >= end]
    on = set(going)
    return [slot if slot in on else late.pop() for slot in range(end)]


def processed(logits_BV: Floats, rows: Sequence[Row]) -> Floats:
    """Return the logits as each row's own processors leave them; the very same array if no row has any."""
    if not any(row.processors for row in rows):
        return logits_BV
    import torch  # processors are transformers' own, or written like them

    scores_BV = logits_BV.copy()
    for slot, row in enumerate(rows):
        ids_BT, mine_BV = torch.tensor([row.seen]), torch.from_numpy(scores_BV[slot : slot + 1])
        for processor in row.processors:
            mine_BV[0] = processor(ids_BT, mine_BV)[0]
    return scores_BV


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


def alternatives_of(model: TextModel, logits_V: Floats, keep: int) -> list[Alternative]:
    """Return the `keep` likeliest next tokens."""
    logprobs_V = log_softmax(logits_V)
    ids = np.lexsort((np.arange(len(logits_V)), -logprobs_V))[:keep].tolist()
    return [Alternative(model.tokenizer.piece(i), i, float(np.exp(logprobs_V[i]))) for i in ids]

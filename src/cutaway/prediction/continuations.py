"""Continuations of series that a model samples: every one from a random stream of its own, all in one pass.

Axis letters: `C` channels, `T` time steps, `H` steps ahead, `S` samples, `V` vocabulary, `N` bins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, ModelError, counted
from cutaway.generation.engine import Decoder, run
from cutaway.generation.engine import Floats as Logits
from cutaway.generation.rows import Row
from cutaway.generation.settings import Sampling
from cutaway.models.prepared import Divergence
from cutaway.models.text_model import TextModel
from cutaway.prediction.series_input import SeriesKind
from cutaway.progress import step
from cutaway.random_streams import stream
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Window:
    """What a model reads and writes at once: `steps` time steps of `channels` numbers, after `before` other tokens."""

    steps: int
    channels: int

    @classmethod
    def of(cls, model: TextModel, channels: int) -> Window:
        """Return the longest window: begin token, scales, numbers and end token as in training."""
        begin, end = _frame(model.tokenizer)
        taken = 3 * channels + (begin is not None) + (end is not None)
        context = 1024 if model.context is None else model.context
        return cls((context + 1 - taken) // channels, channels)

    def history(self, horizon: int, name: str) -> int:
        """Return how many steps a model reads before it writes `horizon` steps.

        Raises `InputError` for a horizon of more than half a window: there would be less to read than to write.
        """
        most = self.steps // 2
        if horizon > most:
            raise InputError(
                f"`horizon` is {horizon}; {name} was trained on {counted(self.steps, 'step')} at once, so it goes on "
                f"for at most {most:,}",
                hint=f"give a `horizon` of at most {most:,}" if most else "take a model with a longer context",
            )
        return self.steps - horizon


def continuations(
    decoder: Decoder,
    kind: SeriesKind,
    histories: Sequence[Floats],
    horizon: int,
    *,
    samples: int,
    seed: int,
    temperature: float,
    batch_size: int,
) -> Generator[Floats]:
    """Yield for each history (C × T) S × C × H numbers that the model draws after it.

    Sample s of history i draws from the random streams of `seed + i·S + s`: one for the bins, one for the places in
    them. Only bins are drawn, no missing numbers and nothing outside the bins or outside a channel's known range; the
    model reads a number outside the bins as the nearest one inside.
    """
    numbers = _OnlyNumbers(decoder, kind)
    channels = len(histories[0])
    begin, _ = _frame(decoder.model.tokenizer)
    codec = Codec.of(decoder.model.tokenizer)
    prompts = [
        ([] if begin is None else [begin]) + codec.encode(_clipped(history_CT, kind), add_special_tokens=False).ids
        for history_CT in histories
    ]
    sampling = Sampling(temperature=temperature)
    length = channels * horizon

    def rows() -> Iterator[Row]:
        for i, ids in enumerate(prompts):
            for s in range(samples):
                yield Row("the series", ids, sampling=sampling, max_new_tokens=length, seed=seed + i * samples + s)

    drawn: dict[int, dict[int, Floats]] = {}
    ready = 0
    with step("forecasting", samples * len(histories)) as shown:
        for row in _ended(numbers, rows(), batch_size):
            i, s = divmod(row.seed - seed, samples)
            place_TC = stream(row.seed, "place in the bin").random((horizon, channels))
            drawn.setdefault(i, {})[s] = numbers.read(row.ids, histories[i], place_TC)
            shown.advance(1)
            while len(drawn.get(ready, ())) == samples:
                of_history = drawn.pop(ready)
                yield np.stack([of_history[s] for s in range(samples)])
                ready += 1


def _ended(decoder: Decoder, rows: Iterable[Row], batch_size: int) -> Iterator[Row]:
    for row, _ in run(decoder, rows, batch_size=batch_size):
        if row.finish is not None:
            if len(row.ids) < row.max_new_tokens:
                raise ModelError(
                    f"the series ended after {counted(len(row.ids), 'number')}", hint="give a smaller `horizon`"
                )
            yield row


class _OnlyNumbers:
    """A decoder whose only likely tokens are bins."""

    def __init__(self, decoder: Decoder, kind: SeriesKind) -> None:
        self._decoder, self._kind = decoder, kind
        self.model, self.joins = decoder.model, decoder.joins
        vocabulary = decoder.model.tokenizer.vocabulary
        self._ids_N = np.array([vocabulary[f"b{i}"] for i in range(len(kind.bins.edges) - 1)])
        self._bin_of = {int(id_): i for i, id_ in enumerate(self._ids_N)}

    @property
    def tier(self) -> str | None:
        return self._decoder.tier

    @property
    def divergence(self) -> Divergence | None:
        return self._decoder.divergence

    def begin(self, row: Row) -> None:
        self._decoder.begin(row)

    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> Logits:
        return self._numbers(self._decoder.add(prompts, copies))

    def keep(self, slots: Sequence[int]) -> None:
        self._decoder.keep(slots)

    def step(self, ids: Sequence[int]) -> Logits:
        return self._numbers(self._decoder.step(ids))

    def _numbers(self, logits_BV: Logits) -> Logits:
        only_BV = np.full_like(logits_BV, -np.inf)
        only_BV[:, self._ids_N] = logits_BV[:, self._ids_N]
        return only_BV

    def read(self, ids: Sequence[int], history_CT: Floats, place_TC: Floats) -> Floats:
        """Return the C × H numbers of bins; `place_TC`, from 0 to 1, says where in its bin a number lies."""
        edges = np.array(self._kind.bins.edges)
        bin_TC = np.array([self._bin_of[i] for i in ids]).reshape(place_TC.shape)
        width_TC = edges[bin_TC + 1] - edges[bin_TC]
        narrow_TC = width_TC <= 2.0**-18  # of one frequent number, which is its middle
        scaled_TC = edges[bin_TC] + width_TC * np.where(narrow_TC, 0.5, place_TC)
        scales_C, _, _ = self._kind.bins.place(history_CT)
        found: Floats = (scaled_TC * scales_C).T
        if self._kind.ranges is None:
            return found
        low_C1, high_C1 = np.array(self._kind.ranges).T[:, :, None]
        return found.clip(low_C1, high_C1)


def _clipped(history_CT: Floats, kind: SeriesKind) -> Floats:
    edges = kind.bins.edges
    scales_C, _, _ = kind.bins.place(history_CT)
    return history_CT.clip(edges[0] * scales_C[:, None], edges[-1] * scales_C[:, None])


def _frame(tokenizer: Tokenizer) -> tuple[int | None, int | None]:
    """Return the ids with which rows of training begin and end."""
    from cutaway.shards.record_rows import frame_of

    return frame_of(tokenizer)

"""Rows of a model that are decoded by our own step on the CPU: each has a place in a cache of keys and values.

Axis letters: B rows, C new tokens of a row, V vocabulary, L layers, J key heads, K head width.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cutaway.errors import InputError
from cutaway.generation.cpu.layout import TOGETHER
from cutaway.generation.cpu.machine_code import Step
from cutaway.generation.cpu.threads import Team, thread_count
from cutaway.generation.cpu.weights import Weights, filled

if TYPE_CHECKING:
    from cutaway.models.text_model import TextModel

Array = npt.NDArray[Any]

MOST = 512  # tokens of a step; more are read one part after another
GROWTH = 512  # positions that the cache grows by at least
AHEAD = 512  # positions that it has room for at once at the most


class CpuDecoder:
    """A `Decoder` whose rows come and go at any time; a row has the same bits whatever rows are beside it."""

    joins = True

    def __init__(self, model: TextModel, weights: Weights, code: Step, threads: int | None = None) -> None:
        self.model, self.weights = model, weights
        self.code, self.divergence, self.tier = code, weights.divergence, weights.tier
        self._team = _team(threads or thread_count())
        shape = weights.shape
        self._layers, self._model = weights.layers.copy(), weights.model.copy()
        self._model[22] = self._layers.ctypes.data
        self._padded = filled(shape.head_width, 16)
        self._buffers: dict[str, Array] = {}
        self._clear()

    def _clear(self) -> None:
        self._keys, self._values = list[Array](), list[Array]()
        self._turns: list[Array] = []
        self._places, self._room = 0, 0  # what the cache has room for: rows, positions
        self._slots: list[int] = []  # of each row its place in the cache
        self._lengths: list[int] = []
        self._later = 0  # positions that rows to come may fill
        # Prompts that were read: in which place their keys and values still are, and the logits behind them.
        self._read: dict[tuple[int, ...], tuple[int, Array]] = {}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._slots)

    def begin(self, row: Any) -> None:
        """Note how long a row may get."""
        self._later = max(self._later, len(row.prompt_ids) + row.max_new_tokens)

    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> Array:
        """Read each prompt, unless the cache still holds it, and copy its keys and values for each of its rows."""
        self._reserve(len(self._slots) + sum(copies), max(max(map(len, prompts)) + 1, min(self._later, AHEAD)))
        texts = [tuple(prompt) for prompt in prompts]
        sources = {text: self._read[text] for text in texts if text in self._read}
        places = {place for place, _ in sources.values()}  # these may not be written over
        new = dict[tuple[int, ...], int]()
        for text in dict.fromkeys(texts):
            if text not in sources:
                new[text] = self._free_place(places)
                places.add(new[text])
        if new:
            ids = [i for text in new for i in text]
            slots = [place for text, place in new.items() for _ in text]
            positions = [at for text in new for at in range(len(text))]
            last = np.cumsum([len(text) for text in new]) - 1
            found = zip(new.items(), self._run(ids, slots, positions, last), strict=True)
            sources |= {text: (place, logits_V) for (text, place), logits_V in found}
        for text, number in zip(texts, copies, strict=True):
            source = sources[text][0]
            for _ in range(number):
                place = self._free_place(places) if source in self._slots else source
                if place != source:
                    self._copy(source, place, len(text))
                self._slots.append(place)
                self._lengths.append(len(text))
        self._read |= sources
        return np.stack([sources[text][1] for text, number in zip(texts, copies, strict=True) for _ in range(number)])

    def _free_place(self, besides: Iterable[int] = ()) -> int:
        """Return a place that no row has and that is not among these: one that holds no prompt, if there is one."""
        held = {place: text for text, (place, _) in self._read.items()}
        taken = {*self._slots, *besides}
        free = [place for place in range(self._places) if place not in taken]
        if not free:
            self._reserve(self._places + 1, self._room)
            return self._places - 1
        place = min(free, key=lambda place: place in held)
        if place in held:
            del self._read[held[place]]
        return place

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these rows, in this order; one may be named several times."""
        if not slots:
            self._clear()
            return
        lengths = [self._lengths[slot] for slot in slots]
        kept = [self._slots[slot] for slot in slots]
        self._slots = list(dict.fromkeys(kept))  # these may not be written over
        used = set[int]()
        for number, place in enumerate(kept):
            if place in used:
                kept[number] = self._free_place()
                self._copy(place, kept[number], lengths[number])
                self._slots.append(kept[number])
            used.add(kept[number])
        self._slots, self._lengths = kept, lengths

    def step(self, ids: Sequence[int]) -> Array:
        """Put one more token into every row and return the logits_BV of the next."""
        return self.extend([[i] for i in ids])[:, 0]

    def extend(self, ids: Sequence[Sequence[int]]) -> Array:
        """Put C more tokens into every row; return the logits_BCV behind each, the same bits as of C single steps."""
        C = len(ids[0])
        self._reserve(len(self._slots), max(self._lengths) + C)
        positions = [length + c for length in self._lengths for c in range(C)]
        flat = [i for row in ids for i in row]
        logits = self._run(flat, np.repeat(self._slots, C), positions, range(len(flat)))
        self._lengths = [length + C for length in self._lengths]
        return logits.reshape(len(ids), C, -1)

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens of every row."""
        self._lengths = [length - tokens for length in self._lengths]

    def _reserve(self, rows: int, positions: int) -> None:
        """Make room for so many rows and positions; memory that is not used yet is asked for and not touched."""
        if rows > self._places > 0:
            rows = max(rows, 2 * self._places)  # rows that come one by one copy the cache seldom
        rows, room = max(rows, self._places), self._room
        if positions > room:
            room = filled(max(positions, min(room + GROWTH, 2 * room)), 32)
        if (rows, room) == (self._places, self._room):
            return
        shape = self.weights.shape
        J, K = shape.key_heads, shape.head_width
        for i in range(shape.layers):
            keys = np.empty((rows, J, room // 16, K, 16), np.float32)
            values = np.empty((rows, J, room, self._padded), np.float32)
            if self._places:
                keys[: self._places, :, : self._room // 16] = self._keys[i]
                values[: self._places, :, : self._room] = self._values[i]
                self._keys[i], self._values[i] = keys, values
            else:
                self._keys.append(keys)
                self._values.append(values)
            self._layers[i, 18:] = keys.ctypes.data, values.ctypes.data
        if room != self._room:
            self._turns = [table for table in self.weights.rotations(room) if table is not None]
            for i, number in enumerate(shape.rotations):
                self._layers[i, 16] = self._turns[number].ctypes.data if number >= 0 else 0
        self._places, self._room = rows, room

    def _copy(self, from_: int, to: int, length: int) -> None:
        for keys, values in zip(self._keys, self._values, strict=True):
            keys[to, :, : length // 16 + 1] = keys[from_, :, : length // 16 + 1]
            values[to, :, :length] = values[from_, :, :length]

    def _run(self, ids: Any, slots: Any, positions: Any, take: Any) -> Array:
        """Put tokens into places of the cache and return the logits of those named in `take`."""
        shape = self.weights.shape
        given = [np.asarray(part, np.int64) for part in (ids, slots, positions, take)]
        table = self.weights.parts.get("positions")
        if given[0].min() < 0 or given[0].max() >= shape.vocabulary:  # a step reads memory by them
            raise InputError(f"an id must be from 0 to {shape.vocabulary - 1}; got {min(ids)} to {max(ids)}")
        if table is not None and given[2].max() >= len(table):
            raise InputError(f"this model has {len(table)} positions; got {given[2].max() + 1}")
        logits = np.empty((len(take), filled(shape.vocabulary, 64)), np.float32)
        done = 0
        for at in range(0, len(given[0]), MOST):
            inside = given[3][(given[3] >= at) & (given[3] < at + MOST)] - at
            part = slice(at, at + MOST)
            self._compute(given[0][part], given[1][part], given[2][part], inside, logits[done : done + len(inside)])
            done += len(inside)
        logits = logits[:, : shape.vocabulary]
        return np.tanh(logits / shape.logit_cap) * shape.logit_cap if shape.logit_cap else logits

    def _compute(self, ids: Array, slots: Array, positions: Array, take: Array, logits: Array) -> None:
        shape, rows = self.weights.shape, len(ids)
        wide_of = filled((shape.heads + 2 * shape.key_heads) * shape.head_width, 64)
        inner = 2 * filled(shape.inner, 32) if shape.activation < 2 else filled(shape.inner, 64)
        active_of = filled(max(inner, shape.width, shape.heads * shape.head_width), 64)
        number = np.uint16 if self.weights.rounded else np.float32
        chunks = _chunks(slots, positions, max(1, TOGETHER * shape.key_heads // shape.heads))
        x = self._buffer("x", rows, shape.width, np.float32)
        normed = self._buffer("normed", rows, filled(shape.width, 32), number)
        active = self._buffer("active", max(rows, len(take)), active_of, number)
        wide = self._buffer("wide", rows, max(wide_of, inner, filled(shape.width, 64)), np.float32)
        each = max(shape.width, TOGETHER * (shape.head_width + self._padded + self._room + 32))
        scratch = self._buffer("scratch", self._team.threads, filled(each, 16), np.float32)
        jobs = np.zeros((8 * shape.layers + 4, 8), np.int64)  # new ones, which a late thread finds without work
        call = np.array(
            [
                self._model.ctypes.data, jobs.ctypes.data, rows, ids.ctypes.data, slots.ctypes.data,
                positions.ctypes.data, chunks.ctypes.data, len(chunks), take.ctypes.data, len(take), self._room,
                x.ctypes.data, normed.ctypes.data, normed.strides[0], active.ctypes.data, active.strides[0],
                wide.ctypes.data, wide.strides[0], scratch.ctypes.data, scratch.strides[0], logits.ctypes.data,
            ],
            np.int64,
        )  # fmt: skip
        kept = (call, jobs, self._model, self._layers, chunks)  # as long as a late thread may read them
        self._team.run(functools.partial(_work, self.code, call.ctypes.data, kept))

    def _buffer(self, name: str, rows: int, width: int, number: Any) -> Array:
        kept = self._buffers.get(name)
        if kept is None or kept.shape[0] < rows or kept.shape[1] < width:
            self._buffers[name] = kept = np.zeros((rows, width), number)
        return kept


def _work(step: Step, call: int, kept: object, me: int) -> None:
    step(me, call)


@functools.cache
def _team(threads: int) -> Team:
    return Team(threads)


def _chunks(slots: Array, positions: Array, most: int) -> Array:
    """Return the first token and the number of tokens of each stretch of a text, at most so many."""
    follows = (slots[1:] == slots[:-1]) & (positions[1:] == positions[:-1] + 1)
    starts = np.concatenate([[0], np.flatnonzero(~follows) + 1])
    ends = np.append(starts[1:], len(slots))
    if most > 1 and (ends - starts > 1).any():
        starts = np.concatenate([np.arange(start, end, most) for start, end in zip(starts, ends, strict=True)])
        ends = np.minimum(np.append(starts[1:], len(slots)), starts + most)
    elif most == 1:
        starts, ends = np.arange(len(slots)), np.arange(1, len(slots) + 1)
    return np.stack([starts, ends - starts], 1).astype(np.int64)

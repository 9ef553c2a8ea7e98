"""How surprising symbols are to counts of what followed the last few symbols: interpolated, of any order.

P(w | last k) = (c(last k, w) + a P(w | last k - 1)) / (c(last k) + a): the next shorter context adds `a` counts. By
Witten and Bell `a` is the number of different symbols that followed, which suits words; DNA, in which all letters
follow, needs more: a fixed number (MacKay and Peto). Without a context it falls back on 1 / (number of outcomes), so
the probabilities of all outcomes sum to 1 after any context. Sources: Witten and Bell 1991, doi:10.1109/18.87000;
MacKay and Peto 1995, doi:10.1017/S1351324900000218; Chen and Goodman 1999, doi:10.1006/csla.1999.0128, for the
interpolation.

Axis letters: `T` positions of all sequences, one after the other; `A` ways of smoothing.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.resampling import Floats

Ints = NDArray[np.int64]

_WORSE = 3  # orders in a row
_CLEAR = 2  # standard errors
_CHOSEN = "chosen on a tenth of the train part"
_PSEUDO = (0, 4, 16, 64, 256)  # counts that the next shorter context adds; 0: Witten–Bell


@dataclasses.dataclass(frozen=True)
class Smoothing:
    """Contexts of up to `order` symbols; the next shorter one adds `pseudo` counts, or what Witten and Bell say (0)."""

    order: int = 0
    pseudo: int = 0

    def __str__(self) -> str:
        if self.pseudo:
            return f"plus {self.pseudo} counts by the next shorter context; {self.order} and {self.pseudo} {_CHOSEN}"
        return f"interpolated Witten–Bell; {self.order} {_CHOSEN}"


@dataclasses.dataclass(frozen=True)
class _Order:
    """What followed each context of one length; contexts are numbered in the order of their keys."""

    contexts: Ints
    seen: Ints
    different: Ints
    pairs: Ints
    pair_counts: Ints


class NGrams:
    """Counts of what follows up to `order` symbols. Symbols are 0 to `size` - 1; `size` is the end of a record.

    >>> model = NGrams([np.array([0, 1] * 20)], size=2, order=2, ends=True)
    >>> chances = [np.exp(-model.nats([np.array([0, w])], [False])[-1][1]) for w in (0, 1)]
    >>> len(chances), bool(chances[1] > 0.9)
    (2, True)
    """

    def __init__(
        self,
        sequences: Sequence[Ints],
        *,
        size: int,
        order: int,
        ends: bool,
        closed: Sequence[bool] | None = None,
        pseudo: int = 0,
    ) -> None:
        """Count; `ends` says whether the end of a record is an outcome, `closed` which sequences have theirs."""
        self._size, self._ends, self._pseudo = size, ends, pseudo
        closed = [ends] * len(sequences) if closed is None else closed
        self._orders = list(itertools.islice(_orders(*_line(sequences, closed, size), size), order + 1))

    def nats(self, sequences: Sequence[Ints], closed: Sequence[bool], order: int | None = None) -> list[Floats]:
        """Return the surprisal of every symbol, and of the end of each sequence that has one, in nats."""
        orders = self._orders[: None if order is None else order + 1]
        line = _line(sequences, closed, self._size)
        ((chance_T,),) = deque(_chances(orders, *line, self._size, self._ends, [self._pseudo]), maxlen=1)
        sizes = [len(ids) + int(end) for ids, end in zip(sequences, closed, strict=True)]
        return np.split(-np.log(chance_T), np.cumsum(sizes)[:-1])


def chosen_smoothing(
    sequences: Sequence[Ints], closed: Sequence[bool], *, size: int, ends: bool, most: int = 12
) -> Smoothing:
    """Return the length of context and the smoothing that predict a tenth of the sequences, if the others are counted.

    A longer context is taken if it is better than the best shorter one by more than two standard errors of their
    difference. If three orders in a row are not, no longer ones are tried. A lone sequence is divided: its last tenth
    is predicted.
    """
    if len(sequences) < 2:
        cut = len(sequences[0]) - max(1, len(sequences[0]) // 10)
        learned, tried = [(sequences[0][:cut], False)], [(sequences[0][cut:], closed[0])]
    else:
        pairs = list(zip(sequences, closed, strict=True))
        every = min(10, len(pairs))
        learned = [pair for i, pair in enumerate(pairs) if i % every]
        tried = [pair for i, pair in enumerate(pairs) if i % every == 0]
    if not any(len(ids) for ids, _ in learned) or not any(len(ids) for ids, _ in tried):
        return Smoothing()
    learned_T, tried_T = (_line([ids for ids, _ in part], [end for _, end in part], size) for part in (learned, tried))
    best, best_T = Smoothing(), np.full(len(tried_T[0]), np.inf)
    for order, chance_AT in enumerate(
        itertools.islice(_chances(_orders(*learned_T, size), *tried_T, size, ends, _PSEUDO), most + 1)
    ):
        nats_AT = -np.log(chance_AT)
        way = int(nats_AT.mean(axis=1).argmin())
        gain_T = best_T - nats_AT[way]
        if order == 0 or gain_T.mean() > _CLEAR * gain_T.std() / np.sqrt(len(gain_T)):
            best, best_T = Smoothing(order, _PSEUDO[way] if order else 0), nats_AT[way]
        elif order - best.order >= _WORSE:
            break
    return best


def _orders(symbols_T: Ints, places_T: Ints, size: int) -> Iterator[_Order]:
    """Yield the counts of what followed contexts of 0, 1, … symbols."""
    wide = size + 2  # the symbols, the end, and what stands before the first symbol
    context_T = np.zeros(len(symbols_T), np.int64)
    for length in itertools.count():
        if length:
            context_T = context_T * wide + _before(symbols_T, places_T, length, size)
        contexts, context_T = np.unique(context_T, return_inverse=True)
        pairs, counts = np.unique(context_T * wide + symbols_T, return_counts=True)
        seen = np.bincount(context_T, minlength=len(contexts))
        different = np.bincount(pairs // wide, minlength=len(contexts))
        yield _Order(contexts, seen, different, pairs, counts)


def _chances(
    orders: Iterable[_Order], symbols_T: Ints, places_T: Ints, size: int, ends: bool, pseudo: Sequence[int]
) -> Iterator[Floats]:
    """Yield the probability of every symbol, smoothed in each way, with contexts of 0, 1, … symbols.

    Single symbols are always smoothed by Witten and Bell.
    """
    wide = size + 2
    pseudo_A1 = np.array(pseudo)[:, None]
    chance_AT = np.full((len(pseudo), len(symbols_T)), 1 / (size + int(ends)))
    context_T = np.zeros(len(symbols_T), np.int64)
    for length, counts in enumerate(orders):
        if length:
            key_T = context_T * wide + _before(symbols_T, places_T, length, size)
            context_T = np.where(context_T >= 0, key_T, -1)
        context_T = _find(counts.contexts, context_T)
        known_T = context_T >= 0
        pair_T = _find(counts.pairs, np.where(known_T, context_T * wide + symbols_T, -1))
        times_T = np.where(pair_T >= 0, counts.pair_counts[pair_T], 0)
        weight_AT = np.where((pseudo_A1 > 0) & (length > 0), pseudo_A1, counts.different[context_T])
        mixed_AT = (times_T + weight_AT * chance_AT) / (counts.seen[context_T] + weight_AT)
        chance_AT = np.where(known_T, mixed_AT, chance_AT)
        yield chance_AT


def _before(symbols_T: Ints, places_T: Ints, length: int, size: int) -> Ints:
    shifted_T = np.roll(symbols_T, length)
    return np.where(places_T >= length, shifted_T, size + 1)


def _line(sequences: Sequence[Ints], closed: Sequence[bool], size: int) -> tuple[Ints, Ints]:
    """Return all symbols, the ends among them, and how many symbols of its sequence stand before each."""
    end = np.array([size], np.int64)
    parts = [np.concatenate([ids, end]) if ended else ids for ids, ended in zip(sequences, closed, strict=True)]
    places = [np.arange(len(part)) for part in parts]
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *parts]).astype(np.int64), np.concatenate([empty, *places]).astype(np.int64)


def _find(sorted_N: Ints, wanted_T: Ints) -> Ints:
    """Return where each wanted number is, or -1."""
    if not len(sorted_N):
        return np.full(len(wanted_T), -1)
    at_T = np.searchsorted(sorted_N, wanted_T).clip(max=len(sorted_N) - 1)
    return np.where(sorted_N[at_T] == wanted_T, at_T, -1)

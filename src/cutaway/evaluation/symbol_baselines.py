"""What symbols cost without a model: baselines that are counted on the train part and predict the test part.

Each is a distribution over all symbols and, if records end, their end; so none can win by leaving something out.

Axis letters: `N` records, `T` symbols of a record, `P` columns of an alignment, `V` symbols.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import counted
from cutaway.evaluation.ngrams import NGrams, chosen_smoothing
from cutaway.evaluation.resampling import Floats

Ints = NDArray[np.int64]

_MOST_LETTERS = 100_000_000  # of the largest alignment that gets a profile
_MOST_CODONS = 4  # that the counts may look back


@dataclasses.dataclass(frozen=True)
class Symbols:
    """A record as symbols, 0 to V - 1; `closed`: it ends there; `whole`: it also begins with its first symbol.

    Only for series: `slots` numbers what kind of place each symbol has (part of a scale, a channel), and `previous`
    says where the number before it in the same channel is; -1 if there is none.
    """

    ids: Ints
    closed: bool
    whole: bool = True
    slots: Ints | None = None
    previous: Ints | None = None


@dataclasses.dataclass(frozen=True)
class SymbolBaseline:
    """A baseline: its name, how it was made, and its surprisal (nats) of each test record's symbols and its end."""

    name: str
    made: str
    nats: list[Floats]


def symbol_baselines(
    train: Sequence[Symbols],
    test: Sequence[Symbols],
    *,
    size: int,
    what: str,
    ends: bool,
    most: int = 12,
    codons: bool = False,
) -> list[SymbolBaseline]:
    """Return the baselines for test records, learned from the train records; V is `size`, `what` names a symbol.

    `ends` says whether the end of a record is predicted, too. `most` is the longest context that the n-grams may take.
    With `codons` three letters are also counted as one word.
    """
    aligned = _aligned(train, test)
    train, test = ([dataclasses.replace(one, closed=one.closed and ends) for one in part] for part in (train, test))
    learned, closed = [one.ids for one in train], [one.closed for one in train]
    scored, finished = [one.ids for one in test], [one.closed for one in test]
    best = chosen_smoothing(learned, closed, size=size, ends=ends, most=most)
    grams = NGrams(learned, size=size, order=best.order, ends=ends, closed=closed, pseudo=best.pseudo)
    stop = _stop(train) if ends else 0.0
    found = [
        SymbolBaseline(
            "uniform", f"every one of {size:,} {what}s is equally likely", _flat(test, np.full(size, 1 / size), stop)
        ),
        SymbolBaseline(
            "unigram", f"how often each {what} occurs in the train part", grams.nats(scored, finished, order=0)
        ),
    ]
    if best.order:
        made = f"counts of what follows the last {counted(best.order, what)}, {best}"
        found.append(SymbolBaseline("n-gram", made, grams.nats(scored, finished)))
    if codons:
        found += _of_codons(train, test, size=size, ends=ends)
    if aligned is not None:
        made = f"the letters of each of the {aligned:,} columns of the train part, interpolated Witten–Bell"
        found.append(SymbolBaseline("column profile", made, _profile(train, test, grams, size)))
    if train[0].slots is not None:
        found += _series(train, test, size, stop)
    return found


def _of_codons(train: Sequence[Symbols], test: Sequence[Symbols], *, size: int, ends: bool) -> list[SymbolBaseline]:
    """Return codon usage, and counts of what follows the last few codons; the last letter of a codon bears its cost."""
    wide = size**3 + size  # the codons, and letters that are left over at the end
    learned, scored = [_words(one.ids, size) for one in train], [_words(one.ids, size) for one in test]
    closed, finished = [one.closed for one in train], [one.closed for one in test]
    best = chosen_smoothing(learned, closed, size=wide, ends=ends, most=_MOST_CODONS)
    grams = NGrams(learned, size=wide, order=best.order, ends=ends, closed=closed, pseudo=best.pseudo)

    def nats(of: int) -> list[Floats]:
        found = []
        for one, words_W in zip(test, grams.nats(scored, finished, order=of), strict=True):
            whole = len(one.ids) // 3
            letters_T = np.zeros(whole * 3)
            letters_T[2::3] = words_W[:whole]
            found.append(np.append(letters_T, words_W[whole:]))
        return found

    found = [SymbolBaseline("codon usage", "how often each codon occurs in the train part", nats(0))]
    if best.order:
        made = f"counts of what follows the last {counted(best.order, 'codon')}, {best}"
        found.append(SymbolBaseline("codon n-gram", made, nats(best.order)))
    return found


def _words(ids: Ints, size: int) -> Ints:
    """Return the codons of a record as numbers, and after them the letters that are left over."""
    whole = len(ids) // 3 * 3
    return np.append(ids[:whole].reshape(-1, 3) @ np.array([size**2, size, 1]), size**3 + ids[whole:])


def _stop(train: Sequence[Symbols]) -> float:
    """Return the chance that a record ends after a symbol if all lengths are possible: 1 / (mean length + 1).

    If none of them ends, which parts of one long record don't, it is 1 / (all symbols + 1).
    """
    ended = [one for one in train if one.closed] or train
    return 1 / (sum(len(one.ids) for one in ended) / max(1, sum(one.closed for one in ended)) + 1)


def _flat(test: Sequence[Symbols], chance_V: Floats, stop: float) -> list[Floats]:
    """Return the surprisal of symbols that are drawn alone, of records that end with the chance `stop` each time."""
    nats_V = -np.log(chance_V) - np.log1p(-stop)
    return [_ended(nats_V[one.ids], one.closed, stop) for one in test]


def _ended(nats_T: Floats, closed: bool, stop: float) -> Floats:
    return np.append(nats_T, -np.log(stop)) if closed else nats_T


def _aligned(train: Sequence[Symbols], test: Sequence[Symbols]) -> int | None:
    """Return the length of all records if it is the same, there are several of them and they are whole."""
    lengths = {len(one.ids) for part in (train, test) for one in part}
    whole = all(one.whole and one.closed for part in (train, test) for one in part)
    if len(lengths) > 1 or not whole or len(train) < 10 or train[0].slots is not None:
        return None
    return lengths.pop() if 2 <= max(lengths) * len(train) <= _MOST_LETTERS else None


def _profile(train: Sequence[Symbols], test: Sequence[Symbols], grams: NGrams, size: int) -> list[Floats]:
    """Return the surprisal under each column's letters, mixed with the letters of all columns; the end is certain."""
    table_NP = np.stack([one.ids for one in train])
    columns_P = np.arange(table_NP.shape[1])
    count_PV = np.zeros((table_NP.shape[1], size))
    np.add.at(count_PV, (np.broadcast_to(columns_P, table_NP.shape), table_NP), 1)
    every_V = [np.array([v]) for v in range(size)]
    # Without the end, which a profile knows.
    alone_V = np.exp(-np.concatenate(grams.nats(every_V, [False] * size, order=0)))
    alone_V /= alone_V.sum()
    different_P1 = (count_PV > 0).sum(1, keepdims=True)
    nats_PV = -np.log((count_PV + different_P1 * alone_V) / (len(train) + different_P1))
    return [np.append(nats_PV[columns_P, one.ids], [0.0] * one.closed) for one in test]


def _series(train: Sequence[Symbols], test: Sequence[Symbols], size: int, stop: float) -> list[SymbolBaseline]:
    """Return climatology and persistence."""
    slots = 1 + max(int(_known(one.slots).max(initial=0)) for part in (train, test) for one in part)
    count_SV = np.zeros((slots, size))
    for one in train:
        np.add.at(count_SV, (_known(one.slots), one.ids), 1)
    different_S1 = np.maximum((count_SV > 0).sum(1, keepdims=True), 1)
    usual_SV = (count_SV + different_S1 / size) / (count_SV.sum(1, keepdims=True) + different_S1)
    share_S = np.array([_share(train, usual_SV, slot) for slot in range(slots)])

    def nats(chance: Callable[[Symbols], Floats]) -> list[Floats]:
        return [_ended(-np.log(chance(one)) - np.log1p(-stop), one.closed, stop) for one in test]

    def persistent(one: Symbols) -> Floats:
        repeats_T, before_T = _repeats(one)
        share_T = np.where(before_T, share_S[_known(one.slots)], 0.0)
        usual_T: Floats = usual_SV[_known(one.slots), one.ids]
        return share_T * repeats_T + (1 - share_T) * usual_T

    rows = share_S[share_S > 0]
    said = f"{rows.mean():.0%}" if len(rows) else "0%"
    made = f"the number before comes again with a chance fitted on the train part ({said}); else climatology"
    return [
        SymbolBaseline(
            "climatology",
            "how often each number occurs in the train part, channel by channel",
            nats(lambda one: usual_SV[_known(one.slots), one.ids]),
        ),
        SymbolBaseline("persistence", made, nats(persistent)),
    ]


def _share(train: Sequence[Symbols], usual_SV: Floats, slot: int) -> float:
    """Return the likeliest chance, in the train part, that a number of this slot repeats the one before it."""
    repeats, usual = list[Floats](), list[Floats]()
    for one in train:
        repeats_T, before_T = _repeats(one)
        here_T = before_T & (_known(one.slots) == slot)
        repeats.append(repeats_T[here_T])
        usual.append(usual_SV[slot, one.ids[here_T]])
    repeats_T, usual_T = np.concatenate(repeats), np.concatenate(usual)
    if not repeats_T.any():
        return 0.0
    share = 0.5
    for _ in range(100):  # expectation maximisation of a mixture of two
        share = float((share * repeats_T / (share * repeats_T + (1 - share) * usual_T)).mean())
    return min(share, 1 - 1e-3)


def _repeats(one: Symbols) -> tuple[Floats, NDArray[np.bool_]]:
    """Return whether each symbol is the one of the number before it, and whether there is one."""
    previous_T = _known(one.previous)
    before_T = previous_T >= 0
    return (before_T & (one.ids[previous_T] == one.ids)).astype(np.float64), before_T


def _known(values: Ints | None) -> Ints:
    if values is None:
        raise ValueError("these symbols are not those of a series")
    return values

"""Records written by counts alone: each letter is drawn from what followed the last few letters in the train part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from cutaway.random_streams import stream

_ORDERS: Final = {"smiles": 10, "protein": 2}  # as far as the letters go that are counted; 10 is MOSES' n-gram model
_OTHER: Final = 5
_LEARNED: Final = 2_000_000  # letters that are counted at most
_EDGE: Final = "\0"  # before the first letter, and after the last


def order_for(alphabet: str) -> int:
    """Return how many letters back the chain of an alphabet looks."""
    return _ORDERS.get(alphabet, _OTHER)


def markov_records(train: Sequence[str], count: int, *, order: int, seed: int) -> list[str]:
    """Return records of a Markov chain that is fitted to records: their letters, starts and ends.

    A record is cut at twice the length of the longest one.

    >>> markov_records(["ACGT", "ACGT"], 2, order=5, seed=0)
    ['ACGT', 'ACGT']
    """
    random = stream(seed, "records of a Markov chain")
    followed: dict[str, list[str]] = defaultdict(list)
    left, longest = _LEARNED, 0
    for i in random.permutation(len(train)):
        text = _EDGE * order + train[i] + _EDGE
        for at in range(order, len(text)):
            followed[text[at - order : at]].append(text[at])
        longest, left = max(longest, len(train[i])), left - len(train[i])
        if left <= 0:
            break

    def record() -> str:
        written = list(_EDGE * order)
        for chance in random.random(2 * longest).tolist():
            choices = followed["".join(written[-order:])]
            letter = choices[int(chance * len(choices))]
            if letter == _EDGE:
                break
            written.append(letter)
        return "".join(written[order:])

    return [record() for _ in range(count)] if train else []

"""The first view of a page of attention: the head and the two tokens with the clearest link.

Axis letters: H heads, T queries, S keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from cutaway.errors import InputError

Bytes = npt.NDArray[np.uint8]
APART = 2  # least distance of the two tokens of a link: links between neighbours show little


@dataclasses.dataclass(frozen=True)
class Focus:
    """A head, the token `query` that looks and the token `key` it looks at; `first` is its weight on the first token.

    Layers and heads are numbers of the model, tokens positions of the first stack.
    """

    layer: int
    head: int
    query: int
    key: int
    weight: float
    first: float


def find_focus(
    maps: Iterable[tuple[int, Sequence[int], Bytes]],
    pieces: tuple[Sequence[str], Sequence[str]],
    words: tuple[Sequence[int], Sequence[int]],
    special: set[int],
    link: tuple[str, str] | None = None,
) -> Focus | None:
    """Return the link with the largest weight, less the weight that the same query gives to the first token.

    `maps` gives for each layer its number, its heads and their weights [H, T, S] as bytes. `link` names the two words.
    Without it every pair of tokens counts that are some tokens apart, have letters and are neither `special` nor the
    first token. None if there is no such pair. Raises `InputError` for a word that is not in the text.
    """
    queries, keys = pieces
    if link is None:
        plain = [at not in special and any(sign.isalnum() for sign in piece) for at, piece in enumerate(queries)]
        seen = [at > 0 and at not in special and any(sign.isalnum() for sign in piece) for at, piece in enumerate(keys)]
        apart = np.abs(np.arange(len(queries))[:, None] - np.arange(len(keys))) >= APART
        other = np.array([query.strip() for query in queries])[:, None] != np.array([key.strip() for key in keys])
        wanted_TS = np.array(plain)[:, None] & np.array(seen) & apart & other
    else:
        rows, columns = _ends(link[0], queries, words[0]), _ends(link[1], keys, words[1])
        wanted_TS = np.array(rows)[:, None] & np.array(columns)
    best: Focus | None = None
    for layer, heads, maps_HTS in maps:
        gain_HTS = np.where(wanted_TS, maps_HTS.astype(np.int16) - maps_HTS[:, :, :1], -999)
        if link is not None and wanted_TS[:, 0].any():
            gain_HTS[:, wanted_TS[:, 0], 0] = maps_HTS[:, wanted_TS[:, 0], 0]
        at, query, key = (int(i) for i in np.unravel_index(int(gain_HTS.argmax()), gain_HTS.shape))
        weight, first = (float(maps_HTS[at, query, column]) / 255 for column in (key, 0))
        if weight > 0 and gain_HTS[at, query, key] > -999:
            found = Focus(layer, heads[at], query, key, weight, first)
            if best is None or _gain(found) > _gain(best):
                best = found
    return best


def _gain(focus: Focus) -> float:
    return focus.weight - (focus.first if focus.key else 0.0)


def _ends(word: str, pieces: Sequence[str], words: Sequence[int]) -> list[bool]:
    """Say for each token whether it is the last one of the word: there the model has read the whole word."""
    read: dict[int, str] = {}
    for piece, number in zip(pieces, words, strict=True):
        read[number] = read.get(number, "") + piece
    wanted = word.strip().casefold()
    ends = [number != following for number, following in zip(words, [*words[1:], -1], strict=True)]
    found = [end and read[number].strip().casefold() == wanted for end, number in zip(ends, words, strict=True)]
    if not any(found):
        known = ", ".join(dict.fromkeys(text.strip() for text in list(read.values())[:12] if text.strip()))
        raise InputError(f"the word {word!r} is not in the text", hint=f"its words are {known}")
    return found

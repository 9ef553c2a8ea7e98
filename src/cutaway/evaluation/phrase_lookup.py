"""A translator without a model: known phrases are looked up, and what is not known is copied.

Words of train pairs are aligned by IBM model 1 (Brown et al. 1993) in both directions. A run of source words and the
run of target words that it is aligned with are a phrase if no word of either is aligned outside (Och and Ney 2004). A
text is translated from left to right: the longest known phrase, by the target that it had most often; no word moves.

Axis letters: C cells (a source word and a target word of one pair), U different cells, E source words, G positions.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Table = dict[tuple[int, int], float]

LONGEST = 5  # words of a phrase
_ROUNDS = 8
_WORD = re.compile(r"\s*(?:\w+|[^\w\s])")  # with the space before it, so that pieces join to the text
_NEAR = 4.0  # how strongly words in the same part of both texts are preferred


def word_table(pairs: Sequence[tuple[list[int], list[int]]], rounds: int = _ROUNDS) -> Table:
    """Return t(target word | source word) of IBM model 1 without an empty word, for words that meet in some pair.

    >>> pairs = [([0, 1], [0, 1]), ([0, 2], [0, 2])]
    >>> round(word_table(pairs, rounds=1)[0, 0], 2)
    0.5
    """
    source_C, target_C, place_C = list[int](), list[int](), list[int]()
    place = 0
    for source, target in pairs:
        for word in target:
            source_C += source
            target_C += [word] * len(source)
            place_C += [place] * len(source)
            place += 1
    if not source_C:
        return {}
    size = max(target_C) + 1
    cell_U, at_C = np.unique(np.array(source_C) * size + np.array(target_C), return_inverse=True)
    group_C, source_U = np.array(place_C), cell_U // size
    chance_U: Floats = np.full(len(cell_U), 1 / size)
    for _ in range(rounds):
        now_C = chance_U[at_C]
        share_C = now_C / np.bincount(group_C, now_C)[group_C]
        count_U = np.bincount(at_C, share_C)
        chance_U = count_U / np.bincount(source_U, count_U)[source_U]
    return {divmod(int(cell), size): float(chance) for cell, chance in zip(cell_U, chance_U, strict=True)}


class PhraseTable:
    """The phrases of train pairs; `translate` looks a text up."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        cut = [(_WORD.findall(source), _WORD.findall(target)) for source, target in pairs]
        numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
        ids = [(_numbered(source, numbers[0]), _numbered(target, numbers[1])) for source, target in cut]
        there, back = word_table(ids), word_table([(target, source) for source, target in ids])
        found: dict[tuple[str, ...], collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for (source, target), (ours, theirs) in zip(cut, ids, strict=True):
            words = [_plain(word) for word in source]
            for first, last, start, stop in _phrases(_aligned(ours, theirs, there, back), len(words)):
                found[tuple(words[first:last])]["".join(target[start:stop]).strip()] += 1
        self.phrases = {source: _most(targets) for source, targets in found.items()}

    def translate(self, text: str) -> str:
        """Return a text with its known phrases replaced."""
        pieces, at, said = _WORD.findall(text), 0, ""
        words = [_plain(piece) for piece in pieces]
        while at < len(words):
            longest = range(min(LONGEST, len(words) - at), 0, -1)
            size = next((n for n in longest if tuple(words[at : at + n]) in self.phrases), 0)
            space = pieces[at][: len(pieces[at]) - len(pieces[at].lstrip())]
            said += space + (self.phrases[tuple(words[at : at + size])] if size else pieces[at].lstrip())
            at += max(1, size)
        said = said.strip()
        return said[:1].upper() + said[1:] if text.strip()[:1].isupper() else said


def _numbered(pieces: Sequence[str], numbers: dict[str, int]) -> list[int]:
    return [numbers.setdefault(_plain(piece), len(numbers)) for piece in pieces]


def _plain(piece: str) -> str:
    return piece.strip().lower()


def _most(targets: collections.Counter[str]) -> str:
    """Return the most frequent target; of equally frequent ones the shortest, then the first by letters."""
    return min(targets, key=lambda target: (-targets[target], len(target), target))


def _aligned(source: Sequence[int], target: Sequence[int], there: Table, back: Table) -> list[int]:
    """Return for each target word the place of the source word that it comes from."""

    def score(i: int, j: int) -> float:
        likely = there[source[i], target[j]] * back[target[j], source[i]]
        return likely * math.exp(-_NEAR * abs((i + 0.5) / len(source) - (j + 0.5) / len(target)))

    return [max(range(len(source)), key=lambda i: score(i, j)) for j in range(len(target))] if source else []


def _phrases(from_J: Sequence[int], words: int) -> list[tuple[int, int, int, int]]:
    """Return (first, last, start, stop) of every phrase: source words first to last - 1, target start to stop - 1."""
    found = []
    for first in range(words):
        for last in range(first + 1, min(words, first + LONGEST) + 1):
            inside = [j for j, i in enumerate(from_J) if first <= i < last]
            if inside and all(first <= i < last for i in from_J[inside[0] : inside[-1] + 1]):
                found.append((first, last, inside[0], inside[-1] + 1))
    return found

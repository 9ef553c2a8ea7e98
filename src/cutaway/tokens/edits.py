"""Small changes to sequences, the same for every tokenizer, and how many tokens each of them changes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

WINDOW: Final = 200
_FRAME: Final = 12  # windows begin at a multiple of it, so that words of 2, 3, 4 or 6 letters stay in frame
_LOOKED_AT: Final = 100_000

Edit = tuple[Any, Any, Any]
"""A window of a sequence, the window with one symbol replaced, and with one inserted or deleted; None if impossible."""


def edits_of(sequences: Sequence[Any], number: int, seed: int) -> list[Edit]:
    """Return random edits of texts, or of series (C channels of T numbers); the same seed gives the same edits.

    Places are drawn uniformly from all symbols; a new letter or number is one that occurs elsewhere.

    >>> [(window, changed, indel)] = edits_of(["GATTACA"], 1, seed=0)
    >>> window, len(changed), abs(len(indel) - 7)
    ('GATTACA', 7, 1)
    """
    chance = random.Random(f"edits {seed}")  # noqa: S311 (chance, not secrets)
    lengths = [len(x) if isinstance(x, str) else len(x[0]) for x in sequences]
    if not number or not sum(lengths):
        return []
    texts = isinstance(sequences[0], str)
    letters = _letters(sequences) if texts else []
    chosen = chance.choices(range(len(sequences)), weights=lengths, k=number)
    found: list[Edit] = []
    for i in chosen:
        at = chance.randrange(lengths[i])
        start = max(0, min(at - WINDOW // 2, lengths[i] - WINDOW))
        start += -start % _FRAME
        window = slice(start, start + WINDOW)
        if texts:
            found.append(_of_text(sequences[i][window], at - start, letters, chance))
        else:
            other = chance.randrange(lengths[i])
            values_CT = np.array([channel[window] for channel in sequences[i]], dtype=np.float64)
            step_C = np.array([channel[other] for channel in sequences[i]], dtype=np.float64)
            found.append(_of_series(values_CT, at - start, step_C, chance))
    return found


def tokens_changed(before: Sequence[int], after: Sequence[int]) -> int:
    """Return how many tokens lie between the longest common beginning and the longest common end of two sequences.

    >>> tokens_changed([1, 2, 3, 4], [1, 9, 8, 3, 4])
    2
    """
    most = min(len(before), len(after))
    start = next((i for i in range(most) if before[i] != after[i]), most)
    left = most - start
    end = next((i for i in range(left) if before[-1 - i] != after[-1 - i]), left)
    return max(len(before), len(after)) - start - end


def _letters(sequences: Sequence[str]) -> list[str]:
    found: set[str] = set()
    looked_at = 0
    for text in sequences:
        found.update(text[: _LOOKED_AT - looked_at])
        looked_at += len(text)
        if looked_at >= _LOOKED_AT:
            break
    return sorted(found)


def _of_text(text: str, at: int, letters: Sequence[str], chance: random.Random) -> Edit:
    others = [letter for letter in letters if letter != text[at]]
    changed = text[:at] + chance.choice(others) + text[at + 1 :] if others else None
    if chance.random() < 0.5 and len(text) > 1:
        return text, changed, text[:at] + text[at + 1 :]
    return text, changed, text[:at] + chance.choice(letters) + text[at:]


def _of_series(values_CT: Any, at: int, step_C: Any, chance: random.Random) -> Edit:
    channel = chance.randrange(len(values_CT))
    changed_CT = values_CT.copy()
    changed_CT[channel, at] = step_C[channel]
    same = np.array_equal(changed_CT, values_CT, equal_nan=True)
    if chance.random() < 0.5 and values_CT.shape[1] > 1:
        indel_CT = np.delete(values_CT, at, axis=1)
    else:
        indel_CT = np.insert(values_CT, at, step_C, axis=1)
    return values_CT, None if same else changed_CT, indel_CT

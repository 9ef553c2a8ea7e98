"""What can be checked in an explanation without understanding it: its length, the numbers it quotes, its likeness.

A teacher reads the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NUMBER: Final = re.compile(r"(?<![\w.,])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_RUN: Final = 5  # words
_DIGITS: Final = 3  # that count; of a whole number 2


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without numbers."""
    return [word.casefold() for word in _WORD.findall(text)]


def quoted_numbers(text: str, known: Mapping[str, float]) -> dict[str, str]:
    """Return the names of known numbers that a text quotes, with how it writes them; each spelling counts once.

    A quoted number is the known one, rounded to the decimals that are written, also as a percentage. It needs three
    digits that count, or two if the known one is whole: shorter ones agree with some result by chance.

    >>> quoted_numbers("Entropy fell from 2.31 to 1.9 bits, by 17.9 %.", {"a": 2.3123, "b": 1.8701, "c": 0.1792})
    {'a': '2.31', 'c': '17.9'}
    """
    found: dict[str, str] = {}
    for match in _NUMBER.finditer(text):
        written = match[0]
        plain = written.replace(",", "").replace("−", "-")
        digits = len(re.sub(r"\D", "", plain).lstrip("0"))
        if written in found.values() or digits < _DIGITS - 1:
            continue
        decimals = len(plain.partition(".")[2])
        percent = text[match.end() :].lstrip()[:1] == "%"
        for name, value in known.items():
            whole = value == round(value) and not decimals and not percent if math.isfinite(value) else False
            if name in found or not math.isfinite(value) or (digits < _DIGITS and not whole):
                continue
            if f"{value * (100 if percent else 1):.{decimals}f}" == f"{float(plain):.{decimals}f}":
                found[name] = written
                break
    return found


def likeness(text: str, other: str) -> float:
    """Return the share of runs of five words that the shorter of two texts has in common with the other, 0 to 1.

    >>> likeness("a b c d e f", "x a b c d e"), likeness("a b c d", "a b c d")
    (0.5, 1.0)
    """
    runs = [_runs(words_of(one)) for one in (text, other)]
    least = min(map(len, runs))
    return len(runs[0] & runs[1]) / least if least else 0.0


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    """Return all runs of five words; a shorter text is one run."""
    return {tuple(words[i : i + _RUN]) for i in range(max(1, len(words) - _RUN + 1))} if words else set()

"""Which way an effect goes, as an explanation says it: "with a higher temperature the entropy rises" is +1.

A sentence counts if it names the cause, the effect and a direction. This reads plain sentences only. It finds what a
learner got the wrong way round; it does not understand an explanation, and a teacher reads it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

_UP = (
    r"ris(?:e|es|en|ing)|rose|increas\w*|higher|more|larger|greater|bigger|grow\w*"
    r"|grew|climb\w*|gain\w*|further|farther|longer|wider|stronger|rais(?:e|es|ed|ing)|adds?|improv\w*|up"
)
_DOWN = (
    r"fall\w*|fell|decreas\w*|lower\w*|less|fewer|smaller|drop\w*|declin\w*|shrink\w*|shrank"
    r"|reduc\w*|sink\w*|sank|shorter|nearer|closer|narrower|weaker|worsen\w*|los[et]s?|down"
)
_WAY: Final = re.compile(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN}))\b", re.IGNORECASE)
_NOT: Final = re.compile(r"(?:\b(?:not|never|no|hardly)|n['’]t)(?:\s\w+)?\s*$", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n\s*\n|\n\s*[-*]\s")


@dataclasses.dataclass(frozen=True)
class Direction:
    """How to read an effect: its cause upwards and downwards, and its name, as regular expressions.

    `says` gives the sign of each choice. `example` is a sentence that is understood, with {way} for a verb such as
    "rises".
    """

    up: str
    down: str
    effect: str
    says: dict[str, int]
    example: str


def caused_by(noun: str) -> tuple[str, str]:
    """Return the expressions for a cause that is a quantity: its rise (or its bare name) and its fall."""
    return (
        rf"(?:{_UP}|high)\s(?:the\s|of\s|a\s)*{noun}|{noun}\s(?:\w+\s){{0,2}}?(?:{_UP})|{noun}",
        rf"(?:{_DOWN}|low|small|cold\w*)\s(?:the\s|of\s|a\s)*{noun}|{noun}\s(?:\w+\s){{0,2}}?(?:{_DOWN})",
    )


def signs_in(text: str, direction: Direction) -> list[tuple[int, str]]:
    """Return for each sentence that says which way the effect goes its sign, +1 or -1, and the sentence.

    >>> heat = Direction(*caused_by("temperature"), "entropy", {"rises": 1, "falls": -1}, "")
    >>> signs_in("A higher temperature gives a higher entropy. At a low temperature the entropy is lower.", heat)
    [(1, 'A higher temperature gives a higher entropy.'), (1, 'At a low temperature the entropy is lower.')]
    >>> [sign for sign, _ in signs_in("When the temperature rises, the entropy falls.", heat)]
    [-1]
    """
    found = []
    for sentence in _SENTENCE.split(text):
        sign = _sign(sentence, direction)
        if sign:
            found.append((sign, " ".join(sentence.split())))
    return found


def _sign(sentence: str, direction: Direction) -> int:
    down = re.search(rf"\b(?:{direction.down})(?!\w)", sentence, re.IGNORECASE)
    up = re.search(rf"\b(?:{direction.up})(?!\w)", sentence, re.IGNORECASE)
    cause = down if down and (up is None or down.start() <= up.start()) else up
    if cause is None:
        return 0
    rest = sentence[: cause.start()] + " " * len(cause[0]) + sentence[cause.end() :]
    effect = re.search(rf"\b(?:{direction.effect})", rest, re.IGNORECASE)
    if effect is None:
        return 0
    rest = rest[: effect.start()] + " " * len(effect[0]) + rest[effect.end() :]  # "the largest weight" rises nothing
    ways = [way for way in _WAY.finditer(rest) if not _NOT.search(rest[: way.start()])]
    if not ways:
        return 0
    nearest = min(ways, key=lambda way: min(abs(way.start() - effect.end()), abs(effect.start() - way.end())))
    return (-1 if cause is down else 1) * (1 if nearest["up"] else -1)

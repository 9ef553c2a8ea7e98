"""Whether a text is in the language that a translator reads: how many of its words it met in training.

A text is foreign if the translator met fewer than half of its words in the texts that it read, or if more of its words
are known from the texts that it wrote. A folder without such words (see `cutaway.models.known_words`) says less: then a
text is foreign if more than half of its tokens are unknown to the tokenizer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cutaway.errors import counted
from cutaway.models.known_words import KnownWords, words_of
from cutaway.tokens.tokenizer import Tokenizer

_SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Familiarity:
    """How many words (or tokens: see `unit`) of a text a translator could know.

    `known` were met in the texts that it read, `written` in those that it wrote; `unknown` are the first different ones
    that it did not read. `foreign` says that the text seems to be in another language.
    """

    unit: str
    count: int
    known: int
    written: int
    unknown: list[str]
    foreign: bool


def familiarity(text: str, words: KnownWords | None, tokenizer: Tokenizer, ids: Sequence[int]) -> Familiarity | None:
    """Return how much of a text is known; None if nothing can be said, as of a number."""
    if words is not None:
        found = words_of(text)
        known = sum(word in words.source for word in found)
        written = sum(word in words.target for word in found)
        unknown = list(dict.fromkeys(word for word in found if word not in words.source))[:_SHOWN]
        foreign = 2 * known < len(found) or written > known
        return Familiarity("word", len(found), known, written, unknown, foreign) if found else None
    unk = tokenizer.special_id("unk")
    body = [i for i in ids if i == unk or i not in tokenizer.special_ids]
    if unk is None or not body:
        return None
    known = len(body) - body.count(unk)
    return Familiarity("token", len(body), known, 0, [], 2 * known < len(body))


def doubt(found: Familiarity | None, model: str) -> str | None:
    """Return a warning in one sentence if a text seems to be in another language, or has words that were never met."""
    if found is None or not (found.foreign or found.unknown):
        return None
    named = ", ".join(f"{word[:24]!r}" for word in found.unknown[:3]) + (", …" if len(found.unknown) > 3 else "")
    if not found.foreign:
        return f"{model} never met {named} in the texts that it learned to read: it guesses"
    if found.unit == "token":
        return (
            f"the tokenizer of {model} does not know {found.count - found.known:,} of the text's "
            f"{counted(found.count, 'token')}: the text may be in a language that {model} never saw"
        )
    if found.written > found.known:
        return (
            f"{found.written:,} of the text's {counted(found.count, 'word')} are of the language that {model} writes, "
            f"and {found.known:,} of the one that it reads: the text may be in the wrong language"
        )
    return (
        f"{model} met {found.known:,} of the text's {counted(found.count, 'word')} in the texts that it learned to "
        f"read, and not {named}: the text may be in a language, or about a subject, that it never saw"
    )

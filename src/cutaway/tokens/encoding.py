"""`tokenize`: a text's pieces, ids and offsets, and whether they lead back to it."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.result import Result
from cutaway.tokens.tokenizer import Tokenizer

__all__ = ["TokenEntry", "Tokens", "tokenize", "vocabulary_sample"]


@dataclasses.dataclass(frozen=True)
class TokenEntry:
    """One entry of a vocabulary."""

    token: str
    id: int


@dataclasses.dataclass(frozen=True, repr=False)
class Tokens(Result):
    """A text as T tokens.

    `tokens` are the vocabulary's spellings, `pieces` the slices of the text, `offsets` characters (end excluded).
    `round_trip` says whether `decoded` is the text to the letter.
    """

    schema: ClassVar[str] = "tokens"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    kind: str
    text: str
    tokens: list[str]
    pieces: list[str]
    ids: list[int]
    offsets: list[tuple[int, int]]
    special: list[bool]
    decoded: str
    round_trip: bool
    vocab_size: int
    sample: list[TokenEntry]
    bytes: int

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a token: its spelling, piece and id, and where it begins and ends in the text, in characters."""
        cut = zip(self.tokens, self.pieces, self.ids, self.offsets, self.special, strict=True)
        names = ("token", "piece", "id", "start", "end", "special")
        return [dict(zip(names, (t, piece, i, *span, special), strict=True)) for t, piece, i, span, special in cut]


def tokenize(text: str, tokenizer: Tokenizer, *, add_special_tokens: bool = True) -> Tokens:
    """Split a text into tokens and join them again.

    Raises `TextError` where the text holds a lone surrogate.
    """
    encoding = tokenizer.encode(text, add_special_tokens=add_special_tokens)
    decoded = tokenizer.decode(encoding.ids)
    return Tokens(
        model=tokenizer.name,
        kind=tokenizer.kind,
        text=text,
        tokens=encoding.tokens,
        pieces=_pieces(text, encoding.tokens, encoding.offsets, encoding.special),
        ids=encoding.ids,
        offsets=encoding.offsets,
        special=encoding.special,
        decoded=decoded,
        round_trip=decoded == text,
        vocab_size=len(tokenizer.vocabulary),
        sample=vocabulary_sample(tokenizer),
        bytes=len(text.encode("utf-8")),
    )


def _pieces(text: str, tokens: list[str], offsets: list[tuple[int, int]], special: list[bool]) -> list[str]:
    # Where several tokens share one character (the bytes of an emoji) each shows the character it belongs to. Some
    # tokenizers leave the space before a word out of its offsets though the token carries it: give it back.
    pieces, before = [], 0
    for token, (start, end), is_special in zip(tokens, offsets, special, strict=True):
        if is_special or start == end:
            pieces.append(token)
            continue
        carries_space = token[0] in "Ġ▁" and text[before:start].isspace()
        pieces.append(text[before if carries_space else start : end])
        before = end
    return pieces


def vocabulary_sample(tokenizer: Tokenizer, size: int = 24) -> list[TokenEntry]:
    """Pick `size` ordinary tokens evenly through the ids, spelled as they read; the same ones each time."""
    ordinary = sorted(i for token, i in tokenizer.vocabulary.items() if i not in tokenizer.special_ids)
    step = max(1, len(ordinary) // size)
    return [TokenEntry(tokenizer.piece(i), i) for i in ordinary[step // 2 :: step][:size]]

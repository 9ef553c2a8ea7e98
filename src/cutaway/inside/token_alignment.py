"""Align the tokens of several tokenizers on one text: cut it wherever none of them has a token across the cut."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence

Span = tuple[int, int] | None  # a token's characters, end excluded; None for a token that stands for no text


@dataclasses.dataclass(frozen=True)
class Stretch:
    """The characters `start` to `end` of a text and, for each tokenizer, the positions of their tokens."""

    start: int
    end: int
    tokens: list[list[int]]


def align(length: int, spans: Sequence[Sequence[Span]]) -> list[Stretch]:
    """Cut a text of `length` characters into the smallest stretches whose borders all tokenizers share.

    The stretches cover the text in order, and each holds a token of every tokenizer. Characters that a tokenizer drops,
    such as spaces, go with what follows them. Tokens that share a character stay together. The list is empty if a
    tokenizer has no token of the text.

    >>> [(part.start, part.end, part.tokens) for part in align(6, [[(0, 2), (2, 6)], [None, (0, 2), (3, 5), (5, 6)]])]
    [(0, 2, [[0], [1]]), (2, 6, [[1], [2, 3]])]
    """
    if not length or not all(any(span is not None for span in some) for some in spans):
        return []
    crossed = {at for some in spans for span in some if span is not None for at in range(span[0] + 1, span[1])}
    cuts = [at for at in range(length) if at not in crossed]
    held: list[list[list[int]]] = [[[] for _ in spans] for _ in cuts]
    for which, some in enumerate(spans):
        for token, span in enumerate(some):
            if span is not None:
                held[bisect.bisect_right(cuts, min(span[0], length - 1)) - 1][which].append(token)
    found: list[Stretch] = []
    start = 0
    tokens: list[list[int]] = [[] for _ in spans]
    for end, some_tokens in zip([*cuts[1:], length], held, strict=True):
        tokens = [before + new for before, new in zip(tokens, some_tokens, strict=True)]
        if all(tokens):
            found.append(Stretch(start, end, tokens))
            start, tokens = end, [[] for _ in spans]
    if start < length:  # a tokenizer has no token for the rest: it joins the last stretch
        last = found.pop()
        found.append(Stretch(last.start, length, [a + b for a, b in zip(last.tokens, tokens, strict=True)]))
    return found

"""How BPE arrives at its tokens: the merges of each word in order, checked to end in the same tokens."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import re
from collections.abc import Sequence
from typing import Final

from cutaway.tokens.tokenizer import Encoding, MergeRules, Tokenizer

MOST_WORDS: Final = 24
MOST_MERGES: Final = 48
_BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")


@dataclasses.dataclass(frozen=True)
class Merge:
    """One merge: its rank (0 was learned first) and its place: the parts `at` and `at` + 1 become one."""

    rank: int
    at: int
    left: str
    right: str
    merged: str


@dataclasses.dataclass(frozen=True)
class MergedWord:
    """A word (or a sequence without words) from its characters to its tokens; `more` merges are not listed.

    A word without merges was taken whole, as some tokenizers do if the vocabulary has it.
    """

    word: str
    parts: list[str]
    merges: list[Merge]
    more: int
    tokens: list[str]


@dataclasses.dataclass(frozen=True)
class MergeSteps:
    """The different words of a text that have merges, in their order; `left_out` more are not listed."""

    words: list[MergedWord]
    left_out: int


def merge_steps(tokenizer: Tokenizer, encoding: Encoding) -> MergeSteps | None:
    """Return the merges that made the tokens of a text; None if the tokenizer is not a BPE, or merges nothing.

    The first 24 words are listed, each with its first 48 merges. If the merges do not end in the tokens (the vocabulary
    lacks a part of the word), the word is left out. Source: Sennrich et al. 2016, doi:10.18653/v1/P16-1162.

    >>> from cutaway.tokens.unit_bpe import letter_bpe
    >>> tokenizer = letter_bpe(["GATTACAGATTACA"], "dna", 26)
    >>> [word] = merge_steps(tokenizer, tokenizer.encode("GATTACAT")).words
    >>> word.tokens, [merge.merged for merge in word.merges][:3]
    (['GATTAC', 'AT'], ['AC', 'AT', 'AT'])
    """
    rules = tokenizer.merge_rules
    if rules is None:
        return None
    added = tokenizer.backend.get_added_tokens_decoder()
    found: dict[tuple[str, ...], list[int]] = {}
    tokens = zip(encoding.words, encoding.ids, encoding.tokens, strict=True)
    for number, group in itertools.groupby(tokens, key=lambda token: token[0]):
        word = list(group)
        if number is not None and word[0][1] not in added:
            found.setdefault(tuple(token for _, _, token in word), [i for _, i, _ in word])
    words, left_out = list[MergedWord](), 0
    for spelled, ids in found.items():
        signs = _signs(spelled, rules)
        if len(signs) < 2:
            continue
        whole = rules.ignored and len(spelled) == 1
        if not whole and len(signs) == len(spelled):
            continue  # nothing was merged
        steps = _explained(tokenizer, rules, spelled, ids, signs) if len(words) < MOST_WORDS else None
        if steps is None:
            left_out += 1
        else:
            words.append(steps)
    return MergeSteps(words, left_out)


def _explained(
    tokenizer: Tokenizer, rules: MergeRules, spelled: Sequence[str], ids: Sequence[int], signs: list[str]
) -> MergedWord | None:
    whole = rules.ignored and len(spelled) == 1
    made, ends = ([], list(spelled)) if whole else _merged(signs, rules)
    if ends != list(spelled):
        return None

    def read(token: str) -> str:
        number = tokenizer.vocabulary.get(token)
        text = token if number is None else tokenizer.piece(number)
        return token if "\ufffd" in text else text

    merges = [Merge(rank, at, read(left), read(right), read(left + right)) for rank, at, left, right in made]
    pieces = [read(token) for token in spelled]
    together = "".join(map(tokenizer.piece, ids))
    text = tokenizer.decode(ids, skip_special_tokens=False) if "\ufffd" in together else together
    shown, more = merges[:MOST_MERGES], max(0, len(merges) - MOST_MERGES)
    return MergedWord(text, [read(sign) for sign in signs], shown, more, pieces)


def _signs(tokens: Sequence[str], rules: MergeRules) -> list[str]:
    """Return what the merging begins with: single characters; unknown tokens and bytes stay whole."""
    signs: list[str] = []
    for token in tokens:
        alone = token == rules.unknown or (rules.bytes_for_unknown and _BYTE.fullmatch(token) is not None)
        signs += [token] if alone else list(token.removesuffix(rules.suffix))
    if signs and rules.suffix:
        signs[-1] += rules.suffix
    return signs


def _merged(signs: Sequence[str], rules: MergeRules) -> tuple[list[tuple[int, int, str, str]], list[str]]:
    """Merge the pair of the lowest rank, the leftmost of equals, until none is left: (rank, at, left, right) each.

    The order is that of the `tokenizers` library; with a heap it takes n log n steps for n characters.
    """
    parts: list[str | None] = list(signs)
    size = len(parts)
    after, before = list(range(1, size + 1)), list(range(-1, size - 1))
    waiting: list[tuple[int, int, str]] = []

    def wait(i: int) -> None:
        if i >= 0 and after[i] < size:
            left, right = parts[i] or "", parts[after[i]] or ""
            rank = rules.ranks.get((left, right))
            if rank is not None:
                heapq.heappush(waiting, (rank, i, left + right))

    for i in range(size):
        wait(i)
    made: list[tuple[int, int, str, str]] = []
    while waiting:
        rank, i, merged = heapq.heappop(waiting)
        left = parts[i]
        if left is None or after[i] == size:
            continue
        right = parts[after[i]] or ""
        if left + right != merged or (left, right) not in rules.ranks:
            continue  # one of the two has become part of another since
        at = sum(part is not None for part in parts[:i]) if len(made) < MOST_MERGES else 0
        made.append((rank, at, left, right))
        parts[i], parts[after[i]] = merged, None
        after[i] = after[after[i]]
        if after[i] < size:
            before[after[i]] = i
        wait(before[i])
        wait(i)
    return made, [part for part in parts if part is not None]

"""Tokenizers that transformers has only in Python (ESM-2, ByT5, CANINE, BioGPT, …), with the methods of `tokenizers`.

The ids come from the transformers tokenizer itself. It gives no offsets, so the place of each token in the text is
found afterwards from the token's spelling.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from cutaway.errors import ModelError

_MARKS = ("##", "@@", "</w>", "▁", "Ġ")  # what marks the start or the end of a word in a token's spelling


@dataclasses.dataclass(frozen=True)
class _Encoding:
    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    special_tokens_mask: list[int]
    word_ids: list[int | None]


class PythonBackend:
    """The part of `tokenizers.Tokenizer` that cutaway uses, on a transformers tokenizer of any class."""

    decoder = None

    def __init__(self, loaded: Any) -> None:
        self.model = loaded  # its class names the kind
        self._size: int = 1 + max([len(loaded) - 1, *loaded.added_tokens_decoder])

    def no_padding(self) -> None:
        """Do nothing: one text is never padded."""

    def no_truncation(self) -> None:
        """Do nothing: a text is cut only on request."""

    def encode(self, text: str, add_special_tokens: bool = True) -> _Encoding:
        """Return the ids of a text, their tokens, and the place of each token in the text."""
        own = self._ids(text, False)
        ids = self._ids(text, True) if add_special_tokens else own
        start = _place(own, ids)
        tokens = self.model.convert_ids_to_tokens(ids)
        mask = [0 if start <= i < start + len(own) else 1 for i in range(len(ids))]
        plain = [token for token, added in zip(tokens, mask, strict=True) if not added]
        placed = iter(spans(text, plain, self.model.unk_token))
        offsets = [(0, 0) if added else next(placed) for added in mask]
        return _Encoding(ids, tokens, offsets, mask, _words(offsets, mask))

    def _ids(self, text: str, add_special_tokens: bool) -> list[int]:
        return list(self.model(text, add_special_tokens=add_special_tokens, verbose=False)["input_ids"])

    def encode_batch(self, texts: Sequence[str], add_special_tokens: bool = True) -> list[_Encoding]:
        """Encode several texts."""
        return [self.encode(text, add_special_tokens) for text in texts]

    encode_batch_fast = encode_batch

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Return the text of ids, as the tokenizer's class decodes them."""
        known = [i for i in ids if 0 <= i < self._size]
        return str(self.model.decode(known, skip_special_tokens=skip_special_tokens))

    def decode_batch(self, batch: Sequence[Sequence[int]], skip_special_tokens: bool = True) -> list[str]:
        """Return the texts of several lists of ids."""
        return [self.decode(ids, skip_special_tokens) for ids in batch]

    def token_to_id(self, token: str) -> int | None:
        """Return a token's id, or None if there is no such token."""
        found: int | None = self.model.convert_tokens_to_ids(token)
        return found if found is not None and self.id_to_token(found) == token else None

    def id_to_token(self, token_id: int) -> str | None:
        """Return the spelling of an id, or None if there is no such id."""
        return self.model.convert_ids_to_tokens(token_id) if 0 <= token_id < self._size else None

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """Return every token and its id."""
        return dict(self.model.get_vocab())

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """Return one more than the greatest id."""
        return self._size

    def get_added_tokens_decoder(self) -> dict[int, Any]:
        """Return the tokens that were added to the vocabulary, by their ids."""
        return dict(self.model.added_tokens_decoder)

    def to_str(self) -> str:
        """Raise `ModelError`: this tokenizer is Python code and has no tokenizer.json."""
        raise ModelError(
            f"{type(self.model).__name__} is a tokenizer written in Python: it can't be written as tokenizer.json",
            hint="save it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(other)",
        )


def _place(own: list[int], ids: list[int]) -> int:
    """Return where in `ids` the ids of the text begin; the ids around them are special tokens."""
    return next((i for i in range(len(ids) - len(own) + 1) if ids[i : i + len(own)] == own), 0)


def spans(text: str, tokens: Sequence[str], unknown: str | None = None) -> list[tuple[int, int]]:
    """Return the place of each token in the text, in characters, end excluded.

    A token of one byte gets the character that the byte belongs to. Any other token gets the next occurrence of its
    spelling. Tokens that do not occur share the text between their neighbours.

    >>> spans("the cats", ["the", "cat", "##s"])
    [(0, 3), (4, 7), (7, 8)]
    >>> spans("é", ["Ã", "©"])
    [(0, 1), (0, 1)]
    """
    if "".join(tokens) == text.encode("utf-8").decode("latin-1"):
        of_byte = [i for i, character in enumerate(text) for _ in character.encode("utf-8")]
        ends = [0, *itertools.accumulate(map(len, tokens))]
        return [(of_byte[start], of_byte[end - 1] + 1) for start, end in itertools.pairwise(ends)]
    lowered = text.lower() if len(text.lower()) == len(text) else text
    found: list[tuple[int, int]] = []
    waiting, at = 0, 0
    for token in tokens:
        place = None if token == unknown and not text.startswith(token, at) else _find(text, lowered, token, at)
        if place is None:
            waiting += 1
            continue
        found += [_between(text, at, place[0])] * waiting
        found.append(place)
        waiting, at = 0, place[1]
    return found + [_between(text, at, len(text))] * waiting


def _find(text: str, lowered: str, token: str, at: int) -> tuple[int, int] | None:
    bare = token
    for mark in _MARKS:
        bare = bare.removeprefix(mark).removesuffix(mark) if bare != mark else bare
    for spelling in dict.fromkeys((token, bare)):
        for whole in (text, lowered):
            start = whole.find(spelling, at) if spelling else -1
            if start >= 0:
                return start, start + len(spelling)
    return None


def _between(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    if not part.strip():
        return (start, end)
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def _words(offsets: list[tuple[int, int]], mask: list[int]) -> list[int | None]:
    words: list[int | None] = []
    number, end = -1, -1
    for (start, stop), added in zip(offsets, mask, strict=True):
        if not added:
            number += start > end or number < 0
            end = stop
        words.append(None if added else number)
    return words

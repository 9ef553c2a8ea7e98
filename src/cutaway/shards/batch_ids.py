"""Sequences → ids, many at a time and at any length, without special tokens."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.shards.letter_table import LetterTable
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import check_text

IntArray = NDArray[np.int64]

PART: Final = 16_384
_OVERLAP: Final = 512
_SHIFTS: Final = 8


class BatchIds:
    """Turns batches of sequences into ids of the smallest type that holds the vocabulary (uint8, uint16, uint32)."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.vocabulary = max(codec.tokenizer.vocabulary.values(), default=0) + 1
        self.dtype = np.dtype("<u1" if self.vocabulary <= 1 << 8 else "<u2" if self.vocabulary <= 1 << 16 else "<u4")
        self._table = LetterTable.of(codec)

    def encode(self, sequences: Sequence[Any]) -> tuple[NDArray[Any], IntArray]:
        """Return the ids of all sequences one after another, and how many each has.

        Raises what `Codec.write` raises, and `TextError` for a lone surrogate.
        """
        if self._table is not None:
            found = self._table.encode(sequences, self.dtype)
            if found is not None:
                return found, np.fromiter(map(len, sequences), np.int64, len(sequences))
        return self.encode_texts([self._codec.write(sequence) for sequence in sequences])

    def encode_texts(self, texts: Sequence[str]) -> tuple[NDArray[Any], IntArray]:
        """Return the ids of texts as the tokenizer itself reads them, one after another, and how many each has."""
        if not texts:
            return np.empty(0, self.dtype), np.empty(0, np.int64)
        written = list(map(check_text, texts))
        backend: Any = self._codec.tokenizer.backend
        short = [text for text in written if len(text) <= PART]
        encoded = iter(backend.encode_batch_fast(short, add_special_tokens=False))
        parts = [
            np.array(next(encoded).ids if len(text) <= PART else long_text_ids(backend, text), self.dtype)
            for text in written
        ]
        return np.concatenate(parts), np.fromiter(map(len, parts), np.int64, len(parts))


def long_text_ids(backend: Any, text: str) -> array[int]:
    """Return the ids of a text in a time that grows with its length; the library's grows with the square of it.

    The text is encoded in overlapping parts, which are joined between two tokens that both parts have at one place. A
    part begins at a border of tokens, or some characters before one, because a tokenizer may treat the first characters
    differently.

    >>> from cutaway.tokens import characters
    >>> long_text_ids(characters(["ab"]).backend, "ab" * 20_000).tolist() == [2, 3] * 20_000
    True
    """
    ids = array("I")
    left, end = _encoded(backend, text, 0), PART
    while end < len(text):
        at = max((place for place, token in enumerate(left) if token[1] <= end - _OVERLAP), default=0)
        if at == 0:  # one token fills the part, or none does
            ids.extend(id_ for id_, _, _ in left)
            left, end = _encoded(backend, text, end), end + PART
            continue
        border = left[at][1]
        for shift in range(_SHIFTS):
            right = _encoded(backend, text, border - shift)
            joint = _joint(left, right, border, end)
            if joint is not None:
                break
        else:
            shift, joint = 0, (at, 0)
            right = _encoded(backend, text, border)
        ids.extend(id_ for id_, _, _ in left[: joint[0]])
        left, end = right[joint[1] :], border - shift + PART
    ids.extend(id_ for id_, _, _ in left)
    return ids


_Token = tuple[int, int, int]  # its id, and where it begins and ends in the text


def _encoded(backend: Any, text: str, start: int) -> list[_Token]:
    encoding = backend.encode(text[start : start + PART], add_special_tokens=False)
    return [(i, start + a, start + b) for i, (a, b) in zip(encoding.ids, encoding.offsets, strict=True)]


def _joint(left: list[_Token], right: list[_Token], begin: int, end: int) -> tuple[int, int] | None:
    """Return the places in both lists of a token that follows the same token in both, nearest to the middle."""
    follows = {pair: at for at, pair in enumerate(itertools.pairwise(right), 1)}
    margin, middle = (end - begin) // 4, (begin + end) // 2
    found = [
        (abs(pair[1][1] - middle), at, follows[pair])
        for at, pair in enumerate(itertools.pairwise(left), 1)
        if pair[0][2] == pair[1][1] and begin + margin <= pair[1][1] <= end - margin and pair in follows
    ]
    return min(found)[1:] if found else None

"""A tokenizer with one token for each letter, as a table from letters to ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import tokenizers
from numpy.typing import NDArray

from cutaway.random_streams import stream
from cutaway.tokens.codec import Codec

_MOST_PAIRS: Final = 256
_CHECKED: Final = 1024
_SLICE: Final = 1 << 24


class LetterTable:
    """Letters → ids at the speed of memory, with each batch compared with the tokenizer on a sample.

    What spells a special token in a text is read as letters.
    """

    def __init__(self, ids_of: dict[str, int], backend: Any) -> None:
        codes = np.array([ord(letter) for letter in ids_of], dtype=np.int64)
        self._ids = np.full(int(codes.max()) + 2, -1, dtype=np.int64)
        self._ids[codes] = list(ids_of.values())
        self._backend = backend
        self._known = bytes(code for code in codes.tolist() if code < 128)
        self._bytes = bytes(max(0, int(self._ids[code])) & 255 if code < len(self._ids) else 0 for code in range(256))

    @classmethod
    def of(cls, codec: Codec) -> LetterTable | None:
        """Return the table of a tokenizer, or None if its ids are not those of single letters."""
        if codec.written or codec.kmers or codec.selfies or codec.units or codec.numbers is not None:
            return None
        tokenizer = codec.tokenizer
        ordinary = {tokenizer.token(id_) for id_ in tokenizer.ordinary_ids}
        if not ordinary or any(len(token) != 1 for token in ordinary) or not hasattr(tokenizer.backend, "to_str"):
            return None
        backend = tokenizers.Tokenizer.from_str(tokenizer.backend.to_str())
        backend.encode_special_tokens = True
        letters = sorted(ordinary | set(map(chr, range(128))))
        unknown = tokenizer.special_id("unk")
        ids_of = {
            letter: ids[0]
            for letter, ids in zip(letters, _ids(backend, letters), strict=True)
            if len(ids) == 1 and ids[0] != unknown
        }
        if not ids_of:
            return None
        # A tokenizer that joins, drops or respells letters does so for some pair.
        known = list(ids_of)
        if len(known) <= _MOST_PAIRS:
            texts = ["".join(first + second for second in known) for first in known]
        else:
            drawn = stream(0, "pairs of letters").integers(len(known), size=(_MOST_PAIRS, _CHECKED))
            texts = ["".join(known[i] for i in row) for row in drawn.tolist()]
        alike = all(
            ids == [ids_of[letter] for letter in text] for text, ids in zip(texts, _ids(backend, texts), strict=True)
        )
        return cls(ids_of, backend) if alike else None

    def encode(self, texts: Sequence[str], dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """Return the ids of all texts one after another; None if the tokenizer itself must read them."""
        joined = "".join(texts)
        ids: NDArray[Any] | None
        if len(joined) > _SLICE:  # a chromosome: no more than one copy of it
            ids = np.empty(len(joined), dtype)
            for start in range(0, len(joined), _SLICE):
                part = self.encode([joined[start : start + _SLICE]], dtype)
                if part is None:
                    return None
                ids[start : start + _SLICE] = part
            return ids
        if joined.isascii():
            letters = joined.encode("ascii")
            if letters.translate(None, self._known):
                return None
            if dtype.itemsize == 1:
                ids = np.frombuffer(letters.translate(self._bytes), dtype)
            else:
                ids = self._ids.astype(dtype)[np.frombuffer(letters, np.uint8)]
        else:
            try:
                codes = np.frombuffer(joined.encode("utf-32-le"), "<u4")
            except UnicodeEncodeError:
                return None
            wide = self._ids[np.minimum(codes, len(self._ids) - 1)]  # the last entry is -1
            if (wide < 0).any():
                return None
            ids = wide.astype(dtype)
        sample = joined[:_CHECKED]
        return ids if _ids(self._backend, [sample])[0] == ids[: len(sample)].tolist() else None


def _ids(backend: Any, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]

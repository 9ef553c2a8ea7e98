"""A tokenizer read from a Hugging Face directory: text to ids, ids to text, and the name of every piece."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from cutaway.errors import CorruptFile, InputError, TextError

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")  # what special tokens are for, as transformers names it


@dataclasses.dataclass(frozen=True)
class Encoding:
    """The ids of a text and, for each of the T tokens, its place in the text (characters, end excluded).

    `words` numbers the words that the text is first cut into; None for tokens that stand for no text.
    """

    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    special: list[bool]
    words: list[int | None]


@dataclasses.dataclass(frozen=True)
class MergeRules:
    """The merges of a BPE by their rank, and the other settings that decide how a word is split.

    `ignored`: a word in the vocabulary is taken whole, without merges; `bytes_for_unknown`: what the vocabulary lacks
    is spelled as bytes; `suffix` marks the end of a word.
    """

    ranks: dict[tuple[str, str], int]
    unknown: str | None
    ignored: bool
    bytes_for_unknown: bool
    suffix: str


class Tokenizer:
    """A `tokenizers` pipeline, or an object with its methods, and the roles of its special tokens.

    `rows` returns the current number of rows of the model's embedding, or None; `encode` refuses ids beyond them.
    """

    def __init__(self, backend: Any, config: dict[str, Any] | None = None, name: str = "") -> None:
        # Published files may hold settings for padding and truncation, which must not change what is shown.
        backend.no_padding()
        backend.no_truncation()
        self.backend = backend
        self.config = config or {}
        self.name = name
        self.rows: Callable[[], int | None] = lambda: None
        if self.config.get("split_special_tokens"):
            backend.encode_special_tokens = True

    @classmethod
    def from_directory(cls, directory: Path, name: str = "") -> Tokenizer:
        """Read `tokenizer.json` unchanged, with the roles that `tokenizer_config.json` and older files declare.

        Raises `FileNotFoundError` without a `tokenizer.json` and `CorruptFile` if it can't be read.
        """
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(path)
        try:
            backend = tokenizers.Tokenizer.from_file(str(path))
            config = _read(directory / "tokenizer_config.json")
            if "added_tokens_decoder" not in config:  # transformers reads the older file only then
                config |= _read(directory / "special_tokens_map.json")
        except Exception as error:  # the library raises a bare Exception on a damaged file
            raise CorruptFile(
                f"can't read the tokenizer in {str(directory)!r}: {error}",
                hint="save or copy the tokenizer again: one of its files is damaged",
            ) from error
        return cls(backend, config, name or directory.name)

    def encode(self, text: str, *, add_special_tokens: bool = True) -> Encoding:
        """Encode one text into T ids.

        Raises `TextError` for a lone surrogate, and `InputError` for an id that the model has no embedding for.

        >>> Tokenizer(tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))).encode("a").ids
        [0]
        """
        check_text(text)
        encoding = self.backend.encode(text, add_special_tokens=add_special_tokens)
        rows = self.rows()
        if rows is not None and max(encoding.ids, default=0) >= rows:
            self._refuse(encoding.ids, rows)
        special = [bool(flag) for flag in encoding.special_tokens_mask]
        return Encoding(encoding.ids, encoding.tokens, encoding.offsets, special, encoding.word_ids)

    def _refuse(self, ids: Sequence[int], rows: int) -> None:
        token_id = next(i for i in ids if i >= rows)
        raise InputError(
            f"the token {self.token(token_id)!r} has the id {token_id:,}, but the embedding of {self.name} has "
            f"{rows:,} rows",
            hint="leave that token out, or take the model and the tokenizer from one folder",
        )

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Turn ids back into text."""
        text = self.backend.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return _cleaned_up(text) if self.config.get("clean_up_tokenization_spaces") and self.kind != "BPE" else text

    def piece(self, token_id: int) -> str:
        """Return the text of one token alone: bytes that are not a whole character become U+FFFD."""
        if token_id in self.special_ids:
            return self.token(token_id)
        text = self.decode([token_id], skip_special_tokens=False)
        token = self.token(token_id)
        # Decoders strip the mark for the start of a word; the space is added again if the token has one.
        if token.startswith("▁") and not text.startswith(" "):
            return " " + text
        return text or token

    def token(self, token_id: int) -> str:
        """Return the vocabulary's spelling of one id; ids beyond the vocabulary are named as such."""
        return self.backend.id_to_token(token_id) or f"<{token_id}>"

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Every token and its id, added ones included."""
        return dict(self.backend.get_vocab(with_added_tokens=True))

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids that stand for no text."""
        return frozenset(i for i, token in self.backend.get_added_tokens_decoder().items() if token.special)

    @cached_property
    def ordinary_ids(self) -> list[int]:
        """Every id that stands for text, ascending."""
        return sorted(i for i in self.vocabulary.values() if i not in self.special_ids)

    @cached_property
    def merge_rules(self) -> MergeRules | None:
        """The merges of a BPE; None for other tokenizers, without merges, or with a mark for continued words."""
        if self.kind != "BPE":
            return None
        model = json.loads(self.backend.to_str())["model"]
        if not model["merges"] or model.get("continuing_subword_prefix"):
            return None
        ranks = {tuple(pair.split(" ") if isinstance(pair, str) else pair): i for i, pair in enumerate(model["merges"])}
        return MergeRules(
            ranks,
            model.get("unk_token"),
            bool(model.get("ignore_merges")),
            bool(model.get("byte_fallback")),
            model.get("end_of_word_suffix") or "",
        )

    @property
    def kind(self) -> str:
        """Name the algorithm: BPE, WordPiece, Unigram or WordLevel."""
        return type(self.backend.model).__name__

    @property
    def byte_level(self) -> bool:
        """Whether each character of a token's spelling stands for one byte of text, as in GPT-2's BPE."""
        return type(self.backend.decoder).__name__ == "ByteLevel"

    def special_id(self, role: str) -> int | None:
        """Return the id of the token of a role (one of `ROLES`), or None if the tokenizer has none."""
        token = self.config.get(f"{role}_token")
        if isinstance(token, dict):
            token = token.get("content")
        return None if token is None else self.backend.token_to_id(token)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _cleaned_up(text: str) -> str:
    """Return the text without spaces before punctuation and English contractions, as transformers does it."""
    for mark in (".", "?", "!", ","):
        text = text.replace(f" {mark}", mark)
    text = text.replace(" ' ", "'")
    for end in ("n't", "'m", "'s", "'ve", "'re"):
        text = text.replace(f" {end}", end)
    return text


def check_text(text: str) -> str:
    """Return the text, or raise `TextError` if it holds a lone surrogate, which no encoding can carry.

    >>> check_text("fine")
    'fine'
    """
    if not isinstance(text, str):
        raise InputError(f"the text is of type {type(text).__name__}, not str", hint="give one text")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        origin = f"byte 0x{code - 0xDC00:02x} that is not UTF-8" if 0xDC80 <= code <= 0xDCFF else "half a character"
        raise TextError(
            f"the text holds a lone surrogate U+{code:04X} at character {error.start:,} ({origin})",
            hint=f"save the text as UTF-8 first (this system's encoding is {sys.getfilesystemencoding()})",
        ) from error
    return text

"""The two simplest tokenizers, made from a text: one token for each character, or for each word.

Both are ordinary `tokenizers` pipelines: saved, they load with `AutoTokenizer` and without cutaway.
"""

from __future__ import annotations

from collections.abc import Iterable

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers

from cutaway.tokens.tokenizer import Tokenizer

END, UNKNOWN = "<|end|>", "<unk>"
BY_CHARACTER = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
BY_WORD = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]|\s+"), "isolated")


def characters(texts: Iterable[str]) -> Tokenizer:
    """Make a tokenizer with one token for each character that occurs; any text of these comes back exactly.

    >>> characters(["abba"]).encode("baab").ids
    [3, 2, 2, 3]
    """
    alphabet = sorted(set().union(*texts))
    return _lookup("characters", alphabet, BY_CHARACTER)


def words(texts: Iterable[str]) -> Tokenizer:
    """Make a tokenizer with one token for each word and each run of space or punctuation that occurs.

    >>> words(["a cat, a dog"]).encode("a dog, a cat").ids
    [4, 2, 6, 3, 2, 4, 2, 5]
    """
    found = {piece for text in texts for piece, _ in BY_WORD.pre_tokenize_str(text)}
    return _lookup("words", sorted(found), BY_WORD)


def _lookup(name: str, vocabulary: list[str], splitter: pre_tokenizers.PreTokenizer) -> Tokenizer:
    ids = {token: i for i, token in enumerate([END, UNKNOWN, *vocabulary])}
    backend = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    backend.pre_tokenizer = splitter
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens([END, UNKNOWN])
    return Tokenizer(backend, {"bos_token": END, "eos_token": END, "unk_token": UNKNOWN}, name)

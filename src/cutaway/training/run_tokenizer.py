"""The tokenizer of a run: a kind learned from its data, a folder, or that of a model.

A tokenizer that is made here puts into `encode` what the rows of its run begin and end with, so that whoever uses the
model later gives it what it was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tokenizers import processors

from cutaway.errors import InputError
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.tokens import Tokenizer, characters, train_tokenizer
from cutaway.tokens.builder import SPECIALS
from cutaway.tokens.char_word import END
from cutaway.tokens.training import KINDS

DEFAULT_KINDS: Final = {
    "text": "char", "dna": "char", "rna": "char", "protein": "char", "codon": "codon", "smiles": "smiles",
    "series": "bins:256",
}  # fmt: skip
"""The kind of tokenizer for each alphabet, unless one is given."""

_SIZED: Final = {"kmer": "k"}


def parse_kind(spec: str | os.PathLike[str] | None, alphabet: str) -> tuple[str, dict[str, Any]] | None:
    """Return the kind and its options that a word like "codon" or "bpe:4096" names; None if it is a folder or a model.

    >>> parse_kind("bpe:4096", "dna"), parse_kind("kmer:3", "dna"), parse_kind("gpt2-vocab", "text")
    (('bpe', {'vocab_size': 4096}), ('kmer', {'k': 3}), None)
    """
    word = os.fspath(spec) if spec is not None else DEFAULT_KINDS[alphabet]
    kind, colon, size = word.partition(":")
    if kind not in KINDS or (not colon and Path(word).is_dir()):
        return None
    if not colon:
        return kind, {}
    if not size.isdecimal():
        raise InputError(f"the tokenizer {word!r} has no size after the colon", hint="for example bpe:4096")
    return kind, {_SIZED.get(kind, "vocab_size"): int(size)}


def ready_made(spec: str | os.PathLike[str] | None, alphabet: str) -> Tokenizer | None:
    """Return the tokenizer of a folder or a model; None if `spec` is a kind. Raises what `load_tokenizer` raises."""
    return None if parse_kind(spec, alphabet) else load_tokenizer(os.fspath(spec or ""))


def make_tokenizer(
    spec: str | os.PathLike[str] | None, alphabet: str, objective: str, sequences: Callable[[], Iterable[Any]]
) -> Tokenizer:
    """Return a tokenizer of the kind `spec` that is learned from the data; `sequences` reads them anew.

    Raises what `train_tokenizer` raises, and `InputError` for a kind that is not for the alphabet.
    """
    kind, options = parse_kind(spec, alphabet) or ("char", {})
    if alphabet not in KINDS[kind]:
        raise InputError(
            f"a {kind} tokenizer is not for {alphabet}", hint=f"its alphabets are {', '.join(KINDS[kind])}"
        )
    learned = train_tokenizer(sequences(), kind, alphabet=alphabet, **options)
    return ready(learned, objective)


def character_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Build a tokenizer of the characters that occur in `texts`: `<|end|>` is 0, `<unk>` is 1, then sorted characters.

    Any text of those characters comes back from its ids unchanged, spaces and newlines included; any other character
    becomes `<unk>`. Every text gets `<|end|>` in front, so that a model can score a text from its first character on.

    >>> character_tokenizer(["abba"]).encode("ab").ids
    [0, 2, 3]
    """
    return ready(characters(texts), "causal")


def ready(tokenizer: Tokenizer, objective: str) -> Tokenizer:
    """Return a new tokenizer whose `encode` puts `<|end|>` where the rows of this objective have it."""
    backend, config = tokenizer.backend, dict(tokenizer.config)
    if objective != "causal" and "mask_token" not in config:
        backend.add_special_tokens(list(SPECIALS))
        config |= {"pad_token": SPECIALS[2], "mask_token": SPECIALS[3]}
    config.setdefault("pad_token", END)  # as usual for causal models: nothing is predicted from it or after it
    end = backend.token_to_id(END)
    last = "" if objective == "causal" else f" {END}"  # a causal model is to write the end itself
    shape, pair = f"{END} $A{last}", f"{END} $A {END} $B{last}"
    backend.post_processor = processors.TemplateProcessing(single=shape, pair=pair, special_tokens=[(END, end)])
    return Tokenizer(backend, config, tokenizer.name)


def word_starts(tokenizer: Tokenizer) -> list[bool] | None:
    """Return for each id whether a word begins with it; None if every token is a unit of its own.

    Known are WordPiece ("##" continues) and the marks "Ġ" and "▁" that begin a word.
    """
    tokens = [""] * (max(tokenizer.vocabulary.values()) + 1)  # an id may have no token
    for token, id_ in tokenizer.vocabulary.items():
        tokens[id_] = token
    if any(token.startswith("##") for token in tokens):
        return [not token.startswith("##") for token in tokens]
    for mark in ("Ġ", "▁"):
        if sum(token.startswith(mark) for token in tokens) > len(tokens) // 10:
            return [token.startswith(mark) or token in SPECIALS for token in tokens]
    return None

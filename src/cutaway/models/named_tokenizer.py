"""Tokenizers by the names of their models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cutaway import tokens
from cutaway.models.shelf import DEFAULT
from cutaway.models.sources import resolve
from cutaway.models.tokenizer_files import read_tokenizer
from cutaway.tokens import Sample, Tokenizer, TokenizerComparison, Tokens

if TYPE_CHECKING:
    from cutaway.models.text_model import Model


def load_tokenizer(
    model: str | os.PathLike[str] = DEFAULT, *, name: str | None = None, revision: str | None = None
) -> Tokenizer:
    """Load the tokenizer of a model: its ids and roles are those of `transformers.AutoTokenizer`.

    Raises a `ModelError`.
    """
    return read_tokenizer(resolve(model, "tokenizer", revision), name or os.fspath(model))


def tokenize(
    text: str,
    model: str | os.PathLike[str] | Tokenizer | Model = DEFAULT,
    *,
    add_special_tokens: bool = True,
    steps: bool = True,
) -> Tokens:
    """Split a text into the tokens of a model: pieces, ids, offsets, and whether they lead back to the text.

    With `steps`, the result also has the merges of a BPE, or the bins or states of a tokenizer of series. Raises
    `TextError` for a lone surrogate and a `ModelError` if the model can't be found or fetched.

    >>> tokenize("a cat", "gpt2-vocab").ids
    [64, 3797]
    """
    return tokens.tokenize(text, _tokenizer_of(model), add_special_tokens=add_special_tokens, steps=steps)


def compare_tokenizers(
    tokenizers: Sequence[str | os.PathLike[str] | Tokenizer | Model],
    samples: Iterable[Sample],
    *,
    edits: int = 200,
    seed: int = 0,
) -> TokenizerComparison:
    """Compare tokenizers, given as such or by the names of their models, on sequences of any kind.

    `cutaway.tokens.TokenizerCell` lists what is measured: tokens per word, losses, use of the vocabulary, tokens
    changed by `edits` small changes, bits per symbol. `cutaway.tokens.read_sample` reads a sample from a file. Raises
    an `InputError` if there is nothing to compare and a `ModelError` if a model can't be found or fetched.

    >>> found = compare_tokenizers(["gpt2-vocab"], [Sample("a line", "text", ["It was too tired."])])
    >>> found.cells[0].tokens, found.cells[0].exact
    (5, 1.0)
    """
    return tokens.compare_tokenizers([_tokenizer_of(one) for one in tokenizers], samples, edits=edits, seed=seed)


def _tokenizer_of(model: str | os.PathLike[str] | Tokenizer | Model) -> Tokenizer:
    if isinstance(model, (str, os.PathLike)):
        return load_tokenizer(model)
    return model if isinstance(model, Tokenizer) else model.tokenizer

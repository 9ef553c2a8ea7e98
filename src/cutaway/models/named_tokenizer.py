"""A model's tokenizer by the model's name: the step from names (this floor) to ids (the floor below)."""

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

    With it come the merges that led to them where the tokenizer is BPE, and the bins of numbers or the states of time
    steps where it is of series, unless `steps` is False. Raises `TextError` for a lone surrogate and a `ModelError`
    where the model can't be had.

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
    """Hold tokenizers, by the names of their models or themselves, against each other on sequences of any kind.

    Tokens a word, losses, use of the vocabulary, tokens that `edits` small changes change, bits a symbol: see
    `cutaway.tokens.TokenizerCell`; `cutaway.tokens.read_sample` makes a sample of a file. Raises an `InputError` for
    nothing to compare and a `ModelError` where a model can't be had.

    >>> found = compare_tokenizers(["gpt2-vocab"], [Sample("a line", "text", ["It was too tired."])])
    >>> found.cells[0].tokens, found.cells[0].exact
    (5, 1.0)
    """
    return tokens.compare_tokenizers([_tokenizer_of(one) for one in tokenizers], samples, edits=edits, seed=seed)


def _tokenizer_of(model: str | os.PathLike[str] | Tokenizer | Model) -> Tokenizer:
    if isinstance(model, (str, os.PathLike)):
        return load_tokenizer(model)
    return model if isinstance(model, Tokenizer) else model.tokenizer

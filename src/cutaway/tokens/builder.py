"""What all trained tokenizers share: the special tokens, and how a tokenizer is built and described."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from cutaway.errors import InputError, counted
from cutaway.tokens.char_word import END
from cutaway.tokens.char_word import UNKNOWN as UNKNOWN
from cutaway.tokens.tokenizer import Tokenizer

SPECIALS: Final = (END, UNKNOWN, "<pad>", "<mask>")

MERGING: Final = {"dna": "ACGT", "rna": "ACGU", "protein": "ACDEFGHIKLMNPQRSTVWYUO"}
"""The letters that k-mers and merges are made of; the other letters are ambiguous and stay single tokens."""

LETTERS: Final = {"dna": "ACGTRYSWKMBDHVN-", "rna": "ACGURYSWKMBDHVN-", "protein": MERGING["protein"] + "XBZJ-*"}
"""All letters of an alphabet as `read_records` gives them."""

PRINTABLE: Final = "".join(map(chr, range(33, 127)))


def assemble(
    model: models.Model,
    kind: str,
    alphabet: str,
    *,
    splitter: pre_tokenizers.PreTokenizer | None = None,
    normalizer: normalizers.Normalizer | None = None,
    decoder: decoders.Decoder | None = None,
    loses: Mapping[str, str],
    **more: Any,
) -> Tokenizer:
    """Build a tokenizer and declare its kind, its alphabet and, in `loses`, what does not come back.

    The keys of `loses` are rules that `check_tokenizer` knows: "unknown" (what becomes `<unk>`), "spelling" (U and T,
    lower and upper case), "rounding" and "missing" (numbers); the values describe them. `more` is stored beside them.
    """
    backend = tokenizers.Tokenizer(model)
    if splitter is not None:
        backend.pre_tokenizer = splitter
    if normalizer is not None:
        backend.normalizer = normalizer
    if decoder is not None:
        backend.decoder = decoder
    backend.add_special_tokens(list(SPECIALS))
    roles = dict(zip(("eos", "unk", "pad", "mask"), SPECIALS, strict=True)) | {"bos": END}
    declared = {"kind": kind, "alphabet": alphabet, "loses": dict(loses), **more}
    config = {f"{role}_token": token for role, token in roles.items()} | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(1e30),
        "cutaway": declared,
    }
    return Tokenizer(backend, config, f"{kind} ({alphabet})")


def numbered(tokens: Iterable[str]) -> dict[str, int]:
    """Number the tokens, the special ones first, each once."""
    return {token: i for i, token in enumerate(dict.fromkeys((*SPECIALS, *tokens)))}


def room_for(vocab_size: int, least: int, what: str) -> int:
    """Return how many tokens can be learned. Raises `InputError` if the `least` ones do not fit."""
    if vocab_size < least:
        raise InputError(
            f"`vocab_size` is {vocab_size:,}, too small: {what} and {len(SPECIALS)} special tokens are {least:,}",
            hint=f"`vocab_size={least}` or more",
        )
    return vocab_size - least


def most_frequent(found: Mapping[str, int], vocab_size: int | None, beside: Collection[str] = ()) -> list[str]:
    """Return the most frequent tokens that fit beside the special and other tokens, sorted.

    Of equally frequent tokens the alphabetically first are taken. Without a size, all are returned.
    """
    ordered = sorted((token for token in found if token not in beside), key=lambda token: (-found[token], token))
    if vocab_size is None:
        return sorted(ordered)
    what = counted(len(beside), "fixed token") if beside else "one token"
    least = len(beside) or 1
    return sorted(ordered[: room_for(vocab_size, len(SPECIALS) + least, what) + least - len(beside)])

"""What every trained tokenizer is put together from: its special tokens, and what it declares about itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from cutaway.errors import InputError
from cutaway.tokens.char_word import END
from cutaway.tokens.char_word import UNKNOWN as UNKNOWN
from cutaway.tokens.tokenizer import Tokenizer

SPECIALS: Final = (END, UNKNOWN, "<pad>", "<mask>")

MERGING: Final = {"dna": "ACGT", "rna": "ACGU", "protein": "ACDEFGHIKLMNPQRSTVWYUO"}
"""The letters that k-mers and merges are made of: the others stand for what is not known, and stay alone."""

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
    """Put a tokenizer together and write down what it is: kind, alphabet and, under `loses`, what does not come back.

    The keys of `loses` are rules that `check` can tell apart: "unknown" (what becomes `<unk>`), "spelling" (U and T,
    lower and upper case), "rounding" and "missing" (numbers); the values say it in words. `more` is kept beside them.
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
    """Return how many tokens may be learned. Raises `InputError` if not even the `least` ones fit."""
    if vocab_size < least:
        raise InputError(
            f"vocab_size is {vocab_size:,}, too small: {what} and {len(SPECIALS)} special tokens are {least:,}",
            hint=f"`vocab_size={least}` or more",
        )
    return vocab_size - least


def most_frequent(found: Mapping[str, int], vocab_size: int | None, beside: Collection[str] = ()) -> list[str]:
    """Return what occurs most often, sorted, as much as there is room for beside the special and other tokens.

    Of equals the first in the alphabet; all of it if no size is given.
    """
    ordered = sorted((token for token in found if token not in beside), key=lambda token: (-found[token], token))
    if vocab_size is None:
        return sorted(ordered)
    what = f"{len(beside)} signs" if beside else "one token"
    least = len(beside) or 1
    return sorted(ordered[: room_for(vocab_size, len(SPECIALS) + least, what) + least - len(beside)])

"""The tokenizer of a model that is trained further: it stays as it is, so it must fit the data."""

from __future__ import annotations

from typing import Final

from cutaway.errors import InputError, counted
from cutaway.log import get_logger
from cutaway.shards import Shards
from cutaway.tokens import Tokenizer
from cutaway.tokens.codec import Codec

_UNKNOWN: Final = 0.1
"""If a larger share of the data's tokens is unknown to a tokenizer, it was made for something else."""

_PROBED: Final = 64
_NUCLEIC: Final = {"dna", "rna", "codon"}  # of these a tokenizer may read several; what it does not know is counted
_logger = get_logger(__name__)


def check_alphabet(name: str, tokenizer: Tokenizer, alphabet: str) -> None:
    """Raise `InputError` if the tokenizer of a model says that it was made for another alphabet."""
    declared = alphabet_for(tokenizer)
    if declared is not None and declared != alphabet and not {declared, alphabet} <= _NUCLEIC:
        raise InputError(
            f"the tokenizer of {name} is for {declared}, and the data are read as {alphabet}",
            hint=f"choose `alphabet={declared!r}` if that is what they are, or else another model",
        )


def alphabet_for(tokenizer: Tokenizer) -> str | None:
    """Return the alphabet that a tokenizer says it was made for, or None.

    >>> from cutaway.tokens.codon_kmer import codons
    >>> alphabet_for(codons())
    'codon'
    """
    codec = Codec.of(tokenizer)
    return "codon" if codec.kind == "codon" else codec.alphabet


def check_known(name: str, shards: Shards) -> None:
    """Raise `InputError` if the tokenizer of a model does not know a large part of the data."""
    unknown, tokens = shards.counts.get("unknown tokens", 0), max(1, shards.counts.get("tokens", 0))
    if unknown > _UNKNOWN * tokens:
        raise InputError(
            f"the tokenizer of {name} does not know these data: {unknown:,} of their {tokens:,} tokens "
            f"({unknown / tokens:.0%}) are unknown to it",
            hint="choose a model of the same kind of sequence; cutaway tokenize shows what its tokenizer does",
        )
    if unknown:
        _logger.warning(f"{counted(unknown, 'token')} of {tokens:,} are unknown to the tokenizer of {name}")


def own_frame(tokenizer: Tokenizer) -> tuple[int | None, int | None]:
    """Return the special tokens that a tokenizer puts before and after a text; None if it puts nothing there.

    >>> from cutaway.training.run_tokenizer import character_tokenizer
    >>> own_frame(character_tokenizer(["ab"]))
    (0, None)
    """
    for token_id in tokenizer.ordinary_ids[:_PROBED]:
        encoding = tokenizer.encode(tokenizer.decode([token_id]))
        if encoding.ids and not all(encoding.special):
            first, last = encoding.special[0], encoding.special[-1]
            return encoding.ids[0] if first else None, encoding.ids[-1] if last else None
    return None, None

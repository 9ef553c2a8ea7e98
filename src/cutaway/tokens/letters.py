"""A sequence for a tokenizer with a token a letter: which alphabet it is of, and the sequence in that alphabet."""

from __future__ import annotations

import string
from typing import Final

from cutaway.errors import BadSequence, InputError
from cutaway.log import get_logger
from cutaway.tokens.tokenizer import Tokenizer, check_text

__all__ = ["ALPHABETS", "alphabet_of", "letters_apart", "sequence_in"]

ALPHABETS: Final = {"protein": "ACDEFGHIKLMNPQRSTVWY", "dna": "ACGT", "rna": "ACGU"}
"""What may be put at a position, by the alphabet's name: the letters that stand for one thing only."""

_CODES: Final = set("RYSWKMBDHVN-")  # beside the four letters of DNA and RNA; most of them are amino acids too
_PLAIN: Final = 0.9  # of the letters of a DNA or RNA that are none of the codes
_LONG: Final = 8  # letters from which on A, C, G and T alone are hardly a protein


def alphabet_of(tokenizer: Tokenizer, text: str) -> str | None:
    """Return "protein", "dna" or "rna", whichever the tokenizer's single letters are; None where they are neither's.

    A tokenizer of all characters has the letters of every alphabet: then the text decides. It is DNA or RNA where nine
    in ten of its letters are A, C, G, T (or U) and the others ambiguity codes, and a protein else.

    >>> from cutaway.tokens import characters
    >>> alphabet_of(characters(["ACGT"]), "ACGT"), alphabet_of(characters(["abc"]), "ACGT")
    ('dna', None)
    """
    single = {token for token in tokenizer.vocabulary if len(token) == 1}
    fits = [name for name, letters in ALPHABETS.items() if set(letters) <= single]
    if "protein" in fits and single <= set(string.ascii_uppercase) | set("-.*"):
        letters = set("".join(text.split()).upper())
        if len(text) >= _LONG and letters <= {*"ACGTUN"}:
            get_logger(__name__).warning(
                "the sequence looks like DNA or RNA, but %s reads proteins: it is read as a protein", tokenizer.name
            )
        return "protein"
    upper = "".join(text.split()).upper().replace(".", "-")
    for name in fits:
        plain = sum(map(upper.count, ALPHABETS[name]))
        if name != "protein" and set(upper) <= {*ALPHABETS[name], *_CODES} and plain >= _PLAIN * len(upper):
            return name
    return next(iter(fits), None)


def sequence_in(alphabet: str | None, text: str) -> tuple[str, dict[str, int]]:
    """Return the sequence without white space, in the letters of its alphabet, and what its rules changed or found.

    The rules are those of records: see `cutaway.sequences.alphabets`. Of no alphabet it is a text, which stays as it
    is but for white space around it. Raises `InputError` for a letter that there isn't, with its place.

    >>> sequence_in("protein", "evqlV ESG*")
    ('EVQLVESG', {'lower case to upper': 4, 'end stops removed': 1})
    """
    from cutaway.sequences import CHECKS  # 30 ms that other verbs of tokens need not wait for

    check_text(text)
    if alphabet is None or not text.strip():
        return text.strip(), {}
    sequence = "".join(text.split())
    try:
        checked, changes = CHECKS[alphabet](sequence)
    except BadSequence as error:
        why = f"letter {error.column:,} of the sequence: {error.message}"
        raise InputError(why, hint="mend it, or take a model of what the sequence is") from error
    return str(checked), changes


def letters_apart(tokenizer: Tokenizer, sequence: str) -> str:
    """Return a sequence as the tokenizer reads a token a letter.

    Some, such as ProtBERT's, read words: a sequence is one unknown word to them unless a space parts its letters.
    Any other tokenizer gets the sequence as it is.

    >>> from cutaway.tokens import characters
    >>> letters_apart(characters(["ACGT"]), "ACGT")
    'ACGT'
    """
    unknown = tokenizer.special_id("unk")
    if unknown is None or unknown not in tokenizer.encode(sequence).ids:
        return sequence
    apart = " ".join(sequence)
    encoding = tokenizer.encode(apart)
    read = [i for i, special in zip(encoding.ids, encoding.special, strict=True) if not special]
    fewer = read.count(unknown) < len(read)
    return apart if len(read) == len(sequence) and fewer else sequence

"""For tokenizers with one token for each letter: the alphabet of a sequence, and the sequence in that alphabet."""

from __future__ import annotations

import importlib.util
import re
import string
from collections.abc import Sequence
from typing import Final

from cutaway.errors import BadSequence, InputError, MissingText
from cutaway.log import get_logger
from cutaway.tokens.codec import Codec
from cutaway.tokens.codon_kmer import words_of
from cutaway.tokens.molecules import ATOM
from cutaway.tokens.tokenizer import Tokenizer, check_text

ALPHABETS: Final = {"protein": "ACDEFGHIKLMNPQRSTVWY", "dna": "ACGT", "rna": "ACGU"}
"""The letters that may be put at a position, by alphabet: those that are not ambiguous."""

_CODES: Final = set("RYSWKMBDHVN-")  # the ambiguity codes of DNA and RNA; most of them are also amino acids
_PLAIN: Final = 0.9  # the least share of unambiguous letters in DNA or RNA
_TWO: Final = "give at least two letters, each one token: `letters='ACGT'`, or `letters=['C', 'N', 'O', 'Cl']`"
_LONG: Final = 8  # so many letters, all of them A, C, G or T, are hardly a protein


def alphabet_of(tokenizer: Tokenizer, text: str) -> str | None:
    """Return "protein", "dna" or "rna", by the single letters of the tokenizer; None if none of them fits.

    If several fit, as for a tokenizer of all characters, the text decides. It is DNA or RNA if nine in ten of its
    letters are A, C, G, T (or U) and the others ambiguity codes, and otherwise a protein.

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


def reads_smiles(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer is for SMILES: nearly all its tokens are atoms, bonds, branches or ring numbers.

    >>> from cutaway.tokens import train_tokenizer
    >>> reads_smiles(train_tokenizer(["c1ccccc1Cl", "C=O"], "smiles", alphabet="smiles"))
    True
    """
    codec = Codec.of(tokenizer)
    if codec.alphabet is not None:
        return codec.alphabet == "smiles" and not codec.selfies
    tokens = [token for token, i in tokenizer.vocabulary.items() if i not in tokenizer.special_ids]
    single = sum(re.fullmatch(ATOM, token) is not None for token in tokens)
    return {"C", "c", "Cl", "="} <= set(tokens) and single >= _PLAIN * len(tokens)


def check_letters(text: str, alphabet: str | None, letters: str | Sequence[str] | None) -> None:
    """Raise `InputError` for mistakes in a sequence, its alphabet or its letters; needs no tokenizer.

    >>> check_letters("ACGT", "dna", None)
    """
    if not text.strip():
        raise MissingText("there is no sequence to mutate", hint="give one, for example: cutaway mutate EVQLVESGGGLVQ")
    if letters is not None and alphabet is not None:
        raise InputError("both letters and an alphabet are given", hint="give one of them")
    if alphabet is not None and alphabet not in ALPHABETS:
        raise InputError(f"there is no alphabet {alphabet!r} to mutate in", hint=f"choose from {', '.join(ALPHABETS)}")
    if letters is not None and len(set(letters)) < 2:
        raise InputError(f"`letters` are {letters!r}", hint=_TWO)
    sequence_in(alphabet, text)


def letters_of(
    tokenizer: Tokenizer, text: str, alphabet: str | None = None, given: str | Sequence[str] | None = None
) -> tuple[str, dict[str, int], str, dict[str, int]]:
    """Return the letters that a position may have, and the sequence after the alphabet's rules.

    The values are the alphabet's name ("letters" if they are `given`), each letter with its id, the sequence, and what
    the rules changed. The letters of a tokenizer of codons are the 64 codons. If RDKit is installed, it must be able to
    read a SMILES for a tokenizer of SMILES. Raises `InputError`.

    >>> from cutaway.tokens import characters
    >>> letters_of(characters(["ACGT"]), "acgt")[2:]
    ('ACGT', {'lower case to upper': 4})
    """
    check_letters(text, alphabet, given)
    codec = Codec.of(tokenizer)
    if codec.kind == "codon" and codec.alphabet is not None and given is None and alphabet in (None, codec.alphabet):
        codons = {word: tokenizer.vocabulary[word] for word in words_of(codec.alphabet, 3)}
        return "codon", codons, *sequence_in("codon" if codec.alphabet == "dna" else codec.alphabet, text)
    name = "letters" if given is not None else alphabet or alphabet_of(tokenizer, text)
    if name is None:
        single = "".join(sorted(token for token in tokenizer.vocabulary if len(token) == 1))[:40]
        raise InputError(
            f"the single letters of {tokenizer.name} ({single or 'none'}) are not those of a known alphabet",
            hint="give what may stand at a position: `letters='ACGT'`, or `letters=['C', 'N', 'O', 'Cl']`",
        )
    wanted = list(dict.fromkeys(ALPHABETS[name] if given is None else given))
    unknown = tokenizer.special_id("unk")
    ids = {letter: tokenizer.encode(letter, add_special_tokens=False).ids for letter in wanted}
    found = {letter: ids_of[0] for letter, ids_of in ids.items() if len(ids_of) == 1 and ids_of[0] != unknown}
    if lost := [letter for letter in wanted if letter not in found]:
        raise InputError(f"{', '.join(lost)} is not a single token of {tokenizer.name}", hint=_TWO)
    if name == "letters" and reads_smiles(tokenizer):
        check_smiles(text)
    return name, found, *sequence_in(name if name in ALPHABETS else None, text)


def check_smiles(text: str) -> None:
    """Raise `InputError` for a text that is not a SMILES; without RDKit every text passes."""
    from cutaway.sequences import CHECKS

    if importlib.util.find_spec("rdkit") is None:
        return
    try:
        CHECKS["smiles"](text.strip())
    except BadSequence as error:
        raise InputError(f"letter {error.column:,}: {error.message}", hint="mend the SMILES") from error


def sequence_in(alphabet: str | None, text: str) -> tuple[str, dict[str, int]]:
    """Return the sequence without white space, in the letters of its alphabet, and what its rules changed or found.

    The rules are those of records: see `cutaway.sequences.alphabets`. Without an alphabet, only white space around the
    text is removed. Raises `InputError` for a letter outside the alphabet, with its place.

    >>> sequence_in("protein", "evqlV ESG*")
    ('EVQLVESG', {'lower case to upper': 4, 'end stops removed': 1})
    """
    from cutaway.sequences import CHECKS  # takes 30 ms, which other verbs of tokens don't need

    check_text(text)
    if alphabet is None or not text.strip():
        return text.strip(), {}
    sequence = "".join(text.split())
    try:
        checked, changes = CHECKS[alphabet](sequence)
    except BadSequence as error:
        why = f"letter {error.column:,} of the sequence: {error.message}"
        raise InputError(why, hint="correct it, or use a model for this kind of sequence") from error
    return str(checked), changes


def letters_apart(tokenizer: Tokenizer, sequence: str) -> str:
    """Return a sequence with spaces between its letters if the tokenizer needs them to read letters.

    Some tokenizers, such as ProtBERT's, read words: without spaces a sequence is one unknown word to them. For all
    others the sequence stays unchanged.

    >>> from cutaway.tokens import characters
    >>> letters_apart(characters(["ACGT"]), "ACGT")
    'ACGT'
    """
    unknown = tokenizer.special_id("unk")
    if unknown is None or unknown not in Codec.of(tokenizer, "letters").encode(sequence).ids:
        return sequence
    apart = " ".join(sequence)
    encoding = tokenizer.encode(apart)
    read = [i for i, special in zip(encoding.ids, encoding.special, strict=True) if not special]
    fewer = read.count(unknown) < len(read)
    return apart if len(read) == len(sequence) and fewer else sequence

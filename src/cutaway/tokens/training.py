"""`train_tokenizer`: any kind of tokenizer from any sequences."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from tokenizers import decoders, models

from cutaway.errors import InputError, MissingText
from cutaway.progress import step
from cutaway.tokens import bins, codon_kmer, molecules, selfies, states, subwords, unit_bpe
from cutaway.tokens.builder import LETTERS, PRINTABLE, SPECIALS, UNKNOWN, assemble, most_frequent, numbered
from cutaway.tokens.char_word import BY_CHARACTER, BY_WORD
from cutaway.tokens.tokenizer import Tokenizer

KINDS: Final = {
    "bpe": ("text", "dna", "rna", "protein", "codon", "smiles"),
    "wordpiece": ("text", "dna", "rna", "protein"),
    "unigram": ("text", "dna", "rna", "protein"),
    "word": ("text",),
    "char": ("text", "dna", "rna", "codon", "protein", "smiles"),
    "codon": ("codon", "dna", "rna"),
    "kmer": ("dna", "rna", "codon", "protein"),
    "smiles": ("smiles", "text"),
    "selfies": ("smiles",),
    "bins": ("series",),
    "states": ("series",),
}
"""What each kind is for; the first alphabet is the default."""

_DEFAULT_SIZE: Final = 4096
_OPTIONS: Final = {
    "codon": ("frame",),
    "kmer": ("k", "overlapping"),
    "smiles": ("closed",),
    "selfies": ("closed",),
    "bins": ("method", "limit", "scale"),
    "states": ("seed", "angles"),
}


@step("training the tokenizer")
def train_tokenizer(
    sequences: Iterable[Any],
    kind: str,
    *,
    alphabet: str | None = None,
    vocab_size: int | None = None,
    **options: Any,
) -> Tokenizer:
    """Make a tokenizer of a kind from sequences: texts, or for bins and states series (C channels of T numbers each).

    | kind | what a token is | options |
    |---|---|---|
    | bpe · wordpiece · unigram | a frequent piece; BPE of DNA, RNA and proteins is exact on whole chromosomes | |
    | word · char | a word, or what is between two words; a character | |
    | codon | a codon | frame=0, 1 or 2 |
    | kmer | k letters | k=6, overlapping=False |
    | smiles | an atom, a bond, a ring number | closed=False |
    | selfies | a SELFIES symbol: an atom with its bond, a branch, a ring, a length | closed=False |
    | bins | a number, as its bin | method="uniform" or "quantile", limit=15, scale="own" or "fixed" (quantile) |
    | states | a time step of all channels, as the nearest of the states that k-means finds | seed=0, angles=False |

    `vocab_size` counts all tokens, special ones included. The default is 4,096 for bpe, wordpiece, unigram and bins, at
    most 64 states, and all that occur for words, characters, atoms and symbols; the numbers of codons and k-mers are
    fixed. Raises `InputError` for an unknown kind, alphabet or option, a vocabulary too small for its letters, and a
    molecule that SELFIES can't write; `MissingText` without a sequence.

    >>> train_tokenizer(["GATTACA" * 9], "bpe", alphabet="dna", vocab_size=26).encode("GATTACA").tokens
    ['GATTACA']
    """
    alphabet = check_kind(kind, alphabet, vocab_size, options)
    some = _at_least_one(sequences)
    letters = "dna" if alphabet == "codon" else alphabet
    if kind == "bins":
        return _bins(some, vocab_size or _DEFAULT_SIZE, **options)
    if kind == "states":
        count = None if vocab_size is None else states.count_for(vocab_size)
        return states.states_tokenizer(states.learn_states(some, count, **options))
    if kind == "codon":
        return _of_size(codon_kmer.codons(letters, **options), vocab_size)
    if kind == "kmer":
        return _of_size(codon_kmer.kmers(letters, **options), vocab_size)
    if kind == "smiles":
        return molecules.atoms(some, vocab_size, **options)
    if kind == "selfies":
        return selfies.selfies_symbols(some, vocab_size, **options)
    if kind == "word":
        found = Counter(piece for text in some for piece, _ in BY_WORD.pre_tokenize_str(text))
        return _lookup(most_frequent(found, vocab_size), kind, alphabet)
    if kind == "char" and alphabet == "text":
        return _lookup(most_frequent(Counter(itertools.chain.from_iterable(some)), vocab_size), kind, alphabet)
    if kind == "char":
        return _of_size(_lookup(list(LETTERS.get(letters, PRINTABLE)), kind, letters), vocab_size)
    return _learned(some, kind, alphabet, vocab_size or _DEFAULT_SIZE)


def check_kind(kind: str, alphabet: str | None, vocab_size: int | None, options: Collection[str]) -> str:
    """Return the alphabet (by default the kind's first); raise `InputError` for what does not fit the kind."""
    if kind not in KINDS:
        raise InputError(f"there is no kind {kind!r}", hint=f"choose from {', '.join(KINDS)}")
    alphabet = KINDS[kind][0] if alphabet is None else alphabet
    if alphabet not in KINDS[kind]:
        raise InputError(f"a {kind} tokenizer is not for {alphabet!r}", hint=f"it is for {', '.join(KINDS[kind])}")
    allowed = _OPTIONS.get(kind, ())
    if unknown := sorted(set(options) - set(allowed)):
        hint = f"it takes {' and '.join(allowed)}" if allowed else "leave it out"
        raise InputError(f"a {kind} tokenizer takes no {unknown[0]}", hint=hint)
    if vocab_size is not None and vocab_size < 1:
        raise InputError(f"`vocab_size` is {vocab_size:,}; it must be 1 or above", hint="for example `vocab_size=4096`")
    return alphabet


def _learned(sequences: Iterator[str], kind: str, alphabet: str, vocab_size: int) -> Tokenizer:
    if kind == "wordpiece":
        return subwords.wordpiece(sequences, vocab_size, alphabet)
    if kind == "unigram":
        return subwords.unigram(sequences, vocab_size, alphabet)
    if alphabet == "text":
        return subwords.bpe(sequences, vocab_size)
    if alphabet == "codon":
        return unit_bpe.codon_bpe(sequences, "dna", vocab_size)
    if alphabet == "smiles":
        return unit_bpe.atom_bpe(sequences, vocab_size)
    return unit_bpe.letter_bpe(sequences, alphabet, vocab_size)


def _bins(
    series: Iterator[Any], vocab_size: int, method: str = "uniform", limit: float = 15.0, scale: str = "own"
) -> Tokenizer:
    count = bins.count_for(vocab_size)
    if scale not in ("own", "fixed"):
        raise InputError(f"there is no scale {scale!r}", hint="choose from own, fixed")
    if method == "uniform" and scale == "own":
        return bins.bins_tokenizer(bins.uniform_bins(count, limit))
    if method == "uniform":
        raise InputError("uniform bins have no fixed scale", hint="leave `scale` out, or take quantile bins")
    if method == "quantile":
        return bins.bins_tokenizer(bins.quantile_bins(series, count, fixed=scale == "fixed"), method=method)
    raise InputError(f"there are no {method!r} bins", hint="choose from uniform, quantile")


def _lookup(vocabulary: list[str], kind: str, alphabet: str) -> Tokenizer:
    return assemble(
        models.WordLevel(numbered(vocabulary), unk_token=UNKNOWN),
        kind,
        alphabet,
        splitter=BY_WORD if kind == "word" else BY_CHARACTER,
        decoder=decoders.Fuse(),
        loses={"unknown": f"{'words' if kind == 'word' else 'characters'} outside its vocabulary become <unk>"},
    )


def _of_size(tokenizer: Tokenizer, vocab_size: int | None) -> Tokenizer:
    """Return the tokenizer, whose size is fixed. Raises `InputError` if another size is asked for."""
    size = len(tokenizer.vocabulary)
    if vocab_size is not None and vocab_size != size:
        raise InputError(
            f"`vocab_size` is {vocab_size:,}, but {tokenizer.name} always has {size:,} tokens, {len(SPECIALS)} of them "
            "special",
            hint="leave `vocab_size` out",
        )
    return tokenizer


def _at_least_one(sequences: Iterable[Any]) -> Iterator[Any]:
    stream = iter(sequences)
    for first in stream:
        return itertools.chain([first], stream)
    raise MissingText("there is no sequence to learn from", hint="give at least one")

"""Codons and k-mers: words of a fixed length.

Letters that do not fill a word (the last one or two bases, a word with an N in it) are single tokens in their place. So
the words after them stay in frame, and everything comes back.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

from cutaway.errors import InputError
from cutaway.tokens.builder import LETTERS, MERGING, UNKNOWN, assemble, numbered
from cutaway.tokens.tokenizer import Tokenizer

MOST_WORDS: Final = 65_536
_UNKNOWN: Final = "letters outside its alphabet become <unk>"


def codons(alphabet: str = "dna", frame: int = 0) -> Tokenizer:
    """Make a tokenizer of the 64 codons, in the spelling of DNA or of RNA; it reads both, in either case.

    `frame` bases (0, 1 or 2) at the start are single tokens. So are one or two left over at the end, and the three
    of a codon with an ambiguity code. Ids of codons follow the order AAA, AAC, …, TTT after the special tokens.

    >>> codons().encode("ATGaaaNCCUUUGC").tokens
    ['ATG', 'AAA', 'N', 'C', 'C', 'TTT', 'G', 'C']
    >>> codons("rna", frame=1).encode("ATGAAAC").tokens
    ['A', 'UGA', 'AAC']
    """
    _known(alphabet, ("dna", "rna"), "codons")
    if frame not in (0, 1, 2):
        raise InputError(
            f"`frame` is {frame!r}; it must be 0, 1 or 2", hint="give the number of bases before the first codon"
        )
    return assemble(
        models.WordLevel(numbered([*words_of(alphabet, 3), *LETTERS[alphabet]]), unk_token=UNKNOWN),
        "codon",
        alphabet,
        normalizer=respelled(alphabet),
        splitter=codon_splitter(alphabet, frame),
        decoder=decoders.Fuse(),
        loses={
            "unknown": _UNKNOWN,
            "spelling": f"letters become upper case, and {'U becomes T' if alphabet == 'dna' else 'T becomes U'}",
        },
        frame=frame,
    )


def kmers(alphabet: str = "dna", k: int = 6, *, overlapping: bool = False) -> Tokenizer:
    """Make a tokenizer of all words of k letters, side by side, or overlapping as in DNABERT.

    An ordinary tokenizer can only cut a text, which gives no overlapping words: write the sequence with `kmer_text`
    first. Its tokens decode to the sequence itself. Source: Ji et al. 2021, doi:10.1093/bioinformatics/btab083. Raises
    `InputError` for more than 65,536 words.

    >>> kmers("dna", 3).encode("ATGCATTN").tokens
    ['ATG', 'CAT', 'T', 'N']
    >>> overlapping = kmers("dna", 3, overlapping=True)
    >>> overlapping.decode(overlapping.encode(kmer_text("ATGCATT", "dna", 3)).ids)
    'ATGCATT'
    """
    _known(alphabet, tuple(MERGING), "k-mers")
    plain = MERGING[alphabet]
    if k < 1 or len(plain) ** k > MOST_WORDS:
        most = max(n for n in range(1, 9) if len(plain) ** n <= MOST_WORDS)
        raise InputError(
            f"`k` is {k}; for {alphabet} it must be from 1 to {most}", hint=f"for example `k={min(3, most)}`"
        )
    written = {"written": "overlapping k-mers, as cutaway.tokens.kmer_text writes them"} if overlapping else {}
    more: dict[str, Any] = {"k": k, **written}
    last = decoders.Replace(Regex(rf"\A[{plain}]{{{k - 1}}}(?=[{plain}]\z)"), "")
    return assemble(
        models.WordLevel(numbered([*words_of(alphabet, k), *LETTERS[alphabet]]), unk_token=UNKNOWN),
        "kmer",
        alphabet,
        splitter=pre_tokenizers.Split(" ", "removed") if overlapping else _word_splitter(plain, k),
        decoder=decoders.Sequence([last, decoders.Fuse()]) if overlapping else decoders.Fuse(),
        loses={"unknown": _UNKNOWN},
        **more,
    )


def kmer_text(sequence: str, alphabet: str = "dna", k: int = 6) -> str:
    """Write one word for each letter: the k letters that end there, or the letter alone if these are not k plain ones.

    A space is written as `<unk>`.

    >>> kmer_text("ATGCN", "dna", 3)
    'A T ATG TGC N'
    """
    plain, run, written = set(MERGING[alphabet]), 0, []
    for end, letter in enumerate(sequence, 1):
        run = run + 1 if letter in plain else 0
        written.append(sequence[end - k : end] if run >= k else UNKNOWN if letter == " " else letter)
    return " ".join(written)


def words_of(alphabet: str, k: int) -> list[str]:
    """Return all words of k letters that are not ambiguous, in alphabetical order."""
    return ["".join(word) for word in itertools.product(sorted(MERGING[alphabet]), repeat=k)]


def respelled(alphabet: str) -> normalizers.Normalizer:
    """Return the normalizer that turns lower case, and U or T, into the alphabet's spelling."""
    cases = [(letter.lower(), letter) for letter in LETTERS[alphabet] if letter.isalpha()]
    other, own = ("U", "T") if alphabet == "dna" else ("T", "U")
    pairs = [*cases, (other, own), (other.lower(), own)]
    return normalizers.Sequence([normalizers.Replace(old, new) for old, new in pairs])


def codon_splitter(alphabet: str, frame: int) -> pre_tokenizers.PreTokenizer:
    """Return the splitter that cuts a sequence into codons, and the rest into letters."""
    return _word_splitter(MERGING[alphabet], 3, frame)


def _word_splitter(plain: str, k: int, frame: int = 0) -> pre_tokenizers.PreTokenizer:
    before = ["", r"\A[\s\S]|", r"\A[\s\S]|(?<=\A[\s\S])[\s\S]|"][frame]
    words = pre_tokenizers.Split(Regex(rf"{before}[\s\S]{{{k}}}"), "isolated")
    letters = pre_tokenizers.Split(Regex(rf"\A[{plain}]{{{k}}}\z|[\s\S]"), "isolated")
    return pre_tokenizers.Sequence([words, letters])


def _known(alphabet: str, alphabets: tuple[str, ...], what: str) -> None:
    if alphabet not in alphabets:
        raise InputError(f"there are no {what} of {alphabet!r}", hint=f"`alphabet` can be {' or '.join(alphabets)}")

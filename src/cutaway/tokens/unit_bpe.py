"""BPE of sequences without spaces: DNA, RNA and proteins by letter, coding sequences by codon, molecules by atom.

The BPE of `tokenizers` merges single characters. So the normalizer writes a longer unit (a codon, `[C@H]`, `Cl`) as one
character of Unicode's private use area, and the decoder writes it out again. Then no merge can split a unit, and any
program that loads the tokenizer does the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

from cutaway.errors import InputError, counted
from cutaway.tokens.builder import LETTERS, MERGING, PRINTABLE, SPECIALS, UNKNOWN, assemble, numbered, room_for
from cutaway.tokens.codon_kmer import respelled, words_of
from cutaway.tokens.merges import learn_merges
from cutaway.tokens.molecules import ATOM
from cutaway.tokens.tokenizer import Tokenizer

_PRIVATE: Final = 0xE000
_MOST_UNITS: Final = 1024
_FOREIGN: Final = normalizers.Replace(Regex("[\ue000-\uf8ff]"), "\ufffd")  # becomes <unk>, not a unit
_UNKNOWN_LETTERS: Final = "letters outside its alphabet become <unk>"


def letter_bpe(sequences: Iterable[str], alphabet: str = "dna", vocab_size: int = 4096) -> Tokenizer:
    """Learn exact greedy BPE on whole sequences, even chromosomes, in time proportional to the merged places.

    Ambiguous letters (N, X, gaps, …) are single tokens and are never merged. See `learn_merges` for the rule. Source:
    Zhou et al. 2023 (DNABERT-2), arXiv:2306.15006. Raises `InputError` for a letter outside the alphabet.

    >>> letter_bpe(["GATTACAGATTACA"], "dna", 26).encode("GATTACAN").tokens
    ['GATTACA', 'N']
    """
    letters = LETTERS[alphabet]
    room_for(vocab_size, len(letters) + len(SPECIALS), counted(len(letters), "letter"))
    merging = sorted(MERGING[alphabet])
    table = np.full(256, 255, dtype=np.uint8)
    table[[ord(letter) for letter in letters]] = 254
    table[[ord(letter) for letter in merging]] = np.arange(len(merging))
    parts: list[NDArray[np.unsignedinteger]] = []
    for sequence in sequences:
        codes = table[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]
        if (codes == 255).any():
            at = int((codes == 255).argmax())
            raise InputError(
                f"{sequence[at]!r} at position {at + 1:,} is not a letter of {alphabet}",
                hint="give the right `alphabet`",
            )
        parts.append(codes)
    rest = len(letters) - len(merging) + len(SPECIALS)
    merges = learn_merges(parts, merging, vocab_size - rest)
    vocabulary = numbered([*merging, *(x for x in letters if x not in merging), *(a + b for a, b in merges)])
    return assemble(
        models.BPE(vocabulary, merges, unk_token=UNKNOWN),
        "bpe",
        alphabet,
        decoder=decoders.Fuse(),
        loses={"unknown": _UNKNOWN_LETTERS},
    )


def codon_bpe(sequences: Iterable[str], alphabet: str = "dna", vocab_size: int = 4096) -> Tokenizer:
    """Learn BPE of coding sequences in which no merge crosses a codon's border; reads DNA and RNA in either case.

    The frame begins at the first base. Bases left over at the end, and codons with an ambiguity code, become letters.

    >>> tokenizer = codon_bpe(["ATGAAAATGAAATT"], "dna", 86)
    >>> [tokenizer.piece(i) for i in tokenizer.encode("AUGAAACCCAT").ids]
    ['ATGAAA', 'CCC', 'A', 'T']
    """
    if alphabet not in ("dna", "rna"):
        raise InputError(f"there are no codons of {alphabet!r}", hint="for coding DNA give `alphabet='codon'`")
    words, letters = words_of(alphabet, 3), LETTERS[alphabet]
    rest = len(letters) + len(SPECIALS)
    room_for(vocab_size, len(words) + rest, f"64 codons, {counted(len(letters), 'letter')}")
    units = {word: chr(_PRIVATE + i) for i, word in enumerate(words)}
    spelling = respelled(alphabet)
    value = np.full(256, 64, dtype=np.uint8)
    value[[ord(letter) for letter in sorted(MERGING[alphabet])]] = np.arange(4)
    parts: list[NDArray[np.unsignedinteger]] = []
    for sequence in sequences:
        text = spelling.normalize_str(sequence).encode("ascii", "replace")
        base = value[np.frombuffer(text[: len(text) // 3 * 3], dtype=np.uint8)].astype(np.uint16).reshape(-1, 3)
        parts.append(np.where((base < 4).all(axis=1), base @ np.array([16, 4, 1], dtype=np.uint16), np.uint16(64)))
    merges = learn_merges(parts, list(units.values()), vocab_size - rest)
    # A mark after every third letter shows which triplets are in frame; then each triplet becomes its character.
    marked = normalizers.Replace(Regex(r"[\s\S]{3}\K"), "\uf8ff")
    triplets = [normalizers.Replace(f"{word}\uf8ff", character) for word, character in units.items()]
    unmarked = normalizers.Replace("\uf8ff", "")
    return assemble(
        models.BPE(numbered([*units.values(), *letters, *(a + b for a, b in merges)]), merges, unk_token=UNKNOWN),
        "bpe",
        "codon",
        normalizer=normalizers.Sequence([_FOREIGN, spelling, marked, *triplets, unmarked]),
        decoder=_written_out(units),
        loses={
            "unknown": _UNKNOWN_LETTERS,
            "spelling": f"letters become upper case, and {'U becomes T' if alphabet == 'dna' else 'T becomes U'}",
        },
        spelling=alphabet,
    )


def atom_bpe(smiles: Iterable[str], vocab_size: int = 1024) -> Tokenizer:
    """Learn BPE of SMILES in which no merge crosses an atom's border: tokens are one atom or several.

    The atoms are those of `molecules.atoms`. A bracket atom that did not occur is written character by character (Cl,
    Br and se stay whole), without merges. Source: Li and Fourches 2021, doi:10.1021/acs.jcim.0c01127, with merges as
    here.

    >>> tokenizer = atom_bpe(["C[C@H](Cl)C[C@H](Cl)"] * 3, 104)
    >>> [tokenizer.piece(i) for i in tokenizer.encode("[C@H](Cl)C[2H]").ids]
    ['[C@H]', '(Cl)', 'C', '[', '2', 'H', ']']
    """
    pattern = re.compile(ATOM)
    met: dict[str, int] = {}
    texts = [np.array([met.setdefault(atom, len(met)) for atom in pattern.findall(text)], np.uint32) for text in smiles]
    tally = sum((np.bincount(text, minlength=len(met)) for text in texts), np.zeros(len(met), dtype=np.int64))
    found = dict(zip(met, tally.tolist(), strict=True))
    longer = sorted(sorted(atom for atom in found if len(atom) > 1), key=lambda atom: -found[atom])[:_MOST_UNITS]
    units = {atom: chr(_PRIVATE + i) for i, atom in enumerate(sorted(longer))}
    single = sorted(atom for atom in found if atom in PRINTABLE and atom not in "[]")
    base = [*single, *units.values()]
    signs = [sign for sign in PRINTABLE if sign not in single]
    rest = len(signs) + len(SPECIALS)
    room_for(vocab_size, len(base) + rest, f"{len(base)} atoms and bonds, {len(signs)} single characters")
    place = {atom: i for i, atom in enumerate([*single, *units])}
    codes = np.array([place.get(atom, len(base)) for atom in met], dtype=np.uint16)
    merges = learn_merges([codes[text] for text in texts], base, vocab_size - rest)
    # Bracket atoms come first, so that [Cl-] becomes one unit before Cl does.
    order = sorted(units, key=lambda atom: (not atom.startswith("["), -len(atom), atom))
    brackets = pre_tokenizers.Split(Regex(r"\[[^\[\]]*\]"), "isolated")
    signs_of_them = pre_tokenizers.Split(Regex(r"\A[^\[][\s\S]*\z|[\s\S]"), "isolated")
    return assemble(
        models.BPE(numbered([*base, *signs, *(a + b for a, b in merges)]), merges, unk_token=UNKNOWN),
        "bpe",
        "smiles",
        normalizer=normalizers.Sequence([_FOREIGN, *(normalizers.Replace(atom, units[atom]) for atom in order)]),
        splitter=pre_tokenizers.Sequence([brackets, signs_of_them]),
        decoder=_written_out(units),
        loses={"unknown": "characters that are not printable ASCII become <unk>"},
    )


def _written_out(units: dict[str, str]) -> decoders.Decoder:
    return decoders.Sequence(
        [*(decoders.Replace(character, unit) for unit, character in units.items()), decoders.Fuse()]
    )

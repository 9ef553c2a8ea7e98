"""Thousands of generated sequences of DNA, proteins and molecules through every tokenizer of them.

Everything comes back, or `<unk>` stands for exactly what is not known; no token crosses a codon's or an atom's border.
"""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from cutaway.errors import BadSequence
from cutaway.tokens import (
    Tokenizer,
    atom_bpe,
    atoms,
    codon_bpe,
    codons,
    kmer_text,
    kmers,
    letter_bpe,
    selfies_smiles,
    selfies_symbols,
    selfies_text,
    train_tokenizer,
)
from cutaway.tokens.selfies import same_molecule
from tests.unit import molecules
from tests.unit.generated import (
    SPECIALS,
    among,
    in_place,
    many,
    sections,
    ten,
    the_same_each_time,
    there_and_back,
    with_unknown,
)

__all__ = ["the_same_each_time"]

DNA, RNA = "ACGTRYSWKMBDHVN-", "ACGURYSWKMBDHVN-"
PROTEIN = "ACDEFGHIKLMNPQRSTVWYUOXBZJ-*"
GENES = ["ATGGCTAGCTAGGATCGATCGATCGGATCGCTAGATCGAATGGCTAGC" * 6, "ATGNNNGCTAGCTAGR", "ATGGCTAGCTAGGAT" * 9]
CODING = [gene[: len(gene) // 3 * 3] for gene in GENES]
TRANSCRIPTS = [gene.replace("T", "U") for gene in GENES]
PROTEINS = ["MKVLAAGIVWQERTYHNDCFSPMKVLAAGIVMKVLAAX" * 6, "MKU*"]


def of_dna(letter: str) -> str:
    return {"U": "T", "u": "T"}.get(letter, letter.upper() if letter in "acgtryswkmbdhvn" else letter)


def of_rna(letter: str) -> str:
    return {"T": "U", "t": "U"}.get(letter, letter.upper() if letter in "acguryswkmbdhvn" else letter)


def words(section: str, k: int, letters: str, frame: int = 0) -> list[str]:
    """Return a section cut by hand: words of k plain letters in frame, single letters where there is no whole one."""
    said = [letter if letter in letters else "<unk>" for letter in section]
    cut, rest = said[:frame], said[frame:]
    for start in range(0, len(rest), k):
        word = rest[start : start + k]
        whole = len(word) == k and all(letter in letters[:4] for letter in word)
        cut += ["".join(word)] if whole else word
    return cut


LETTERS = {"char": (train_tokenizer(GENES, "char", alphabet="dna"), DNA),
           "bpe": (letter_bpe(GENES, "dna", 60), DNA),
           "bpe of rna": (letter_bpe(TRANSCRIPTS, "rna", 40), RNA),
           "wordpiece": (train_tokenizer(GENES, "wordpiece", alphabet="dna", vocab_size=70), DNA),
           "unigram": (train_tokenizer(GENES, "unigram", alphabet="dna", vocab_size=50), DNA)}  # fmt: skip
FRAMES = {
    (alphabet, frame): codons(alphabet, frame) for alphabet, frame in (("dna", 0), ("dna", 1), ("dna", 2), ("rna", 0))
}
SIDE_BY_SIDE, OVERLAPPING, CODON_BPE = kmers("dna", 4), kmers("dna", 3, overlapping=True), codon_bpe(CODING, "dna", 140)

BASES = st.one_of(
    st.text("ACGT", max_size=40),
    st.text("ACGTACGTNRYacgtunU-", max_size=20),
    st.sampled_from(["ATGGCTAGC", "ATGGCTAGCTAGGAT" * 5, "NNNN", "A" * 64, "C" * 65, "augGCU", "AUG", "ATGN"]),
)


@many
@given(ten(among(BASES)))
@example(["", "A" * 64 + "x", "xx", "ACGT<unk>ACG", "\ue000ATG", "AC\uf8ffGTA", "ATG AT", "ſ", "ATGAAA" * 20, "\n"])
def test_nucleic_acids(texts: list[str]) -> None:
    for text in texts:
        for name, (tokenizer, letters) in LETTERS.items():
            encoding, back = there_and_back(tokenizer, text)
            assert back == with_unknown(text, letters), name
            if "bpe" in name:
                merged = [token for token in encoding.tokens if len(token) > 1 and token not in SPECIALS]
                assert all(set(token) <= set(letters[:4]) for token in merged)
        for (alphabet, frame), tokenizer in FRAMES.items():
            letters, respell = (DNA, of_dna) if alphabet == "dna" else (RNA, of_rna)
            assert there_and_back(tokenizer, text)[1] == with_unknown(text, letters, respell)
            first = sections(text)[0]
            respelled = "".join(map(respell, first))
            assert there_and_back(tokenizer, first)[0].tokens == words(respelled, 3, letters, frame)
        assert there_and_back(SIDE_BY_SIDE, text)[1] == with_unknown(text, DNA)
        assert there_and_back(SIDE_BY_SIDE, sections(text)[0])[0].tokens == words(sections(text)[0], 4, DNA)
        each = "".join(letter if letter in DNA else "<unk>" for letter in text)
        assert there_and_back(OVERLAPPING, kmer_text(text, "dna", 3))[1] == each
        assert there_and_back(CODON_BPE, text)[1] == with_unknown(text, DNA, of_dna)
        no_token_crosses_a_codon(sections(text)[0])


def sizes(tokenizer: Tokenizer) -> dict[tuple[str, int], int]:
    """Return how many letters each token stands for; `<unk>` for one."""
    ids = range(len(tokenizer.vocabulary))
    return {(tokenizer.name, i): 1 if i == 1 else len(tokenizer.piece(i)) for i in ids}


SIZES = sizes(CODON_BPE)


def no_token_crosses_a_codon(text: str) -> None:
    at = 0
    for i in CODON_BPE.encode(text).ids:
        size = SIZES[CODON_BPE.name, i]
        assert size == 1 or (at % 3 == 0 and size % 3 == 0), (text, at)
        at += size
    assert at == len(text)


OF_PROTEINS = {
    "char": train_tokenizer(PROTEINS, "char", alphabet="protein"),
    "kmer": kmers("protein", 2),
    "bpe": letter_bpe(PROTEINS, "protein", 60),
    "wordpiece": train_tokenizer(PROTEINS, "wordpiece", alphabet="protein", vocab_size=90),
    "unigram": train_tokenizer(PROTEINS, "unigram", alphabet="protein", vocab_size=60),
}
RESIDUES = st.one_of(
    st.text("ACDEFGHIKLMNPQRSTVWY", max_size=40), st.text(PROTEIN + "acx", max_size=20),
    st.sampled_from(["MKVLAAGIV", "MKVLAAGIVWQERTYHNDCFSP" * 4, "X" * 64, "M*", "G" * 65]),
)  # fmt: skip


@many
@given(ten(among(RESIDUES)))
@example(["", "M" * 64 + "x", "xx", "MK<unk>VL", "MKVL MK", "\n", "*-", "X" * 200, "mk", "ÅMK"])
def test_proteins(texts: list[str]) -> None:
    for text in texts:
        for name, tokenizer in OF_PROTEINS.items():
            assert there_and_back(tokenizer, text)[1] == with_unknown(text, PROTEIN), name


OPEN, CLOSED = atoms(molecules.ALL[:200]), atoms(molecules.ALL[:40], closed=True)
MERGED, SIGNS = atom_bpe(molecules.ALL * 3, 300), train_tokenizer(["C"], "char", alphabet="smiles")
SIZES |= sizes(OPEN) | sizes(MERGED)
PRINTABLE = [chr(code) for code in range(33, 127)]

ATOMS = st.sampled_from(
    ["C", "c", "N", "n", "O", "o", "Cl", "Br", "S", "s", "F", "B", "P", "I", "se", "*", "[C@H]", "[nH]", "[O-]",
     "[Cl-]", "[13CH4]", "[Na+]", "[C@@]", "[2H]", "[Cs]", "[N+]", "[*:1]", "[Zr@OH3+4:7]"]
)  # fmt: skip
BONDS = st.sampled_from(["", "", "", "", "-", "=", "#", "$", ":", "/", "\\", "~", ".", ">>", "->"])
RINGS = st.sampled_from(["", "", "", "1", "2", "%10", "%99", "%(100)", "=1", "%1", "%(", "%()"])
CHAIN = st.lists(st.tuples(BONDS, ATOMS, RINGS).map("".join), min_size=1, max_size=4).map("".join)


def branched(parts: tuple[str, str, str]) -> str:
    return "{}({}){}".format(*parts)


SMILES = st.one_of(
    st.recursive(
        CHAIN, lambda inner: st.tuples(CHAIN, inner, CHAIN).map(lambda parts: "{}({}){}".format(*parts)), max_leaves=3
    ),
    st.text("CNOcnlrBS[]@H+-=#()123%.\\/", max_size=16),
    st.sampled_from(molecules.ALL),
)


def borders_of_atoms(text: str) -> set[int]:
    """Return where atoms, bonds and ring numbers end, read sign by sign."""
    ends, at = {0}, 0
    while at < len(text):
        size = 1
        if text[at] == "[":
            inside = len(list(itertools.takewhile(lambda sign: sign not in "[]", text[at + 1 :])))
            size = inside + 2 if text[at + 1 + inside : at + 2 + inside] == "]" else 1
        elif text[at] == "%":
            digits = len(list(itertools.takewhile(lambda sign: sign in "0123456789", text[at + 2 :])))
            if text[at + 1 : at + 2] == "(" and digits and text[at + 2 + digits : at + 3 + digits] == ")":
                size = digits + 3
            elif text[at + 1 : at + 3].isascii() and text[at + 1 : at + 3].isdigit() and len(text) > at + 2:
                size = 3
        elif text[at : at + 2] in ("Br", "Cl", "se", "as", "te", ">>"):
            size = 2
        at += size
        ends.add(at)
    return ends


@many
@given(ten(among(SMILES, most=3)))
@example(["", "[Cl-]", "[[Cl]]", "Cl]", "[Cl", "C[13Cs]Cl", "\ue000C", "%(12", "C%123", "[<unk>]"])
def test_molecules(texts: list[str]) -> None:
    for text in texts:
        expected, ends = with_unknown(text, PRINTABLE), borders_of_atoms(sections(text)[0])
        assert there_and_back(SIGNS, text)[1] == there_and_back(MERGED, text)[1] == in_place(OPEN, text) == expected
        assert there_and_back(OPEN, text)[1] == expected and there_and_back(CLOSED, text)[1] == in_place(CLOSED, text)
        for tokenizer in (MERGED, OPEN):
            no_token_crosses_an_atom(tokenizer, sections(text)[0], ends)


def no_token_crosses_an_atom(tokenizer: Tokenizer, text: str, ends: set[int]) -> None:
    """A token is one atom or several, whole ones; or a part of one that is new, which is written in its signs."""
    at = 0
    for i in tokenizer.encode(text).ids:
        size = SIZES[tokenizer.name, i]
        assert {at, at + size} <= ends or not ends & set(range(at + 1, at + size)), (text, at)
        at += size
    assert at == len(text)


SYMBOLS = selfies_symbols(molecules.ALL)
SYMBOL = st.sampled_from(
    [*sorted(symbol for symbol in SYMBOLS.vocabulary if symbol[0] == "[" != symbol), ".", ".", "[nop]", "[Xe]"]
)
SELFIES = st.lists(SYMBOL, max_size=30).map("".join)


@many
@given(ten(among(SELFIES, most=3)))
@example(["", "[C][", "]", "[C][Branch1][=O]", "[<unk>]", "[]", "[[C]]", "[é]", "[C].[Zz].[C]", "\n"])
def test_selfies(texts: list[str]) -> None:
    for text in texts:
        assert there_and_back(SYMBOLS, text)[1] == with_unknown(text, PRINTABLE)


@many
@given(ten(SELFIES))
def test_molecules_through_selfies(texts: list[str]) -> None:
    for text in texts:
        smiles = selfies_smiles(text)
        if not same_molecule(smiles, smiles):
            continue  # no molecule for RDKit
        try:
            written = selfies_text(smiles)
        except BadSequence as error:  # a ring over a dot, which the library reads and does not write
            assert "." in smiles and "hanging ring number" in error.message
            continue
        assert same_molecule(selfies_smiles(there_and_back(SYMBOLS, written)[1]), smiles)

"""`cutaway.sequences.alphabets`: each stated rule, what it counts, and the column of the first bad letter."""

from __future__ import annotations

import math
import random
import string
from array import array

import pytest

from cutaway.errors import BadSequence, InputError
from cutaway.extras import install_line
from cutaway.sequences.alphabets import CHECKS, codon, dna, protein, rna, series, smiles, text


def column(check, sequence) -> int:
    with pytest.raises(BadSequence) as caught:
        check(sequence)
    assert caught.value.hint and len(caught.value.message) < 200
    return caught.value.column


def test_there_are_seven() -> None:
    assert list(CHECKS) == ["text", "dna", "rna", "codon", "protein", "smiles", "series"]


@pytest.mark.parametrize("given", ["a", " Straße\t\N{COMBINING DIAERESIS} ", "\x00", "ACGT"])
def test_text_stays_to_the_letter(given: str) -> None:
    assert text.check(given) == (given, {})


@pytest.mark.parametrize("kind", ["text", "dna", "rna", "codon", "protein", "smiles"])
def test_an_empty_sequence_is_refused(kind: str) -> None:
    with pytest.raises(BadSequence, match="is empty"):
        CHECKS[kind]("")


@pytest.mark.parametrize(
    ("check", "given", "kept", "changes"),
    [
        (dna.check, "GATTACA", "GATTACA", {}),
        (dna.check, "gattACA", "GATTACA", {"lower case to upper": 4}),
        (dna.check, "GAUUACA", "GATTACA", {"U to T": 2}),
        (dna.check, "gauT", "GATT", {"lower case to upper": 3, "U to T": 1}),
        (dna.check, "RYSWKMBDHV", "RYSWKMBDHV", {"ambiguity codes": 10}),
        (dna.check, "NANNCNNN", "NANNCNNN", {"N runs": 3}),
        (dna.check, "A-C..G", "A-C--G", {"'.' to '-'": 2, "gaps": 3}),
        (rna.check, "GAUUACA", "GAUUACA", {}),
        (rna.check, "gaTUAnR", "GAUUANR", {"lower case to upper": 3, "T to U": 1, "ambiguity codes": 1, "N runs": 1}),
        (codon.check, "ATGTAA", "ATGTAA", {}),
        (codon.check, "AUGUAA", "ATGTAA", {"U to T": 2}),
        (codon.check, "ATGTAAG", "ATGTAAG", {"ragged codons": 1, "stops inside": 1}),
        (codon.check, "ATGTGATAGCC", "ATGTGATAGCC", {"ragged codons": 1, "stops inside": 2}),
        (codon.check, "AT", "AT", {"ragged codons": 1}),
        (codon.check, "ATAGTGACT", "ATAGTGACT", {}),  # TAG and TGA, but out of frame
        (codon.check, "ATGNNNTAA", "ATGNNNTAA", {"N runs": 1}),
        (protein.check, "MKWVTFUO", "MKWVTFUO", {}),
        (protein.check, "mkX", "MKX", {"lower case to upper": 2, "X residues": 1}),
        (protein.check, "BZJ-.M", "BZJ--M", {"'.' to '-'": 1, "ambiguous residues": 3, "gaps": 2}),
        (protein.check, "MK*W**", "MK*W", {"end stops removed": 2, "stops inside": 1}),
    ],
)
def test_each_rule_and_what_it_counts(check, given: str, kept: str, changes: dict[str, int]) -> None:
    assert check(given) == (kept, changes)
    again, found = check(kept)  # what is kept is kept as it is
    assert again == kept
    assert not {"lower case to upper", "U to T", "T to U", "'.' to '-'", "end stops removed"} & set(found)


@pytest.mark.parametrize(
    ("check", "given", "at"),
    [
        (dna.check, "ACGTE", 5),
        (dna.check, "acg tt", 4),
        (dna.check, "ACGé", 4),
        (dna.check, "MKWVTF", 6),  # M, K, W, V and T are codes of nucleotides, F is none
        (dna.check, "NNN*", 4),
        (rna.check, "AUG1", 4),
        (codon.check, "ATG---TAA", 4),
        (codon.check, "ATG.", 4),
        (protein.check, "MK1", 3),
        (protein.check, "MK ", 3),
        (protein.check, "***", 1),
    ],
)
def test_the_first_bad_letter_has_a_column(check, given: str, at: int) -> None:
    assert column(check, given) == at


@pytest.mark.parametrize("kind", ["dna", "rna", "codon", "protein"])
def test_letters_against_a_loop(kind: str) -> None:
    """Deleting what is allowed says the same as looking at every letter."""
    rng = random.Random(0)  # noqa: S311
    codes = {"dna": "ACGTURYSWKMBDHVN-.", "rna": "ACGTURYSWKMBDHVN-.", "codon": "ACGTURYSWKMBDHVN"}
    allowed = codes.get(kind, "ACDEFGHIKLMNPQRSTVWYUOXBZJ-.*")
    signs = allowed * 3 + string.printable
    for _ in range(3000):
        given = "".join(rng.choices(signs, k=rng.randint(1, 12)))
        first = next((i for i, sign in enumerate(given, 1) if sign.upper() not in allowed), None)
        if first is not None:
            assert column(CHECKS[kind], given) == first, given
        elif kind != "protein" or given.strip("*"):
            kept, changes = CHECKS[kind](given)
            lower = sum(sign.islower() for sign in given)
            assert changes.get("lower case to upper", 0) == lower
            assert changes.get("'.' to '-'", 0) == given.count(".")
            assert len(kept) == len(given) - changes.get("end stops removed", 0)


def test_a_protein_in_dna_is_recognised() -> None:
    with pytest.raises(BadSequence) as caught:
        dna.check("MALWMRLLPLLALLALWGPDPAAA")
    assert "'L' is not a letter of dna" in caught.value.message
    assert "`alphabet='protein'`" in (caught.value.hint or "")


# Series


def test_series_are_arrays_and_missing_numbers_nan() -> None:
    channels, changes = series.check([[1, 2, math.nan], array("d", [0.5, math.nan, math.nan])])
    assert channels[0][:2] == array("d", [1, 2]) and math.isnan(channels[0][2])
    assert changes == {"missing numbers": 3}
    assert series.check([[1.0]]) == ((array("d", [1.0]),), {})


@pytest.mark.parametrize("given", [[], [[]], [[math.nan]], [[1, 2], [1]], [[1, math.inf]], [[0], [-math.inf]]])
def test_bad_series_are_refused(given: list[list[float]]) -> None:
    at = column(series.check, given)
    assert at == (2 if given == [[1, math.inf]] else 1)


@pytest.mark.parametrize("given", ["", "NA", " n/a ", "null", "None", "nan", "NaN", "-nan", "#N/A", "<NA>"])
def test_missing_numbers(given: str) -> None:
    assert math.isnan(series.number(given))


@pytest.mark.parametrize("given", ["inf", "-Infinity", "1_000", "1,5", "x", "1e999", "0x10"])
def test_text_that_is_not_a_number_is_refused(given: str) -> None:
    with pytest.raises(ValueError):
        series.number(given)


# SMILES

MOLECULES = [
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "O=[N+]([O-])c1ccccc1",
    "CN(=O)=O",
    "N#[N+][O-]",
    "C[C@H](N)C(=O)O",
    "F/C=C\\F",
    "[Na+].[Cl-]",
    "C1CC1.c1ccncc1",
    "[13CH4]",
    "[2H]O[2H]",
    "*C",
    "c1ccc2[nH]ccc2c1",
    "[CH3:1][OH:2]",
    "C%12CCCC%12",
    "OS(=O)(=O)O",
    "FS(F)(F)(F)(F)F",
    "[Fe+2]",
    "CCO>>CC=O",
    "CCO.O>[Na+]>CC=O",
]


def test_smiles_stay_to_the_letter_and_are_counted() -> None:
    pytest.importorskip("rdkit")
    for given in MOLECULES:
        assert smiles.check(given)[0] == given
    assert smiles.check("C[C@H](N)C(=O)[O-].[Na+]")[1] == {"stereo": 1, "several components": 1}
    assert smiles.check("F/C=C/F")[1] == {"stereo": 1}
    assert smiles.check("CCO>>CC=O")[1] == {"reactions": 1}
    assert smiles.check("CCO")[1] == {}


@pytest.mark.parametrize(
    ("given", "at", "why"),
    [
        ("CC(C", 3, "extra open parentheses"),
        ("CC)C", 3, "extra close parentheses"),
        ("CXC", 2, "syntax error"),
        ("C1CC", 1, "unclosed ring"),
        ("CC(C)(C)(C)C", 2, "valence for atom # 1 C, 5"),
        ("BrC(C)(C)(C)C", 3, "valence for atom # 1 C, 5"),
        ("[13CH3]F(C)", 8, "valence for atom # 1 F, 2"),
        ("Cc1cccc1", 2, "Can't kekulize"),
        ("CC O", 3, "' ' is not allowed"),
        ("CC |$x$|", 3, "' ' is not allowed"),
        ("CCO>>C(C", 7, "extra open parentheses"),
        ("CCO>C", 4, "a reaction is written"),
        (">>", 1, "a reaction is written"),
        ("CÖ", 2, "not a letter of smiles"),
    ],
)
def test_what_rdkit_refuses_has_a_column(given: str, at: int, why: str, capfd) -> None:
    pytest.importorskip("rdkit")
    with pytest.raises(BadSequence) as caught:
        smiles.check(given)
    assert caught.value.column == at and why in caught.value.message
    assert capfd.readouterr() == ("", "")  # RDKit's own words go nowhere else


def test_the_steps_that_can_refuse_are_all_that_refuse() -> None:
    """RDKit whole and the steps of it that are run agree on molecules with letters changed at random."""
    chem = pytest.importorskip("rdkit.Chem")
    from rdkit import rdBase

    rng, refused = random.Random(0), 0  # noqa: S311
    for number in range(4000):
        given = list(MOLECULES[number % 17])
        given[rng.randrange(len(given))] = rng.choice("CCNNOOSScno=#()[]1@/.H") + rng.choice(["", "C"])
        changed = "".join(given)
        with rdBase.BlockLogs():
            whole = chem.MolFromSmiles(changed) is not None
        assert smiles.reader()(changed) == whole, changed
        refused += not whole
    assert 500 < refused < 3500


def test_without_rdkit_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rdkit", None)
    smiles.reader.cache_clear()
    with pytest.raises(InputError) as caught:
        smiles.check("CCO")
    smiles.reader.cache_clear()
    assert install_line("science") in (caught.value.hint or "")
    assert not isinstance(caught.value, BadSequence)

"""Molecules as RDKit reads them: dative bonds in SMILES, names and values of the properties in SDF."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cutaway.errors import BadSequence
from cutaway.sequences import CHECKS, read_records
from cutaway.tokens.molecules import atoms

chem = pytest.importorskip("rdkit.Chem")

DATIVE = ["[NH3]->[Pt](Cl)(Cl)<-[NH3]", "CN(C)(C)->[Cu]", "[CH2]=[CH2]->[Pt](Cl)(Cl)Cl", "[Fe]<-[OH2]"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("smiles", DATIVE)
def test_a_dative_bond_is_a_bond_and_not_a_reaction(smiles: str) -> None:
    assert chem.MolFromSmiles(smiles) is not None
    sequence, counts = CHECKS["smiles"](smiles)
    assert sequence == smiles and "reactions" not in counts
    Path("a.smi").write_text(f"{smiles} name\n")
    assert [(one.id, one.sequence) for one in read_records("a.smi", "smiles")] == [("name", smiles)]


def test_reactions_may_have_dative_bonds() -> None:
    reactions = pytest.importorskip("rdkit.Chem.rdChemReactions")
    for text in ("[NH3]->[Pt]>>[Pt]<-[NH3]", "[NH3]->[Pt]>O>[Pt]", "N.[Pt]>>[NH3]->[Pt]", "CCO>>CC=O", "C>[Na+]>O"):
        assert reactions.ReactionFromSmarts(text, useSmiles=True) is not None
        assert CHECKS["smiles"](text)[1]["reactions"] == 1
    for text, column in {"[NH3]->[Pt]>C": 12, "C>C->[Pt]": 2, "[NH3]->[Pt]>>C>C": 12, "C->": 3, "->": 2}.items():
        with pytest.raises(BadSequence) as caught:
            CHECKS["smiles"](text)
        assert caught.value.column == column, text


def test_a_dative_bond_is_one_token() -> None:
    tokenizer = atoms(DATIVE)
    assert tokenizer.encode(DATIVE[0]).tokens == [
        "[NH3]", "->", "[Pt]", "(", "Cl", ")", "(", "Cl", ")", "<-", "[NH3]",
    ]  # fmt: skip
    assert tokenizer.encode("C->[Pt]>>C").tokens == ["C", "->", "[Pt]", ">", ">", "C"]  # ">>" did not occur
    for known in (tokenizer, atoms(["CCO>>CC"])):
        for smiles in [*DATIVE, "C->[Pt]>>C<-N", "C->[Pt]>O>C"]:
            assert known.decode(known.encode(smiles).ids) == smiles


HEADERS = [
    ">  <A>", "> <A> (1)", "> DT12 <A>", ">  <IC50 (>10)>", "><B>", ">  <A <B> C>", ">  <A> <B>", "> <A>x>",
    "> <A> (1>2)", ">  <a-b_c 1>  ", " > <A>",
]  # fmt: skip
LINES = ["5", ">95% by <HPLC>", "<5>", "> <C>", ">", "  two words ", "M V30", "$$$ 5", "@", "-> x"]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_properties_are_those_that_rdkit_reads(seed: int, end: str) -> None:
    generator = random.Random(seed)  # noqa: S311
    rows = list[str]()
    for title in ("one", ">title <x>"):
        mol = chem.MolToMolBlock(chem.MolFromSmiles("CCO")).split("\n")
        rows += [title, *mol[1:-1]]
        for header in generator.sample(HEADERS, 4):
            rows += [header, *generator.choices(LINES, k=generator.randint(0, 3)), ""]
        rows.append("$$$$")
    Path("a.sdf").write_bytes((end.join(rows) + end).encode())
    right = [
        {name: mol.GetProp(name) for name in mol.GetPropNames()} for mol in chem.SDMolSupplier("a.sdf", sanitize=True)
    ]
    assert len(right) == 2 and all(right)
    for name in {*right[0], *right[1]}:
        records = list(read_records("a.sdf", "smiles", label_column=name))
        assert [one.id for one in records] == ["one", ">title <x>"]
        for record, properties in zip(records, right, strict=True):
            value = properties.get(name, "")
            # the space around each line is left out
            assert (record.label or "") == "\n".join(row.strip() for row in value.split("\n")).strip()


def test_a_dative_bond_in_sdf_is_written_as_one() -> None:
    mol = chem.MolFromSmiles(DATIVE[0])
    Path("a.sdf").write_text(chem.MolToV3KMolBlock(mol) + "> <NOTE>\n>95% by <HPLC>\n\n$$$$\n")
    (record,) = read_records("a.sdf", "smiles", label_column="NOTE")
    assert record.sequence == chem.MolToSmiles(chem.MolFromMolBlock(chem.MolToV3KMolBlock(mol)))
    assert "->" in record.sequence and record.label == ">95% by <HPLC>"


def test_lines_outside_of_properties_are_counted() -> None:
    mol = chem.MolToMolBlock(chem.MolFromSmiles("CCO"))
    Path("a.sdf").write_text(f"{mol}> <A>\nv\n\nstray\n\n> <B>\nw\n\n$$$$\n")
    records = read_records("a.sdf", "smiles", label_column="B")
    assert [one.label for one in records] == ["w"] and records.counts["lines outside of properties left out"] == 1

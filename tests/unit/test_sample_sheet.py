"""The page of written records: what is valid, repeated and known, drawings, genes, proteins, series; the command."""

import base64
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from cutaway import load_result
from cutaway.errors import InputError
from cutaway.evaluation import sample_sheet
from cutaway.evaluation.sample_sheet import PICTURES
from cutaway.generation import SampledRecord
from cutaway.tokens import train_tokenizer
from tests.unit.commands import run
from tests.unit.test_evaluation_losses import chain, gpt2
from tests.unit.test_evaluation_runs import folder_of


def sampled(*sequences):
    return [SampledRecord(i, one, i != 2, 9, -3.5, 40 + i) for i, one in enumerate(sequences, 1)]


def test_molecules_are_compared_by_what_they_are_not_by_their_spelling(tmp_path):
    pytest.importorskip("rdkit")
    (tmp_path / "train.csv").write_text("SMILES\nCCN\nc1ccccc1O\n")
    given = sampled("CCO", "OCC", "C1CC", None, "", "Oc1ccccc1", "CCN", "CC(C)(C)(C)C")
    sheet = sample_sheet(given, "m", "smiles", train_data=str(tmp_path / "train.csv"), column="SMILES")
    assert [one.valid for one in sheet.records] == [True, True, False, False, False, True, True, False]
    assert [one.same_as for one in sheet.records] == [None, 1, None, None, None, None, None, None]
    assert [one.known for one in sheet.records] == [False, False, None, None, None, False, True, None]
    assert "unclosed ring" in sheet.records[2].why and "valence" in sheet.records[7].why
    assert sheet.counts == {
        "written": 8, "valid": 4, "unfinished": 1, "repeated": 1, "known": 1, "train records": 2,
    }  # fmt: skip
    assert sheet.records[0].about == ["C2H6O", "46 g/mol", "log P −0.0"] and sheet.seed == 41
    assert load_result(sheet.save(tmp_path / "x.json")) == sheet


def test_a_drawing_is_an_image_that_holds_itself():
    pytest.importorskip("rdkit")
    sheet = sample_sheet(sampled("Clc1ccc(Br)cc1", "C1CC", *["CCO"] * PICTURES), "m", "smiles")
    first, broken, *rest = sheet.records
    head, _, data = first.picture.partition(",")
    assert head == "data:image/svg+xml;base64"
    root = ET.fromstring(base64.b64decode(data))  # noqa: S314  (RDKit wrote it)
    assert root.tag.endswith("svg") and {one.tag.rpartition("}")[2] for one in root.iter()} <= {"svg", "path", "rect"}
    assert not any("href" in name for one in root.iter() for name in one.attrib)
    assert broken.picture == "" and rest[-1].picture == "" and rest[0].picture


def test_genes_show_their_protein_and_their_frame():
    sheet = sample_sheet(sampled("ATGGCCTGGTAA", "GCCTAAGCC", "ATGN"), "m", "codon")
    assert [one.translation for one in sheet.records] == ["MAW*", "A*A", "M"]
    assert sheet.records[0].about == ["4 codons", "begins with ATG", "ends with TAA, a stop", "no stop inside"]
    assert sheet.records[1].about == ["3 codons", "begins with GCC", "ends with GCC, not a stop", "1 stop inside"]


def test_the_genetic_code_is_that_of_biopython():
    seq = pytest.importorskip("Bio.Seq")
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    found = sample_sheet(sampled("".join(codons)), "m", "codon").records[0].translation
    assert found == str(seq.Seq("".join(codons)).translate())


def test_proteins_and_dna_have_their_letters_beside_those_of_the_train_part(tmp_path):
    (tmp_path / "train.fa").write_text(">a\nMKKV\n>b\nAAAA\n")
    sheet = sample_sheet(sampled("MKRE", "MK1", "AAAA"), "m", "protein", train_data=[tmp_path / "train.fa"])
    assert [one.valid for one in sheet.records] == [True, False, True]
    assert [one.known for one in sheet.records] == [False, None, True]
    assert sheet.records[0].about == ["4 residues", "charge at pH 7 about +1"]
    assert sample_sheet(sampled("DD", "KD"), "m", "protein").records[1].about[1] == "charge at pH 7 about 0"
    assert sheet.letters["A"] == 4 / 11 and sheet.train_letters == {"A": 0.5, "K": 0.25, "M": 0.125, "V": 0.125}
    assert sample_sheet(sampled("ACGT", "GGGG"), "m", "dna").records[0].about == ["4 letters", "G and C 50%"]


def test_series_keep_their_numbers_and_texts_their_words():
    series = ([1.0, float("nan"), 3.0], [4.0, 5.0, 6.0])
    sheet = sample_sheet(sampled(series, None), "m", "series")
    assert sheet.records[0].values == [[1.0, None, 3.0], [4.0, 5.0, 6.0]] and not sheet.records[1].valid
    texts = sample_sheet(sampled("To be", "or not", "To be"), "m", "text")
    assert [one.sequence for one in texts.records] == ["To be", "or not", "To be"] and texts.records[2].same_as == 1


def test_the_command_writes_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("rdkit")
    tokenizer = train_tokenizer(["CCO", "CCN", "C1CC1"], "smiles")
    folder_of(gpt2(tokenizer), tmp_path / "model", {})
    (tmp_path / "train.smi").write_text("C one\nCC two\n")
    given = ("generate", "-m", "model", "--count", "12", "--max-new-tokens", "8")
    code, _, err = run(capsys, *given, "-o", "x.html", "--train-data", "train.smi")
    assert code == 0 and "of 12 records valid" in err and "in the train part" in err
    page = (tmp_path / "x.html").read_text()
    assert "cutaway.samples/1" in page
    for more, said in (
        (("-o", "x.smi", "--train-data", "train.smi"), "--train-data has no effect without a page"),
        (("-o", "y.html", "--train-data", "nowhere.smi"), "there is no file 'nowhere.smi'"),
        (("-o", "y.html", "--column", "x"), "--column has no effect without --train-data"),
    ):
        code, _, err = run(capsys, *given, *more)
        assert code == 2 and said in err, err
    code, _, err = run(capsys, "generate", "hello", "-m", "model", "--train-data", "train.smi")
    assert code == 2 and "--train-data has no effect without --count" in err
    assert not (tmp_path / "y.html").exists()


def test_bad_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        sample_sheet(sampled("CCO"), "m", "smiles", train_data="nowhere.smi")


def test_a_model_and_its_sheet_repeat_by_seed():
    from cutaway.generation import sample_records

    model = chain()[0]
    one, again = (sample_sheet(sample_records(9, model, seed=5), "m", "dna") for _ in range(2))
    assert one == again and one.counts["written"] == 9
    assert np.isclose(sum(one.letters.values()), 1)

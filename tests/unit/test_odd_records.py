"""Files as they lie about: odd but readable ones are read and what is odd is counted, others say what is wrong."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cutaway.errors import BadSequence, InputError, MissingText
from cutaway.sequences import CHECKS, read_alignment, read_contacts, read_records, seen_ids


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(name: str, content: str, alphabet: str = "text", **options):
    """Return a file's records, and what was counted besides them."""
    Path(name).write_text(content, encoding="utf-8")
    records = read_records(name, alphabet, **options)
    found = list(records)
    return found, {rule: n for rule, n in records.counts.items() if rule != "records" and n}


def refused(name: str, content: str, alphabet: str = "text", **options) -> str:
    with pytest.raises(BadSequence) as caught:
        read(name, content, alphabet, **options)
    return str(caught.value)


# GenBank


def test_lines_before_locus_are_counted_and_line_numbers_stay_right() -> None:
    pytest.importorskip("Bio")
    from tests.unit.test_records import GENBANK

    content = "A letter before it,\n\nof two lines.\n" + GENBANK + "\n" + GENBANK.replace("TEST", "BEST")
    found, counts = read("a.gb", content, "dna")
    assert [r.line for r in found] == [4, 30] and counts["lines before LOCUS left out"] == 2
    lines = content.splitlines()
    assert all(lines[r.line - 1].startswith("LOCUS") for r in found)
    genes, _ = read("a.gb", content, "codon", rename_duplicates=True)
    assert all(lines[r.line - 1].startswith("     CDS ") for r in genes) and len(genes) == 6
    assert "line 27, column 16 of" in refused("a.gb", content.replace("tgcnnn", "tgcnnx", 1), "dna")
    assert "line 1, column 1 of 'a.gb': a GenBank entry must begin with LOCUS" in refused("a.gb", ">x\nACGT\n", "dna")
    found, counts = read("a.gb", "no entry\n//\n" + GENBANK, "dna", skip_bad=True)
    assert len(found) == counts["skipped"] == 1


# Ids


def test_an_empty_id_counts_as_missing() -> None:
    found, _ = read("a.jsonl", '{"id": "", "text": "x"}\n{"id": " ", "text": "y"}\n{"id": null, "text": "z"}\n')
    assert [r.id for r in found] == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3"]
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"id": ["", "", "a"], "text": ["x", "y", "z"]}), "a.parquet")
    assert [r.id for r in read_records("a.parquet")] == ["a.parquet:1", "a.parquet:2", "a"]


def test_duplicates_may_be_renamed(monkeypatch) -> None:
    content = "CCO 0.5\nCCC 0.5\nCCN 0.5/2\nCCS 0.5\nO x\nN x\n"
    assert "line 2, column 1 of 'a.smi': there is already a record '0.5'" in refused("a.smi", content)
    assert "`rename_duplicates=True`" in refused("a.smi", content)
    found, counts = read("a.smi", content, rename_duplicates=True)
    assert [r.id for r in found] == ["0.5", "0.5/2", "0.5/2/2", "0.5/3", "x", "x/2"]
    assert counts == {"duplicate ids renamed": 4}
    monkeypatch.setattr("cutaway.sequences.records._COPIES", 1)  # forgetting costs time, and no id
    again, _ = read("a.smi", content, rename_duplicates=True)
    assert [r.id for r in again] == [r.id for r in found]
    many, counts = read("a.smi", "C same\n" * 5000, rename_duplicates=True)
    assert len({r.id for r in many}) == 5000 and many[-1].id == "same/5000"


def test_records_without_an_id_on_one_line_get_different_ids(monkeypatch) -> None:
    from cutaway.sequences.readers import READERS, Raw

    def reader(wanted):
        yield from (Raw(None, letters, None, line, str) for letters, line in (("A", 1), ("B", 1), ("C", 1), ("D", 2)))

    monkeypatch.setitem(READERS, "txt", reader)
    found, _ = read("a.txt", "x")
    assert [r.id for r in found] == ["a.txt:1", "a.txt:1/2", "a.txt:1/3", "a.txt:2"]


@pytest.mark.nightly
def test_memory_for_ids_is_that_of_their_hashes(monkeypatch) -> None:
    monkeypatch.setattr(seen_ids, "_RECENT", 1 << 12)
    monkeypatch.setattr(seen_ids, "_MOST", 1 << 18)
    seen = seen_ids.SeenIds()
    tracemalloc.start()
    try:
        assert all(seen.add(str(number)) for number in range(1 << 18))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen.full and peak < 1.4 * 8 * (1 << 18)


# JSON lines


def test_a_number_of_too_many_digits_is_an_error_in_its_line() -> None:
    content = '{"text": "a"}\n{"text": ' + "7" * 5000 + '}\n{"text": "b"}\n'
    assert "line 2, column 1 of 'a.jsonl': cannot read this JSON" in refused("a.jsonl", content)
    found, counts = read("a.jsonl", content, skip_bad=True)
    assert [r.sequence for r in found] == ["a", "b"] and counts == {"skipped": 1}


def test_half_of_a_surrogate_pair_is_refused() -> None:
    said = refused("a.jsonl", '{"text": "nai\u0308ve\\ud83d!"}\n')
    assert "line 1, column 'text', letter 7 of 'a.jsonl'" in said and "surrogate" in said
    assert "surrogate" in refused("a.jsonl", '{"id": "\\udc00", "text": "x"}\n')
    assert "surrogate" in refused("a.jsonl", '{"kind": "\\udc00", "text": "x"}\n', label_column="kind")
    found, _ = read("a.jsonl", '{"id": "\\ud83d\\ude00", "text": "\\ud83d\\ude00"}\n')
    assert (found[0].id, found[0].sequence) == ("\U0001f600", "\U0001f600")


def test_the_key_of_the_sequence_is_chosen_once() -> None:
    content = '{"seq": "ACGT"}\n{"seq": "GG", "sequence": "TT"}\n{"sequence": "CC"}\n'
    assert "line 3, column 1 of 'a.jsonl': there is no column 'seq'" in refused("a.jsonl", content, "dna")
    found, counts = read("a.jsonl", content, "dna", skip_bad=True)
    assert [r.sequence for r in found] == ["ACGT", "GG"] and counts == {"skipped": 1}


# Names of files


def test_a_sequence_given_as_a_file_name_is_refused_with_a_hint() -> None:
    for name in ("ACGT" * 200, "ACGT\n" * 3):
        with pytest.raises(InputError, match="there is no file 'ACGT") as caught:
            read_records(name, "dna")
        assert len(caught.value.message) < 120 and "printf 'ACGT' | cutaway records -" in (caught.value.hint or "")


class Piped(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def test_a_pipe_is_read_if_its_format_is_given(monkeypatch) -> None:
    with pytest.raises(InputError, match="needs a format") as caught:
        read_records("-", "dna")
    assert "`format`: txt, " in (caught.value.hint or "")
    Path("b.fa").write_text(">b\nGG\n")
    for data in (b">a\nACGT\n>\nTT\n", gzip.compress(b">a\nACGT\n>\nTT\n")):
        monkeypatch.setattr(sys, "stdin", Piped(data))
        found = list(read_records(["-", "b.fa"], "dna", format="fasta"))
        assert [(r.id, r.sequence, r.file) for r in found] == [
            ("a", "ACGT", "-"), ("stdin:3", "TT", "-"), ("b", "GG", "b.fa"),
        ]  # fmt: skip
    monkeypatch.setattr(sys, "stdin", Piped(b">a\nACE\n"))
    with pytest.raises(BadSequence, match="line 2, column 3 of '-'"):
        list(read_records("-", "dna", format="fasta"))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(MissingText, match="nothing is piped in"):
        list(read_records("-", "dna", format="fasta"))


def test_a_pipe_of_a_format_that_a_library_opens(monkeypatch) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"text": ["x", "y"]}), "a.parquet")
    monkeypatch.setattr(sys, "stdin", Piped(Path("a.parquet").read_bytes()))
    assert [r.sequence for r in read_records("-", format="parquet")] == ["x", "y"]


def test_the_command_takes_a_pipe_and_renames(monkeypatch) -> None:
    from cutaway.cli import cli

    done = CliRunner().invoke(
        cli, ["records", "-", "--format", "smi", "--rename-duplicates", "--json"], input="C x\nO x\n"
    )
    assert done.exit_code == 0
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["x", "x/2"]


def test_the_commands_name_the_alphabets_that_there_are() -> None:
    from cutaway.cli import records, tokenizer

    assert list(CHECKS) == list(records.ALPHABETS) == list(tokenizer._ALPHABETS)


# FASTA


def test_fasta_without_a_header_is_not_kept_in_memory() -> None:
    with Path("a.fa").open("w") as file:
        file.writelines("ACGT" * 20 + "\n" for _ in range(200_000))
        file.write(">x\nTT\n")
    tracemalloc.start()
    try:
        records = read_records("a.fa", "dna", skip_bad=True)
        assert [(r.sequence, r.line) for r in records] == [("TT", 200_001)] and records.counts["skipped"] == 1
        assert "line 1, column 1 of" in records.first_skipped[0]
        with pytest.raises(BadSequence, match="line 1, column 1"):
            next(read_records("a.fa", "dna"))
        assert tracemalloc.get_traced_memory()[1] < 9_000_000
    finally:
        tracemalloc.stop()


def test_comments_of_old_fasta() -> None:
    content = "; on top\n>x a;b\n; of x\nAC\n;more\nGT\n>y\nT\n"
    found, counts = read("a.fsa", content, "dna")
    assert [(r.id, r.sequence, r.line) for r in found] == [("x", "ACGT", 2), ("y", "T", 7)]
    assert counts == {"comment lines": 3}
    assert "line 6, column 2 of" in refused("a.fa", content.replace("GT", "GE"), "dna")
    assert "line 8, column 1 of" in refused("a.fa", content.replace("\nT\n", "\nE\n"), "dna")
    assert "line 2, column 3 of" in refused("a.fa", "; on top\n  ACGT\n>x\nT\n", "dna")
    for end in (">x\nAC\n;last\n", ">x\nAC\n;last"):
        assert read("a.fa", end, "dna")[0][0].sequence == "AC"


def test_fasta_in_a_text_file_is_reported() -> None:
    said = refused("a.txt", ">x\nACGT\n", "dna")
    assert "'>' is not a letter of dna" in said and "`format='fasta'`" in said
    assert "`format='fasta'`" in refused("a.txt", ">x\nMK\n", "protein")


# Molecules


def test_smi_with_commas_and_comments() -> None:
    content = "# made by hand\nsmiles,name\nCCO,ethanol, pure\nO, water\nN,\nC methane, a gas\n"
    found, counts = read("a.smi", content)
    assert [(r.id, r.sequence) for r in found] == [
        ("ethanol, pure", "CCO"), ("water", "O"), ("a.smi:5", "N"), ("methane, a gas", "C"),
    ]  # fmt: skip
    assert counts == {"comment lines": 1, "header lines left out": 1}


def test_a_column_of_canonical_smiles_is_found() -> None:
    pytest.importorskip("rdkit")
    found, _ = read("a.csv", "chembl_id,Canonical_SMILES,text\nC1,CCO,x\n", "smiles")
    assert found[0].sequence == "CCO"


@pytest.fixture
def block():
    chem = pytest.importorskip("rdkit.Chem")
    return chem.MolToMolBlock(chem.MolFromSmiles("CCO"))


def test_labels_of_sdf_may_be_missing_or_of_several_lines(block: str) -> None:
    some = f"{block}> <bp>\n78\n\n$$$$\n{block}> <bp>\n79\n\n>  1 <mp> (x)\n-114\n  about\n\n$$$$\n{block}$$$$\n"
    found, counts = read("a.sdf", some, "smiles", label_column="mp")
    assert [r.label for r in found] == [None, "-114\nabout", None] and counts["missing labels"] == 2
    assert "there is no column 'x'" in refused("a.sdf", some, "smiles", label_column="x")
    assert "the columns are 'bp', 'mp'" in refused("a.sdf", some, "smiles", label_column="x")
    found, counts = read("a.sdf", some, "smiles", label_column="x", skip_bad=True)
    assert [r.label for r in found] == [None] * 3 and counts["skipped"] == 1


def test_conformers_of_one_title(block: str) -> None:
    same = f"ethanol{block}$$$$\n" * 2
    assert "already a record 'ethanol'" in refused("a.sdf", same, "smiles")
    assert [r.id for r in read("a.sdf", same, "smiles", rename_duplicates=True)[0]] == ["ethanol", "ethanol/2"]


# Contacts and alignments


@pytest.mark.parametrize(
    "content",
    [
        "1 3\n",
        "1,3\n",
        "1;3\n",
        "i\tj\n1\t3\n",
        "res1, res2\n1, 3\n",
        "# i j\n1 3\n\n",
        '"i","j"\n3,1\n',
        "  1   3  \n",
    ],
)
def test_pairs_of_contacts_as_they_are_written(content: str) -> None:
    Path("a.csv").write_text(content)
    assert np.argwhere(read_contacts("a.csv", 4)).tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1,O9\n2,8\n3,9\n", "line 1: '1,O9' is not"),
        ("1,3\n2,\n", "line 2: '2,' is not 2 numbers"),
        ("i,j,score\n1,3,0.5\n2,4,0.1\n", "has 3 columns"),
        ("1 2 3\n", "has 3 columns"),
    ],
)
def test_bad_contact_files_are_refused(content: str, words: str) -> None:
    Path("a.csv").write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        read_contacts("a.csv", 9)
    assert "two" in (caught.value.hint or "")


def test_unknown_values_are_not_contacts() -> None:
    Path("a.csv").write_text("-1 -1 1\n-1 -1 0\n1 0 -1\n")
    assert np.argwhere(read_contacts("a.csv", 3)).tolist() == [[0, 2], [2, 0]]


def test_alignments_of_other_formats_are_named() -> None:
    for name, content in (("Stockholm", "# STOCKHOLM 1.0\nx ACG\n//\n"), ("Clustal", "CLUSTAL W (1.8)\n\nx ACG\n")):
        Path("a.sto").write_text(content)
        with pytest.raises(InputError, match=f"is in {name} format; only FASTA") as caught:
            read_alignment("a.sto")
        assert "convert it" in (caught.value.hint or "")


def test_a_stop_at_the_end_of_every_row_is_not_a_column() -> None:
    Path("a.fa").write_text(">x\nMK-*\n>y\nMKV*\n")
    assert read_alignment("a.fa") == [("x", "MK-"), ("y", "MKV")]
    Path("a.fa").write_text(">x\nMKL*\n>y\nMKVA\n")
    assert read_alignment("a.fa") == [("x", "MKL*"), ("y", "MKVA")]


def test_two_molecules_without_a_separator_are_refused() -> None:
    chem = pytest.importorskip("rdkit.Chem")
    first, second = (chem.MolToMolBlock(chem.MolFromSmiles(smiles)) for smiles in ("CCO", "CN"))
    assert "this molecule is not ended by '$$$$'" in refused("a.sdf", first + second, "smiles")
    found, counts = read("a.sdf", f"{first}$$$$\n{first}{second}$$$$\n{second}", "smiles", skip_bad=True)
    assert [record.sequence for record in found] == ["CCO", "CN"] and counts["skipped"] == 1


@pytest.mark.parametrize(
    ("alphabet", "first", "name"),
    [("dna", "ACGT", "gene"), ("protein", "MKV", "peptide"), ("smiles", "CC(=O)O", "drug"), ("dna", "ACNNGT", "READ")],
)
def test_a_table_without_a_header_loses_no_row(alphabet: str, first: str, name: str) -> None:
    if alphabet == "smiles":
        pytest.importorskip("rdkit")
    said = refused("a.csv", f"{first}\n{first}\n", alphabet)
    assert f"{first!r} looks like a sequence, not like the name of a column" in said and f"`column={first!r}`" in said
    assert len(read("a.csv", f"{name}\n{first}\n{first}\n", alphabet)[0]) == 2
    assert len(read("a.csv", f"{first}\n{first}\n", alphabet, column=first)[0]) == 1
    assert len(read("a.csv", f"{first}\n{first}C\n", alphabet, format="txt")[0]) == 2


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_of_numbers_without_a_header_loses_no_row(mark: str) -> None:
    rows = [f"0.5{mark}1", f"1.5{mark}2", f"2.5{mark}3"]
    assert "these are numbers, not names of columns" in refused("a.csv", "\n".join(rows), "series")
    [record], _ = read("a.csv", "\n".join([f"x{mark}y", *rows]), "series")
    assert [list(channel) for channel in record.sequence] == [[0.5, 1.5, 2.5], [1, 2, 3]]
    [record], _ = read("a.csv", "\n".join([f"1990{mark}1991", *rows]), "series", column=["1991"])
    assert [list(channel) for channel in record.sequence] == [[1, 2, 3]]


def test_two_columns_of_one_name_are_refused() -> None:
    assert "column 'a' of 'a.csv': 2 columns have this name" in refused("a.csv", "a,a\n1,2\n", "series", column="a")
    assert len(read("a.csv", "a,a\n1,2\n", "series")[0][0].sequence) == 2

"""Bad files: the error names file, line and column in a line or two, says what to do; skip_bad counts and goes on."""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from cutaway.errors import BadSequence, InputError, MissingText
from cutaway.extras import install_line
from cutaway.sequences import read_records


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def says(name: str, content: str | bytes, alphabet: str, *words: str, **options) -> BadSequence:
    """Write a file and read it: the error names it and has the words."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadSequence) as caught:
        list(read_records(name, alphabet, **options))
    message, hint = caught.value.message, caught.value.hint or ""
    assert repr(name) in message and hint
    assert "\n" not in message + hint and len(message) < 400 and len(hint) < 400
    for word in words:
        assert word in f"{message}\n{hint}"
    return caught.value


def skipped(name: str, alphabet: str, **options) -> tuple[list[str], int]:
    """Read the same with skip_bad: the sequences that are left, and how many were skipped, which were noted."""
    records = read_records(name, alphabet, skip_bad=True, **options)
    left = [record.sequence for record in records]
    assert len(records.first_skipped) == min(5, records.counts["skipped"])
    assert all(repr(name) in place for place in records.first_skipped)
    assert records.counts["records"] == len(left)
    return left, records.counts["skipped"]


def skipped_of(names: list[str], **options) -> tuple[list[str], int]:
    records = read_records(names, skip_bad=True, **options)
    return [record.sequence for record in records], records.counts["skipped"]


@pytest.mark.parametrize(
    ("name", "content", "alphabet", "words", "left"),
    [
        # letters
        ("a.fa", ">x\nACGT\nACE\n>y\nTT\n", "dna", ["line 3, column 3", "'E'", "(record 'x')", "protein"], ["TT"]),
        ("a.fa", ">x\nAC GT\r\nA  CJ\n>y\nT\n", "dna", ["line 3, column 5 of", "'J'"], ["T"]),
        ("a.fa", ">y\nT\n>p\n\n\nMKé\n", "protein", ["line 6, column 3 of", "'é'"], ["T"]),
        ("a.fa", ">x\n>y\nT\n", "dna", ["line 1, column 1 of", "the sequence is empty", "(record 'x')"], ["T"]),
        ("a.txt", "ACGT\n  AC1\n", "dna", ["line 2, column 5 of", "'1'"], ["ACGT"]),
        ("a.csv", "id,seq\nx,ACE\ny,T\n", "dna", ["line 2, column 'seq', letter 3 of", "'E'", "(record 'x')"], ["T"]),
        ("a.csv", "id,seq\nx,\ny,T\n", "dna", ["line 2, column 'seq', letter 1 of", "the sequence is empty"], ["T"]),
        ("a.jsonl", '{"dna": "AC"}\n{"dna": "ACE"}\n', "dna", ["line 2, column 'dna', letter 3 of", "'E'"], ["AC"]),
        ("a.fq", "@x\nACE\n+\nIII\n@y\nT\n+\nI\n", "dna", ["line 2, column 3 of", "'E'"], ["T"]),
        ("a.fa", ">x\nATGA-G\n>y\nATG\n", "codon", ["line 2, column 5 of", "'-'", "gaps"], ["ATG"]),
        # records
        ("a.fa", "ACGT\nAC\n>y\nTT\n", "dna", ["line 1, column 1 of", "must begin with '>'", ">name"], ["TT"]),
        ("a.fa", "\n\n  AC\n>y\nTT\n", "dna", ["line 3, column 3 of", "must begin with"], ["TT"]),
        ("a.fa", ">x\nA\n>y\nC\n>x again\nG\n", "dna", ["line 5, column 1", "record 'x'", "unique"], ["A", "C"]),
        ("a.csv", "id,dna\nx,A\nx,C\n", "dna", ["line 3, column 1 of", "already a record 'x'"], ["A"]),
        ("a.jsonl", '{"id": 1, "dna": "A"}\n{"id": "1", "dna": "C"}\n', "dna", ["line 2", "record '1'"], ["A"]),
        ("a.fq", "ACGT\n@y\nT\n+\nI\n", "dna", ["line 1, column 1 of", "must begin with '@'"], ["T"]),
        ("a.fq", "@x\nACGT\n+\nII\n@y\nT\n+\nI\n", "dna", ["line 4", "2 qualities for 4 letters"], ["T"]),
        ("a.fq", "@y\nT\n+\nI\n@x\nACGT\n+\nIIIII\n@z\nG\n+\nI\n", "dna", ["line 8", "5 qualities for 4"], ["T", "G"]),
        ("a.fq", "@y\nT\n+\nI\n@x\nACGT\n", "dna", ["line 5, column 1 of", "ends inside"], ["T"]),
        ("a.fq", "@y\nT\n+\nI\n@x\nACGT\n+\n", "dna", ["line 8", "0 qualities for 4 letters"], ["T"]),
        ("a.csv", "dna,n\nA,1\nC\nG,1,2\nT,2\n", "dna", ["line 3, column 1", "1 cell, but the header"], ["A", "T"]),
        ("a.csv", 'dna,n\nA,1\n"C"x,2\nT,2\n', "dna", ["line 3", "not a row of a table"], ["A", "T"]),
        ("a.csv", 'dna,n\nA,1\n"C,2\nT,2\n', "dna", ["line 3", "not a row", "never closed"], ["A", "T"]),
        ("a.jsonl", '{"dna": "A"}\n{"dna": \n{"dna": "T"}\n', "dna", ["line 2, column 9", "not valid"], ["A", "T"]),
        ("a.jsonl", '{"dna": "A"}\n{"rna": "A", "x": 1}\n', "dna", ["line 2", "no column 'dna'", "'rna', 'x'"], ["A"]),
        ("a.jsonl", '{"dna": "A"}\n{"dna": 7}\n[1]\n', "dna", ["line 2, column 'dna'", "text, got int"], ["A"]),
        ("a.jsonl", "[" * 100_000 + "\n" + '"A"\n', "dna", ["line 1", "nested"], ["A"]),
        # encoding
        ("a.txt", b"one\ncaf\xe9\ntwo\n", "text", ["line 2, column 4 of", "0xe9", "iconv"], ["one", "two"]),
        ("a.fa", b">x\nAC\n>\xe9\nAC\n>y\nT\n", "dna", ["line 3, column 2 of", "0xe9"], ["AC", "T"]),
        ("a.fa", b">x\nA\n>z\nAC\xe9\n>y\nT\n", "dna", ["line 4, column 3 of", "0xe9"], ["A", "T"]),
        ("a.csv", b"text,n\none,1\ncaf\xe9,2\ntwo,3\n", "text", ["line 3, column 4 of", "0xe9"], ["one", "two"]),
        ("a.txt", "é\nb".encode("utf-16"), "text", ["line 1, column 1 of", "UTF-16", "iconv -f UTF-16"], []),
        ("a.txt", "ab\nb".encode("utf-16-le"), "text", ["line 1, column 2 of", "0x00", "iconv -f UTF-16"], []),
        ("a.fa", b">x\nAC\n>y\nG\n\x00\x01", "dna", ["line 5, column 1 of", "0x00"], ["AC"]),
        ("a.txt", b"BZh91AY", "text", ["line 1, column 1 of", "bunzip2"], []),
        ("a.txt", b"PK\x03\x04", "text", ["line 1, column 1 of", "unzip"], []),
    ],
)  # fmt: skip
def test_bad_records(name: str, content: str | bytes, alphabet: str, words: list[str], left: list[str]) -> None:
    says(name, content, alphabet, *words)
    if left:
        found, count = skipped(name, alphabet)
        assert found == left and count >= 1
    else:
        with pytest.raises(MissingText, match=r"no record of .* could be used: 1 was skipped") as caught:
            skipped(name, alphabet)
        assert words[0] in str(caught.value)  # it says why


def test_skipping_counts_every_one_and_keeps_the_first_five() -> None:
    Path("a.fa").write_text("".join(f">{i}\n{'E' if i % 2 else 'A'}\n" for i in range(20)))
    records = read_records("a.fa", "dna", skip_bad=True)
    assert len(list(records)) == 10 and records.counts["skipped"] == 10
    assert [place.split(" of ")[0] for place in records.first_skipped] == [
        f"line {4 * i}, column 1" for i in range(1, 6)
    ]
    assert "ambiguity codes" not in records.counts  # what a skipped record changed is none of the others' business


@pytest.mark.parametrize("alphabet", ["text", "dna"])
def test_a_gz_that_was_cut_in_half(alphabet: str) -> None:
    rng = np.random.default_rng(0)
    rows = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(40_000)]
    whole = gzip.compress("".join(f">{i}\n{row}\n" for i, row in enumerate(rows)).encode())
    error = says("a.fa.gz", whole[: len(whole) // 2], alphabet, "truncated", "gzip -t")
    line = int(error.message.removeprefix("line ").partition(", ")[0].replace(",", ""))
    assert abs(line - 40_000) < 1000  # half of the 80,000 lines
    found, count = skipped("a.fa.gz", alphabet)
    assert count == 1 and found == rows[: len(found)] and line // 2 - 1 <= len(found) <= line // 2
    Path("b.fa").write_text(">z\nACGT\n")
    records = read_records(["a.fa.gz", "b.fa"], alphabet, skip_bad=True)
    assert [record.id for record in records][-1] == "z"  # and goes on with the next file


def test_a_damaged_gz_or_one_with_other_data_after_it_is_refused() -> None:
    packed = bytearray(gzip.compress(b">x\nACGT\n" * 1))
    says("a.fa.gz", bytes(packed) + b"trailing", "dna", "the .gz file is damaged")
    packed[-6] ^= 1  # in the checksum
    says("a.fa.gz", bytes(packed), "dna", "the .gz file is damaged", "gzip -t")


def test_a_gz_of_several_members_or_with_zeros_at_the_end_is_read() -> None:
    members = [gzip.compress(f">{i}\nAC\nGT\n".encode()) for i in range(50)]
    Path("a.fa.gz").write_bytes(b"".join(members) + bytes(512))
    assert len(list(read_records("a.fa.gz", "dna"))) == 50
    Path("b.fa.gz").write_bytes(gzip.compress(b">x\n" + b"A" * 5_000_000))  # a thousand to one
    (record,) = read_records("b.fa.gz", "dna")
    assert record.sequence == "A" * 5_000_000


@pytest.mark.parametrize(
    ("name", "packed"), [("a.fa", False), ("a.txt", False), ("a.csv", False), ("a.parquet", False), ("a.fa.gz", True)]
)
def test_an_empty_file(name: str, packed: bool) -> None:
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    Path(name).write_bytes(gzip.compress(b"") if packed else b"")
    with pytest.raises(MissingText, match=rf"'{name}'"):
        list(read_records(name))
    Path("b.txt").write_text("one\n")
    records = read_records([name, "b.txt"], skip_bad=True)
    assert len(list(records)) == 1 and records.counts["skipped"] == 1
    assert name in records.first_skipped[0]


@pytest.mark.parametrize("content", ["\n\n", " \n", "\ufeff"])
def test_a_file_of_only_white_space_is_refused(content: str) -> None:
    for name in ("a.txt", "a.fa", "a.fq", "a.jsonl", "a.smi"):
        Path(name).write_text(content, encoding="utf-8")
        with pytest.raises(MissingText, match="has no records"):
            list(read_records(name))


def test_a_directory_and_a_file_that_is_not_there() -> None:
    Path("folder").mkdir()
    Path("b.txt").write_text("one\n")
    with pytest.raises(BadSequence, match="'folder' is a directory"):
        list(read_records(["b.txt", "folder"]))
    records = read_records(["folder", "b.txt"], skip_bad=True)
    assert len(list(records)) == 1 and records.counts["skipped"] == 1 and "folder" in records.first_skipped[0]
    for name in ("absent.fa", "nul\0name.fa"):
        with pytest.raises(InputError, match="there is no file") as caught:
            read_records(["b.txt", name], skip_bad=True)
        assert not isinstance(caught.value, BadSequence)


# Tables


def test_a_table_without_the_column() -> None:
    content = "smiles,activity\nCCO,1\n"
    says("a.csv", content, "text", "line 1", "no column 'SMILES'", "'smiles', 'activity'", column="SMILES")
    says("a.csv", content, "text", "no column 'label'", "'smiles', 'activity'", label_column="label", column="smiles")
    says("a.csv", content, "dna", "which column", "'smiles', 'activity'", "`column=NAME`")
    many = ",".join(f"column{i}" for i in range(1000)) + "\n"
    says("a.csv", many, "dna", "'column11' and 988 more", column="x")
    says("a.jsonl", '{"a": "x"}\n', "text", "line 1", "no column 'b'", "'a'", column="b")
    says("a.jsonl", '{"text": "x"}\n', "text", "line 1", "no column 'b'", "'text'", label_column="b")
    Path("b.csv").write_text("x\nACGT\n")
    assert skipped_of(["a.csv", "b.csv"], column="x") == (["ACGT"], 1)


def test_bad_parquet_files_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    says("a.parquet", b"PAR1 and no more", "text", "not a complete Parquet file")
    parquet.write_table(pa.table({"a": ["x" * 50] * 1000, "n": [1] * 1000}), "b.parquet")
    data = Path("b.parquet").read_bytes()
    says("c.parquet", data[: len(data) // 2], "text", "not a complete Parquet file")
    says("d.parquet", gzip.compress(data)[:-20], "text", "truncated or damaged", format="parquet")
    says("e.parquet", data, "text", "no column 'x'", "'a', 'n'", column="x")
    says("e.parquet", data, "text", "line 1, column 'n'", "expected text, got int", column="n")
    parquet.write_table(pa.table({"x": [1.0, math.inf]}), "f.parquet")
    says("f.parquet", Path("f.parquet").read_bytes(), "series", "line 2, column 'x'", "inf")


# Numbers


@pytest.mark.parametrize("said", ["inf", "-inf", "1e999", "abc", "1_0"])
def test_bad_numbers_are_refused(said: str) -> None:
    files = {
        "a.csv": (f"t,wind\nx,1\ny,{said}\n", f"line 3, column 'wind' of 'a.csv': '{said}' is not a finite number"),
        "a.txt": (f"1 2\n3   {said}\n", f"line 2, column 5 of 'a.txt': '{said}' is not a finite number"),
        "a.jsonl": (
            f'[1]\n[1, "{said}"]\n',
            f"line 2, column 'sequence' of 'a.jsonl': {said!r} is not a finite number",
        ),
    }
    for name, (content, message) in files.items():
        assert says(name, content, "series", "`skip_bad=True`").message == message
        records = read_records(name, "series", skip_bad=True)
        numbers = [x for record in records for channel in record.sequence for x in channel]
        assert sum(map(math.isnan, numbers)) == 1
        assert records.counts["bad numbers to missing"] == records.counts["missing numbers"] == 1
        assert records.first_skipped == [message]


@pytest.mark.parametrize("said", ["Infinity", "-Infinity", "true", "1e999", "{}", '"x"'])
def test_json_values_that_are_not_numbers_are_refused(said: str) -> None:
    says("a.jsonl", f'{{"series": [1, {said}]}}\n', "series", "line 1, column 'series' of", "not a finite number")


def test_series_of_other_shapes() -> None:
    says("a.txt", "1 2\n3\n", "series", "line 2, column 1 of", "1 number, but 2 in the lines")
    says("a.jsonl", '{"series": [[1, 2], [1]]}\n', "series", "line 1", "different lengths: 2, 1")
    says(
        "a.jsonl", '{"series": "1 2"}\n', "series", "line 1, column 'series' of", "expected a list of numbers, got str"
    )
    says("a.jsonl", '{"series": []}\n', "series", "line 1", "no numbers")
    says("a.csv", "a,b\nx,y\n", "series", "line 2", "no column has a number in its first row", "'a', 'b'")


# Molecules


def test_a_smiles_that_rdkit_refuses() -> None:
    pytest.importorskip("rdkit")
    says("a.smi", "CCO ethanol\n CC(C bad\n", "smiles", "line 2, column 4 of", "'CC(C'", "extra open", "(record 'bad')")
    assert skipped("a.smi", "smiles") == (["CCO"], 1)
    says("a.csv", "smiles\nCC(C)(C)(C)C\n", "smiles", "line 2, column 'smiles', letter 2 of", "valence")


def test_bad_molecules_are_refused() -> None:
    chem = pytest.importorskip("rdkit.Chem")
    block = chem.MolToMolBlock(chem.MolFromSmiles("CCO"))
    broken = block.replace("  3  2", "  9  2")
    says("a.sdf", f"{block}$$$$\n{broken}$$$$\n", "smiles", "line 19", "RDKit refuses this molecule")
    assert skipped("a.sdf", "smiles") == (["CCO"], 1)
    says("a.sdf", f"{block}$$$$\n{block[:100]}", "smiles", "line 12, column 1 of", "ends inside this molecule")
    says("a.sdf", f"{block}> <mp>\n1\n\n$$$$\n", "smiles", "no column 'bp'", "'mp'", label_column="bp")


# GenBank


def test_bad_genbank_files_are_refused(capfd) -> None:
    pytest.importorskip("Bio")
    from tests.unit.test_records import GENBANK

    says(
        "a.gb",
        GENBANK + GENBANK.replace("TEST", "BEST")[:-20],
        "dna",
        "line 26, column 1 of",
        "does not end",
        "truncated",
    )
    assert len(skipped("a.gb", "dna")[0]) == 1
    says("a.gb", ">x\nACGT\n//\n", "dna", "line 1, column 1 of", "LOCUS")
    says("a.gb", GENBANK.replace("join(4..9", "join(X1.1:4..9"), "codon", "line 9, column 22 of", "cannot be spliced")
    # The line and column of a letter in the sequence itself, whose sixty letters a line stand in groups of ten.
    says("a.gb", GENBANK.replace("tgcnnn", "tgcnnx"), "dna", "line 24, column 16 of", "'X'")
    says("a.gb", GENBANK.replace(" DNA ", " aa  ").replace("66 bp", "66 aa"), "codon", "line 1")
    assert capfd.readouterr() == ("", "")


# Trajectories


@pytest.mark.parametrize("kind", ["xtc", "dcd"])
@pytest.mark.parametrize("atoms", [5, 12])
def test_a_trajectory_that_was_cut_short(kind: str, atoms: int, capfd) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    opener = {"xtc": mdtraj.formats.XTCTrajectoryFile, "dcd": mdtraj.formats.DCDTrajectoryFile}[kind]
    with opener(f"a.{kind}", "w", force_overwrite=True) as file:
        file.write(np.random.default_rng(0).normal(size=(9, atoms, 3)).astype(np.float32))
    data, name = Path(f"a.{kind}").read_bytes(), f"b.{kind}"
    assert len(next(read_records(f"a.{kind}", "series")).sequence[0]) == 9
    for cut in (len(data) // 2, len(data) - 1, len(data) - 30):
        error = says(name, data[:cut], "series", "truncated", "`skip_bad=True`")
        frame = int(error.message.split("line ")[1].split(",")[0])
        records = read_records(name, "series", skip_bad=True)
        (record,) = records
        assert len(record.sequence[0]) == frame - 1 and records.counts["skipped"] == 1
    says(name, b"this is no trajectory" * 20, "series", f"cannot read this as .{kind}")
    says(name, b"1", "series", f"of {name!r}")
    assert capfd.readouterr().out.count("dcdplugin") <= 2 * (kind == "dcd")  # of the writer above


def test_an_xtc_frame_that_would_lead_mdtraj_astray() -> None:
    mdtraj = pytest.importorskip("mdtraj")
    with mdtraj.formats.XTCTrajectoryFile("a.xtc", "w", force_overwrite=True) as file:
        file.write(np.random.default_rng(0).normal(size=(1, 12, 3)).astype(np.float32))
    data = bytearray(Path("a.xtc").read_bytes())
    data[87] = 200  # the size of small differences: an index into a table of 73
    says("a.xtc", bytes(data), "series", "frame 1 is damaged")


def test_a_trajectory_without_what_it_needs(monkeypatch) -> None:
    pytest.importorskip("mdtraj")
    Path("a.xtc").write_bytes(b"x")
    with pytest.raises(InputError, match=r"stores no atom names, so 'name CA' cannot be resolved") as caught:
        list(read_records("a.xtc", "series", column="name CA"))
    assert "a.pdb" in (caught.value.hint or "")
    says(
        "a.pdb",
        "MODEL        1\nATOM      1  CA  ALA A   1       1.000   2.000   3.000\n",
        "series",
        "does not end with ENDMDL",
    )
    says(
        "a.pdb",
        "ATOM      1  CA  ALA A   1       1.000     nan   3.000\n",
        "series",
        "line 1, column 39 of",
        "'     nan'",
    )


# What is asked for


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (("a.fa", "klingon"), {}, "no alphabet 'klingon'"),
        (("a.fa", "dna"), {"format": "excel"}, "no format 'excel'"),
        (([], "dna"), {}, "no file was given"),
        (("a.fa", "series"), {}, "cannot hold series"),
        (("a.fa", "dna"), {"column": "x"}, "no columns"),
        (("a.fa", "dna"), {"label_column": "x"}, "no label 'x'"),
        (("a.txt", "dna"), {"label_column": "x"}, "no labels"),
        (("a.csv", "dna"), {"column": ["x", "y"]}, "one column, not 2"),
        (("a.pdb", "protein"), {}, "coordinates"),
    ],
)
def test_what_can_not_be_asked_for(args, options, message: str) -> None:
    for name in ("a.fa", "a.txt", "a.csv", "a.pdb"):
        Path(name).write_text("x")
    with pytest.raises(InputError, match=message) as caught:
        read_records(*args, **options)
    assert caught.value.hint and not isinstance(caught.value, BadSequence)


@pytest.mark.parametrize(
    ("name", "library", "alphabet"),
    [
        ("a.gb", "Bio", "dna"), ("a.parquet", "pyarrow", "text"), ("a.sdf", "rdkit", "text"),
        ("a.xtc", "mdtraj", "series"), ("a.smi", "rdkit", "smiles"),
    ],
)  # fmt: skip
def test_a_library_that_is_missing(name: str, library: str, alphabet: str, monkeypatch) -> None:
    from cutaway.sequences.alphabets import smiles

    smiles.reader.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    Path(name).write_text("x")
    with pytest.raises(InputError, match="not installed") as caught:
        read_records(name, alphabet, skip_bad=True)
    assert install_line("science") in (caught.value.hint or "")
    smiles.reader.cache_clear()


def test_importing_the_room_imports_none_of_them() -> None:
    import subprocess

    code = "import sys, json, cutaway.sequences; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"Bio", "rdkit", "mdtraj", "pyarrow", "torch"} & set(loaded)


# The command


@pytest.fixture
def run(capsys):
    def command(*args: str) -> tuple[int, str, str]:
        from cutaway.cli import main

        with pytest.raises(SystemExit) as ended:
            main(["records", *args])
            raise SystemExit(0)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return command


def test_the_command_says_what_a_file_holds(run) -> None:
    Path("a.fa").write_text(">one\nACGTNNacg\n>two\nAUG\n>bad\nACE\n")
    code, out, err = run("a.fa", "--alphabet", "dna")
    assert (code, out) == (2, "") and len(err.splitlines()) == 2
    assert err.startswith("cutaway: line 6, column 3 of 'a.fa': 'E' is not a letter of dna (record 'bad')\n")
    code, out, err = run("a.fa", "--alphabet", "dna", "--skip-bad")
    assert (code, err) == (0, "")
    for words in (
        "2, 1 skipped",
        "3 to 9, on average 6.0; 12 in all",
        "lower case to upper  3",
        "line 6, column 3",
        "ACGTNNACG",
    ):
        assert words in out
    Path("empty.fa").touch()
    code, out, err = run("empty.fa", "--skip-bad")
    assert (code, out) == (2, "") and "'empty.fa' is empty" in err


def test_the_command_prints_records_as_json(run) -> None:
    Path("a.csv").write_text("day,wind,rain\n1,4.5,0\n2,,1\n")
    code, out, err = run("a.csv", "--alphabet", "series", "--column", "wind", "--column", "rain", "--json")
    assert code == 0 and "missing numbers: 1" in err
    assert json.loads(out) == {
        "schema": "cutaway.record/1", "id": "a.csv:2", "sequence": [[4.5, None], [0.0, 1.0]], "label": None,
        "file": "a.csv", "line": 2,
    }  # fmt: skip
    assert run("a.csv", "--column", "day", "-q", "-o", "b.jsonl")[1:] == ("", "")
    again = list(read_records("b.jsonl"))
    assert [(r.id, r.sequence) for r in again] == [("a.csv:2", "1"), ("a.csv:3", "2")]


def test_the_command_writes_series_as_lines_that_are_read_again(run) -> None:
    Path("a.csv").write_text("wind,rain\n4.5,0\n,1\n0.1,-2e300\n")
    Path("b.jsonl").write_text("[[1, 2], [3, 4]]\n" * 2)
    words = ("--alphabet", "series", "-q", "-o")
    assert run("a.csv", "--column", "wind", "--column", "rain", *words, "a.txt")[:2] == (0, "")
    assert Path("a.txt").read_text() == "4.5 0\nNA 1\n0.1 -2e+300\n"
    assert run("b.jsonl", *words, "b.txt")[0] == 0 and Path("b.txt").read_text() == "1 3\n2 4\n\n1 3\n2 4\n"
    again = [[list(channel) for channel in record.sequence] for record in read_records(["a.txt", "b.txt"], "series")]
    assert again[0][1] == [0.0, 1.0, -2e300] and math.isnan(again[0][0][1]) and again[1:] == [[[1, 2], [3, 4]]] * 2
    Path("c.jsonl").write_text(json.dumps([list(range(5000))]))
    assert run("c.jsonl", *words, "c.txt")[0] == 0 and Path("c.txt").read_text().split() == list(map(str, range(5000)))
    code, _, err = run("a.csv", "--column", "wind", "-o", "d.html")
    assert code == 2 and "end the name in .jsonl" in err


def test_the_command_writes_whole_files_or_none(run) -> None:
    Path("a.fa").write_text(">one\nAC\n>bad\nACE\n")
    assert run("a.fa", "--alphabet", "dna", "-o", "b.jsonl")[0] == 2
    assert sorted(path.name for path in Path().iterdir()) == ["a.fa"]
    code, _, err = run("a.fa", "-o", "b.html")
    assert code == 2 and "end the name in .jsonl" in err
    Path("b.jsonl").write_text("mine")
    code, _, err = run("a.fa", "-o", "b.jsonl")
    assert code == 2 and "--force" in err and Path("b.jsonl").read_text() == "mine"
    assert run("a.fa", "-o", "b.jsonl", "--force")[0] == 0


@pytest.mark.parametrize("spaced", [False, True])
def test_the_place_of_a_bad_letter_in_a_chromosome(tmp_path, monkeypatch, spaced):
    # The lines of a long record are not kept, only where they end.
    rows = ["ACGT" * 5, "AC", "", "GGTT" * 9, "A"]
    file = tmp_path / "a.fa"
    for row, column in [(0, 0), (0, 19), (1, 1), (3, 0), (3, 35), (4, 0)]:
        bad = list(rows)
        bad[row] = bad[row][:column] + "!" + bad[row][column + 1 :]
        if spaced:
            bad[3] = f"{bad[3][:36]} A"
        file.write_text(">x\nAC\n>one\n" + "\n".join(bad) + "\n>y\nAC\n")
        for long in (1 << 22, 7):
            monkeypatch.setattr("cutaway.sequences.readers.fasta._LONG", long)
            with pytest.raises(BadSequence, match=f"^line {row + 4}, column {column + 1} of"):
                list(read_records(file, "dna"))

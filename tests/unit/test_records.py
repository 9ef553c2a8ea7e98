"""`read_records`: what each format holds comes out as records, streaming, and what was noticed is counted."""

from __future__ import annotations

import gzip
import json
import math
import random
import tracemalloc
from array import array
from pathlib import Path

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.sequences import Record, Records, read_records, seen_ids
from cutaway.sequences.alphabets import series


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file, and the same gzipped beside it, and return its name; the folder is the current one."""
    monkeypatch.chdir(tmp_path)

    def written(name: str, content: str | bytes) -> str:
        data = content if isinstance(content, bytes) else content.encode()
        Path(name).write_bytes(data)
        Path(name + ".gz").write_bytes(gzip.compress(data))
        return name

    return written


def both(name: str, *args, **options) -> tuple[list[Record], dict[str, int]]:
    """Read a file and its gzipped twin; they say the same. Return the records, and what was counted besides them."""
    plain, packed = (read_records(file, *args, **options) for file in (name, name + ".gz"))
    records, again = list(plain), list(packed)
    assert plain.counts == packed.counts
    assert [(r.sequence, r.label, r.line) for r in records] == [(r.sequence, r.label, r.line) for r in again]
    assert plain.counts["records"] == len(records)
    return records, {rule: n for rule, n in plain.counts.items() if rule not in ("records", "skipped")}


def test_records_are_an_iterator_with_counts(write) -> None:
    records = read_records(write("a.txt", "one\n\ntwo\n"))
    assert isinstance(records, Records) and iter(records) is not None
    assert next(records) == Record("a.txt:1", "one", None, "a.txt", 1)
    assert records.counts["records"] == 1
    assert [record.sequence for record in records] == ["two"]
    assert records.counts == {"records": 2, "skipped": 0, "blank lines": 1}
    assert list(records) == [] and next(records, None) is None
    assert json.loads(json.dumps(records.counts)) == records.counts
    assert "records: 2" in repr(records)
    with pytest.raises(AttributeError):
        Record("a", "b", None, "c", 1).id = "d"  # type: ignore[misc]
    assert not hasattr(Record("a", "b", None, "c", 1), "__dict__")


def test_several_files_of_several_formats(write) -> None:
    files = [write("a.fa", ">x\nAC\n"), Path(write("b.txt", "GT\n")), write("c.tsv", "dna\nTT\n")]
    assert [(r.id, r.sequence, r.file) for r in read_records(files, "dna")] == [
        ("x", "AC", "a.fa"), ("b.txt:1", "GT", "b.txt"), ("c.tsv:2", "TT", "c.tsv"),
    ]  # fmt: skip


# Text and JSON lines


def test_txt(write) -> None:
    records, counts = both(write("a.txt", b"\xef\xbb\xbf Na\xc3\xafve \r\n\r\nb\rc"), "text")
    assert [(r.sequence, r.line) for r in records] == [(" Naïve ", 1), ("b", 3), ("c", 4)]
    assert counts == {"byte order marks removed": 1, "blank lines": 1, "mixed line ends": 1}
    records, counts = both(write("a.txt", "  acgt\nAC GT\n".replace(" GT", "GT ")), "dna")
    assert [r.sequence for r in records] == ["ACGT", "ACGT"]
    assert counts == {"spaces around removed": 2, "lower case to upper": 4}


def test_line_ends_of_one_kind_are_not_counted(write) -> None:
    for end in ("\n", "\r\n", "\r"):
        records, counts = both(write("a.txt", f"a{end}b{end}"))
        assert [r.sequence for r in records] == ["a", "b"] and counts == {}


def test_jsonl(write) -> None:
    lines = [
        {"id": "p1", "protein": "MK", "kind": "yes"},
        {"id": 2, "protein": "mk*", "kind": 3},
        {"protein": "W", "kind": None},
    ]
    name = write("a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    records, counts = both(name, "protein", label_column="kind")
    assert [(r.id, r.sequence, r.label) for r in records] == [
        ("p1", "MK", "yes"), ("2", "MK", "3"), ("a.jsonl:3", "W", None),
    ]  # fmt: skip
    assert counts == {"missing labels": 1, "lower case to upper": 2, "end stops removed": 1}
    bare, _ = both(write("b.ndjson", '"one"\n"two"\n'))
    assert [r.sequence for r in bare] == ["one", "two"]
    records, _ = both(write("c.jsonl", '{"a": "x", "b": "y"}\n'), column="b")
    assert records[0].sequence == "y"


def test_series_in_jsonl(write) -> None:
    name = write("a.jsonl", '{"series": [1, 2.5, null]}\n{"series": [[1, 2], [3, 4]]}\n[7, "NA"]\n')
    records, counts = both_series(name)
    assert records == [[[1.0, 2.5, None]], [[1.0, 2.0], [3.0, 4.0]], [[7.0, None]]]
    assert counts == {"missing numbers": 2}
    two, _ = both_series(write("b.jsonl", '{"x": [1, 2], "y": [3, 4]}\n'), column=["x", "y"])
    assert two == [[[1.0, 2.0], [3.0, 4.0]]]


def both_series(name: str, **options):
    """Read series from a file, and return their channels as lists in which None is missing."""
    records = read_records(name, "series", **options)
    found = [record.sequence for record in records]
    assert all(isinstance(channel, array) for channels in found for channel in channels)
    plain = [[[None if math.isnan(x) else x for x in channel] for channel in channels] for channels in found]
    return plain, {rule: n for rule, n in records.counts.items() if rule not in ("records", "skipped")}


# Tables


def test_csv(write) -> None:
    name = write("a.csv", 'SMILES,SPLIT,id\nCCO,train,a\n"C1CC1","te,st",b\n\nO,,\n')
    records, counts = both(name, "text", column="SMILES", label_column="SPLIT")
    assert [(r.id, r.sequence, r.label, r.line) for r in records] == [
        ("a", "CCO", "train", 2), ("b", "C1CC1", "te,st", 3), ("a.csv:5", "O", None, 5),
    ]  # fmt: skip
    assert counts == {"blank lines": 1, "missing labels": 1}


def test_a_cell_of_several_lines(write) -> None:
    records, _ = both(write("a.csv", 'text,n\n"one\ntwo ""2""",1\nthree,2\n'))
    assert [(r.sequence, r.line) for r in records] == [('one\ntwo "2"', 2), ("three", 4)]


@pytest.mark.parametrize(
    ("name", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("a.tab", "\t")]
)
def test_marks_between_cells(write, name: str, mark: str) -> None:
    records, _ = both(write(name, f"n{mark}Sequence\n1{mark}ACG\n"), "dna")
    assert records[0].sequence == "ACG"


def test_a_cell_longer_than_csv_takes_by_itself(write) -> None:
    records, _ = both(write("a.csv", "dna\n" + "ACGT" * 100_000 + "\n"), "dna")
    assert len(records[0].sequence) == 400_000


def test_a_column_of_a_csv_is_a_channel(write) -> None:
    name = write("a.csv", "date,wind,rain,station\n2012-01-01,4.5,0,S\n2012-01-02,NA,1e1,S\n2012-01-01,2,,T\n")
    channels, counts = both_series(name)
    assert channels == [[[4.5, None, 2.0], [0.0, 10.0, None]]]
    assert counts == {
        "columns of times left out ('date')": 1, "columns of words left out ('station')": 1, "missing numbers": 2,
    }  # fmt: skip
    records = list(read_records(name, "series", column=["rain", "wind"], label_column="station"))
    assert [(r.label, r.line, len(r.sequence)) for r in records] == [("S", 2, 2), ("T", 4, 2)]
    assert records[0].sequence[0] == array("d", [0.0, 10.0])
    assert both_series(name, column="wind")[0] == [[[4.5, None, 2.0]]]


def test_a_column_of_a_text_file_is_a_channel(write, tmp_path) -> None:
    table = np.random.default_rng(0).normal(size=(5, 3))
    np.savetxt("a.txt", table, header="x y z")
    (record,) = read_records("a.txt", "series")
    np.testing.assert_allclose(np.array(record.sequence).T, table)
    channels, counts = both_series(write("b.txt", "1, 2\n3; 4\n\n5\n6\n"))
    assert channels == [[[1.0, 3.0], [2.0, 4.0]], [[5.0, 6.0]]] and counts == {"blank lines": 1}


def test_a_long_series_goes_on_in_a_further_record(write, monkeypatch) -> None:
    monkeypatch.setattr(series, "PIECE", 8)
    name = write("a.csv", "a,b\n" + "".join(f"{i},{-i}\n" for i in range(10)))
    channels, counts = both_series(name)
    assert [piece[0] for piece in channels] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert counts == {"long series cut": 2}


def test_parquet(write, tmp_path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pa.table({"id": ["a", None], "protein": ["MK", "mw"], "kind": [1, None]})
    parquet.write_table(table, "a.parquet")
    write("a.parquet", Path("a.parquet").read_bytes())
    records, counts = both("a.parquet", "protein", label_column="kind")
    assert [(r.id, r.sequence, r.label, r.line) for r in records] == [
        ("a", "MK", "1", 1), ("a.parquet:2", "MW", None, 2),
    ]  # fmt: skip
    assert counts == {"lower case to upper": 2, "missing labels": 1}
    parquet.write_table(pa.table({"t": ["x", "y"], "wind": [1.5, None], "n": [1, 2]}), "b.parquet")
    channels, counts = both_series("b.parquet")
    assert channels == [[[1.5, None], [1.0, 2.0]]]
    parquet.write_table(pa.table({"series": [[1.0, None], [3.0]]}), "c.parquet")
    assert both_series("c.parquet")[0] == [[[1.0, None]], [[3.0]]]


# FASTA, FASTQ, GenBank


def test_fasta(write) -> None:
    name = write("a.fa", b"\n>one first > of all\r\nACG\r\n\r\nT N\r\n>two\r\nGG>\r\n>\nC".replace(b"GG>", b"GG"))
    records, counts = both(name, "dna", label_column="description")
    assert [(r.id, r.sequence, r.label, r.line) for r in records] == [
        ("one", "ACGTN", "first > of all", 2), ("two", "GG", None, 6), ("a.fa:8", "C", None, 8),
    ]  # fmt: skip
    assert counts["spaces inside removed"] == 1 and counts["missing labels"] == 2 and counts["N runs"] == 1


def test_fasta_against_biopython_whatever_its_lines(write) -> None:
    parser = pytest.importorskip("Bio.SeqIO.FastaIO").SimpleFastaParser
    from cutaway.sequences.readers import line_blocks

    rng = random.Random(0)  # noqa: S311
    for size in (7, 64, line_blocks.BLOCK):
        line_blocks.BLOCK, kept = size, line_blocks.BLOCK
        try:
            for _ in range(60):
                lines = []
                for number in range(rng.randint(1, 6)):
                    lines.append(f">{number}{rng.choice(['', ' x', ' a>b', ' >', '>'])}")
                    lines += ["".join(rng.choices("ACGT>", k=rng.randint(0, 9))).lstrip(">") for _ in range(3)] + ["A"]
                name = write("a.fa", rng.choice(["\n", "\r\n"]).join(lines) + rng.choice(["", "\n", "\n\n"]))
                records, _ = both(name, "text")
                with Path(name).open() as file:
                    peer = [(title.split()[0], sequence) for title, sequence in parser(file)]
                assert [(r.id, r.sequence) for r in records] == peer
                whole = Path(name).read_bytes().replace(b"\r\n", b"\n").split(b"\n")
                assert all(whole[r.line - 1].startswith(b">" + r.id.encode()) for r in records)
        finally:
            line_blocks.BLOCK = kept


def test_fastq(write) -> None:
    name = write("a.fq", "@r1 1:N:0:AC\nACG\n+\n@II\n@r1 2:N:0:AC\nTT\nT\n+r1\nII\n@\n\n@r2\nN\n+\n!\n")
    records, counts = both(name, "dna")
    assert [(r.id, r.sequence, r.line) for r in records] == [("r1/1", "ACG", 1), ("r1/2", "TTT", 5), ("r2", "N", 12)]
    assert counts == {"qualities left out": 3, "N runs": 1, "blank lines": 1}


GENBANK = """LOCUS       TEST                      66 bp    DNA     linear   BCT 01-JAN-2024
DEFINITION  A test.
ACCESSION   TEST
VERSION     TEST.1
SOURCE      Something
  ORGANISM  Something small
FEATURES             Location/Qualifiers
     source          1..66
     CDS             join(4..9,13..18)
                     /gene="abc"
                     /protein_id="P.1"
                     /product="a thing"
                     /translation="MPM"
     CDS             complement(20..29)
                     /gene="abc"
                     /codon_start=2
                     /translation="GL"
     CDS             31..36
                     /gene="abc"
                     /locus_tag="T3"
                     /pseudo
ORIGIN
        1 cccatgccca aaatgtaact taaagccctt taaaaaaggg cccatgcatg catgcatgca
       61 tgcnnn
//
"""


def test_genbank_entries_genes_and_proteins(write) -> None:
    seq = pytest.importorskip("Bio.Seq").Seq
    name = write("a.gb", "\n" + GENBANK + GENBANK.replace("TEST", "BEST"))
    entries, counts = both(name, "dna", label_column="organism")
    assert [(r.id, len(r.sequence), r.label) for r in entries] == [
        ("TEST.1", 66, "Something small"), ("BEST.1", 66, "Something small"),
    ]  # fmt: skip
    lines = Path(name).read_text().splitlines()
    assert [lines[r.line - 1].split()[:2] for r in entries] == [["LOCUS", "TEST"], ["LOCUS", "BEST"]]
    assert counts == {"N runs": 2}
    genes = list(read_records(write("b.gb", GENBANK), "codon"))
    assert [(r.id, r.sequence, r.label, r.line) for r in genes] == [
        ("P.1", "ATGCCCATGTAA", "MPM", 9), ("abc", "GGGCTTTAA", "GL", 14), ("T3", "TAAAAA", None, 18),
    ]  # fmt: skip
    for gene in genes[:2]:
        assert str(seq(gene.sequence).translate()).rstrip("*") == gene.label
    _, counts = both("b.gb", "codon")
    assert counts == {"codon_start letters left out": 1, "CDS without translation": 1, "stops inside": 1}
    proteins, counts = both("b.gb", "protein", label_column="product")
    assert [(r.id, r.sequence, r.label) for r in proteins] == [("P.1", "MPM", "a thing"), ("abc", "GL", None)]
    assert counts == {"CDS without translation left out": 1, "missing labels": 2}


# Molecules


def test_smi_without_rdkit(write, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rdkit", None)
    name = write("a.smi", "SMILES name\nCCO ethanol\n  C1CC1\tring of three \nO\nC[C@H](N)O |r| half\n")
    records, counts = both(name, "text")
    assert [(r.id, r.sequence, r.line) for r in records] == [
        ("ethanol", "CCO", 2), ("ring of three", "C1CC1", 3), ("a.smi:4", "O", 4), ("half", "C[C@H](N)O", 5),
    ]  # fmt: skip
    assert counts == {"header lines left out": 1, "CXSMILES extensions left out": 1}


def test_smi_checked(write) -> None:
    pytest.importorskip("rdkit")
    records, counts = both(write("a.smi", "C[C@H](N)C(=O)[O-].[Na+] salt\n"), "smiles")
    assert records[0].sequence == "C[C@H](N)C(=O)[O-].[Na+]"
    assert counts == {"stereo": 1, "several components": 1}


def test_sdf_keeps_stereo(write) -> None:
    chem = pytest.importorskip("rdkit.Chem")
    given = ["C[C@H](N)C(=O)O", "F/C=C/F", "[Na+].[Cl-]"]
    blocks = []
    for number, smiles in enumerate(given):
        molecule = chem.MolFromSmiles(smiles)
        from rdkit.Chem import rdDepictor

        rdDepictor.Compute2DCoords(molecule)
        molecule.SetProp("_Name", f"m{number}" if number else "")
        blocks.append(chem.MolToMolBlock(molecule) + f"> <mp>\n{number * 10}\n\n$$$$\n")
    name = write("a.sdf", "".join(blocks))
    records, counts = both(name, "smiles", label_column="mp")
    assert [r.id for r in records] == ["a.sdf:1", "m1", "m2"]
    assert [r.label for r in records] == ["0", "10", "20"]
    lines = Path(name).read_text().splitlines()
    assert [lines[r.line - 1] for r in records] == ["", "m1", "m2"]
    assert [chem.CanonSmiles(r.sequence) for r in records] == [chem.CanonSmiles(smiles) for smiles in given]
    assert counts["molecules to canonical SMILES"] == 3
    (last,) = read_records(write("b.mol", blocks[1].split("> <mp>")[0]), "smiles")
    assert last.id == "m1"


# Trajectories


@pytest.fixture
def frames():
    return np.random.default_rng(0).normal(size=(25, 12, 3)).astype(np.float32)


ATOM = "{:<6}{:>5} {:^4}{:1}{:>3} A{:>4}    {:8.3f}{:8.3f}{:8.3f}  1.00  0.00           {:1}  \n"


def pdb(xyz) -> str:
    models = []
    for number, frame in enumerate(xyz, 1):
        rows = [
            ATOM.format(
                "ATOM", i + 1, "CA" if i % 2 else "N", " ", "ALA", i // 2 + 1, *(10 * atom), "C" if i % 2 else "N"
            )
            for i, atom in enumerate(frame)
        ]
        models.append(f"MODEL     {number:>4}\n{''.join(rows)}ENDMDL\n")
    return "".join(models) + "END\n"


@pytest.mark.parametrize("kind", ["xtc", "dcd"])
def test_trajectories(write, frames, kind: str, monkeypatch, capfd) -> None:
    mdtraj = pytest.importorskip("mdtraj")
    opener = {"xtc": mdtraj.formats.XTCTrajectoryFile, "dcd": mdtraj.formats.DCDTrajectoryFile}[kind]
    with opener(f"a.{kind}", "w", force_overwrite=True) as file:
        file.write(frames if kind == "xtc" else frames * 10)  # nanometres, ångströms
    write(f"a.{kind}", Path(f"a.{kind}").read_bytes())
    capfd.readouterr()
    (record,), counts = both(f"a.{kind}", "series")
    assert (record.id, record.line, len(record.sequence), counts) == (f"a.{kind}:1", 1, 36, {})
    np.testing.assert_allclose(np.array(record.sequence).T.reshape(25, 12, 3), frames, atol=6e-4)
    write("a.pdb", pdb(frames[:1]))
    (chosen,) = read_records(f"a.{kind}", "series", column="name CA")
    np.testing.assert_allclose(np.array(chosen.sequence).T.reshape(25, 6, 3), frames[:, 1::2], atol=6e-4)
    monkeypatch.setattr(series, "PIECE", 36 * 10)
    pieces = read_records(f"a.{kind}", "series")
    assert [(r.line, len(r.sequence[0])) for r in pieces] == [(1, 10), (11, 10), (21, 5)]
    assert pieces.counts["long series cut"] == 2
    assert capfd.readouterr().out == ""  # what mdtraj's plugins print is no data


def test_models_of_a_pdb(write, frames) -> None:
    name = write("a.pdb", pdb(frames))
    (record,), counts = both(name, "series")
    assert (record.line, len(record.sequence), counts) == (1, 36, {})
    np.testing.assert_allclose(np.array(record.sequence).T.reshape(25, 12, 3), frames, atol=6e-5)
    one = write("b.pdb", pdb(frames[:1]).replace("MODEL        1\n", "").replace("ENDMDL\n", ""))
    ((record,), _) = both(one, "series")
    assert len(record.sequence[0]) == 1
    twice = pdb(frames[:1]).splitlines(keepends=True)
    twice.insert(2, twice[1][:16] + "B" + twice[1][17:])
    assert both(write("c.pdb", "".join(twice)), "series")[1] == {"alternate locations left out": 1}


def test_chosen_atoms_of_a_pdb(write, frames) -> None:
    pytest.importorskip("mdtraj")
    (record,), _ = both(write("a.pdb", pdb(frames)), "series", column="name CA")
    np.testing.assert_allclose(np.array(record.sequence).T.reshape(25, 6, 3), frames[:, 1::2], atol=6e-5)
    with pytest.raises(InputError, match="cannot select"):
        list(read_records("a.pdb", "series", column="nume CA"))


# Size


@pytest.mark.parametrize("suffix", ["fa", "fa.gz", "fq", "txt", "csv", "jsonl"])
def test_memory_is_bounded_by_the_longest_record(tmp_path, suffix: str) -> None:
    letters = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(0).integers(0, 4, 2000)].tobytes().decode()
    row = {
        "fa": f">{{}}\n{letters}\n", "fq": f"@{{}}\n{letters}\n+\n{letters}\n", "txt": f"{letters}\n",
        "csv": f"{{}},{letters}\n", "jsonl": f'{{{{"id": {{}}, "dna": "{letters}"}}}}\n',
    }[suffix.removesuffix(".gz")]  # fmt: skip
    path = tmp_path / f"a.{suffix}"
    with gzip.open(path, "wb", 1) if suffix.endswith("gz") else path.open("wb") as file:
        file.write(b"id,dna\n" if suffix == "csv" else b"")
        for number in range(12_000):
            file.write(row.format(number).encode())
    tracemalloc.start()
    try:
        assert sum(len(record.sequence) for record in read_records(path, "dna")) == 24_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 9_000_000  # a few blocks of 1 MB and 12,000 hashes, of 24 MB


def test_ids_are_compared_in_eight_bytes_each(monkeypatch) -> None:
    monkeypatch.setattr(seen_ids, "_RECENT", 100)
    monkeypatch.setattr(seen_ids, "_MOST", 1000)
    seen = seen_ids.SeenIds()
    names = [f"r{number}" for number in range(1050)]
    assert all(seen.add(name) for name in names[:950])
    assert not any(seen.add(name) for name in names[:950])
    assert seen.add(names[950]) and not seen.add(names[950]) and not seen.full
    assert all(seen.add(name) for name in names[951:1000])
    assert seen.full and seen.add("r0")  # let through, and the count of records says how many


def test_the_suffix_or_an_option_gives_the_format(write) -> None:
    name = write("a.dat", ">x\nAC\n")
    with pytest.raises(InputError, match=r"'a\.dat' has no known suffix"):
        read_records(name)
    (record,) = read_records(name, "dna", format="fasta")
    assert record.sequence == "AC"
    Path("a.dat.gz").rename("packed.fa")  # gzipped, whatever its name
    assert next(read_records("packed.fa", "dna")).sequence == "AC"
    assert next(read_records(Path(write("B.FASTA", ">x\nAC\n")), "dna")).id == "x"

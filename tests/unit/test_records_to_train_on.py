"""A file of records is not a text to train on: it is refused with a line that makes one of it, and that line works."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import threading
from pathlib import Path

import pytest

from cutaway.errors import InputError
from cutaway.sequences import read_plain_text
from cutaway.training import Settings, TrainingRun
from tests.unit.commands import run

FASTA = "".join(f">gene{i} of something\nACGTACGTAACCGGTT\nACGT\n" for i in range(20))
PROTEIN = "".join(f">p{i}\nMKTAYIAKQRQISFVKSHFSRQ\n" for i in range(20))
FASTQ = "".join(f"@r{i}\nACGTACGT\n+\nIIIIIIII\n" for i in range(40))
SMILES = "".join(f"CC(=O)Oc1ccccc1C(=O)O aspirin{i}\n" for i in range(20))
SERIES = "date,wind,rain\n" + "".join(f"2024-01-{i:02},{i}.5,{i % 3}\n" for i in range(1, 29))
JSON = "".join(f'{{"id": "a{i}", "text": "some words"}}\n' for i in range(20))

RECORDS = {
    "genes.fa": (FASTA, "ACGTACGTAACCGGTTACGT\n" * 20),
    "genes.txt": (FASTA, "ACGTACGTAACCGGTTACGT\n" * 20),
    "p.faa": (PROTEIN, "MKTAYIAKQRQISFVKSHFSRQ\n" * 20),
    "rna": (FASTA.replace("T", "U"), "ACGUACGUAACCGGUUACGU\n" * 20),
    "r.fastq": (FASTQ, "ACGTACGT\n" * 40),
    "r.text": (FASTQ, "ACGTACGT\n" * 40),
    "mols.smi": (SMILES, "CC(=O)Oc1ccccc1C(=O)O\n" * 20),
    "series.csv": (SERIES, "".join(f"{i}.5 {i % 3}\n" for i in range(1, 29))),
    "series.txt": (SERIES, "".join(f"{i}.5 {i % 3}\n" for i in range(1, 29))),
    "a.tsv": (SERIES.replace(",", "\t"), "".join(f"{i}.5 {i % 3}\n" for i in range(1, 29))),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", RECORDS)
def test_records_are_refused_as_text_and_the_hint_reads_them(name: str, packed: bool, capsys) -> None:
    content, right = RECORDS[name]
    if name == "mols.smi":
        pytest.importorskip("rdkit")
    given = f"{name}.gz" if packed else name
    Path(given).write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    ask = ("train", given, "--context", 16, "--steps", 1, "--held-out", 0.3, "--keep-duplicates")
    code, out, err = run(capsys, *ask, "-o", "model")
    if name != "mols.smi":  # its suffix says all
        assert (code, out) == (2, "") and f"'{given}' holds records" in err and len(err.splitlines()) == 2
        assert not Path("model").exists()
        options = shlex.split(re.search(r"read the records with (.*?);", err)[1].replace(" and ", " "))
        run_ = TrainingRun(
            Settings.of(data=given, context=16, held_out=0.3, keep_duplicates=True, **_settings(options))
        )
        read = {run_.data.shards.symbols[i] for i in range(len(run_.data.shards.lengths))}
        assert sum(run_.data.shards.symbols) == (2 * 28 if "series" in options else len(right.replace("\n", ""))), read
        code, _, err = run(capsys, *ask, *options, *(["--column", "wind"] if "series" in options else []))
        assert code == 0, err


def _settings(options: list[str]) -> dict[str, str | tuple[str, ...]]:
    given: dict[str, str | tuple[str, ...]] = {
        o[2:]: value for o, value in zip(options[::2], options[1::2], strict=True)
    }
    return given | ({"column": ("wind", "rain")} if given["alphabet"] == "series" else {})


def test_json_lines_and_tables_of_words_need_a_column(capsys) -> None:
    words = [f"{a} {b} words\n" for a in ("some", "more", "few", "new") for b in ("good", "bad", "old", "long", "odd")]
    Path("a.jsonl").write_text("".join(f'{{"id": "a{i}", "text": "{said.strip()}"}}\n' for i, said in enumerate(words)))
    Path("a.csv").write_text("id,said\n" + "".join(f"a{i},{said}" for i, said in enumerate(words)))
    for name, column in {"a.jsonl": "text", "a.csv": "said"}.items():
        code, _, err = run(capsys, "train", name)
        assert code == 2 and "--alphabet text and --column NAME" in err
        code, _, err = run(capsys, "train", name, "--column", column, "--steps", 1, "--held-out", 0.2)
        assert code == 0, err


def test_someone_may_mean_it(capsys) -> None:
    Path("genes.fa").write_text(FASTA)
    assert read_plain_text("genes.fa", as_text=True) == FASTA
    assert ">" in TrainingRun(Settings.of(data="genes.fa", as_text=True, context=16)).model.tokenizer.vocabulary
    with pytest.raises(InputError, match="holds records"):
        TrainingRun(Settings.of(data="genes.fa", context=16))
    assert run(capsys, "train", "genes.fa", "--as-text", "--context", 16, "--steps", 1)[0] == 0


def test_a_pipe_is_read_once(capsys, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=["some words\n" * 20])
    writer.start()
    code, _, err = run(capsys, "train", tmp_path / "pipe", "--context", 16, "--steps", 1)
    writer.join()
    assert code == 0, err


@pytest.mark.parametrize(
    "text",
    [
        "> He said yes.\nShe said no.\n> He said it again.\nNobody spoke.\n",
        ">yes\nno\n>yes\nno\n",
        "> quoted\n> text\n> alone\n\nand an answer\n",
        ">\n>\n>\n",
        "@home\nsweet home\n+ one\n",
        "@someone wrote this\nA line\n+1\nB\n",
        "Yes, no\nNo, yes\nWell, well\nOh, oh\nAh, ah\n",
        "1 2\n3 4\n5 6\n",
        "1,2\n3,4\n5,6\n",
        "ACGT\nACGT\nGGTT\n",
        "CC(=O)O\nCCO\n",
        "{not json}\n{either}\n",
        "LOCUS is a word\n",
        "ATOM by ATOM the world was made of atoms, one after another, and nobody knew\n" * 4,
        "a\tb\nc\td\ne\tf\n",
        "The whole of it; 3\nand more; 4\n",
        "To be, or not\nRoses,\nViolets,\nDaisies,\n",
        "\n\n",
        "x",
    ],
)
def test_a_text_is_a_text(text: str) -> None:
    Path("a.txt").write_text(text)
    assert read_plain_text("a.txt") == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfea\0b\0", "is UTF-16"),
        ("some words".encode("utf-16-le"), "byte 0x00 at position 1"),
        (b"PK\x03\x04rest", "unzip"),
        (b"BZh91AY", "bunzip2"),
        (b"some\0thing", "byte 0x00 at position 4"),
    ],
)
def test_files_that_are_not_text_are_refused(content: bytes, said: str, capsys) -> None:
    Path("a.txt").write_bytes(content)
    for words in (["train", "a.txt"], ["tokenize", "-f", "a.txt", "-m", "none"]):
        code, _, err = run(capsys, *words)
        assert code == 2 and said in err


def test_binary_records_are_refused_by_their_names(capsys) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1.0, 2.0]}), "a.parquet")
    code, _, err = run(capsys, "train", "a.parquet")
    assert code == 2 and "--alphabet series" in err
    assert run(capsys, "records", "a.parquet", "--alphabet", "series", "-o", "a.txt")[0] == 0
    assert Path("a.txt").read_text() == "1\n2\n"


def test_a_text_of_several_lines_is_refused(capsys) -> None:
    Path("a.csv").write_text('id,text\n1,"two\nlines"\n')
    code, _, err = run(capsys, "records", "a.csv", "-o", "a.txt")
    assert code == 2 and "record '1' (line 2 of 'a.csv') spans several lines" in err and not Path("a.txt").exists()
    for out in ("a.html", "a.csv"):
        code, _, err = run(capsys, "records", "a.csv", "-o", out)
        assert code == 2 and "end the name in .jsonl (the numbers, a line a result) or .txt" in err

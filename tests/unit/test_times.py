"""A column of times is not a channel: which one is left out is said, and --column takes it after all."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from cutaway.errors import BadSequence, MissingText
from cutaway.sequences import read_records
from tests.unit.commands import run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(head: str, times: list[str], **options):
    rows = [f"{time},{value}" for time, value in zip(times, (5, 3, 4), strict=True)]
    Path("a.csv").write_text("\n".join([f"{head},x", *rows]) + "\n")
    records = read_records("a.csv", "series", **options)
    return [list(channel) for record in records for channel in record.sequence], records.counts


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01", "2024-01-02", "2024-01-03"],
        ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"],
        ["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"],
        ["2024/1/1", "2024/1/2", "2024/1/3"],
        ["31.12.2023", "1.1.2024", "2.1.2024"],
        ["12/31/23", "1/1/24", "1/2/24"],
        ["00:00", "00:10:00", "00:20:00.5"],
    ],
)
@pytest.mark.parametrize("head", ["date", "anything"])
def test_dates_are_no_numbers_whatever_their_column_is_called(head: str, times: list[str]) -> None:
    found, counts = read(head, times)
    assert found == [[5, 3, 4]] and counts[f"columns of times left out ('{head}')"] == 1


@pytest.mark.parametrize(
    "times",
    [
        ["2020-01-02", "03/01/2020", "2020-01-04"],
        ["2020-01-02", "2020-01-03", "2020/01/04"],
        ["31.12.2023", "NA", "2024-01-01"],
        ["00:00", "2020-01-02", "00:20"],
    ],
)
def test_dates_of_two_styles_in_a_column_are_refused(times: list[str]) -> None:
    odd = next(i for i, time in enumerate(times) if time != "NA" and len({*times[0]} - {*time, *"0123456789"}) > 0)
    with pytest.raises(
        BadSequence, match=f"line {odd + 2}, column 'date' of 'a.csv': '{times[odd]}' is not in the same date style"
    ):
        read("date", times)
    found, counts = read("date", times, skip_bad=True)
    assert found == [[5, 3, 4]] and counts["dates of another style"] == 1
    assert read("date", times, column="x")[0] == [[5, 3, 4]]


def test_the_command_names_the_alphabet_of_numbers(capsys) -> None:
    Path("two.csv").write_text("temp,wind\n4.5,1\n4.6,2\n")
    code, _, err = run(capsys, "records", "two.csv")
    assert code == 2 and "--alphabet series" in err
    Path("one.csv").write_text("temp\n4.5\n4.6\n")
    code, _, err = run(capsys, "records", "one.csv")
    assert code == 0 and "--alphabet series" in err
    Path("words.csv").write_text("text\nfour\n4.6\n")
    code, _, err = run(capsys, "records", "words.csv")
    assert code == 0 and "--alphabet series" not in err


def test_the_command_checks_a_smi_file_as_smiles(capsys) -> None:
    pytest.importorskip("rdkit")
    Path("two.smi").write_text("CCO good\nCC(=O bad\n")
    code, _, err = run(capsys, "records", "two.smi")
    assert code == 2 and "line 2" in err and "RDKit refuses 'CC(=O'" in err
    assert run(capsys, "records", "two.smi", "--alphabet", "text")[0] == 0
    assert run(capsys, "records", "two.smi", "--format", "txt")[0] == 0


NAMES = [
    "time", "Time", "TIME (ps)", "time/ns", "time_s", "t", "t (s)", "timestamp", "datetime", "date", "step", "Steps",
    "frame", "index", "", "Unnamed: 0", "year", "day", "hour", "time [fs]",
]  # fmt: skip
CHANNELS = ["T", "temperature", "timer", "stepper", "time_to_event", "step size", "tide", "id2", "pressure", "indexed"]


@pytest.mark.parametrize("head", NAMES)
def test_numbers_that_only_grow_under_a_name_of_times(head: str) -> None:
    assert read(head, ["0", "1", "2"])[0] == [[5, 3, 4]]
    found, counts = read(head, ["1704067200", "1704070800.5", "1704074400"])
    assert found == [[5, 3, 4]] and counts[f"columns of times left out ({head!r})"] == 1
    assert read(head, ["0", "2", "1"])[0] == [[0, 2, 1], [5, 3, 4]]  # they do not grow
    assert read(head, ["0", "0", "1"])[0] == [[0, 0, 1], [5, 3, 4]]
    if head:
        assert read(head, ["0", "1", "2"], column=[head, "x"])[0] == [[0, 1, 2], [5, 3, 4]]


@pytest.mark.parametrize("head", CHANNELS)
def test_other_names_are_channels_though_they_grow(head: str) -> None:
    found, counts = read(head, ["0", "1", "2"])
    assert found == [[0, 1, 2], [5, 3, 4]] and not any("times" in rule for rule in counts)


def test_times_alone_are_a_series() -> None:
    Path("a.csv").write_text("time\n1\n2\n5\n")
    (record,) = read_records("a.csv", "series")
    assert list(record.sequence[0]) == [1, 2, 5]


def test_times_begin_anew_with_each_label() -> None:
    Path("a.csv").write_text("who,time,x\na,0,5\na,1,6\nb,0,7\nb,1,8\n")
    records = list(read_records("a.csv", "series", label_column="who"))
    assert [[list(channel) for channel in record.sequence] for record in records] == [[[5, 6]], [[7, 8]]]


def test_parquet_has_times_too() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    days = [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    parquet.write_table(pa.table({"when": days, "step": [0, 1, 2], "x": [5.0, 3.0, 4.0]}), "a.parquet")
    records = read_records("a.parquet", "series")
    (record,) = records
    assert [list(channel) for channel in record.sequence] == [[5, 3, 4]]
    assert {rule for rule in records.counts if "times" in rule} == {
        "columns of times left out ('when')", "columns of times left out ('step')",
    }  # fmt: skip


def test_every_verb_that_reads_a_table_leaves_them_out_and_says_so(capsys) -> None:
    Path("a.csv").write_text("time,x\n" + "".join(f"{i},{i * 7 % 5}\n" for i in range(40)))
    said = "'time' left out as times, because the numbers only grow."
    code, out, err = run(capsys, "records", "a.csv", "--alphabet", "series", "--json")
    assert code == 0 and len(json.loads(out)["sequence"]) == 1
    assert said in " ".join(err.split()) and "--column time --column x" in " ".join(err.split())
    code, _, err = run(capsys, "tokenizer", "train", "a.csv", "--kind", "states", "--vocab-size", 8, "-o", "s")
    assert code == 0 and said in " ".join(err.split())
    code, _, err = run(capsys, "tokenizer", "compare", "a.csv=series", "-t", "s")
    assert code == 0 and said in " ".join(err.split())
    code, out, err = run(
        capsys, "records", "a.csv", "--alphabet", "series", "--json", "--column", "time", "--column", "x"
    )
    assert code == 0 and len(json.loads(out)["sequence"]) == 2 and "left out" not in err


def test_what_was_skipped_is_told_in_the_right_number() -> None:
    for bad, said in {1: "1 was skipped", 2: "2 were skipped"}.items():
        Path("a.fa").write_text(">a\nAC1T\n" + ">b\nAC1T\n" * (bad - 1))
        with pytest.raises(MissingText, match=f"no record of 'a.fa' could be used: {said}"):
            list(read_records("a.fa", "dna", skip_bad=True))

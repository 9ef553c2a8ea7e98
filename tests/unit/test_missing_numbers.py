"""A missing number means the same in every verb that reads series, and infinity is refused by all of them."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.sequences import read_records
from cutaway.tokens import save_tokenizer, train_tokenizer
from cutaway.tokens.bin_trace import series_in
from tests.unit.commands import run

MISSING = ["nan", "NaN", "-nan", "NA", "na", "N/A", "null", "None", "<NA>"]
INFINITE = ["inf", "-Infinity", "1e999"]
STEPS = [[1.0, 5.0], [2.0, math.nan], [3.0, 7.0]]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(said: Any) -> dict[str, str]:
    """Return files of one series, in which one number is `said`."""
    return {
        "a.txt": f"1 5\n2 {said}\n3 7\n",
        "b.txt": f"1, 5\n2, {said}\n3, 7\n",
        "a.csv": f"x,y\n1,5\n2,{said}\n3,7\n",
        "a.tsv": f"x\ty\n1\t5\n2\t{said}\n3\t7\n",
        "a.jsonl": f'[[1, 2, 3], [5, "{said}", 7]]\n',
    }


@pytest.mark.parametrize("said", MISSING)
def test_every_reader_takes_it_for_missing(said: str) -> None:
    files = written(said) | {"c.csv": "x,y\n1,5\n2,\n3,7\n", "c.txt": "1,5\n2,NA\n3,7\n"}
    files |= {"b.jsonl": "[[1, 2, 3], [5, null, 7]]\n", "c.jsonl": "[[1, 2, 3], [5, NaN, 7]]\n"}
    for name, content in files.items():
        Path(name).write_text(content)
        records = read_records(name, "series")
        (record,) = records
        assert np.array_equal(np.array(record.sequence).T, STEPS, equal_nan=True), name
        assert records.counts["missing numbers"] == 1
    for text in (files["a.txt"], files["b.txt"], files["c.txt"], f"# x y\n{files['a.txt']}"):
        series = series_in(text)
        assert series is not None and np.array_equal(series.channels.T, STEPS, equal_nan=True)
        assert [text[start:end] for start, end in series.spans][2] == "2"


def test_an_empty_cell_is_a_missing_number() -> None:
    for text in ("1,,3\n4,5,6\n", "1 , ,3\n4,5,6\n", "1;;3\n4;5;6\n"):
        Path("a.txt").write_text(text)
        (record,) = read_records("a.txt", "series")
        right = [[1.0, math.nan, 3.0], [4.0, 5.0, 6.0]]
        assert np.array_equal(np.array(record.sequence).T, right, equal_nan=True)
        series = series_in(text)
        assert series is not None and np.array_equal(series.channels.T, right, equal_nan=True)
    Path("a.txt").write_text(",1\n2,3\n4,5,\n")  # one at the end parts nothing
    (record,) = read_records("a.txt", "series")
    assert np.array_equal(np.array(record.sequence).T, [[math.nan, 1], [2, 3], [4, 5]], equal_nan=True)


@pytest.mark.parametrize("said", INFINITE)
def test_every_reader_refuses_infinity(said: str) -> None:
    for name, content in (written(said) | {"c.jsonl": f"[[1], [{said.replace('inf', 'Infinity')}]]\n"}).items():
        Path(name).write_text(content)
        with pytest.raises(InputError, match="finite number"):
            list(read_records(name, "series"))
    for text in (f"1 {said}", f"1 5\n2 {said}\n"):
        with pytest.raises(InputError, match="is not a finite number"):
            series_in(text)
    assert series_in(f"the {said}") is None


def test_nan_and_null_in_parquet_are_missing_numbers() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for missing in (None, math.nan):
        parquet.write_table(pa.table({"x": [1.0, 2.0, 3.0], "y": [5.0, missing, 7.0]}), "a.parquet")
        (record,) = read_records("a.parquet", "series")
        assert np.array_equal(np.array(record.sequence).T, STEPS, equal_nan=True)


def test_commas_that_may_be_decimal_ones_are_refused_alike() -> None:
    for text in ("1,5 2,5\n", "1,5;2,5\n3,5;4,5\n"):
        Path("a.txt").write_text(text)
        for read in (lambda: list(read_records("a.txt", "series")), lambda text=text: series_in(text)):
            with pytest.raises(InputError, match="could be decimal commas or separators"):
                read()


@pytest.mark.parametrize("kind", ["bins", "states"])
@pytest.mark.parametrize("said", ["nan", "NA", "NaN"])
def test_the_commands_agree(kind: str, said: str, capsys, monkeypatch) -> None:
    for name, content in written(said).items():
        Path(name).write_text(content)
    size = 90 if kind == "bins" else 7
    save_tokenizer(train_tokenizer([np.array(STEPS).T.tolist()] * 4, kind, vocab_size=size), "made")
    for name in ("a.txt", "a.csv", "a.jsonl"):
        assert run(capsys, "tokenizer", "train", name, "--kind", kind, "--vocab-size", size, "-o", f"t-{name}")[0] == 0
        code, out, _ = run(capsys, "tokenizer", "compare", f"{name}=series", "-t", "made", "--json")
        assert code == 0 and json.loads(out)["schema"] == "cutaway.tokenizer_comparison/1"
        _, out, _ = run(capsys, "records", name, "--alphabet", "series", "--json")
        assert json.loads(out)["sequence"] == [[1, 2, 3], [5, None, 7]]
    text = Path("a.txt").read_text()
    ids = []
    for args, pipe in (((text,), None), (("-f", "a.txt"), None), (("-",), text), ((), text)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((pipe or "").encode())))
        code, out, err = run(capsys, "tokenize", *args, "-m", "made", "--json")
        assert code == 0, err
        ids.append(json.loads(out)["ids"])
        assert "nan" in json.loads(out)["tokens"]
    assert ids == [ids[0]] * 4
    code, _, err = run(capsys, "tokenize", "1 5\n2 inf", "-m", "made")
    assert code == 2 and "'inf' is not a finite number" in err
    assert run(capsys, "tokenizer", "check", "made", "-n", "50")[0] == 0

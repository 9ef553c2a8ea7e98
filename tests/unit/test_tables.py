"""Tables as spreadsheets and people write them: marks, quotes, commas, missing numbers; no row goes silently."""

from __future__ import annotations

import csv
import io
import math
import random
import tracemalloc
import types
from decimal import Decimal
from pathlib import Path

import pytest

from cutaway.errors import BadSequence
from cutaway.sequences import read_records
from cutaway.sequences.readers import delimited


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(name: str, content: str, alphabet: str = "text", **options):
    """Return a file's records, and what was counted besides them."""
    Path(name).write_text(content, encoding="utf-8", newline="")
    records = read_records(name, alphabet, **options)
    found = list(records)
    return found, {rule: n for rule, n in records.counts.items() if rule != "records" and n}


def refused(name: str, content: str, alphabet: str, **options) -> str:
    with pytest.raises(BadSequence) as caught:
        read(name, content, alphabet, **options)
    return str(caught.value)


def series(name: str, content: str, **options):
    """Return the channels of the only record, with None for what is missing, and what was counted."""
    (record,), counts = read(name, content, "series", **options)
    return [[None if math.isnan(x) else x for x in channel] for channel in record.sequence], counts


# Quotes


def test_a_stray_quote_costs_only_its_line() -> None:
    content = 'id,sequence\na,ACGT\nb,"ACG\nc,TTT\nd,CCC\n'
    assert "line 3, column 1 of 'q.csv'" in refused("q.csv", content, "dna")
    found, counts = read("q.csv", content, "dna", skip_bad=True)
    assert [r.sequence for r in found] == ["ACGT", "TTT", "CCC"] and [r.line for r in found] == [2, 4, 5]
    assert counts == {"skipped": 1}
    for last in ('e,"GGG"', 'e,"GGG",x', 'e,GGG"', 'e,"G\nG"'):  # wherever a quote is that could close it
        found, counts = read("q.csv", f"{content}{last}\nf,AAA\n", "dna", skip_bad=True)
        assert {"a", "c", "d", "f"} <= {r.id for r in found}
        assert len(found) + counts["skipped"] == 6 + last.count("\n")
    found, counts = read("q.csv", 'text,n\n"a\nb",1\n"c,2\nd,3\n', skip_bad=True)  # of a text a cell may be of lines
    assert [r.sequence for r in found] == ["a\nb", "d"] and counts == {"skipped": 1}


def test_a_stray_quote_in_a_long_file(monkeypatch) -> None:
    monkeypatch.setattr(delimited, "MOST", 1 << 16)
    rows = [f"{i},{'ACGT' * 20}\n" for i in range(60_000)]
    with Path("q.csv").open("w") as file:
        file.write("n,sequence\n")
        file.writelines([*rows[:100], '0,"ACGT\n', *rows[100:]])
    tracemalloc.start()
    try:
        records = read_records("q.csv", "dna", skip_bad=True)
        assert sum(1 for _ in records) == 60_000 and records.counts["skipped"] == 1
        assert tracemalloc.get_traced_memory()[1] < 9_000_000
    finally:
        tracemalloc.stop()
    assert (
        "line 102, column 1 of" in records.first_skipped[0]
        and "more than 65,536 characters" in records.first_skipped[0]
    )


def test_a_file_of_only_open_quotes_is_read_to_its_end() -> None:
    found, counts = read("q.csv", "a,b\n" + 'x","\n' * 3000 + "y,z\n", column="a", skip_bad=True)
    assert [r.sequence for r in found] == ["y"] and counts == {"skipped": 3000}


@pytest.mark.parametrize("line", ['x","', 'a",",c', 'x","",",'])
@pytest.mark.parametrize("last", ["", 'y"\n', 'y" z\n'])
def test_the_time_of_open_quotes_is_proportional_to_the_file(line: str, last: str, monkeypatch) -> None:
    parsed = []
    reader = lambda lines, **options: csv.reader(map(lambda one: parsed.append(1) or one, lines), **options)  # noqa: C417, E731
    monkeypatch.setattr(delimited, "csv", types.SimpleNamespace(**vars(csv) | {"reader": reader}))
    found, counts = read("q.csv", f"a,b\n{line}\n" + f"{line}\n" * 15_999 + last + "y,z\n", column="a", skip_bad=True)
    assert found[-1].sequence == "y" and 16_000 <= counts["skipped"] + len(found) <= 16_002
    assert len(parsed) < 5 * 16_000


def test_rows_over_lines_are_those_of_csv_from_each_line_on() -> None:
    """Against a reader that begins anew behind each line that begins no row, whatever that costs."""
    rng, seen = random.Random(1), 0  # noqa: S311
    for _ in range(1000):
        lines = ["a,b", *("".join(rng.choices('ax,"', [2, 1, 2, 3], k=rng.randint(1, 6))) for _ in range(12))]
        at, rows = 0, []
        while at < len(lines):
            reader = csv.reader((f"{line}\n" for line in lines[at:]), strict=True)
            try:
                row = next(reader)
            except csv.Error:
                row = []
            if len(row) == 2:
                rows.append((at + 1, row[0]))
                seen += reader.line_num > 1
            at += reader.line_num if len(row) == 2 else 1
        found, _ = read("q.csv", "\n".join([*lines, "y,z", ""]), column="a", skip_bad=True, format="csv")
        assert [(r.line, r.sequence) for r in found if r.sequence] == [*((n, t) for n, t in rows[1:] if t), (14, "y")]
    assert seen > 500


def test_a_line_that_is_not_utf8_inside_a_cell() -> None:
    Path("q.csv").write_bytes(b'text,n\n"a\ncaf\xe9\nb",1\nc,2\n')
    records = read_records("q.csv", skip_bad=True, column="text")
    assert [r.sequence for r in records] == ['b"', "c"]
    assert records.counts["skipped"] == 2 and "0xe9" in records.first_skipped[0]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_good_tables_are_read_as_by_the_csv_module(mark: str) -> None:
    rng = random.Random(0)  # noqa: S311
    for _ in range(100):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=mark, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        cells = [
            ["n", "text"],
            *(["".join(rng.choices('ab ,;\t"\n', k=rng.randint(0, 9))) + "." for _ in "ab"] for _ in "abcdef"),
        ]
        writer.writerows(cells)
        found, _ = read("a.csv", text.getvalue())
        assert [r.sequence for r in found] == [row[1] for row in cells[1:]]


def test_the_limit_of_csv_is_left_as_it_was() -> None:
    kept = csv.field_size_limit()
    (long,), _ = read("a.csv", 'text,n\n"' + "so, " * 100_000 + '",1\n')
    assert len(long.sequence) == 400_000 and csv.field_size_limit() == kept
    (long,), _ = read("a.csv", 'text,n\n"' + "so,\n" * 100_000 + '",1\n')
    assert len(long.sequence) == 400_000 and csv.field_size_limit() == kept


def test_a_quote_in_a_tsv_is_a_letter() -> None:
    content = 'English\tFrench\n"Hello" she said\tBonjour\n5" pipe\t"tuyau"\n'
    found, counts = read("a.tsv", content, column="English")
    assert [r.sequence for r in found] == ['"Hello" she said', '5" pipe']
    assert counts == {"cells in quotes kept as they are": 1}
    found, counts = read("a.tsv", '"en"\t"fr"\n"He said ""so"""\t"a\tb"\n', column="en")
    assert [r.sequence for r in found] == ['He said "so"'] and counts == {}
    found, _ = read("a.tsv", 'en\tfr\n"a\tb"\tx\n', column="en", format="csv")  # said to be quoted
    assert found[0].sequence == "a\tb"


# Marks


def test_the_mark_is_what_gives_each_line_as_many_cells() -> None:
    content = "id;Gewicht, kg;sequence\na;70,5;ACGT\nb;81,25;TTT\n"
    found, counts = read("a.csv", content, "dna")
    assert [(r.id, r.sequence) for r in found] == [("a", "ACGT"), ("b", "TTT")] and counts == {}
    found, _ = read("a.csv", 'text;a,label\n"one;two, three",x\n"four, five",y\n', column="text;a")
    assert [r.sequence for r in found] == ["one;two, three", "four, five"]
    assert [r.sequence for r in read("a.csv", '"text"\n"a; b"\n"c, d"\n')[0]] == ["a; b", "c, d"]


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "sep=;;;"])
def test_a_sep_line_of_a_spreadsheet_sets_the_separator(said: str) -> None:
    found, counts = read("a.csv", f"{said}\r\nid;text\r\na;one, two\r\n")
    assert [(r.id, r.sequence, r.line) for r in found] == [("a", "one, two", 3)]
    assert counts == {"sep= lines left out": 1}
    assert read("a.csv", "sep=|\nid|text\na|x\n")[0][0].sequence == "x"


# Numbers


@pytest.mark.parametrize("content", ["a;b\n10;3,2\n11;3,3\n", "a;b\n10;NA\n11;-3,3e2\n", "a\tb\n1\t2,5\n"])
def test_decimal_commas_are_named(content: str) -> None:
    said = refused("a.csv", content, "series")
    assert "column 'b' of 'a.csv'" in said and "decimal comma" in said and "tr , . < a.csv" in said
    assert "decimal point: 3.2" in refused("a.csv", "a;b\n10;3\n11;3,2\n", "series")


def test_decimal_commas_in_quotes_between_commas_are_named() -> None:
    content = '"a","b"\n"1,5","3"\n"2,5","4"\n'
    said = refused("a.csv", content, "series")
    assert "line 2, column 'a' of 'a.csv': '1,5' is written with a decimal comma" in said
    assert "decimal point: 1.5; or name the columns of numbers: `column=NAME`" in said and "tr , ." not in said
    assert "decimal point: 1.5" in refused("a.csv", content, "series", column="a")
    assert series("a.csv", content, column="b") == ([[3, 4]], {})


@pytest.mark.parametrize("content", ["1;2\n4,5;3,2\n", "4,5 3,2\n", "4,5\t3\n", "1,5; 2\n"])
def test_commas_in_a_text_that_may_be_decimal_ones(content: str) -> None:
    said = refused("a.txt", content, "series")
    assert f"line {content.count(chr(10))}, column 1 of" in said and "tr , ." in said


@pytest.mark.parametrize("content", ["1,2,3\n", "1, 2, 3\n", "1,2, 3\n", "1 ,2 , 3\n", " 1,2,3 \n", "1; 2;3\n"])
def test_commas_that_can_not_be_decimal_separate_numbers(content: str) -> None:
    assert series("a.txt", content)[0] == [[1.0], [2.0], [3.0]]


def test_a_column_that_begins_with_missing_numbers_is_a_channel() -> None:
    found, counts = series("a.csv", "gust,mean,wind,note,off\n1,NA,4.5,,\n2,,5,x,\n3,2.5,6,,\n")
    assert found == [[1, 2, 3], [None, None, 2.5], [4.5, 5, 6]]
    assert counts == {
        "columns of words left out ('note')": 1, "columns without a number in 3 rows left out ('off')": 1,
        "missing numbers": 2,
    }  # fmt: skip
    late = "a,b\n" + "1,NA\n" * 150 + "1,2\n"
    assert series("a.csv", late)[1] == {"columns without a number in 100 rows left out ('b')": 1}
    assert series("a.csv", late, column=["a", "b"])[0][1][-1] == 2
    assert "'inf' is not a finite number" in refused("a.csv", "a,b\n1,inf\n", "series")


# Parquet


def parquet(columns: dict, **options):
    """Write columns as Parquet and read them as series."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table(list(columns.values()), names=[name.strip("'") for name in columns]), "a.parquet")
    records = read_records("a.parquet", options.pop("alphabet", "series"), **options)
    return list(records), {rule: n for rule, n in records.counts.items() if rule != "records" and n}


def test_two_columns_of_one_name_are_an_error() -> None:
    for columns in ({"x": [1.0], "x'": [2.0]}, {"x": [1.0], "y": [2.0], "y'": [2]}, {"x": [[1.0]], "x'": [[2.0]]}):
        name = list(columns)[-1].strip("'")
        for column in (None, name):
            with pytest.raises(BadSequence, match=f"column '{name}' of 'a.parquet': 2 columns have this name"):
                parquet(columns, column=column)
    found, _ = parquet({"text": ["a"], "x": [1], "x'": [2]}, alphabet="text")  # of which none is read
    assert [r.sequence for r in found] == ["a"]


@pytest.mark.parametrize("kind", ["list_", "large_list", "fixed", "list_view", "large_list_view"])
def test_lists_of_any_kind_give_one_record_per_row(kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    held = pa.list_(pa.float32(), 2) if kind == "fixed" else getattr(pa, kind)(pa.float32())
    for name, column in (("series", None), ("wind", "wind")):
        found, _ = parquet({"n": [1, 2], name: pa.array([[1, 2.5], [3, 4]], held)}, column=column)
        assert [[list(channel) for channel in r.sequence] for r in found] == [[[1, 2.5]], [[3, 4]]]


def test_decimals_are_numbers() -> None:
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.decimal128(5, 2), pa.decimal256(60, 2)):
        prices = pa.array([None, Decimal("1.25"), Decimal("-3.5")], kind)
        (record,), counts = parquet({"price": prices, "what": ["a", "b", "c"], "good": [True, False, True]})
        assert [list(channel)[1:] for channel in record.sequence] == [[1.25, -3.5]]
        assert counts == {"missing numbers": 1, "columns of words left out ('what', 'good')": 2}
        (record,), _ = parquet({"series": pa.array([[Decimal("1.25")]], pa.list_(kind))})
        assert list(record.sequence[0]) == [1.25]


# Time steps


def test_a_bad_step_keeps_its_place() -> None:
    content = "z,x\n1,10\n2,20\n3,30,9\n4,40\n"
    assert "line 4" in refused("a.csv", content, "series", column="x")
    found, counts = series("a.csv", content, column="x", skip_bad=True)
    assert found == [[10, 20, None, 40]] and counts == {"bad steps to missing": 1, "missing numbers": 1}
    found, counts = series("a.csv", 'z,x\n1,10\n2,"20\n3,30\n', skip_bad=True)
    assert found == [[1, None, 3], [10, None, 30]] and counts["bad steps to missing"] == 1
    found, counts = series("a.txt", "1 2\n3\n4 5\n6 7\n", skip_bad=True)
    assert found == [[1, None, 4, 6], [2, None, 5, 7]]
    assert counts == {"bad steps to missing": 1, "missing numbers": 2}
    found, counts = series("a.csv", "z,x\n1\n2,20\n", skip_bad=True)  # before the first step there is no place to keep
    assert found == [[2], [20]] and counts == {"skipped": 1}
    Path("b.txt").write_bytes(b"1\n\xe9\n3\n")
    (record,) = read_records("b.txt", "series", skip_bad=True)
    assert math.isnan(record.sequence[0][1]) and len(record.sequence[0]) == 3


def test_an_empty_label_of_a_series_counts_as_missing() -> None:
    found, counts = read("a.csv", "x,who\n1,\n2,\n3,S\n4,\n", "series", label_column="who")
    assert [(r.label, len(r.sequence[0])) for r in found] == [(None, 2), ("S", 1), (None, 1)]
    assert counts == {"missing labels": 2}


def test_columns_left_out_are_counted_by_name(capsys) -> None:
    from cutaway.cli import main

    names = [f"a word that is long {i}" for i in range(15)]
    Path("a.csv").write_text(f"x,{','.join(names)}\n1{',w' * 15}\n")
    with pytest.raises(SystemExit):
        main(["records", "a.csv", "--alphabet", "series"])
        raise SystemExit
    said = " ".join(capsys.readouterr().out.split())
    assert "columns of words left out 15: 'a word that is long 0', 'a word" in said and "and 3 more" in said

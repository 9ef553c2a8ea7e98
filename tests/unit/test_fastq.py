"""FASTQ as Biopython reads it, wrapped in any way, and what is left of a file in which a record is damaged."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import pytest

from cutaway.errors import BadSequence, MissingText
from cutaway.sequences import read_records

QUALITIES = [chr(code) for code in range(33, 127)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(content: str | bytes, **options):
    Path("a.fq").write_bytes(content if isinstance(content, bytes) else content.encode())
    records = read_records("a.fq", "dna", **options)
    return [(one.id, one.sequence) for one in records], records.counts


def wrapped(text: str, generator: random.Random) -> list[str]:
    """Cut a text into lines of random lengths; an empty one is one empty line."""
    rows = []
    while text:
        width = generator.randint(1, 9)
        rows.append(text[:width])
        text = text[width:]
    return rows or [""]


def made(generator: random.Random, name: str, least: int = 0) -> tuple[str, list[str]]:
    """Return a record's sequence and its lines; many of its lines of qualities begin with '@' or '+'."""
    size = generator.randint(least, 24)
    sequence = "".join(generator.choices("ACGTN", k=size))
    qualities = "".join(generator.choices([*QUALITIES, *"@+" * 30], k=size))
    plus = generator.choice(["+", f"+{name}"])
    return sequence, [f"@{name}", *wrapped(sequence, generator), plus, *wrapped(qualities, generator)]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_random_wraps_are_read_as_biopython_reads_them(seed: int, end: str) -> None:
    quality_io = pytest.importorskip("Bio.SeqIO.QualityIO")
    generator = random.Random(seed)  # noqa: S311
    rows = [row for i in range(12) for row in made(generator, f"r{i}", least=1)[1]]
    Path("a.fq").write_bytes((end.join(rows) + generator.choice(["", end])).encode())
    with Path("a.fq").open() as file:
        right = [(name, sequence) for name, sequence, _ in quality_io.FastqGeneralIterator(file)]
    assert len(right) == 12
    records = read_records("a.fq", "text")
    assert [(one.id, one.sequence) for one in records] == right
    assert records.counts["skipped"] == 0


def test_qualities_end_by_the_count_of_letters() -> None:
    assert read("@r1\nACGTACGT\n+\nIIII\nIIII\n@r2\nTTTT\n+\n@III\n")[0] == [("r1", "ACGTACGT"), ("r2", "TTTT")]
    content = "@r1\nACGT\nACGT\n+\nIIIIIIII\n@r2\nTTTT\n+\n@III\n@r3\nGG\n+\nII\n"
    found, counts = read(content)
    assert found == [("r1", "ACGTACGT"), ("r2", "TTTT"), ("r3", "GG")] and counts["qualities left out"] == 3
    # a record without letters is bad to the alphabet; those beside it are not
    for empty in ("@e\n\n+\n\n", "@e\n+\n", "@e\n\n+\n"):
        found, counts = read(f"@r1\nA\n+\nI\n{empty}@r2\nT\n+\n@\n", skip_bad=True)
        assert found == [("r1", "A"), ("r2", "T")] and counts["skipped"] == 1


@pytest.mark.parametrize("seed", range(60))
def test_records_after_a_damaged_one_are_read(seed: int) -> None:
    """One line of one record in ten is lost, doubled or cut: the nine others come back, and the loss is counted."""
    generator = random.Random(seed)  # noqa: S311
    # Qualities begin with a letter here: what begins with '@' or '+' is the subject of the tests above.
    records = []
    for i in range(10):
        sequence = "".join(generator.choices("ACGT", k=generator.randint(4, 24)))
        rows = wrapped("I" * len(sequence), generator)
        records.append((f"r{i}", sequence, [f"@r{i}", *wrapped(sequence, generator), "+", *rows]))
    hurt = generator.randrange(10)
    rows = records[hurt][2]
    at = generator.randrange(len(rows))
    rows[at : at + 1] = generator.choice([[], [rows[at]] * 2, [rows[at][: len(rows[at]) // 2]]])
    found, counts = read("\n".join(row for _, _, rows in records for row in rows) + "\n", skip_bad=True)
    if not counts["skipped"]:  # what is left happens to be whole records, if others: to Biopython, too
        quality_io = pytest.importorskip("Bio.SeqIO.QualityIO")
        with Path("a.fq").open() as file:
            right = [sequence for _, sequence, _ in quality_io.FastqGeneralIterator(file)]
        assert [sequence for _, sequence in found] == right
        return
    # Where a header is lost, what stands below it may be more qualities of the record before it.
    unsure = {hurt, hurt - 1} if not rows or rows[0] != f"@r{hurt}" else {hurt}
    right = {name: sequence for i, (name, sequence, _) in enumerate(records) if i not in unsure}
    assert {name: sequence for name, sequence in found if name in right} == right
    assert len(found) <= 10 and counts["skipped"] <= 2


def test_a_plus_that_names_another_record_is_an_error_as_in_biopython() -> None:
    """Four lines are lost, from the first record's '+' to the second one's letters: what is left counts up."""
    quality_io = pytest.importorskip("Bio.SeqIO.QualityIO")
    content, good = "@b\nACGT\n+c\nIIII\n", "@g length=4\nACGT\n+g length=4\nIIII\n"
    with pytest.raises(BadSequence, match=r"line 3, column 1 of 'a\.fq': the line with '\+' names another record"):
        read(content + good)
    found, counts = read(content + good, skip_bad=True)
    assert found == [("g", "ACGT")] and counts["skipped"] == 1
    with pytest.raises(ValueError, match="captions differ"):
        list(quality_io.FastqGeneralIterator(io.StringIO(content)))


def test_what_is_lost_is_counted_and_named() -> None:
    good = "@g\nACGT\n+\nIIII\n"
    for bad, said in {
        "@b\nACGTACGT\n+\nIII\n": "line 4, column 1 of 'a.fq': 3 qualities for 8 letters",
        "@b\nACGT\n+\nIII\nII\n": "line 4, column 1 of 'a.fq': 5 qualities for 4 letters",
        "@b\nACGT\n+\nIIII\nII\n": "line 4, column 1 of 'a.fq': 6 qualities or more for 4 letters",
        "@b\nACGT\n": "line 1, column 1 of 'a.fq': this record has no line with '+' before line 3",
        "@b\nACGT\n+\n": "line 4, column 1 of 'a.fq'",
        "b\nACGT\n+\nIIII\n": "line 1, column 1 of 'a.fq': a FASTQ record must begin with '@'",
    }.items():
        with pytest.raises(BadSequence, match=said.replace("+", r"\+")):
            read(bad + good)
        found, counts = read(bad + good, skip_bad=True)
        assert found[-1] == ("g", "ACGT") and counts["skipped"] == 1, bad
    # two in a row are two
    twice = "@b\nACGTACGT\n+\nIII\n@c\nACGTACGT\n+\nIII\n"
    found, counts = read(twice + good, skip_bad=True)
    assert found == [("g", "ACGT")] and counts["skipped"] == 2
    # a file that ends too early
    for cut in ("@b\nACGT\n+\nII\n", "@b\nACGT\n+\n", "@b\nACGT\n+", "@b\nACGT\n", "@b\n", "@b"):
        with pytest.raises(BadSequence, match="the file ends inside this record"):
            read(good + cut)
        found, counts = read(good + cut, skip_bad=True)
        assert found == [("g", "ACGT")] and counts["skipped"] == 1
    with pytest.raises(MissingText):
        read("\n\n")


def test_damaged_files_cost_time_in_proportion() -> None:
    """Each record claims as many qualities as the whole file behind it would have, were it read anew for each."""

    def seconds(count: int) -> float:
        rows = [f"@r{i}\n{'A' * 400}\n+\n{'@' * 40}\n" for i in range(count)]
        Path("a.fq").write_text("".join(rows) + "@g\nACGT\n+\nIIII\n")
        start = time.process_time()
        records = read_records("a.fq", "dna", skip_bad=True)
        assert [one.id for one in records] == ["g"]
        return time.process_time() - start

    seconds(100)
    assert seconds(8000) < 40 * max(seconds(400), 0.01)

"""Tokenizers held against each other: every measure against what can be counted by hand, and files to one page."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models

from cutaway.errors import BadSequence, InputError, MissingText
from cutaway.tokens import (
    Sample,
    States,
    Tokenizer,
    TokenizerCell,
    bins_tokenizer,
    compare_tokenizers,
    read_sample,
    save_tokenizer,
    states_of,
    states_tokenizer,
    train_tokenizer,
    uniform_bins,
)
from cutaway.tokens.edits import edits_of, tokens_changed
from cutaway.tokens.ngrams import bigram_bits
from tests.unit.commands import run

CHANCE = random.Random(0)  # noqa: S311
DNA = ["".join(CHANCE.choices("ACGT", k=600)) for _ in range(4)]
SERIES = [[[20 + 5 * math.sin(t / 9 + c) + CHANCE.random() for t in range(200)] for c in range(2)] for _ in range(4)]
TEXT = ["the cat sat on the mat", "a dog saw the cat", "naïve café", "the mat"]


def cell(tokenizer: Tokenizer, alphabet: str, sequences: Any, **options: Any) -> TokenizerCell:
    [found] = compare_tokenizers([tokenizer], [Sample("x", alphabet, sequences)], **options).cells
    return found


def plain_bits(learned: list[list[int]], scored: list[list[int]], size: int) -> float:
    """Witten–Bell as it is written down, token by token."""
    pairs, before = Counter[tuple[int, int]](), Counter[int]()
    for ids in learned:
        line = [size, *ids, size]
        pairs.update(itertools.pairwise(line))
        before.update(line[:-1])
    after: Counter[int] = Counter()
    for (_, right), count in pairs.items():
        after[right] += count
    bits = 0.0
    for ids in scored:
        line = [size, *ids, size]
        for left, right in itertools.pairwise(line):
            alone = (after[right] + len(after) / (size + 1)) / (sum(after.values()) + len(after))
            followers = sum(1 for pair in pairs if pair[0] == left)
            seen = before[left] + followers
            bits -= math.log2((pairs[left, right] + followers * alone) / seen if seen else alone)
    return bits


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_bits_are_those_of_the_formula(size: int) -> None:
    chance = random.Random(size)  # noqa: S311
    texts = [[chance.randrange(size) for _ in range(chance.randrange(30))] for _ in range(12)]
    learned, scored = texts[:6], [*texts[6:], [size - 1] * 3]
    arrays = [[np.array(ids, dtype=np.int64) for ids in part] for part in (learned, scored)]
    assert bigram_bits(*arrays, size) == pytest.approx(plain_bits(learned, scored, size), rel=1e-12)


def test_the_bits_are_of_a_distribution() -> None:
    """All that could follow, the end included, adds up to 1: what a sequence costs more than its beginning."""
    learned = [np.array([0, 1, 0, 2], dtype=np.int64), np.array([2, 2], dtype=np.int64)]

    def chance_of(ids: list[int]) -> float:
        return 2 ** -bigram_bits(learned, [np.array(ids, dtype=np.int64)], 4)

    texts: list[list[int]] = [[]]
    total = 0.0
    for _ in range(7):  # all texts of up to six tokens
        total += sum(map(chance_of, texts))
        texts = [[*text, i] for text in texts for i in range(4)]
    assert 0.6 < total < 1
    single = chance_of([3])  # never met: it costs what 1 / (size + 1) leaves it, and no less than nothing
    assert 0 < single < 0.05


def test_tokens_between_the_common_beginning_and_the_common_end() -> None:
    assert tokens_changed([1, 2, 3], [1, 2, 3]) == 0
    assert tokens_changed([1, 2, 3], [1, 9, 3]) == 1
    assert tokens_changed([1, 1, 1], [1, 1]) == 1
    assert tokens_changed([], [5, 6]) == 2
    assert tokens_changed([1, 2, 3, 4], [5, 6]) == 4


def test_what_can_be_counted_by_hand() -> None:
    found = cell(train_tokenizer(TEXT, "char"), "text", TEXT)
    symbols, words, size = sum(map(len, TEXT)), sum(len(text.split()) for text in TEXT), len("".join(TEXT).encode())
    assert found.tokens == symbols and found.symbols_per_token == 1 and found.fertility == symbols / words
    assert found.bytes_per_token == size / symbols and found.unknown == found.byte_fallback == 0
    vocabulary = len(set("".join(TEXT)))
    assert found.exact == 1 and found.comparable and found.used == vocabulary / (vocabulary + 4)
    assert found.substitution == 1 and found.indel == 1 and found.encode_mb_per_s > 0
    learned, scored = (["".join(TEXT[i]) for i in half] for half in ((0, 2), (1, 3)))
    tokenizer = train_tokenizer(TEXT, "char")
    ids = [[tokenizer.encode(text).ids for text in half] for half in (learned, scored)]
    bits = plain_bits(*ids, len(tokenizer.vocabulary)) / sum(map(len, scored))
    assert found.bits_per_symbol == pytest.approx(bits, rel=1e-12)


def test_unknown_tokens_are_a_loss_and_byte_tokens_are_not() -> None:
    lossy = cell(train_tokenizer(["ab"], "char"), "text", ["abc", "ab", "ccc"])
    assert lossy.unknown == 4 / 8 and lossy.exact == 1 / 3 and not lossy.comparable
    assert lossy.bits_per_symbol is not None
    bytewise = cell(train_tokenizer(["ab"], "bpe", vocab_size=260), "text", ["é", "aé"])
    assert bytewise.byte_fallback == 4 / 5 and bytewise.unknown == 0 and bytewise.comparable
    spelled = {token: i for i, token in enumerate(["<unk>", "a", *(f"<0x{i:02X}>" for i in range(256))])}
    backend = Backend(models.BPE(spelled, [], unk_token="<unk>", byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    fallback = cell(Tokenizer(backend, {}, "bytes"), "text", ["aéb"])
    assert fallback.byte_fallback == 3 / 4 and fallback.exact == 1


def test_a_loss_is_not_rewarded() -> None:
    """What turns every letter into <unk> has the fewest bits, and is not called the best."""
    tokenizers = [train_tokenizer(["x"], "char"), train_tokenizer(DNA, "char", alphabet="dna")]
    found = compare_tokenizers(tokenizers, [Sample("genes", "dna", DNA)])
    blind, letters = found.cells
    assert blind.bits_per_symbol is not None and letters.bits_per_symbol is not None
    assert blind.bits_per_symbol < letters.bits_per_symbol and not blind.comparable and letters.comparable
    assert found.summary[0].startswith("On genes (dna) only char (dna) loses nothing: 2,400 tokens, 1 per character, ")
    assert 1.9 < letters.bits_per_symbol < 2.2  # random bases: two bits each
    alone = compare_tokenizers(tokenizers[:1], [Sample("genes", "dna", DNA)])
    assert "can't be compared" in alone.summary[0]


def test_words_of_a_fixed_length_all_move_when_a_letter_is_put_in() -> None:
    codons = cell(train_tokenizer(["ATG"], "codon"), "dna", DNA)
    letters = cell(train_tokenizer(["ATG"], "char", alphabet="dna"), "dna", DNA)
    kmers = cell(train_tokenizer(["ATG"], "kmer", k=3, overlapping=True), "dna", DNA)
    assert codons.substitution == 1 and letters.substitution == letters.indel == 1
    assert codons.indel is not None and codons.indel > 15
    assert kmers.exact == 1 and kmers.symbols_per_token == 1
    assert kmers.substitution is not None and 2.9 < kmers.substitution <= 3


def test_series_are_counted_by_their_numbers() -> None:
    bins = cell(train_tokenizer(SERIES, "bins", vocab_size=300), "series", SERIES)
    assert bins.tokens == 4 * (2 * 3 + 400) and bins.bytes_per_token == 8 * 1600 / bins.tokens
    assert bins.exact == 0 and not bins.comparable  # a number comes back to within its bin
    digits = cell(train_tokenizer(["0123456789.-\n nae"], "char"), "series", SERIES, edits=9)
    assert digits.exact == 1 and digits.comparable and digits.fertility > 10
    whole = [[[1.0, math.nan, 3.0]], [[2.0, 2.0, 4.0]]]
    exact = cell(train_tokenizer(whole, "bins", vocab_size=300), "series", whole)
    assert exact.exact == 1 and exact.comparable
    states = States(((1.0, 5.0), (9.0, 9.0)))
    on_them = cell(states_tokenizer(states), "series", [[[1.0, 9.0, 1.0], [5.0, 9.0, 5.0]]])
    assert on_them.exact == 1 and on_them.tokens == 3 and on_them.symbols_per_token == 2
    with pytest.raises(InputError, match="states have 2 channels, but the series has 1"):
        cell(states_tokenizer(states), "series", [[[1.0, 9.0]]])


def test_states_beside_bins() -> None:
    """A word is a step of both channels, and its bits are shared between their numbers."""
    bins, states = (train_tokenizer(SERIES, kind, vocab_size=200) for kind in ("bins", "states"))
    found = compare_tokenizers([bins, states], [Sample("walk", "series", SERIES)], edits=40)
    few = found.cells[1]
    assert few.tokens == 800 and few.symbols_per_token == 2 and few.bytes_per_token == 16
    assert few.exact == 0 and not few.comparable and few.unknown == few.byte_fallback == 0
    assert few.substitution is not None and 0 < few.substitution <= 1
    ids = [states.encode(states_of(states).write(channels)).ids for channels in SERIES]
    bits = plain_bits(ids[::2], ids[1::2], len(states.vocabulary))
    assert few.bits_per_symbol == pytest.approx(bits / (2 * 2 * 200), rel=1e-12)
    assert found.summary == ["On walk (series) every tokenizer loses something, so their bits can't be compared."]
    with_hole = [[[1.0, math.nan, 3.0], [1.0, 2.0, 3.0]]]
    assert cell(states, "series", with_hole).unknown == 0


def test_one_record_is_cut_in_its_middle() -> None:
    tokenizer = train_tokenizer(["ACGT"], "char", alphabet="dna")
    found = cell(tokenizer, "dna", [DNA[0]])
    ids = [[tokenizer.encode(text).ids] for text in (DNA[0][:300], DNA[0][300:])]
    assert found.bits_per_symbol == pytest.approx(plain_bits(*ids, len(tokenizer.vocabulary)) / 300, rel=1e-12)
    assert cell(tokenizer, "dna", ["A"]).bits_per_symbol is None
    assert cell(tokenizer, "dna", ["A"]).substitution is None  # no other letter occurs


@pytest.mark.parametrize("sequences", [DNA, ["AC" * 5000], ["A", "CG"], TEXT])
def test_edits_change_one_symbol_in_a_window(sequences: list[str]) -> None:
    edits = edits_of(sequences, 150, 3)
    assert edits == edits_of(sequences, 150, 3) != edits_of(sequences, 150, 4)
    for window, changed, indel in edits:
        assert any(window in text for text in sequences) and len(window) <= 200
        assert sum(a != b for a, b in zip(window, changed, strict=True)) == 1
        assert abs(len(indel) - len(window)) == 1 and tokens_changed(window, indel) == 1


def test_all_but_the_speed_is_the_same_each_time() -> None:
    tokenizers = [train_tokenizer(DNA, "bpe", alphabet="dna", vocab_size=60), train_tokenizer(TEXT, "word")]
    samples = [Sample("a", "dna", DNA), Sample("b", "text", TEXT)]
    first, second = (compare_tokenizers(tokenizers, samples, edits=40).rows() for _ in range(2))
    assert first == second and len(first) == 4 and "encode_mb_per_s" not in first[0]
    assert compare_tokenizers(tokenizers, samples, edits=40, seed=1).rows() != first


def test_tokenizers_of_one_name_are_numbered() -> None:
    tokenizer = train_tokenizer(TEXT, "char")
    found = compare_tokenizers([tokenizer, tokenizer], [Sample("x", "text", TEXT)] * 2, edits=0)
    assert [one.name for one in found.tokenizers] == ["char (text)", "char (text) (2)"]
    assert [(one.tokenizer, one.sample) for one in found.cells][1:3] == [
        ("char (text) (2)", "x"),
        ("char (text)", "x (2)"),
    ]
    assert found.cells[0].substitution is None


def test_a_sample_ends_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">a\nACGT\n>b\nACGTAC\n>c\nAAA\n")
    for symbols, lengths, whole in ((4, [4], False), (6, [4, 2], False), (10, [4, 6], False), (13, [4, 6, 3], True)):
        found = read_sample(tmp_path / "x.fa", "dna", symbols=symbols)
        assert [len(text) for text in found.sequences] == lengths and found.whole == whole
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    found = read_sample(tmp_path / "x.csv", "series", symbols=5, column=["a", "b"])
    assert [list(map(list, channels)) for channels in found.sequences] == [[[1.0, 3.0], [2.0, 4.0]]] and not found.whole
    with pytest.raises(InputError, match="can't hold one step"):
        read_sample(tmp_path / "x.csv", "series", symbols=1, column=["a", "b"])


@pytest.mark.parametrize(
    ("tokenizers", "samples", "kind", "said"),
    [
        (0, [Sample("x", "text", ["a"])], InputError, "no tokenizer to compare"),
        (1, [], InputError, "no sample to compare"),
        (1, [Sample("x", "text", [])], MissingText, "'x' has nothing to tokenize"),
        (1, [Sample("x", "text", ["", ""])], MissingText, "'x' has nothing to tokenize"),
        (1, [Sample("x", "runes", ["a"])], InputError, "no alphabet 'runes'"),
        (1, [Sample("x", "series", ["a"])], InputError, "must be channels of numbers"),
        (1, [Sample("x", "text", [[[1.0]]])], InputError, "must be texts"),
        (1, [Sample("x", "text", ["\ud800"])], InputError, "lone surrogate"),
    ],
)
def test_what_can_not_be_compared_is_refused(tokenizers: int, samples: Any, kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        compare_tokenizers([train_tokenizer(["a"], "char")] * tokenizers, samples)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five tokenizers in folders and four files; returns the words of the command."""
    monkeypatch.chdir(tmp_path)
    Path("play.txt").write_text("\n".join(TEXT))
    Path("genes.fa").write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(DNA)))
    Path("proteins.fa").write_text(">a\nMKVLAAGGMKV\n>b\nMKAAWWYF\n")
    rows = zip(*SERIES[0], strict=True)
    Path("wind.csv").write_text("day,wind,rain\n" + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(rows)))
    made = {"bytes": ("bpe", {"vocab_size": 300}), "letters": ("char", {}), "words": ("word", {})}
    tokenizers = {name: train_tokenizer(TEXT, kind, **options) for name, (kind, options) in made.items()}
    tokenizers["dna"] = train_tokenizer(DNA, "bpe", alphabet="dna", vocab_size=60)
    tokenizers["bins"] = train_tokenizer(SERIES, "bins", vocab_size=300)
    for name, tokenizer in tokenizers.items():
        save_tokenizer(tokenizer, name)
    named = [word for name in tokenizers for word in ("-t", f"./{name}")]
    return ["play.txt", "genes.fa=dna", "proteins.fa=protein", "wind.csv=series:wind,rain", *named, "--edits", "50"]


def test_five_tokenizers_and_four_kinds_of_sequence_are_one_page(capsys: Any, files: list[str]) -> None:
    code, out, err = run(capsys, "tokenizer", "compare", *files, "--json", "-o", "page.html")
    record = json.loads(out)
    assert code == 0 and "wrote page.html" in err
    assert record["schema"] == "cutaway.tokenizer_comparison/1" and len(record["cells"]) == 20
    assert [sample["unit"] for sample in record["samples"]] == ["word", "character", "character", "number"]
    page = Path("page.html").read_text()
    assert page.count('"encode_mb_per_s":') == 20 and "drawTokenizerComparison" in page
    cells = {(one["tokenizer"], one["sample"]): one for one in record["cells"]}
    assert cells["./dna", "genes.fa"]["comparable"] and not cells["./dna", "wind.csv"]["comparable"]
    assert all(cells["./bytes", sample["name"]]["exact"] == 1 for sample in record["samples"])
    code, _, _ = run(capsys, "tokenizer", "compare", *files, "-o", "table.csv")
    rows = list(csv.DictReader(io.StringIO(Path("table.csv").read_text(encoding="utf-8"))))
    assert code == 0 and [int(row["tokens"]) for row in rows] == [one["tokens"] for one in record["cells"]]
    code, out, err = run(capsys, "tokenizer", "compare", *files)
    assert (
        code == 0
        and err == ""
        and out.count("./bytes") >= 4
        and "not comparable" in out
        and "genes.fa (dna): 4 records" in out
    )


def test_bad_words_are_named(capsys: Any, files: list[str]) -> None:
    Path("a=dna").write_text("a text in a file of an odd name\n")
    assert run(capsys, "tokenizer", "compare", "a=dna", "-t", "./letters", "--format", "txt")[0] == 0
    for words, code, said in (
        (["play.txt=dna", "-t", "./letters"], 2, "is not a letter of dna"),
        (["play.txt"], 2, "Missing option '-t'"),
        (["play.txt", "-t", "./nowhere"], 2, "nowhere"),
        (["nowhere.txt", "-t", "./letters"], 2, "there is no file 'nowhere.txt'"),
        (["play.txt", "-t", "./letters", "-o", "x.npz"], 2, "can't be saved as .npz"),
        (["play.txt", "-t", "./letters", "--symbols", "0"], 2, "--symbols is 0"),
        (["wind.csv=series:snow", "-t", "./bins"], 2, "no column 'snow'"),
    ):
        found, out, err = run(capsys, "tokenizer", "compare", *words)
        assert (found, out) == (code, "") and said in err, words


def test_broken_records_that_were_left_out_are_reported(capsys: Any, files: list[str]) -> None:
    Path("mixed.fa").write_text(">a\nACGT\n>b\nMKF\n>c\nGATTACA\n")
    with pytest.raises(BadSequence, match="is not a letter of dna"):
        read_sample("mixed.fa", "dna")
    code, out, _ = run(capsys, "tokenizer", "compare", "mixed.fa=dna", "-t", "./letters", "--skip-bad")
    assert code == 0 and "2 records" in out and "broken records left out: 1" in out


def test_files_are_called_by_their_names_unless_two_share_one() -> None:
    tokenizer = train_tokenizer(["a cat"], "char")
    for names, shown in (
        (["/data/a/genes.fa", "b/text.txt"], ["genes.fa", "text.txt"]),
        (["a/genes.fa", "b/genes.fa"], ["a/genes.fa", "b/genes.fa"]),
        (["x", "x"], ["x", "x (2)"]),
    ):
        found = compare_tokenizers([tokenizer], [Sample(name, "text", ["a cat"]) for name in names])
        assert [sample.name for sample in found.samples] == shown
        assert [cell.sample for cell in found.cells] == shown


def test_the_error_of_numbers_is_in_standard_deviations() -> None:
    chance = np.random.default_rng(5)
    channels = [list(chance.normal(3, 2, 400)), list(chance.normal(-1, 1e200, 400)), [4.0] * 400]
    channels[0][7] = math.nan
    bins = uniform_bins(31, 4)
    plain, binned = train_tokenizer(["0123456789.e-+ nan\n"] * 9, "char"), bins_tokenizer(bins)
    found = compare_tokenizers([plain, binned], [Sample("x", "series", [channels])])
    assert found.cells[0].error == 0 and found.cells[0].exact == 1
    back = bins.read(bins.write(channels))
    expected = []
    for given, other in zip(channels[:2], back.tolist(), strict=False):
        known = [(a / 1e150, b / 1e150) for a, b in zip(given, other, strict=True) if not math.isnan(a)]
        mean = sum(a for a, _ in known) / len(known)
        spread = sum((a - mean) ** 2 for a, _ in known)
        expected.append(math.sqrt(sum((a - b) ** 2 for a, b in known) / spread))
    assert found.cells[1].error == pytest.approx(sum(expected) / 2, rel=1e-9) and found.cells[1].error > 0.01
    lossy = train_tokenizer(["0123"], "char")
    assert compare_tokenizers([lossy], [Sample("x", "series", [[[7.0, 8.0]]])]).cells[0].error is None
    assert compare_tokenizers([plain], [Sample("x", "text", ["12"])]).cells[0].error is None

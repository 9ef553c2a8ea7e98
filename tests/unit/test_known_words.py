"""The words that a translator met in training lie in its folder, and go with it when it is saved elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cutaway
from cutaway.errors import CorruptFile, OutputError
from cutaway.models.known_words import FILE, KnownWords, read_known_words, words_of
from tests.unit.training_runs import TINY

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Well-known: e.g. don't!", ["well-known", "e.g", "don't"]),
        ("(1) 12,5 % -- …", []),
        ("«Été» d’août", ["été", "d’août"]),
        ("选择单元格。", ["选择单元格"]),
        ("CC(=O)O ACGT", ["cc(=o)o", "acgt"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_word_that_occurs_once_is_not_known() -> None:
    found = KnownWords.counted([("a cat", "un chat"), ("a dog", "un chien")])
    assert (found.source, found.target) == ({"a"}, {"un"})


def test_words_come_back_from_their_file(tmp_path: Path) -> None:
    assert read_known_words(tmp_path) is None
    assert read_known_words(None) is None
    words = KnownWords(frozenset({"b", "é", "a"}), frozenset())
    words.save(tmp_path)
    assert read_known_words(tmp_path) == words
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["source"] == ["a", "b", "é"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "other/1", "source": [], "target": []}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(CorruptFile, match=FILE):
        read_known_words(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        KnownWords(frozenset(), frozenset()).save(tmp_path / "nowhere")


def test_a_run_of_pairs_keeps_the_words_that_it_was_trained_on(tmp_path: Path) -> None:
    lines = [f"open the box {number}\touvrir la boîte {number}" for number in range(40)]
    (tmp_path / "pairs.tsv").write_text("en\tfr\n" + "\n".join(lines) + "\n", encoding="utf-8")
    how = {"objective": "seq2seq", "column": "en", "target_column": "fr", "held_out": 0.2, "context": 48}
    run, copy = tmp_path / "run", tmp_path / "copy"
    cutaway.train(tmp_path / "pairs.tsv", alphabet="text", output=run, **{**TINY, **how})
    words = read_known_words(run)
    assert words is not None
    assert words.source == {"open", "the", "box"}
    assert words.target == {"ouvrir", "la", "boîte"}
    cutaway.save(cutaway.load(run, "pair"), copy)
    assert read_known_words(copy) == words


def test_a_run_of_other_data_keeps_none(tmp_path: Path) -> None:
    cutaway.train(output=tmp_path / "run", **TINY)
    assert read_known_words(tmp_path / "run") is None

"""The rows of a run: of a source and of a text, and the tokenizer of characters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cutaway.errors import InputError, MissingText
from cutaway.sequences import SENTENCES, known_source
from cutaway.tokens.char_word import END
from cutaway.training import Settings, SourceRows, TrainingRun, character_tokenizer, train
from tests.unit.training_runs import TINY

TOKENIZER = character_tokenizer([SENTENCES.alphabet])


def test_any_text_of_the_alphabet_comes_back() -> None:
    text = "  two  spaces,\n\n\ttabs\r\n and naïve 日本語 e\u0301 .\n"
    tokenizer = character_tokenizer([text])
    ids = tokenizer.encode(text).ids
    assert len(ids) == len(text) + 1
    assert ids[0] == tokenizer.vocabulary[END] == 0
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode("Q").tokens == [END, "<unk>"]


def test_a_row_depends_on_seed_and_index_alone() -> None:
    rows, again = (SourceRows(SENTENCES, TOKENIZER, 100) for _ in range(2))
    backwards = {index: again.row(7, index).ids.tolist() for index in reversed(range(4))}
    assert [rows.row(7, index).ids.tolist() for index in range(4)] == [backwards[index] for index in range(4)]
    keys = [(2**32, 0), (0, 0), (0, 1), (1, 0), (1, 2**32), (1, -1)]
    assert len({tuple(rows.row(*key).ids.tolist()) for key in keys}) == len(keys)


@pytest.mark.parametrize("name", ["built-in", "built-in:markov-dna", "built-in:three-wells"])
def test_source_rows_are_the_end_token_and_text_from_its_start(name: str) -> None:
    source = SENTENCES if name == "built-in" else known_source(name)
    tokenizer = character_tokenizer([source.alphabet])
    short, row = (SourceRows(source, tokenizer, context).row(0, 3) for context in (40, 150))
    assert row.ids.shape == (151,) and row.lengths == (151,) and row.symbols == 150
    assert row.ids[0] == tokenizer.vocabulary[END]
    text = tokenizer.decode(row.ids[1:].tolist())
    assert len(text) == 150 and np.isfinite(source.surprisal(text)).all()
    np.testing.assert_array_equal(short.ids, row.ids[:41])  # a longer row goes on where the shorter stops


def test_the_floor_is_the_surprisal_of_the_very_rows() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 80)
    held_out = rows.held_out(5)
    texts = [TOKENIZER.decode(row.ids[1:].tolist()) for row in held_out]
    expected = np.mean([SENTENCES.surprisal(text).sum() / 80 for text in texts])
    assert rows.floor(held_out) == pytest.approx(float(expected))


def test_held_out_rows_are_never_trained_on() -> None:
    rows = SourceRows(SENTENCES, TOKENIZER, 200)
    held_out = {tuple(row.ids.tolist()) for row in rows.held_out(8)}
    trained = {tuple(rows.row(0, index).ids.tolist()) for index in range(64)}
    assert len(held_out) == 8
    assert not held_out & trained


def test_a_text_is_read_in_windows_each_once_an_epoch_and_its_tail_is_held_out(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("".join(chr(0x4E00 + number) for number in range(2000)))  # a window says where it is
    run = TrainingRun(Settings.of(**TINY | {"data": str(path), "context": 30}))
    rows, per_epoch = run.data.rows, run.data.per_epoch
    assert per_epoch is not None
    for epoch in range(2):
        places: list[int] = []
        for index in range(epoch * per_epoch, (epoch + 1) * per_epoch):
            row, start = rows.row(3, index), 0
            assert len(row.ids) <= 31
            for length in row.lengths:
                piece = run.data.tokenizer.decode(row.ids[start : start + length].tolist(), skip_special_tokens=True)
                assert row.ids[start] == run.data.tokenizer.vocabulary[END]
                numbers = [ord(character) - 0x4E00 for character in piece]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
                places += numbers
                start += length
        assert sorted(places) == list(range(len(places)))  # each once, from the start
        assert 1850 <= len(places) < 2000
    held = [run.data.tokenizer.decode(row.ids.tolist(), skip_special_tokens=True) for row in rows.held_out(64)]
    assert min(ord(text[0]) - 0x4E00 for text in held) >= len(places)


def test_a_file_has_no_floor_and_its_loss_falls(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("Once upon a time there was a naïve café.\nIt ended well.\n" * 30, encoding="utf-8")
    result = train(path, **TINY)
    assert result.source == str(path)
    assert result.floor is None and result.final_floor is None
    assert result.final_loss < result.validation[0].loss


def test_unreadable_data_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    with pytest.raises(MissingText):
        train(empty, **TINY)
    short = tmp_path / "short.txt"
    short.write_text("a")
    with pytest.raises(InputError):
        train(short, **TINY, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()

"""Shards: what is written is what the readers and the tokenizer give, in whatever order, once, and whole."""

import json

import numpy as np
import pytest
import tokenizers

from cutaway.errors import InputError, OutputError
from cutaway.shards import open_shards, prepare_shards
from cutaway.shards.batch_ids import PART, BatchIds, long_text_ids
from cutaway.shards.letter_table import LetterTable
from cutaway.tokens import Codec, characters, train_tokenizer

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def _proteins(count, seed=0, letters=LETTERS):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), length)) for length in rng.integers(5, 200, count).tolist()]


def _fasta(path, sequences):
    path.write_text("".join(f">r{number}\n{letters}\n" for number, letters in enumerate(sequences)))
    return path


def test_shards_hold_the_records_in_order(tmp_path):
    sequences = _proteins(500)
    sequences += sequences[:7]
    tokenizer = characters([LETTERS])
    file = _fasta(tmp_path / "p.fa", sequences)
    shards = prepare_shards(file, tmp_path / "shards", tokenizer, alphabet="protein", shard_tokens=9_000)
    assert len(list((tmp_path / "shards").glob("tokens-*.bin"))) > 3
    assert [tokenizer.decode(shards.ids(record)) for record in range(len(shards))] == sequences
    assert shards.lengths.tolist() == shards.symbols.tolist() == [len(letters) for letters in sequences]
    letters = sum(map(len, sequences))
    assert shards.counts == {
        "records": 507, "tokens": letters, "symbols": letters, "duplicates": 7, "skipped": 0,
        "records without a token": 0, "clusters": 500,
    }  # fmt: skip
    assert shards.ids(0).dtype == np.uint8 and not shards.ids(0).flags.writeable
    for spans in (shards.train, shards.held_out):
        assert (np.diff(spans[:, 0]) > 0).all()
        assert (spans[:, 1] == 0).all() and (spans[:, 2] == shards.lengths[spans[:, 0]]).all()
    used = sorted([*shards.train[:, 0].tolist(), *shards.held_out[:, 0].tolist()])
    assert used == list(range(500))  # not the seven that are repeated
    share = shards.lengths[shards.held_out[:, 0]].sum() / sum(len(letters) for letters in sequences[:500])
    assert share == pytest.approx(0.05, abs=0.002)
    assert not (tmp_path / "shards" / "work").exists()


def test_a_second_call_opens_what_the_first_one_wrote(tmp_path):
    tokenizer, file = characters([LETTERS]), _fasta(tmp_path / "p.fa", _proteins(50))
    first = prepare_shards(file, tmp_path / "shards", tokenizer, alphabet="protein")
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*.*")}
    moved = file.rename(tmp_path / "moved.fa")
    second = prepare_shards(moved, tmp_path / "shards", tokenizer, alphabet="protein")
    assert second.digest == first.digest == open_shards(tmp_path / "shards").digest
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shards").glob("*.*")} == times


def test_the_order_of_records_and_files_does_not_change_what_is_held_out(tmp_path):
    sequences, tokenizer = _proteins(300), characters([LETTERS])

    def held_out(name, parts):
        files = [_fasta(tmp_path / f"{name}{number}.fa", part) for number, part in enumerate(parts)]
        shards = prepare_shards(
            files, tmp_path / name, tokenizer, alphabet="protein", shard_tokens=5_000, rename_duplicates=True
        )
        return sorted(tokenizer.decode(shards.ids(record)) for record in shards.held_out[:, 0].tolist())

    expected = held_out("a", [sequences])
    assert len(expected) > 5
    shuffled = np.random.default_rng(1).permutation(sequences).tolist()
    assert held_out("b", [shuffled]) == expected
    assert held_out("c", [shuffled[100:], shuffled[:100], shuffled[50:80]]) == expected


def test_few_long_records_hold_out_their_ends(tmp_path):
    rng, tokenizer = np.random.default_rng(0), characters(["ACGT"])
    sequences = ["".join(rng.choice(list("ACGT"), length)) for length in (50_000, 20_000, 3)]
    file = _fasta(tmp_path / "genome.fa", sequences)
    shards = prepare_shards(file, tmp_path / "shards", tokenizer, alphabet="dna", held_out=0.1)
    assert shards.train.tolist() == [[0, 0, 45_000], [1, 0, 18_000], [2, 0, 3]]
    assert shards.held_out.tolist() == [[0, 45_000, 50_000], [1, 18_000, 20_000]]


def test_a_text_is_one_record(tmp_path):
    text = "The cat sat.\nThe dog, too: naïve.\n" * 40
    (tmp_path / "a.txt").write_text(text)
    tokenizer = characters([text])
    shards = prepare_shards(tmp_path / "a.txt", tmp_path / "one", tokenizer)
    assert len(shards) == 1 and tokenizer.decode(shards.ids(0)) == text
    assert shards.train.tolist() == [[0, 0, 1292]] and shards.held_out.tolist() == [[0, 1292, 1360]]
    lines = prepare_shards(tmp_path / "a.txt", tmp_path / "many", tokenizer, whole_text=False, held_out=0)
    assert len(lines) == 80 and tokenizer.decode(lines.ids(1)) == "The dog, too: naïve."
    assert lines.counts["duplicates"] == 78 and lines.train[:, 0].tolist() == [0, 1]
    often = prepare_shards(
        tmp_path / "a.txt", tmp_path / "often", tokenizer, whole_text=False, held_out=0, keep_duplicates=True
    )
    assert len(often.train) == 80 and often.counts["duplicates"] == 78


def test_another_request_for_the_same_folder_says_what_differs(tmp_path):
    tokenizer, file = characters([LETTERS]), _fasta(tmp_path / "p.fa", _proteins(50))
    folder = tmp_path / "shards"
    prepare_shards(file, folder, tokenizer, alphabet="protein")
    with pytest.raises(InputError, match=r"`held_out` was 0\.05 and is 0\.1"):
        prepare_shards(file, folder, tokenizer, alphabet="protein", held_out=0.1)
    with pytest.raises(InputError, match="the tokenizer is another one"):
        prepare_shards(file, folder, characters([LETTERS + "X"]), alphabet="protein")
    with pytest.raises(InputError, match="1 files instead of 2"):
        prepare_shards([file, file], folder, tokenizer, alphabet="protein")
    _fasta(tmp_path / "p.fa", _proteins(50, seed=1))
    with pytest.raises(InputError, match=r"the file 'p\.fa' is another one, or has changed"):
        prepare_shards(file, folder, tokenizer, alphabet="protein")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(OutputError, match="is not empty"):
        prepare_shards(file, tmp_path / "mine", tokenizer, alphabet="protein")


@pytest.mark.parametrize("name", ["tokens-00001.bin", "train.npy", "shards.json"])
def test_a_damaged_or_cut_file_is_named(tmp_path, name):
    folder = tmp_path / "shards"
    prepare_shards(
        _fasta(tmp_path / "p.fa", _proteins(80)), folder, characters([LETTERS]), alphabet="protein", shard_tokens=2000
    )
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-9])
    with pytest.raises(InputError, match=f"{name}' is damaged"):
        open_shards(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match="are incomplete" if name == "shards.json" else f"{name}' is damaged: it is m"):
        open_shards(folder)
    if name != "shards.json":
        (folder / name).write_bytes(whole[:-9] + bytes(reversed(whole[-9:])))
        with pytest.raises(InputError, match=f"{name}' is damaged: its content has changed"):
            open_shards(folder)
        open_shards(folder, verify=False)
    with pytest.raises(InputError, match="holds no shards"):
        open_shards(tmp_path)


def test_bad_arguments(tmp_path):
    tokenizer, file = characters([LETTERS]), _fasta(tmp_path / "p.fa", _proteins(3))
    for wrong, said in [
        ({"held_out": 1.0}, "`held_out` is 1"),
        ({"shard_tokens": 0}, "`shard_tokens` is 0"),
        ({"label_kind": "stars"}, "`label_kind` is 'stars'"),
        ({"label_column": "a", "target_column": "b"}, "a label or a target"),
        ({"alphabet": "runes"}, "no alphabet 'runes'"),
    ]:
        with pytest.raises(InputError, match=said):
            prepare_shards(file, tmp_path / "s", tokenizer, **{"alphabet": "protein", **wrong})
    with pytest.raises(InputError, match="standard input"):
        prepare_shards("-", tmp_path / "s", tokenizer)
    with pytest.raises(InputError, match="there is no file"):
        prepare_shards(tmp_path / "none.fa", tmp_path / "s", tokenizer)
    with pytest.raises(InputError, match="no file was given"):
        prepare_shards([], tmp_path / "s", tokenizer)
    assert not (tmp_path / "s").exists() or not list((tmp_path / "s").glob("tokens*"))


def test_a_split_that_would_be_empty(tmp_path):
    (tmp_path / "a.txt").write_text("abc")
    with pytest.raises(InputError, match="3 tokens can't be split"):
        prepare_shards(tmp_path / "a.txt", tmp_path / "s", characters(["abc"]))


KINDS = [
    ("char", "text", {}),
    ("char", "dna", {}),
    ("char", "protein", {}),
    ("bpe", "dna", {"vocab_size": 200}),
    ("codon", "dna", {}),
    ("codon", "dna", {"frame": 2}),
    ("kmer", "dna", {"k": 4, "overlapping": True}),
    ("bpe", "text", {"vocab_size": 400}),
    ("wordpiece", "text", {"vocab_size": 700}),
    ("unigram", "text", {"vocab_size": 300}),
    ("word", "text", {}),
]
TEXT = "".join(
    f"The {number}th row says: naïve “café”, don't stop!\n\t {number * 7919 % 1000}  " for number in range(900)
)


@pytest.mark.parametrize(("kind", "alphabet", "options"), KINDS)
def test_ids_are_those_of_the_tokenizer_at_any_length(kind, alphabet, options):
    letters = {"dna": "ACGT", "protein": LETTERS}.get(alphabet)
    long = "".join(np.random.default_rng(0).choice(list(letters), 45_000)) if letters else TEXT
    assert len(long) > 2 * PART
    tokenizer = train_tokenizer([long], kind, alphabet=alphabet, **options)
    codec = Codec.of(tokenizer, alphabet)
    sequences = [long, long[:5], long[17:900], long[40_000:]]
    ids, lengths = BatchIds(codec).encode(sequences)
    expected = [codec.encode(sequence, add_special_tokens=False).ids for sequence in sequences]
    assert lengths.tolist() == list(map(len, expected))
    assert np.split(ids.astype(np.int64), np.cumsum(lengths)[:-1])[0].tolist() == expected[0]
    assert ids.tolist() == [id_ for found in expected for id_ in found]
    assert (LetterTable.of(codec) is not None) == (kind == "char")


def test_a_table_of_letters_is_used_only_if_it_says_what_the_tokenizer_says():
    tokenizer = characters(["abcé€"])
    table = LetterTable.of(Codec.of(tokenizer))
    assert table is not None
    for text in ("abc", "é€a", "cab" * 1000):
        assert table.encode([text], np.dtype("u1")).tolist() == tokenizer.encode(text).ids
        assert table.encode([text], np.dtype("u2")).tolist() == tokenizer.encode(text).ids
    for text in ("abd", "aä", "a\ud800"):
        assert table.encode([text], np.dtype("u1")) is None
    ids, lengths = BatchIds(Codec.of(tokenizer)).encode(["abd", "ca"])
    assert ids.tolist() == tokenizer.encode("abdca").ids and lengths.tolist() == [3, 2]


def test_one_word_without_a_border_is_read_in_parts():
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0, "ab": 1}, unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    assert set(long_text_ids(backend, "z" * (3 * PART))) == {0}
    assert not long_text_ids(backend, " " * (3 * PART))
    assert long_text_ids(backend, "ab " * 15_000).tolist() == [1] * 15_000
    assert long_text_ids(backend, " " * 40_000 + "ab" + " " * 40_000 + "ab").tolist() == [1, 1]


def test_what_spells_a_special_token_is_read_as_letters(tmp_path):
    (tmp_path / "a.txt").write_text("abc<|end|>" * 200)
    tokenizer = characters(["abc<|end|>"])
    shards = prepare_shards(tmp_path / "a.txt", tmp_path / "s", tokenizer)
    assert tokenizer.special_id("eos") not in shards.ids(0) and len(shards.ids(0)) == 2000


def test_series_and_their_symbols(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "".join(f"{n / 7},{n % 5}\n" for n in range(400)))
    tokenizer = train_tokenizer([[[0.0, 1.0], [0.5, 4.0]]], "bins", vocab_size=128)
    shards = prepare_shards(tmp_path / "a.csv", tmp_path / "s", tokenizer, alphabet="series")
    assert shards.symbols.tolist() == [800] and len(shards) == 1
    assert shards.train[0, 2] + shards.held_out[0, 2] - shards.held_out[0, 1] == shards.lengths[0]


def test_unknown_tokens_are_counted(tmp_path):
    (tmp_path / "a.txt").write_text("abcab?\n" * 50)
    shards = prepare_shards(tmp_path / "a.txt", tmp_path / "s", characters(["abc\n"]))
    assert shards.counts["unknown tokens"] == 50


def test_what_the_readers_count_and_skip(tmp_path):
    (tmp_path / "a.fa").write_text(">a\nacgt\n>b\nAC!T\n>c\nACGTN\n")
    tokenizer = train_tokenizer(["ACGT"], "char", alphabet="dna")
    with pytest.raises(InputError, match="'!' is not a letter of dna"):
        prepare_shards(tmp_path / "a.fa", tmp_path / "s", tokenizer, alphabet="dna", held_out=0)
    assert not list((tmp_path / "s").glob("*.part"))
    shards = prepare_shards(tmp_path / "a.fa", tmp_path / "t", tokenizer, alphabet="dna", held_out=0, skip_bad=True)
    assert shards.counts["skipped"] == 1 and shards.counts["lower case to upper"] == 4 and len(shards) == 2


def test_the_index_lists_every_file(tmp_path):
    folder = tmp_path / "shards"
    prepare_shards(_fasta(tmp_path / "p.fa", _proteins(80)), folder, characters([LETTERS]), alphabet="protein")
    index = json.loads((folder / "shards.json").read_text())
    assert {path.name for path in folder.iterdir()} == {*index["files"], "shards.json", "request.json", ".lock"}


def test_a_shard_has_no_more_records_than_signatures_fit_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("cutaway.shards.tokenizing_pass._MOST_RECORDS", 100)
    monkeypatch.setattr("cutaway.shards.tokenizing_pass._RECORDS", 50)
    file = _fasta(tmp_path / "p.fa", _proteins(320))
    shards = prepare_shards(file, tmp_path / "s", characters([LETTERS]), alphabet="protein")
    assert len(list((tmp_path / "s").glob("tokens-*.bin"))) == 4 and len(shards) == 320

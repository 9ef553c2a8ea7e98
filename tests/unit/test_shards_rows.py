"""Rows to train on: a permutation, packing, and an audit that each token is read exactly once in an epoch."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.errors import InputError
from cutaway.sequences import read_records
from cutaway.shards import Permutation, RecordRows, prepare_shards
from cutaway.shards.packing import FREE, bins, pieces, window_of
from cutaway.tokens import characters

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 1000), st.integers(1, 3000))
def test_a_permutation_has_each_item_at_one_place(seed, epoch, n):
    order = Permutation(seed, epoch, n)
    assert sorted(order[np.arange(n)].tolist()) == list(range(n))
    assert [order[place] for place in range(min(n, 5))] == order[np.arange(min(n, 5))].tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 15, 16, 17, 65_535, 65_536, 65_537, 1_000_003])
def test_a_permutation_of_any_number_of_items(n):
    assert len(np.unique(Permutation(7, 0, n)[np.arange(n)])) == n


def test_permutations_of_two_seeds_or_epochs_are_unlike():
    orders = [Permutation(seed, epoch, 10_000)[np.arange(10_000)] for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    for one, other in itertools.combinations(orders, 2):
        assert (one == other).sum() < 10  # about 1 by chance
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    # All 24 orders of 4 items occur, about equally often: chi-squared with 23 degrees of freedom.
    found = Counter(tuple(Permutation(seed, 3, 4)[np.arange(4)].tolist()) for seed in range(2400))
    assert len(found) == 24
    assert sum((count - 100) ** 2 / 100 for count in found.values()) < 50


def test_a_permutation_refuses_what_is_none():
    with pytest.raises(InputError):
        Permutation(0, 0, 0)
    with pytest.raises(IndexError):
        Permutation(0, 0, 3)[3]
    with pytest.raises(InputError):
        Permutation(-1, 0, 3)[0]


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4000), st.integers(2, 40), st.one_of(st.none(), st.integers(0, 2**32)))
def test_windows_read_each_token_once(length, window, key):
    parts = max(1, -(-length // window))
    windows = [window_of(part, parts, length, window, key) for part in range(parts)]
    read = sorted(place for spans in windows for start, end in spans for place in range(start, end))
    assert read == list(range(length))
    for spans in windows:
        # Each of the spans has a beginning token of its own.
        assert sum(end - start + 1 for start, end in spans) <= window + 1
        assert parts == 1 or key is None or (length - 1, length) not in spans  # the end token is not alone


def test_the_borders_of_windows_differ_between_epochs():
    parts = FREE + 10
    starts = {window_of(5, parts, parts * 32 - 7, 32, key)[0][0] for key in range(200)}
    assert len(starts) > 20
    assert len({window_of(1, 4, 100, 32, key)[0] for key in range(20)}) == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=300), st.integers(30, 64))
def test_bins_hold_each_piece_once_and_are_never_too_full(places, context):
    order, starts = bins(np.array(places), context)
    assert sorted(order.tolist()) == list(range(len(places)))
    assert starts[0] == 0 and starts[-1] == len(places) and (np.diff(starts) > 0).all()
    rows = np.add.reduceat(np.array(places)[order], starts[:-1])
    assert rows.max() <= context
    assert len(rows) <= 1 + sum(places) * 2 // context  # no two rows fit into one


@pytest.mark.parametrize(
    ("context", "least", "places"),
    [
        (256, 0.995, lambda rng: rng.normal(38, 6, 20_000).clip(12, 60)),  # lengths of MOSES
        (512, 0.995, lambda rng: rng.normal(38, 6, 20_000).clip(12, 60)),
        (1024, 0.995, lambda rng: rng.gamma(2, 175, 20_000).clip(30, 1024)),  # of proteins
        (512, 0.95, lambda rng: rng.integers(2, 513, 1000)),
    ],
)
def test_bins_are_nearly_full(context, least, places):
    sizes = places(np.random.default_rng(0)).astype(np.int64)
    order, starts = bins(sizes, context)
    assert sizes.sum() / (context * (len(starts) - 1)) > least
    again = bins(sizes, context)
    assert (order == again[0]).all() and (starts == again[1]).all()


def test_sizes_are_mixed_in_a_row():
    sizes = np.random.default_rng(0).normal(38, 6, 20_000).clip(12, 60).astype(np.int64)
    order, starts = bins(sizes, 256)
    wide = starts[:-1][np.diff(starts) > 1]
    one, other = sizes[order[wide]], sizes[order[wide + 1]]
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.3  # packed by size alone it is 0.9


def test_pieces_that_can_not_be():
    spans, lengths = np.array([[0, 0, 5], [1, 0, 90]]), np.array([5, 90])
    with pytest.raises(InputError, match=r"record 1 .* has 90 tokens"):
        pieces(spans, lengths, 16, "refuse")
    with pytest.raises(InputError, match="`long` is 'drop'"):
        pieces(spans, lengths, 16, "drop")
    with pytest.raises(InputError, match="`context` is 2"):
        pieces(spans, lengths, 2)
    with pytest.raises(InputError, match="17 places"):
        bins(np.array([17]), 16)


@pytest.fixture(scope="module")
def proteins(tmp_path_factory):
    """Shards of proteins of 1 to 700 letters, and the proteins."""
    rng = np.random.default_rng(5)
    lengths = np.concatenate([rng.integers(1, 80, 300), rng.integers(80, 700, 20), [3000, 16, 15, 14, 30, 31, 32]])
    folder = tmp_path_factory.mktemp("rows")
    sequences = ["".join(rng.choice(list(LETTERS), length)) for length in lengths.tolist()]
    (folder / "p.fa").write_text("".join(f">p{i}\n{letters}\n" for i, letters in enumerate(sequences)))
    tokenizer = characters([LETTERS])
    return prepare_shards(folder / "p.fa", folder / "shards", tokenizer, alphabet="protein"), tokenizer, sequences


@pytest.mark.parametrize("layout", ["packed", "single"])
@pytest.mark.parametrize(("long", "context"), [("split", 32), ("split", 16), ("cut", 32), ("refuse", 4096)])
def test_every_token_is_read_once_in_an_epoch(proteins, layout, long, context):
    shards, tokenizer, sequences = proteins
    rows = RecordRows(shards, tokenizer, context, long=long, layout=layout)
    for epoch in (0, 1):
        read: dict[int, list[str]] = {}
        places = pieces_seen = 0
        for index in range(epoch * rows.per_epoch, (epoch + 1) * rows.per_epoch):
            row = rows.row(3, index)
            assert len(row.ids) == sum(row.lengths) <= context and len(row.lengths) == len(row.records)
            assert layout == "packed" or len(row.records) <= 2  # both ends of a long record may share a row
            places += len(row.ids)
            pieces_seen += len(row.lengths)
            ends = np.cumsum(row.lengths).tolist()
            symbols = 0
            for record, start, end in zip(row.records, [0, *ends], ends, strict=False):
                piece = row.ids[start:end].tolist()
                assert piece[0] == 0  # <|end|>, which begins each piece
                text = tokenizer.decode([id_ for id_ in piece if id_ != 0])
                # The end token is there only at the end of a record.
                assert (piece[-1] == 0) == (sequences[record].endswith(text) and len(piece) == len(text) + 2)
                read.setdefault(record, []).append(text)
                symbols += len(text)
            assert row.symbols == symbols
        assert sorted(read) == sorted(shards.train[:, 0].tolist())
        for record, texts in read.items():
            if long == "cut":
                assert texts == [sequences[record][: context - 1]]
            else:
                assert Counter("".join(texts)) == Counter(sequences[record])
                assert all(text in sequences[record] for text in texts)
        if layout == "packed" and long != "refuse":
            assert places / (rows.per_epoch * context) > 0.97
        assert pieces_seen >= rows.counts["pieces"]


def test_a_row_is_a_pure_function(proteins):
    shards, tokenizer, _ = proteins
    rows, again = (RecordRows(shards, tokenizer, 48) for _ in range(2))
    indices = [0, 5, rows.per_epoch - 1, rows.per_epoch, 3 * rows.per_epoch + 7]
    digests = [rows.digest(9, index) for index in indices]
    assert [again.digest(9, index) for index in reversed(indices)] == digests[::-1]
    assert len(set(digests)) == len(digests)
    assert again.digest(10, 0) != digests[0]
    row = rows.row(9, 5)
    assert (row.ids == again.row(9, 5).ids).all() and row.ids.dtype == np.int64
    one, other = ({rows.digest(9, epoch * rows.per_epoch + i) for i in range(rows.per_epoch)} for epoch in (0, 1))
    assert len(one) == len(other) == rows.per_epoch
    assert len(one - other) > 1  # the borders in long records have moved


def test_held_out_rows_do_not_depend_on_a_seed_and_are_spread(proteins):
    shards, tokenizer, sequences = proteins
    rows = RecordRows(shards, tokenizer, 48, layout="single")
    everything = rows.held_out(10**9)
    texts = Counter[int]()
    for row in everything:
        assert set(row.records) <= set(shards.held_out[:, 0].tolist())
        texts[row.records[0]] += row.symbols
    assert texts == Counter({record: len(sequences[record]) for record in shards.held_out[:, 0].tolist()})
    few = rows.held_out(4)
    assert len(few) == 4
    assert few[0].records == everything[0].records and few[-1].records == everything[-1].records
    assert rows.held_out(0) == []


def test_refused_rows(proteins):
    shards, tokenizer, _ = proteins
    with pytest.raises(InputError, match="`layout` is 'dense'"):
        RecordRows(shards, tokenizer, 32, layout="dense")
    with pytest.raises(InputError, match="too long: at most"):
        RecordRows(shards, tokenizer, 32, long="refuse")
    counts = RecordRows(shards, tokenizer, 32, long="cut").counts
    long = [length for length in shards.lengths[shards.train[:, 0]].tolist() if length + 2 > 32]
    assert counts["records cut"] == len(long)
    assert counts["tokens cut off"] == sum(length - 31 for length in long)
    assert RecordRows(shards, tokenizer, 32).counts["records split"] == len(long)


def test_rows_of_records_as_the_readers_give_them(tmp_path):
    (tmp_path / "a.csv").write_text("sequence,y\nMKV,1\nMKVA,2\n")
    tokenizer = characters(["MKVA"])
    shards = prepare_shards(tmp_path / "a.csv", tmp_path / "s", tokenizer, alphabet="protein", held_out=0)
    rows = RecordRows(shards, tokenizer, 32)
    row = rows.row(0, 0)
    texts = [tokenizer.decode(part) for part in np.split(row.ids, np.cumsum(row.lengths)[:-1])]
    said = [record.sequence for record in read_records(tmp_path / "a.csv", "protein", column="sequence")]
    assert [said[record] for record in row.records] == texts
    assert rows.held_out(5) == []

"""Duplicates and near-duplicates: they come to one side of the split, and unrelated records are not joined."""

import itertools

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.shards import prepare_shards
from cutaway.shards.clusters import IDENTITIES
from cutaway.shards.duplicates import first_of_each
from cutaway.shards.signatures import gram_hashes, gram_length, signatures, similarities, similarity_of
from cutaway.shards.split import leaks, split
from cutaway.shards.token_files import TokenFiles
from cutaway.tokens import characters

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
RATES = (0.02, 0.05, 0.1)


def _mutated(rng, sequence, letters, rate):
    """Replace a share of the letters; remove and insert a few."""
    letters_of = np.array(list(sequence))
    changed = rng.random(len(letters_of)) < rate
    letters_of[changed] = rng.choice(list(letters), int(changed.sum()))
    if rng.random() < 0.5:
        at = int(rng.integers(len(letters_of)))
        letters_of = np.concatenate([letters_of[:at], rng.choice(list(letters), 3), letters_of[at + 2 :]])
    return "".join(letters_of)


def _families(letters, length, count, seed=0):
    """Return records, and the number of the family of each: every third family has three mutated copies."""
    rng = np.random.default_rng(seed)
    records, family = [], []
    for number in range(count):
        first = "".join(rng.choice(list(letters), int(rng.integers(length, 2 * length))))
        copies = [_mutated(rng, first, letters, rate) for rate in RATES] if number % 3 == 0 else []
        records += [first, *copies]
        family += [number] * (1 + len(copies))
    order = rng.permutation(len(records))
    return [records[i] for i in order], np.array(family)[order]


def _prepare(folder, records, letters, alphabet, name="s", **options):
    file = folder / f"{name}.fa"
    file.write_text("".join(f">r{number}\n{letters}\n" for number, letters in enumerate(records)))
    return prepare_shards(file, folder / name, characters([letters]), alphabet=alphabet, shard_tokens=20_000, **options)


def _grams(record, n):
    return {record[i : i + n] for i in range(len(record) - n + 1)}


def _brute_force(records, n, bar):
    """Return for each record the first one that near-duplicates lead to, by comparing all pairs of sets."""
    sets, root = [_grams(record, n) for record in records], list(range(len(records)))
    for one, other in itertools.combinations(range(len(records)), 2):
        shared = len(sets[one] & sets[other])
        if shared and shared / len(sets[one] | sets[other]) >= bar:
            low, high = sorted((root[one], root[other]))
            root = [low if r == high else r for r in root]
    return root


@pytest.mark.parametrize(
    ("alphabet", "letters", "length", "count"), [("protein", LETTERS, 300, 90), ("dna", "ACGT", 600, 60)]
)
def test_mutated_copies_come_to_one_side_and_others_stay_apart(tmp_path, alphabet, letters, length, count):
    records, family = _families(letters, length, count)
    shards = _prepare(tmp_path, records, letters, alphabet, held_out=0.2)
    clusters = np.array(shards.clusters)
    for number in range(count):
        assert len(set(clusters[family == number])) == 1
    assert len(set(clusters)) == count == shards.counts["clusters"]
    n = shards.about["near_duplicates"]["n"]
    # Independently: all pairs, as sets of strings.
    assert clusters.tolist() == _brute_force(records, n, similarity_of(IDENTITIES[0], n))
    out = set(shards.held_out[:, 0].tolist())
    assert 0 < len(out) < len(records)
    for number in range(count):
        members = set(np.flatnonzero(family == number).tolist())
        assert members <= out or not members & out
    assert shards.leak["by cluster"] == 0
    assert 0.2 < shards.leak["by record"] < 0.9  # two thirds of the records have a copy


def test_the_order_of_near_duplicates_does_not_matter(tmp_path):
    records, _ = _families(LETTERS, 60, 60)
    found = []
    for name, order in (("a", np.arange(len(records))), ("b", np.random.default_rng(7).permutation(len(records)))):
        shards = _prepare(tmp_path, [records[i] for i in order], LETTERS, "protein", name, held_out=0.15)
        found.append(sorted(order[shards.held_out[:, 0]].tolist()))
    assert found[0] == found[1]


def test_records_that_are_all_alike_raise_the_bar(tmp_path):
    rng = np.random.default_rng(3)
    first = "".join(rng.choice(list(LETTERS), 250))
    records = [_mutated(rng, first, LETTERS, 0.06) for _ in range(150)]
    shards = _prepare(tmp_path, records, LETTERS, "protein", held_out=0.1)
    assert shards.about["near_duplicates"]["identity"] > IDENTITIES[0]
    assert len(shards.held_out) >= 10
    assert shards.leak["by cluster"] > 0.9 and shards.leak["by record"] > 0.9


def test_records_of_one_family_hold_out_their_ends_and_say_that_they_leak(tmp_path):
    rng = np.random.default_rng(3)
    first = "".join(rng.choice(list(LETTERS), 400))
    records = [first] + [_mutated(rng, first, LETTERS, 0.02) for _ in range(10)]
    shards = _prepare(tmp_path, records, LETTERS, "protein", held_out=0.1)
    assert (shards.held_out[:, 1] > 0).all()
    assert shards.leak["by cluster"] > 0.9


def test_exact_duplicates(tmp_path):
    records, _ = _families(LETTERS, 60, 40)
    records = list(dict.fromkeys(records))
    shards = _prepare(tmp_path, [*records, *records[:9], records[0]], LETTERS, "protein", held_out=0.2)
    assert shards.counts["duplicates"] == 10
    used = [*shards.train[:, 0].tolist(), *shards.held_out[:, 0].tolist()]
    assert sorted(used) == list(range(len(records)))
    assert shards.clusters[len(records) :].tolist() == shards.clusters[[*range(9), 0]].tolist()
    kept = _prepare(tmp_path, [*records, *records[:9]], LETTERS, "protein", "k", held_out=0.2, keep_duplicates=True)
    assert len(kept.train) + len(kept.held_out) == len(records) + 9
    assert kept.leak["by cluster"] == 0


def test_first_of_each_is_what_a_dictionary_finds(monkeypatch):
    monkeypatch.setattr("cutaway.shards.duplicates._AT_ONCE", 64)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (400, 2), dtype=np.uint64)[rng.integers(0, 400, 1000)]
    hashes[rng.random(1000) < 0.1, 1] = 5
    seen: dict[tuple[int, ...], int] = {}
    assert first_of_each(hashes).tolist() == [seen.setdefault(tuple(row), i) for i, row in enumerate(hashes.tolist())]
    words = hashes[:, 0]
    seen_words: dict[int, int] = {}
    assert first_of_each(words).tolist() == [seen_words.setdefault(word, i) for i, word in enumerate(words.tolist())]


def _files(tmp_path, records):
    lengths = [len(record) for record in records]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat, half = np.concatenate(records).astype(np.uint8), len(records) // 2
    flat[: starts[half]].tofile(tmp_path / "a")
    flat[starts[half] :].tofile(tmp_path / "b")
    sizes = [int(starts[half]), int(starts[-1] - starts[half])]
    return TokenFiles([tmp_path / "a", tmp_path / "b"], sizes, np.dtype("u1"), starts)


def test_similarities_are_those_of_sets(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    first = rng.integers(0, 20, 900)
    records = [first, first[100:], first[:700], rng.integers(0, 20, 500), np.tile(first[:50], 8), first[:4]]
    files = _files(tmp_path, records)
    pairs = np.array(list(itertools.combinations(range(len(records)), 2)))
    expected = []
    for one, other in pairs.tolist():
        left, right = (_grams(tuple(records[i].tolist()), 5) for i in (one, other))
        expected.append(len(left & right) / len(left | right))
    assert similarities(files, pairs[:, 0], pairs[:, 1], 5).tolist() == pytest.approx(expected, abs=1e-12)
    # A sample of the n-grams, and records that are read in pieces, give the same within the error of the sample.
    monkeypatch.setattr("cutaway.shards.signatures._SAMPLED", 400)
    sampled = similarities(files, pairs[:, 0], pairs[:, 1], 5)
    assert abs(sampled - expected).max() < 0.1 and (sampled != expected).any()
    monkeypatch.setattr("cutaway.shards.signatures._TOGETHER", 600)
    monkeypatch.setattr("cutaway.shards.signatures._CHUNK", 64)
    assert similarities(files, pairs[:, 0], pairs[:, 1], 5).tolist() == sampled.tolist()


def test_bins_of_signatures_agree_as_often_as_the_sets(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    records = []
    for _ in range(200):
        first = rng.integers(0, 20, 300)
        changed = np.where(rng.random(300) < 0.06, rng.integers(0, 20, 300), first)
        records += [first, changed]
    files, none = _files(tmp_path, records), np.zeros(len(records), dtype=np.uint64)
    found = signatures(files, 0, len(records), none, 5)
    agree = (found[:, ::2] == found[:, 1::2]).mean()
    places = np.arange(0, len(records), 2)
    assert agree == pytest.approx(similarities(files, places, places + 1, 5).mean(), abs=0.01)
    assert (found[:, :-2:2] == found[:, 2::2]).mean() < 0.01
    for chunk in (40, 1000):  # whatever the pieces that are read
        monkeypatch.setattr("cutaway.shards.signatures._CHUNK", chunk)
        assert (signatures(files, 0, len(records), none, 5) == found).all()
    assert (signatures(files, 7, 11, none, 5) == found[:, 7:11]).all()


def test_hashes_of_n_grams_depend_on_these_tokens_alone():
    tokens = np.random.default_rng(0).integers(0, 50, 120)
    for n in (1, 2, 3, 5, 7, 16, 33):
        hashes = gram_hashes(tokens, n)
        assert len(hashes) == 121 - n
        assert (gram_hashes(tokens[10:80], n) == hashes[10 : 81 - n]).all()
        other = tokens.copy()
        other[60] += 50
        assert (gram_hashes(other, n) != hashes).sum() == n
    assert len(gram_hashes(tokens[:3], 5)) == 0


def test_the_n_of_n_grams_follows_entropy_and_size():
    assert gram_length(np.full(4, 10**9)) == 17  # a big genome: log2(4e9) + 2 bits, 2 bits a letter
    assert gram_length(np.full(20, 10)) == 5
    assert gram_length(np.full(30_000, 3)) == 3
    assert gram_length(np.array([10**6, 1])) == 64
    assert similarity_of(1.0, 9) == 1


def test_a_class_that_would_be_held_out_altogether_stays():
    lengths, hashes = np.full(40, 10), np.arange(40, dtype=np.uint64)
    clusters, kept = np.arange(40, dtype=np.int32), np.full(40, True)
    classes = np.array([1, 0, *[1, 2] * 19])
    starts = split(lengths, clusters, hashes, kept, 0.2, whole=True, classes=classes)
    assert np.flatnonzero(starts == 0).tolist() == [0, *range(2, 8)]  # record 1 is the only one of class 0
    partners = np.full(40, -1)
    partners[[0, 2, 30]] = 1, 3, 31
    assert leaks(lengths, starts, clusters, partners, hashes, kept)["by cluster"] == pytest.approx(1 / 7)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9])
def test_clusters_are_held_out_in_the_order_of_their_hashes(share):
    rng = np.random.default_rng(0)
    clusters = np.minimum.accumulate(rng.integers(0, 400, 1000)[::-1])[::-1]
    clusters = np.array([int(np.flatnonzero(clusters == number)[0]) for number in clusters], dtype=np.int32)
    lengths, hashes = rng.integers(1, 50, 1000), rng.integers(0, 2**64, 1000, dtype=np.uint64)
    kept = rng.random(1000) < 0.9
    starts = split(lengths, clusters, hashes, kept, share, whole=True)
    # Independently: the clusters by their smallest hash, as long as one more comes nearer to the share.
    members: dict[int, list[int]] = {}
    for record in np.flatnonzero(kept).tolist():
        members.setdefault(int(clusters[record]), []).append(record)
    sizes = {number: int(lengths[records].sum()) for number, records in members.items()}
    room = share * sum(sizes.values())
    fitting = sorted((number for number in sizes if sizes[number] <= room), key=lambda n: hashes[members[n]].min())
    totals = np.cumsum([sizes[number] for number in fitting])
    chosen = fitting[: int(abs(totals - room).argmin()) + 1]
    expected = sorted(record for number in chosen for record in members[number])
    assert np.flatnonzero(kept & (starts == 0)).tolist() == expected


def test_near_duplicates_are_left_alone_if_nobody_is_to_look_for_them(tmp_path):
    records, _ = _families(LETTERS, 60, 40)
    options = {"held_out": 0.2, "keep_duplicates": True}
    shards = _prepare(tmp_path, [*records, *records[:9]], LETTERS, "protein", keep_near_duplicates=True, **options)
    assert shards.leak == {} and len(np.unique(shards.clusters)) == len(set(records))
    out = set(shards.held_out[:, 0].tolist())
    assert all((a in out) == (len(records) + a in out) for a in range(9))  # equal records are on one side
    with pytest.raises(InputError, match="`keep_near_duplicates` was True and is False"):
        _prepare(tmp_path, [*records, *records[:9]], LETTERS, "protein", **options)

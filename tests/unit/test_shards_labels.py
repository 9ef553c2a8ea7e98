"""Labels and targets of records, and the errors in them."""

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.shards import RecordRows, prepare_shards
from cutaway.shards.labels import labels_of
from cutaway.tokens import characters

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def _peptides(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), length)) for length in rng.integers(8, 40, count).tolist()]


def _prepare(folder, rows, header="sequence,y", name="s", **options):
    file = folder / f"{name}.csv"
    file.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    column, second = header.split(",")
    options = {"alphabet": "protein", "label_column": second, **options}
    return prepare_shards(file, folder / name, characters([LETTERS + "0123456789 "]), column=column, **options)


def _labels(said, kind=None):
    return labels_of(lambda: iter(said), len(said), kind)


def test_classes_are_numbered_in_alphabetical_order(tmp_path):
    peptides = _peptides()
    said = ["yes" if "K" in peptide else "no" for peptide in peptides]
    shards = _prepare(tmp_path, zip(peptides, said, strict=True))
    assert shards.labels.kind == "classes" and shards.labels.names == ("no", "yes")
    assert [shards.labels.names[value] for value in shards.labels.values] == said
    order = np.random.default_rng(1).permutation(60)
    mixed = _prepare(tmp_path, [(peptides[i], said[i]) for i in order], name="m")
    assert mixed.labels.names == ("no", "yes")
    assert [mixed.labels.names[value] for value in mixed.labels.values] == [said[i] for i in order]


def test_kinds_of_labels():
    assert _labels(["0", "1", "0"]).names == ("0", "1")
    numbers = _labels(["1.5", "2", "-3e2"])
    assert numbers.kind == "numbers" and numbers.values.tolist() == [1.5, 2, -300]
    assert _labels([str(n) for n in range(30)]).kind == "numbers"
    assert _labels([str(n) for n in range(30)], "classes").names[:3] == ("0", "1", "10")
    several = _labels(["a;b", "b", " c ; a", ""])
    assert several.kind == "many" and several.names == ("a", "b", "c")
    assert several.values.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
    assert _labels(["a", "b"], "many").values.tolist() == [[1, 0], [0, 1]]
    assert _labels([" a", "a ", "b"]).names == ("a", "b")


@pytest.mark.parametrize(
    ("said", "kind", "why"),
    [
        (["a", "a"], None, "every record has the label 'a'"),
        (["2.5", "2.5"], None, r"every record has the label '2\.5'"),
        (["1", "two"], "numbers", "'two' is not a finite number"),
        (["1", "nan"], "numbers", "'nan' is not a finite number"),
        (["1", "1_0"], "numbers", "'1_0' is not"),
        (["a", "b"], "stars", "`label_kind` is 'stars'"),
        ([";", " "], "many", "no record has a label"),
        ([f"name {n}" for n in range(70_000)], "classes", "more than 65,536 different labels"),
    ],
)
def test_labels_that_can_not_be(said, kind, why):
    with pytest.raises(InputError, match=why):
        _labels(said, kind)


def test_a_record_without_a_label_is_named_or_left_out(tmp_path):
    rows = [(peptide, "" if number == 7 else "ab"[number % 2]) for number, peptide in enumerate(_peptides())]
    with pytest.raises(InputError, match=r"record 's\.csv:9' \(line 9 of .* has no label in 'y'"):
        _prepare(tmp_path, rows)
    shards = _prepare(tmp_path, rows, name="t", skip_bad=True)
    assert len(shards) == 59 and shards.counts["records without a label left out"] == 1
    assert len(shards.labels.values) == 59
    words = [(peptide, said and f"{said}1") for peptide, said in rows]
    only = _prepare(tmp_path, [(words[7][0], ""), *words], name="v", skip_bad=True, shard_tokens=1)
    assert len(only) == 59 and only.labels.names == ("a1", "b1")
    with pytest.raises(InputError, match="no column 'z'"):
        _prepare(tmp_path, rows, name="u", label_column="z")


def test_one_sequence_with_two_labels_is_no_duplicate_but_one_cluster(tmp_path):
    peptides = _peptides()
    rows = [*((peptide, "ab"[number % 2]) for number, peptide in enumerate(peptides)), (peptides[0], "b")]
    shards = _prepare(tmp_path, [*rows, (peptides[1], "b")])
    assert shards.counts["duplicates"] == 1  # the last one: label and sequence are those of the second
    assert shards.clusters[60] == shards.clusters[0]
    used = sorted([*shards.train[:, 0].tolist(), *shards.held_out[:, 0].tolist()])
    assert used == list(range(61))


def test_few_records_with_labels_stay_whole(tmp_path):
    rows = [(peptide, "ab"[number % 2]) for number, peptide in enumerate(_peptides(12))]
    shards = _prepare(tmp_path, rows, held_out=0.3)
    assert (shards.held_out[:, 1] == 0).all() and 1 <= len(shards.held_out) <= 4


def test_no_class_is_held_out_altogether(tmp_path):
    rows = [(peptide, str(number // 2) + "x") for number, peptide in enumerate(_peptides(60))]
    shards = _prepare(tmp_path, rows, held_out=0.4)
    values = np.array(shards.labels.values)
    assert set(values[shards.held_out[:, 0]]) <= set(values[shards.train[:, 0]])
    assert len(shards.held_out) > 5


def test_targets_are_ids_of_the_same_tokenizer(tmp_path):
    peptides = _peptides()
    rows = [(peptide, peptide[::-1]) for peptide in peptides]
    shards = _prepare(tmp_path, rows, label_column=None, target_column="y", shard_tokens=300)
    tokenizer = characters([LETTERS + "0123456789 "])
    assert len(list(shards.folder.glob("targets-*.bin"))) > 2
    assert [tokenizer.decode(shards.targets.ids(i)) for i in range(60)] == [peptide[::-1] for peptide in peptides]
    assert shards.labels is None
    rows_of = RecordRows(shards, tokenizer, 64, layout="single")
    end = tokenizer.special_id("eos")
    for index in range(rows_of.per_epoch):
        row = rows_of.row(0, index)
        (record,) = row.records
        assert row.target_ids.tolist() == [*shards.targets.ids(record).tolist(), end]
        assert row.target_lengths == (len(row.target_ids),)
    with pytest.raises(InputError, match="rows with targets can't be packed"):
        RecordRows(shards, tokenizer, 64)
    with pytest.raises(InputError, match="with a target can't be split"):
        RecordRows(shards, tokenizer, 16, layout="single")
    cut = RecordRows(shards, tokenizer, 16, layout="single", long="cut")
    assert cut.counts["targets cut"] > 0
    assert max(len(cut.row(0, index).target_ids) for index in range(cut.per_epoch)) == 16


def test_a_record_without_a_target(tmp_path):
    rows = [(peptide, "" if number == 3 else peptide) for number, peptide in enumerate(_peptides())]
    with pytest.raises(InputError, match=r"record 's\.csv:5' .* has no target in 'y'"):
        _prepare(tmp_path, rows, label_column=None, target_column="y")


def test_one_source_with_two_targets_is_no_duplicate(tmp_path):
    peptides = _peptides()
    rows = [*((peptide, peptide[::-1]) for peptide in peptides), (peptides[0], "AAA"), (peptides[1], peptides[1][::-1])]
    shards = _prepare(tmp_path, rows, label_column=None, target_column="y")
    assert shards.counts["duplicates"] == 1
    assert shards.clusters[60] == shards.clusters[0]


def test_targets_longer_than_the_context_are_refused(tmp_path):
    rows = [(peptide, peptide * 4) for peptide in _peptides()]
    shards = _prepare(tmp_path, rows, label_column=None, target_column="y")
    with pytest.raises(InputError, match="the target of record"):
        RecordRows(shards, characters([LETTERS + "0123456789 "]), 60, layout="single")

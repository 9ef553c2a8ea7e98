"""`evaluate_samples`: written records whose worth is known, from a model and from a file; bad input."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import binomtest

from cutaway import load_result
from cutaway.errors import InputError
from cutaway.evaluation import evaluate_samples
from cutaway.evaluation.markov_records import markov_records
from cutaway.evaluation.sample_measures import divergence, jackknifed, share
from cutaway.tokens import train_tokenizer
from tests.unit.commands import run as run_command
from tests.unit.test_evaluation_losses import chain, gpt2

RANDOM = np.random.default_rng(8)


def proteins(count, letters="ACDEFGHIKLMNPQRSTVWY", low=20, high=40):
    return ["".join(RANDOM.choice(list(letters), RANDOM.integers(low, high))) for _ in range(count)]


def fasta(path, sequences):
    path.write_text("".join(f">r{i}\n{one}\n" for i, one in enumerate(sequences)))
    return str(path)


@pytest.fixture
def parts(tmp_path):
    test, train = proteins(300), proteins(400)
    return test, train, fasta(tmp_path / "test.fa", test), fasta(tmp_path / "train.fa", train)


def measured(parts, tmp_path, sequences, **more):
    return evaluate_samples(
        None, parts[2], train_data=parts[3], samples=fasta(tmp_path / "made.fa", sequences), alphabet="protein", **more
    )


def test_records_of_known_worth_get_the_values_that_are_known(parts, tmp_path):
    test, train, *_ = parts
    same = measured(parts, tmp_path, test)
    assert {key: one.value for key, one in same.metrics.items()} == {
        "readable": 1.0, "unique": 1.0, "novel": 1.0, "letters": 0.0, "pairs": 0.0, "triples": 0.0,
        "length": pytest.approx(np.mean([len(one) for one in test])),
    }  # fmt: skip
    assert all(one.value == same.baselines["test"][key].value for key, one in same.metrics.items())
    assert same.metrics["pairs"].low == 0 < same.metrics["pairs"].high < 0.01
    assert same.baselines["train"]["novel"].value == 0 and same.baselines["train"]["readable"].value == 1
    remembered = measured(parts, tmp_path, train[:100] + proteins(100))
    assert remembered.metrics["novel"].value == 0.5
    repeated = measured(parts, tmp_path, [test[0]] * 50 + test[1:51])
    assert repeated.metrics["unique"].value == 51 / 100 and repeated.metrics["novel"].value == 1
    strange = measured(parts, tmp_path, ["WWWW"] * 100)
    assert strange.metrics["unique"].value == 0.01
    assert strange.metrics["triples"].value > 0.9 and strange.metrics["letters"].value > 0.7


def test_shuffled_letters_keep_their_share_and_lose_their_order(tmp_path):
    ordered = ["ACDEFGHIKL" * 3 for _ in range(60)]
    files = fasta(tmp_path / "a.fa", ordered), fasta(tmp_path / "b.fa", ordered)
    found = evaluate_samples(None, files[0], train_data=files[1], samples=files[1], alphabet="protein")
    assert found.baselines["shuffled"]["letters"].value == pytest.approx(0)
    assert found.baselines["shuffled"]["pairs"].value > 0.5
    assert found.metrics["pairs"].value == pytest.approx(0)


def test_a_markov_chain_writes_as_its_records_are(tmp_path):
    random = np.random.default_rng(2)
    # After an A comes a C or a G, after these an A; a record has 4 to 9 letters and begins with A.
    train = ["".join("A" if i % 2 == 0 else str(random.choice(["C", "G"])) for i in range(n)) for n in [4, 9] * 500]
    found = markov_records(train, 2000, order=5, seed=1)
    assert all(one[::2] == "A" * len(one[::2]) and set(one[1::2]) <= {"C", "G"} for one in found)
    assert sum(len(one) == 4 for one in found) / 2000 == pytest.approx(0.5, abs=0.05)
    assert found == markov_records(train, 2000, order=5, seed=1) != markov_records(train, 2000, order=5, seed=2)
    share_of_c = sum(one[1] == "C" for one in found) / 2000
    assert share_of_c == pytest.approx(sum(one[1] == "C" for one in train) / 1000, abs=0.05)
    assert markov_records([], 3, order=5, seed=0) == []


def test_a_model_writes_records_from_the_seed(tmp_path):
    model, _ = chain()[:2]
    random = np.random.default_rng(1)
    lines = ["".join(random.choice(list("ACGT"), 30)) for _ in range(50)]
    files = fasta(tmp_path / "test.fa", lines[:25]), fasta(tmp_path / "train.fa", lines[25:])
    found = evaluate_samples(model, files[0], train_data=files[1], samples=40, alphabet="dna", seed=3)
    assert found.n == 40 and found.counts["written"] == 40 and found.model == "tiny"
    assert found == evaluate_samples(model, files[0], train_data=files[1], samples=40, alphabet="dna", seed=3)
    assert (
        found.examples
        != evaluate_samples(model, files[0], train_data=files[1], samples=40, alphabet="dna", seed=4).examples
    )
    assert load_result(found.save(tmp_path / "x.json")) == found


def test_at_most_so_many_test_records_and_as_many_of_the_train_part(parts, tmp_path):
    found = measured(parts, tmp_path, proteins(30), records=50)
    assert found.counts == {"written": 30, "test records": 50, "of": 300, "train records": 400}
    assert any("50 of 300 test records" in note for note in found.notes)


def test_wilson_and_divergence_are_those_of_scipy():
    for right, count in ((95, 100), (0, 10), (10, 10), (1, 3)):
        wanted = binomtest(right, count).proportion_ci(method="wilson")
        found = share([True] * right + [False] * (count - right))
        assert (found.value, found.low, found.high) == pytest.approx((right / count, wanted.low, wanted.high))
    one, other = Counter("AACGGT"), Counter("CCGTTTW")
    names = sorted(set(one) | set(other))
    wanted = jensenshannon([one[name] for name in names], [other[name] for name in names], base=2) ** 2
    assert divergence(one, other) == pytest.approx(wanted)
    assert math.isnan(divergence(one, Counter()))


def test_the_jackknife_interval_of_a_mean_covers_it():
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        values = random.normal(size=200)
        found = jackknifed(lambda chosen, values=values: float(values[chosen].mean()), 200)
        assert found.value == pytest.approx(values.mean())
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / 300 <= 0.98
    assert jackknifed(lambda chosen: 1.0, 10).low is None


def test_the_command_takes_a_file_without_a_model(parts, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fasta(tmp_path / "made.fa", proteins(30))
    given = ("evaluate", "test.fa", "--train-data", "train.fa", "--samples", "made.fa", "--alphabet", "protein")
    code, out, _ = run_command(capsys, *given)
    assert code == 0 and "Distance of pairs" in out and "made.fa" in out
    code, out, _ = run_command(capsys, *given, "--json")
    record = json.loads(out)
    assert code == 0 and record["schema"] == "cutaway.sample_evaluation/1" and record["n"] == 30
    for name in ("x.html", "x.csv", "x.svg"):
        assert run_command(capsys, *given, "-o", name)[0] == 0 and (tmp_path / name).stat().st_size > 300
    code, _, err = run_command(capsys, *given[:-2])
    assert code == 2 and "--alphabet protein" in err


def test_a_column_is_of_the_tables_among_the_files(parts, tmp_path):
    test, train, *_ = parts
    for name, some in (("test", test), ("train", train)):
        (tmp_path / f"{name}.csv").write_text("protein\n" + "".join(f"{one}\n" for one in some))
    made = fasta(tmp_path / "made.fa", test)
    given = {"train_data": str(tmp_path / "train.csv"), "alphabet": "protein", "column": "protein"}
    found = evaluate_samples(None, str(tmp_path / "test.csv"), samples=made, **given)
    assert found.n == 300 and found.metrics["pairs"].value == 0
    with pytest.raises(InputError, match="has no columns"):
        evaluate_samples(None, parts[2], samples=made, **given | {"train_data": parts[3]})


def test_a_model_of_another_alphabet_is_refused(parts):
    with pytest.raises(InputError, match="writes records of the alphabet smiles, not protein"):
        evaluate_samples(
            gpt2(train_tokenizer(["CCO", "CCN"], "smiles")), parts[2], train_data=parts[3], samples=5,
            alphabet="protein",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "more", "said"),
    [
        (5, {}, "there is no model to write records"),
        (0, {}, "`samples` is 0"),
        ("made.fa", {"train_data": ()}, "what the model learned from is missing"),
        ("made.fa", {"alphabet": "klingon"}, "there is no alphabet"),
        ("nowhere.fa", {}, "there is no file"),
        ("made.fa", {"seed": -1}, "`seed` is -1"),
    ],
)
def test_bad_input(parts, tmp_path, monkeypatch, samples, more, said):
    monkeypatch.chdir(tmp_path)
    fasta(tmp_path / "made.fa", proteins(3))
    with pytest.raises(InputError, match=said):
        evaluate_samples(None, parts[2], **{"train_data": parts[3], "samples": samples, "alphabet": "protein"} | more)

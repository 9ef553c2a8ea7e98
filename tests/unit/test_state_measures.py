"""Populations, first passages and timescales of chains for which they are known exactly."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from cutaway import load_result
from cutaway.errors import InputError
from cutaway.evaluation import evaluate_samples
from cutaway.evaluation.state_measures import exact_state_measures, state_measures
from cutaway.sequences.hidden_markov import HiddenMarkovSource
from cutaway.sequences.known_sources import known_source, three_wells
from cutaway.tokens.states import States, states_tokenizer
from cutaway.training.run_tokenizer import ready
from tests.unit.test_evaluation_losses import gpt2

LAGS = (1, 2, 5, 10, 20, 50, 100)


def chain(transitions: list[list[int]]) -> HiddenMarkovSource:
    """Return a Markov chain: each hidden state writes its own letter."""
    letters = "ABCDEFGH"[: len(transitions)]
    return HiddenMarkovSource("chain", letters, transitions, np.eye(len(letters), dtype=np.int64))


TWO = chain([[9, 1], [1, 3]])
WHEEL = chain([[6, 3, 1], [1, 6, 3], [3, 1, 6]])  # it turns: detailed balance does not hold
THREE = chain([[8, 2, 0], [1, 7, 2], [0, 1, 3]])


def kemeny_snell(source: HiddenMarkovSource) -> dict[str, float]:
    """Return mean first-passage times by the fundamental matrix (Kemeny and Snell 1960, theorem 4.4.7)."""
    chances = source.transition_chances
    values, vectors = np.linalg.eig(chances.T)
    shares = vectors[:, np.argmax(values.real)].real
    shares = shares / shares.sum()
    fundamental = np.linalg.inv(np.eye(len(chances)) - chances + shares)
    return {
        f"passage_{source.alphabet[i]}_{source.alphabet[j]}": (fundamental[j, j] - fundamental[i, j]) / shares[j]
        for i, j in itertools.permutations(range(len(chances)), 2)
    }


def values(measures: object) -> dict[str, float]:
    return {key: one.value for key, one in measures.items()}  # type: ignore[attr-defined]


def test_two_states_have_the_values_of_the_closed_forms() -> None:
    # p = 1/10 from A to B, q = 1/4 back.
    exact = values(exact_state_measures(TWO))
    assert exact["population_A"] == pytest.approx(0.25 / 0.35)
    assert exact["passage_A_B"] == pytest.approx(10)
    assert exact["passage_B_A"] == pytest.approx(4)
    for lag in (1, 2, 5, 10, 20, 50):  # at 100 the second eigenvalue is 1e-19, less than rounding
        assert exact[f"timescale_lag_{lag}"] == pytest.approx(-1 / math.log(1 - 0.35), rel=1e-3)
    assert exact["timescale_lag_100"] is None


@pytest.mark.parametrize("source", [TWO, WHEEL, THREE])
def test_exact_first_passages_are_those_of_the_fundamental_matrix(source: HiddenMarkovSource) -> None:
    exact, wanted = values(exact_state_measures(source)), kemeny_snell(source)
    assert {key: exact[key] for key in wanted} == pytest.approx(wanted)


def test_exact_first_passages_between_wells_are_the_sum_of_the_chances_to_wait_longer() -> None:
    source = three_wells()
    steps, wells = source.transition_chances, source.emission_chances
    exact = values(exact_state_measures(source))
    for i, j in itertools.permutations(range(3), 2):
        outside = 1 - wells[:, j]
        here = source.stationary * wells[:, i]
        here, wait = here / here.sum(), 0.0
        while here.sum() > 1e-12:
            wait, here = wait + here.sum(), here @ steps * outside
        assert exact[f"passage_{'ABC'[i]}_{'ABC'[j]}"] == pytest.approx(wait, rel=1e-6)


def test_timescales_of_wells_rise_to_the_slowest_of_the_particle() -> None:
    exact = values(exact_state_measures(three_wells()))
    slowest = -1 / math.log(np.sort(np.linalg.eigvals(three_wells().transition_chances).real)[-2])
    found = [exact[f"timescale_lag_{lag}"] for lag in LAGS]
    assert found == sorted(found)
    assert 0.97 * slowest < found[-1] < slowest


@pytest.mark.parametrize("source", [TWO, WHEEL, THREE, three_wells()])
def test_counted_values_are_the_exact_ones(source: HiddenMarkovSource) -> None:
    exact = values(exact_state_measures(source))
    found = state_measures([source.sample(np.random.default_rng(i), 1000) for i in range(200)])
    assert {key for key in exact if "lag" not in key} == {key for key in found if "lag" not in key}
    for key, one in found.items():
        if "lag" in key and (exact[key] is None or int(key.rpartition("_")[2]) > 3 * exact[key]):
            continue  # almost nothing of the start is left after so long
        assert one.low is not None
        assert one.high is not None
        # Three half intervals are six standard errors.
        assert abs(one.value - exact[key]) < 3 * (one.high - one.low) / 2, key
        assert one.value == pytest.approx(exact[key], rel=0.12), key


def test_intervals_hold_the_exact_values() -> None:
    exact = values(exact_state_measures(THREE))
    held = []
    for seed in range(30):
        found = state_measures([THREE.sample(np.random.default_rng([seed, i]), 300) for i in range(60)])
        held += [
            one.low <= exact[key] <= one.high
            for key, one in found.items()
            if "lag" not in key and one.low is not None and one.high is not None
        ]
    assert len(held) == 30 * 9
    assert 0.9 < np.mean(held) <= 0.99


def test_passages_that_a_path_does_not_see_the_end_of_are_not_left_out() -> None:
    # A fifth of the waits for C end outside the paths; the mean of the others is far too small.
    source, wanted = THREE, kemeny_snell(THREE)["passage_A_C"]
    paths = [source.sample(np.random.default_rng(i), 40) for i in range(3000)]
    starts = [(path, t) for path in paths for t, state in enumerate(path) if state == "A"]
    ends = [path.find("C", t) - t for path, t in starts]
    assert np.mean([wait for wait in ends if wait > 0]) < 0.8 * wanted
    assert state_measures(paths)["passage_A_C"].value == pytest.approx(wanted, rel=0.03)


def test_what_paths_do_not_tell_has_no_value() -> None:
    short = state_measures([THREE.sample(np.random.default_rng(i), 12) for i in range(500)])
    assert short["passage_A_C"].value is None
    assert short["passage_C_B"].value is not None
    one_way = state_measures(["AAABBBCCC"] * 50)
    assert one_way["passage_A_B"].value == pytest.approx(2)
    assert one_way["passage_B_A"].value is None
    assert one_way["passage_B_A"].low is None
    assert state_measures([""]) == {}
    assert state_measures([], "AB")["population_A"].value is None
    assert state_measures(["A" * 50])["population_A"].value == 1


def test_paths_by_hand() -> None:
    found = state_measures(["AABBB" * 100])
    assert found["passage_B_A"].value == pytest.approx(2, rel=0.01)  # the last three are not watched to their end
    # B does not follow the last A: the path was watched for no step more.
    assert state_measures(["ABA"])["passage_A_B"].value == pytest.approx(1)
    words = state_measures([["c0", "c0", "c1", "nan", "c1", "c0"]], ["c0", "c1"])
    assert words["population_c0"].value == pytest.approx(3 / 5)
    assert words["passage_c0_c1"].value == pytest.approx(1.5)  # 2 and 1 steps; the last step was not watched


def test_a_shuffled_path_keeps_its_populations_and_loses_its_timescale() -> None:
    source = three_wells()
    path = source.sample(np.random.default_rng(0), 100_000)
    mixed = "".join(np.random.default_rng(1).permutation(list(path)))
    found, lost = values(state_measures([path])), values(state_measures([mixed]))
    for letter in "ABC":
        assert found[f"population_{letter}"] == lost[f"population_{letter}"]
        others = [f"passage_{other}_{letter}" for other in "ABC" if other != letter]
        for key in others:  # drawn alone, a letter takes 1 / its share of steps to come
            assert lost[key] == pytest.approx(1 / lost[f"population_{letter}"], rel=0.02)
    assert found["timescale_lag_10"] > 20
    assert lost["timescale_lag_1"] < 0.3


def test_states_that_are_many_have_no_passages() -> None:
    paths = [np.random.default_rng(i).permutation(list("ABCDEFGHI" * 9)).tolist() for i in range(3)]
    found = state_measures(paths)
    assert len([key for key in found if key.startswith("population")]) == 9
    assert not [key for key in found if key.startswith("passage")]


def written(path: Path, paths: list[str]) -> str:
    path.write_text("".join(json.dumps({"sequence": one}) + "\n" for one in paths))
    return str(path)


def test_new_text_of_a_source_has_its_values_and_another_source_has_not(tmp_path: Path) -> None:
    source = known_source("built-in:hidden-markov")
    texts = [source.sample(np.random.default_rng([7, i]), 300) for i in range(200)]
    made = written(tmp_path / "made.jsonl", texts)
    found = evaluate_samples(None, "built-in:hidden-markov", samples=made)
    exact = exact_state_measures(source)
    assert exact.pop("timescale_lag_100")  # texts of 300 letters are too short for this lag
    assert found.baselines["exact"] == exact
    assert set(found.baselines) == set(found.made) == {"exact", "test", "shuffled"}
    assert found.metrics["populations"].value < 0.02
    assert found.metrics["passages"].value < 0.1
    assert found.baselines["shuffled"]["populations"].value == pytest.approx(
        found.baselines["test"]["populations"].value
    )
    assert found.baselines["shuffled"]["timescale_lag_10"].value < found.metrics["timescale_lag_10"].value / 2
    assert load_result(found.save(tmp_path / "found.json")) == found
    swapped = [text.translate(str.maketrans("ab", "ba")) for text in texts]
    other = evaluate_samples(None, "built-in:hidden-markov", samples=written(tmp_path / "other.jsonl", swapped))
    wanted = abs(found.metrics["population_a"].value - found.metrics["population_b"].value)
    assert other.metrics["populations"].value == pytest.approx(wanted, abs=0.02)


def test_texts_of_a_few_letters_are_paths(tmp_path: Path) -> None:
    parts = [[THREE.sample(np.random.default_rng([part, i]), 200) for i in range(60)] for part in range(3)]
    test, train, made = (written(tmp_path / f"{i}.jsonl", part) for i, part in enumerate(parts))
    found = evaluate_samples(None, test, train_data=train, samples=made, alphabet="text")
    assert found.headline == "populations"
    assert found.baselines["test"]["populations"].value == found.baselines["test"]["passages"].value == 0
    assert 0 < found.metrics["populations"].value < 0.05
    assert found.baselines["test"]["populations"].low == 0
    assert [note.title for note in found.about[2:4]] == ["share of A", "share of B"]
    one_way = written(tmp_path / "one-way.jsonl", ["AAABBB", "AABBBB"] * 30)
    found = evaluate_samples(None, one_way, train_data=one_way, samples=one_way, alphabet="text")
    found_by = [found.metrics, *found.baselines.values()]
    # Shuffled paths go back from B to A, the others never.
    assert found.metrics["passage_B_A"].value is None and found.baselines["shuffled"]["passage_B_A"].value is not None
    assert all(any(by[note.key].value is not None for by in found_by) for note in found.about)
    assert all(list(by) == [note.key for note in found.about] for by in found_by)


def test_series_of_states_are_paths_of_their_words(tmp_path: Path) -> None:
    tokenizer = ready(states_tokenizer(States(((0.0, 0.0), (5.0, 5.0)))), "causal")
    model = gpt2(tokenizer)
    paths = [TWO.sample(np.random.default_rng(i), 150) for i in range(50)]
    numbers = [
        [[4.9 * (letter == "B") for letter in path], [5.2 * (letter == "B") for letter in path]] for path in paths
    ]
    lines = "".join(json.dumps({"sequence": one}) + "\n" for one in numbers)
    (tmp_path / "made.jsonl").write_text(lines)
    file = str(tmp_path / "made.jsonl")
    found = evaluate_samples(model, file, train_data=file, samples=file)
    wanted = state_measures(paths)
    assert found.metrics["population_c1"] == wanted["population_B"]
    assert found.metrics["passage_c0_c1"] == wanted["passage_A_B"]
    with pytest.raises(InputError, match="only of states"):
        evaluate_samples(None, file, train_data=file, samples=file, alphabet="series")


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        ("built-in", {}, "too many to be states"),
        ("built-in:three-wells", {"train_data": "made.jsonl"}, "no effect on the source"),
        ("built-in:four-wells", {}, "there is no file"),
    ],
)
def test_sources_that_can_not_be_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, more: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "made.jsonl", ["AAB"] * 3)
    with pytest.raises(InputError, match=said):
        evaluate_samples(None, data, samples="made.jsonl", **more)

"""Every measure against scikit-learn or SciPy: on the records themselves, and on draws of them with repeats."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as reference

from cutaway.evaluation.measures import BINS, class_measures, label_measures, number_measures
from cutaway.evaluation.resampling import measured, resampled

RANDOM = np.random.default_rng(5)
WEIGHTS = np.concatenate([np.ones((1, 60), int), RANDOM.multinomial(60, [1 / 60] * 60, size=4)])


def drawn(values, weights):
    return np.repeat(values, weights, axis=0)


def probabilities(classes):
    chances = RANDOM.dirichlet(np.ones(classes), 60).round(2) + 1e-3  # rounded: many ties
    return chances / chances.sum(1, keepdims=True)


def calibration(sure, right):
    error = 0.0
    for b in range(BINS):
        here = (sure > b / BINS) & (sure <= (b + 1) / BINS)
        if here.any():
            error += here.mean() * abs(right[here].mean() - sure[here].mean())
    return error


@pytest.mark.parametrize("classes", [2, 4])
def test_measures_of_classes_are_those_of_scikit_learn(classes):
    truth, chance = RANDOM.integers(classes, size=60), probabilities(classes)
    found = {name: measure(WEIGHTS.astype(float)) for name, measure in class_measures(truth, chance).items()}
    for d, weights in enumerate(WEIGHTS):
        y, p = drawn(truth, weights), drawn(chance, weights)
        guess = p.argmax(1)
        auroc = (
            reference.roc_auc_score(y, p[:, 1])
            if classes == 2
            else reference.roc_auc_score(y, p, multi_class="ovr", average="macro")
        )
        expected = {
            "accuracy": reference.accuracy_score(y, guess),
            "balanced_accuracy": reference.balanced_accuracy_score(y, guess),
            "mcc": reference.matthews_corrcoef(y, guess),
            "f1": reference.f1_score(y, guess, average="macro"),
            "auroc": auroc,
            "calibration_error": calibration(p.max(1), guess == y),
            "brier": np.mean(((p - np.eye(classes)[y]) ** 2).sum(1)) / (2 if classes == 2 else 1),
        }
        if classes == 2:
            assert expected["brier"] == pytest.approx(reference.brier_score_loss(y, p[:, 1]))
        assert {name: values[d] for name, values in found.items()} == pytest.approx(expected)


def test_measures_of_several_labels_are_those_of_scikit_learn():
    truth, chance = RANDOM.integers(2, size=(60, 3)), RANDOM.random((60, 3)).round(2)
    found = {name: measure(WEIGHTS.astype(float)) for name, measure in label_measures(truth, chance).items()}
    for d, weights in enumerate(WEIGHTS):
        y, p = drawn(truth, weights), drawn(chance, weights)
        guess = p > 0.5
        each = range(3)
        expected = {
            "accuracy": reference.accuracy_score(y, guess),
            "balanced_accuracy": np.mean([reference.balanced_accuracy_score(y[:, k], guess[:, k]) for k in each]),
            "mcc": np.mean([reference.matthews_corrcoef(y[:, k], guess[:, k]) for k in each]),
            "f1": reference.f1_score(y, guess, average="macro"),
            "auroc": reference.roc_auc_score(y, p, average="macro"),
            "calibration_error": calibration(np.maximum(p, 1 - p).ravel(), (guess == y).ravel()),
            "brier": np.mean([reference.brier_score_loss(y[:, k], p[:, k]) for k in each]),
        }
        assert {name: values[d] for name, values in found.items()} == pytest.approx(expected)


def test_measures_of_numbers_are_those_of_scikit_learn_and_scipy():
    truth = RANDOM.normal(40, 5, 60).round(0)  # ties
    guess = truth + RANDOM.normal(0, 3, 60).round(0)
    found = {name: measure(WEIGHTS.astype(float)) for name, measure in number_measures(truth, guess).items()}
    for d, weights in enumerate(WEIGHTS):
        y, p = drawn(truth, weights), drawn(guess, weights)
        expected = {
            "mae": reference.mean_absolute_error(y, p),
            "rmse": reference.root_mean_squared_error(y, p),
            "spearman": scipy.stats.spearmanr(y, p).statistic,
            "r2": reference.r2_score(y, p),
        }
        assert {name: values[d] for name, values in found.items()} == pytest.approx(expected)


def test_what_is_not_defined_has_no_value():
    one_class = resampled(class_measures(np.zeros(20, int), probabilities(2)[:20]), 20, seed=0, draws=50)
    assert measured(one_class["auroc"]).value is None
    constant = resampled(number_measures(np.ones(20), np.arange(20.0)), 20, seed=0, draws=50)
    assert measured(constant["spearman"]).value is None and measured(constant["r2"]).value is None
    assert measured(constant["mae"]).value == pytest.approx(np.abs(np.arange(20) - 1).mean())


def test_a_class_that_is_never_true_does_not_spoil_the_mean_over_classes():
    truth, chance = np.array([0, 1] * 30), probabilities(3)
    found = class_measures(truth, chance)
    ones = np.ones((1, 60))
    expected = np.mean([reference.roc_auc_score(truth == k, chance[:, k]) for k in (0, 1)])
    with np.errstate(invalid="ignore"):  # class 2 has no curve
        assert found["auroc"](ones)[0] == pytest.approx(expected)
    assert found["balanced_accuracy"](ones)[0] == pytest.approx(
        np.mean([(chance.argmax(1)[truth == k] == k).mean() for k in (0, 1)])
    )


def test_the_interval_of_a_mean_is_that_of_the_normal_theory_and_repeats():
    values = np.random.default_rng(0).exponential(size=400)
    measure = {"mean": lambda weights: weights @ values / weights.sum(1)}
    found = measured(resampled(measure, 400, seed=3)["mean"])
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)
    assert measured(resampled(measure, 400, seed=3)["mean"]) == found
    assert measured(resampled(measure, 400, seed=4)["mean"]) != found


def test_intervals_hold_the_true_value_as_often_as_they_say():
    held = 0
    for run in range(300):
        values = np.random.default_rng(run).normal(size=50)
        drawn = resampled({"m": lambda w, v=values: w @ v / w.sum(1)}, 50, seed=run, draws=400)["m"]
        found = measured(drawn)
        held += found.low <= 0 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_records_that_are_alike_do_not_count_as_independent():
    values = np.random.default_rng(0).normal(size=50)
    copied, groups = np.repeat(values, 8), np.repeat(np.arange(50), 8).tolist()

    def measure(some):
        return {"mean": lambda weights: weights @ some / weights.sum(1)}

    once = measured(resampled(measure(values), 50, seed=0)["mean"])
    drawn = measured(resampled(measure(copied), 400, seed=0, groups=groups)["mean"])
    assert (drawn.value, drawn.low, drawn.high) == pytest.approx((once.value, once.low, once.high))
    naive = measured(resampled(measure(copied), 400, seed=0)["mean"])
    assert naive.high - naive.low < 0.5 * (once.high - once.low)


def test_a_value_that_no_draw_changes_has_no_interval():
    found = measured(resampled({"accuracy": lambda w: np.ones(len(w))}, 10, seed=0, draws=20)["accuracy"])
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_of_four_records_there_is_no_interval():
    values = np.arange(8.0)
    for count, has in ((4, False), (5, True)):
        some = values[:count]
        drawn = resampled({"m": lambda w, v=some: w @ v / w.sum(1)}, count, seed=0, draws=100)["m"]
        assert (measured(drawn).low is not None) == has and measured(drawn).value == some.mean()
    grouped = {"m": lambda w: w @ values / w.sum(1)}
    assert measured(resampled(grouped, 8, seed=0, draws=100, groups=[0, 0, 1, 1, 2, 2, 3, 3])["m"]).low is None

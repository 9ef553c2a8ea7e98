"""The one sentence about a model: its value, the best baseline, and whether the difference may be chance."""

import numpy as np
import pytest

from cutaway.evaluation.descriptions import HEADLINE, notes_for
from cutaway.evaluation.resampling import measured
from cutaway.evaluation.verdict import differences, verdict


def said(objective, model, baselines, symbol="letter"):
    about = [note for note in notes_for(objective, symbol) if note.key == HEADLINE[objective]]
    key = about[0].key
    drawn = {"model": {key: np.array(model)}} | {name: {key: np.array(v)} for name, v in baselines.items()}
    against = differences(drawn, about, "model")
    return verdict(key, {key: measured(drawn["model"][key])}, against, about), against.get(key)


def test_fewer_bits_than_the_best_baseline_are_better():
    drawn = np.linspace(1.68, 1.72, 101)
    text, gap = said("causal", [1.7, *drawn], {"uniform": [2.0] * 102, "n-gram": [1.9, *(drawn + 0.2)]})
    assert text.startswith("The model needs 1.700 bits per letter [1.681, 1.719], 0.200")
    assert text.endswith("fewer than the best baseline (n-gram, 1.900): clearly better.")
    assert (gap.baseline, gap.clear) == ("n-gram", "better") and gap.value == pytest.approx(-0.2)


def test_a_lower_accuracy_is_worse_and_an_interval_across_zero_is_not_clear():
    drawn = np.linspace(0.5, 0.6, 101)
    text, gap = said("classes", [0.55, *drawn], {"majority": [0.8, *(drawn + 0.25)]})
    assert text.startswith("The model has an accuracy of 0.550") and gap.clear == "worse"
    assert text.endswith("lower than the best baseline (majority, 0.800): clearly worse.")
    text, gap = said("classes", [0.55, *drawn], {"majority": [0.56, *drawn[::-1]]})
    assert text.endswith("no clear difference from the best baseline (majority, 0.560).") and gap.clear is None


def test_a_paired_difference_is_clearer_than_the_intervals_are():
    drawn = np.linspace(1, 2, 101)  # both intervals are wide and overlap; the difference is always 0.1
    text, gap = said("numbers", [1.5, *drawn], {"mean": [1.6, *(drawn + 0.1)]})
    assert gap.clear == "better" and (gap.low, gap.high) == pytest.approx((-0.1, -0.1))
    assert "mean absolute error of 1.500" in text


def test_without_draws_without_baselines_and_without_a_value():
    text, gap = said("causal", [1.7], {"n-gram": [1.9]})
    assert gap.clear is None
    assert text.endswith("the best baseline (n-gram, 1.900) is worse, but there are too few records to be sure.")
    text, gap = said("causal", [1.7, 1.6, 1.8], {"floor": [1.5, 1.4, 1.6]})
    assert gap is None and text.endswith("there is no baseline to compare it with.")
    text, _ = said("classes", [np.nan, np.nan], {})
    assert text == "The accuracy is not defined on these records."

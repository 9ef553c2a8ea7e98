"""WQL, CRPS, MASE and coverage against closed forms, written out by hand, and on series whose values are known."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from cutaway.evaluation.forecast_measures import LEVELS, crps, losses, measures_of, naive_error, pinball
from cutaway.evaluation.resampling import resampled

RNG = np.random.default_rng(0)
NORMAL = NormalDist()


@pytest.mark.parametrize("truth", [-1.3, 0.0, 0.4, 2.5])
def test_crps_is_that_of_a_normal_distribution(truth: float) -> None:
    mean, spread = 0.5, 1.7
    numbers = np.array([NormalDist(mean, spread).inv_cdf((i + 0.5) / 4000) for i in range(4000)])
    z = (truth - mean) / spread
    exact = spread * (z * (2 * NORMAL.cdf(z) - 1) + 2 * NORMAL.pdf(z) - 1 / math.sqrt(math.pi))
    assert crps(truth, numbers) == pytest.approx(exact, abs=2e-3)


def test_crps_is_its_definition_over_all_pairs() -> None:
    numbers = RNG.normal(size=37)
    pairs = np.abs(numbers[:, None] - numbers).mean()
    assert crps(0.3, numbers) == pytest.approx(np.abs(numbers - 0.3).mean() - pairs / 2)
    assert crps(3.0, np.array([1.0])) == 2.0  # of one number it is the absolute error


def test_the_mean_pinball_loss_of_all_levels_is_the_crps() -> None:
    numbers, levels = RNG.normal(size=2000), (np.arange(1000) + 0.5) / 1000
    assert pinball(0.7, np.quantile(numbers, levels), levels) == pytest.approx(crps(0.7, numbers), abs=2e-3)


def test_pinball_is_written_out() -> None:
    by_hand = 2 * (0.9 * abs(1 - 2) + 0.5 * 0 + 0.1 * 2) / 3  # truth 2; 1 at level 0.1 is too low by 1, …
    by_hand = 2 * (0.1 * (2 - 1) + 0.5 * 0 + (1 - 0.9) * (4 - 2)) / 3
    assert pinball(2.0, np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.5, 0.9])) == pytest.approx(by_hand)


def values(truths: list[np.ndarray], sets: list[list[np.ndarray]], naive: list[np.ndarray]) -> dict[str, float]:
    measures = measures_of(losses(truths, sets, naive), ["a", "b"][: len(truths[0])])
    return {key: float(found[0]) for key, found in resampled(measures, len(truths), seed=0, draws=100).items()}


def test_mase_of_the_naive_forecast_is_1_on_the_part_that_it_is_scaled_by() -> None:
    walk = np.cumsum(RNG.normal(size=(2, 400)), axis=1)
    naive = naive_error(walk)
    truths = [walk[:, t : t + 1] for t in range(1, 400)]
    found = values(truths, [[walk[:, t - 1 : t]] for t in range(1, 400)], [naive] * 399)
    assert found["mase"] == pytest.approx(1)
    perfect = values(truths, [[truth] for truth in truths], [naive] * 399)
    assert perfect["mase"] == perfect["wql"] == perfect["crps_a"] == 0
    assert perfect["coverage_80"] == 1


def test_wql_is_summed_before_it_is_divided() -> None:
    truths = [np.array([[2.0, 0.0]]), np.array([[10.0, 4.0]])]
    sets = [[np.array([[1.0]]), np.array([[1.0]])], [np.array([[8.0]]), np.array([[4.0]])]]
    # Of one number the mean pinball loss over 0.1 … 0.9, twice, is its absolute error.
    found = values(truths, sets, [np.array([2.0])] * 2)
    assert found["wql"] == pytest.approx((1 + 1 + 2 + 0) / 16)
    assert found["wql_1"] == pytest.approx(3 / 12)
    assert found["wql_2"] == pytest.approx(1 / 4)
    assert found["crps_a"] == pytest.approx((1 + 1 + 2 + 0) / 4)
    assert found["mase"] == pytest.approx((1 + 1 + 2 + 0) / 4 / 2)


def test_the_true_distribution_covers_80_percent_and_no_other_has_a_lower_loss() -> None:
    truths = [RNG.normal(5, 2, size=(1, 1)) for _ in range(3000)]
    numbers = np.array([NormalDist(5, 2).inv_cdf((i + 0.5) / 400) for i in range(400)])
    found = {
        name: values(truths, [[made[None]]] * 3000, [np.ones(1)] * 3000)
        for name, made in {"true": numbers, "narrow": 5 + (numbers - 5) / 3, "wide": 5 + 3 * (numbers - 5)}.items()
    }
    assert found["true"]["coverage_80"] == pytest.approx(0.8, abs=0.03)
    assert found["narrow"]["coverage_80"] < 0.5 < 0.95 < found["wide"]["coverage_80"]
    for other in ("narrow", "wide"):
        assert found["true"]["wql"] < found[other]["wql"]
        assert found["true"]["crps_a"] < found[other]["crps_a"]
    assert len(LEVELS) == 9

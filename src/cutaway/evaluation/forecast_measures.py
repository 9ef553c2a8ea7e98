"""How good forecasts are that are sets of equally likely numbers: WQL, CRPS, MASE and the coverage of intervals.

Sources: Gneiting and Raftery 2007, doi:10.1198/016214506000001437, equation 21 (CRPS of a sample); Hyndman and Koehler
2006, doi:10.1016/j.ijforecast.2006.03.001 (MASE); Ansari et al. 2024, arXiv:2403.07815, section 5.3 (WQL).

Axis letters: `F` forecasts, `C` channels, `H` steps ahead, `N` numbers of a set, `Q` quantiles, `D` draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.resampling import Measure

Floats = NDArray[np.float64]

LEVELS = np.arange(1, 10) / 10
HEADLINE = "wql"
_WITHIN = 0.8
_STEPS = 7  # steps ahead that have a measure of their own


def pinball(truth: float, quantiles_Q: Floats, levels_Q: Floats = LEVELS) -> float:
    """Return twice the mean pinball loss of quantiles, in the unit of the numbers.

    >>> round(pinball(2.0, np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.5, 0.9])), 6)
    0.2
    """
    off_Q = truth - quantiles_Q
    return float(2 * np.maximum(levels_Q * off_Q, (levels_Q - 1) * off_Q).mean())


def crps(truth: float, numbers_N: Floats) -> float:
    """Return the CRPS of a set of equally likely numbers: E|X - truth| - E|X - X'| / 2, in their unit.

    >>> crps(3.0, np.array([1.0])), crps(1.0, np.array([0.0, 2.0]))
    (2.0, 0.5)
    """
    ordered_N = np.sort(numbers_N)
    count = len(ordered_N)
    # The sum over all pairs of |a - b| is 2 · Σ (2 i - count - 1) · x_i for ascending x_1 … x_count.
    pairs = 2 * ((2 * np.arange(1, count + 1) - count - 1) @ ordered_N)
    return float(np.abs(ordered_N - truth).mean() - pairs / count**2 / 2)


def naive_error(values_CT: Floats) -> Floats:
    """Return the mean absolute change from one step to the next of each channel: the unit of the MASE.

    >>> naive_error(np.array([[0.0, 1.0, 3.0, 3.0]]))
    array([1.])
    """
    found: Floats = np.nanmean(np.abs(np.diff(values_CT, axis=1)), axis=1)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Losses:
    """What F forecasts lose on each channel and step, F × C × H arrays.

    - `quantile`: twice the mean pinball loss; `crps` and `error` (of the median), in the numbers' unit;
    - `scaled`: the error of the median divided by the naive error; `size`: |truth|; `inside`: 1 if the 80 % interval
      has the truth.
    """

    quantile: Floats
    crps: Floats
    scaled: Floats
    size: Floats
    inside: Floats


def losses(truths_CH: Sequence[Floats], sets: Sequence[Sequence[Floats]], naive_C: Sequence[Floats]) -> Losses:
    """Return what forecasts lose; forecast f is a list of H sets C × N, and `naive_C[f]` are its naive errors."""
    rows = [_of_one(*one) for one in zip(truths_CH, sets, naive_C, strict=True)]
    return Losses(*(np.stack(column) for column in zip(*rows, strict=True)))


def _of_one(truth_CH: Floats, sets: Sequence[Floats], naive_C: Floats) -> tuple[Floats, ...]:
    found = np.zeros((5, *truth_CH.shape))
    for h, numbers_CN in enumerate(sets):
        quantiles_QC = np.quantile(numbers_CN, LEVELS, axis=1)
        for c, truth in enumerate(truth_CH[:, h]):
            quantiles_Q = quantiles_QC[:, c]
            off = abs(truth - quantiles_Q[4])
            found[:, c, h] = (
                pinball(truth, quantiles_Q),
                crps(truth, numbers_CN[c]),
                off / naive_C[c] if naive_C[c] else np.nan,
                abs(truth),
                quantiles_Q[0] <= truth <= quantiles_Q[-1],
            )
    return tuple(found)


def measures_of(found: Losses, names: Sequence[str]) -> dict[str, Measure]:
    """Return each measure as a function of weights D × F, as `resampled` takes it; `names` are the channels'."""

    def ratio(loss_FCH: Floats, size_FCH: Floats) -> Measure:
        loss_FC, size_FC = loss_FCH.sum(2), size_FCH.sum(2)

        def measure(weights_DF: Floats) -> Floats:
            whole_DC = weights_DF @ size_FC
            values_D: Floats = ((weights_DF @ loss_FC) / np.where(whole_DC > 0, whole_DC, np.nan)).mean(1)
            return values_D

        return measure

    def mean(values_FCH: Floats) -> Measure:
        values_F = values_FCH.mean((1, 2))
        return lambda weights_DF: (weights_DF @ values_F) / weights_DF.sum(1)

    steps = range(min(found.size.shape[2], _STEPS))
    return {
        "wql": ratio(found.quantile, found.size),
        "mase": mean(found.scaled),
        "coverage_80": mean(found.inside),
        **{f"wql_{h + 1}": ratio(found.quantile[..., h : h + 1], found.size[..., h : h + 1]) for h in steps},
        **{f"crps_{name}": mean(found.crps[:, c : c + 1]) for c, name in enumerate(names)},
    }


def notes_of(names: Sequence[str], horizon: int, step: str) -> list[MetricNote]:
    """Return the measures in words, in the order in which they are shown."""
    wql = "Twice the mean pinball loss of nine quantiles, summed and divided by the sum of |truth|; mean over channels"
    error = "Error of the median divided by the mean change from one step to the next in the train part"
    near = f"{100 * _WITHIN:.0f} %"
    return [
        MetricNote("wql", "WQL", "", "lower", 0.0, f"{wql}."),
        MetricNote("mase", "MASE", "", "lower", 0.0, f"{error}; mean over channels and steps."),
        MetricNote(
            "coverage_80", f"coverage of {near} intervals", "", "near 0.8", None,
            f"Share of numbers within the {near} interval: it should be {near}, or more if one number is frequent.",
        ),
        *(
            MetricNote(f"wql_{h + 1}", f"WQL, {step} {h + 1}", "", "lower", 0.0, f"The WQL of {step} {h + 1} alone.")
            for h in range(min(horizon, _STEPS))
        ),
        *(
            MetricNote(
                f"crps_{name}", f"CRPS of {name}", "", "lower", 0.0,
                "Distance of all that was forecast from the truth, less half of its spread; in the channel's unit.",
            )
            for name in names
        ),
    ]  # fmt: skip

"""What paths through states say about the process behind them: populations, first passages, implied timescales.

A record is a path: the states of a process at equal times, such as the wells in which a particle is found. Everything
is counted over the steps of all records, as if each were a window of one endless stationary path:

- the population of a state: the share of steps spent in it;
- the mean first-passage time from one state to another: from a step in the first, how many steps until the process is
  in the other for the first time. A window may end before that; so the chance to wait longer than u steps is estimated
  from the steps that were watched for u steps (Kaplan and Meier 1958, doi:10.1080/01621459.1958.10501452), and its sum
  over u is the mean;
- the implied timescale at a lag: -lag / ln |λ|, where λ is the second eigenvalue of the matrix of counted transitions
  over that lag (Swope, Pitera and Suits 2004, doi:10.1021/jp037421y). It is the same at all lags if the states are a
  Markov chain; if they are not, it rises to the slowest relaxation time of the process.

Axis letters: `N` paths, `B` blocks of paths, `T` steps, `S` states, `U` waits in steps, `M` steps that are counted.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import counted
from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.resampling import Floats, Measured
from cutaway.evaluation.sample_measures import jackknifed
from cutaway.sequences.hidden_markov import HiddenMarkovSource

Ints = NDArray[np.int64]
Statistic = Callable[[Ints], float]
AsPath = Callable[[Any], Sequence[str]]
"""Returns the states of a record, one for each step."""

HEADLINE: Final = "populations"
HOW: Final = (
    "Intervals: 95 %, by a jackknife that leaves out a twentieth of the records at a time; from 40 records on.",
    "A record counts as a window of one endless path. First passages that would end after it are taken into account "
    "(Kaplan–Meier); if a tenth of them would end after the longest record, or none ends late, there is no value.",
)

LAGS: Final = (1, 2, 5, 10, 20, 50, 100)
MOST: Final = 8  # states whose first passages are all measured
_BLOCKS: Final = 40  # of paths; twice the number of groups of the jackknife
_PIECE: Final = 2048  # longer records are cut, so that each counts as several for the interval
_LEFT: Final = 0.1  # if more first passages are still to come after the longest wait, their mean is not known


def state_measures(paths: Sequence[Sequence[str]], states: Sequence[str] | None = None) -> dict[str, Measured]:
    """Return the measures of paths, with the 95 % intervals of a jackknife that leaves out a twentieth of them.

    The keys are `population_A`, `passage_A_B` (steps; at most for 8 states) and `timescale_lag_10` (steps; lags up to a
    quarter of the longest path). `states` are those to measure, by default all that occur. A value is None if the paths
    don't tell it: a tenth of the first passages is still to come when the longest path ends, or a state is never left.

    >>> found = state_measures(["AABBB" * 100])
    >>> found["population_A"].value, round(found["passage_A_B"].value, 6)
    (0.4, 1.5)
    """
    names = sorted({state for path in paths for state in path}) if states is None else list(states)
    return _measures(_table(paths, names), names)


def _measures(steps_NT: Ints, names: Sequence[str]) -> dict[str, Measured]:
    statistics = {population_key(name): _population(steps_NT, i) for i, name in enumerate(names)}
    if len(names) <= MOST:
        for i, j in itertools.permutations(range(len(names)), 2):
            statistics[passage_key(names[i], names[j])] = _passage(steps_NT, i, j)
    for lag in LAGS:
        if 4 * lag <= steps_NT.shape[1]:
            statistics[timescale_key(lag)] = _timescale(steps_NT, len(names), lag)
    return {key: _measured(statistic, len(steps_NT)) for key, statistic in statistics.items()}


def measures(
    samples: Sequence[Any],
    test: Sequence[Any],
    train: Sequence[Any],
    *,
    as_path: AsPath = list,
    exact: Mapping[str, Measured] | None = None,
) -> dict[str, Measured]:
    """Return the measures of written paths and how far they are from those of the test paths, or from `exact` values.

    The states are those of the test paths: a step in another one cuts a path. A sample that is None is left out.
    """
    tested = [as_path(one) for one in test]
    states = sorted({state for path in tested for state in path})
    table_NT = _table([as_path(one) for one in samples if one is not None], states)
    found = _measures(table_NT, states)
    wanted = _measures(_table(tested, states), states) if exact is None else exact
    shares = np.array([wanted[population_key(state)].value for state in states], np.float64)
    apart = [
        abs(math.log(one.value / other.value))
        for key, one in found.items()
        if key.startswith("passage") and one.value and (other := wanted[key]).value
    ]
    distance = _measured(_distance(table_NT, shares), len(table_NT))
    return {
        "populations": dataclasses.replace(distance, low=None if distance.low is None else max(0.0, distance.low)),
        "passages": Measured(sum(apart) / len(apart) if apart else None, None, None),
        **found,
    }


def notes(own: Mapping[str, Measured], others: Mapping[str, Mapping[str, Measured]]) -> list[MetricNote]:
    """Say what the keys of some measures mean, but for those that have no value in any of the records."""
    every = [own, *others.values()]
    return [_note(key) for key in own if any(key in by and by[key].value is not None for by in every)]


def _note(key: str) -> MetricNote:
    what, _, rest = key.partition("_")
    if key == "populations":
        meaning = "Half the sum of all differences between the shares: so much of the time is spent in other states."
        return MetricNote(key, "distance of populations", "", "lower", 0.0, meaning)
    if key == "passages":
        meaning = "Mean size of the logarithm of the ratio of two first-passage times: 0.1 is about 10 %."
        return MetricNote(key, "distance of first passages", "", "lower", 0.0, meaning)
    if what == "population":
        return MetricNote(key, f"share of {rest}", "", "test", None, f"Share of all steps spent in {rest}.")
    if what == "passage":
        start, _, end = rest.partition("_")
        meaning = f"Mean number of steps from a step in {start} until the first one in {end}."
        return MetricNote(key, f"from {start} to {end}", "steps", "test", None, meaning)
    lag = rest.rpartition("_")[2]
    meaning = f"How slowly the past is forgotten, by transitions over {counted(int(lag), 'step')}."
    return MetricNote(key, f"timescale at lag {lag}", "steps", "test", None, meaning)


def _distance(steps_NT: Ints, shares_S: Floats) -> Statistic:
    states = len(shares_S)
    there = np.nonzero(steps_NT >= 0)
    count_BS = _by_block(there[0], steps_NT[there], states)

    def distance(chosen_B: Ints) -> float:
        count_S = count_BS[chosen_B].sum(0)
        return float(np.abs(count_S / count_S.sum() - shares_S).sum() / 2)

    return distance


def exact_state_measures(source: HiddenMarkovSource) -> dict[str, Measured]:
    """Return the same measures of the letters of a source, from its own matrices.

    >>> coin = HiddenMarkovSource("coin", "HT", [[9, 1], [3, 7]], [[1, 0], [0, 1]])
    >>> {key: round(one.value, 3) for key, one in exact_state_measures(coin).items() if "lag" not in key}
    {'population_H': 0.75, 'population_T': 0.25, 'passage_H_T': 10.0, 'passage_T_H': 3.333}
    """
    chances_SS, letters_SV = source.transition_chances, source.emission_chances
    joint_SV = source.stationary[:, None] * letters_SV  # of a hidden state and the letter that it writes
    share_V = joint_SV.sum(axis=0)
    names = source.alphabet
    values = {population_key(name): float(share) for name, share in zip(names, share_V, strict=True)}
    waits_VS = [_hitting(chances_SS, letter_S) for letter_S in letters_SV.T]
    for i, j in itertools.permutations(range(len(names)), 2):
        values[passage_key(names[i], names[j])] = float(joint_SV[:, i] @ waits_VS[j] / share_V[i])
    for lag in LAGS:
        lagged_VV = joint_SV.T @ np.linalg.matrix_power(chances_SS, lag) @ letters_SV
        values[timescale_key(lag)] = _implied(lagged_VV, lag)
    return {key: Measured(value if math.isfinite(value) else None, None, None) for key, value in values.items()}


def _measured(statistic: Statistic, paths: int) -> Measured:
    """Return a statistic of all blocks of paths, with an interval if there are as many paths as blocks."""
    if paths >= _BLOCKS:
        found = jackknifed(statistic, _BLOCKS)
        known = found.low is not None and math.isfinite(found.low)  # it is not if one of the twentieths is needed
        return found if known else Measured(found.value, None, None)
    value = statistic(np.arange(_BLOCKS)) if paths else math.nan
    return Measured(value if math.isfinite(value) else None, None, None)


def population_key(state: str) -> str:
    return f"population_{state}"


def passage_key(start: str, end: str) -> str:
    return f"passage_{start}_{end}"


def timescale_key(lag: int) -> str:
    return f"timescale_lag_{lag}"


def _table(paths: Sequence[Sequence[str]], names: Sequence[str]) -> Ints:
    """Return the numbers of the states of all paths, long ones in pieces; -1 comes after the end of a path.

    A step in a state without a name ends a path, and another begins after it.
    """
    number = {name: i for i, name in enumerate(names)}
    pieces = []
    for path in paths:
        steps_T = np.array([number.get(state, -1) for state in path], np.int64)
        for part_T in np.split(steps_T, np.flatnonzero(steps_T < 0)):
            known_T = part_T[part_T >= 0]
            pieces += [known_T[start : start + _PIECE] for start in range(0, len(known_T), _PIECE)]
    steps_NT = np.full((len(pieces), max((len(piece_T) for piece_T in pieces), default=0)), -1, np.int64)
    for row_T, piece_T in zip(steps_NT, pieces, strict=True):
        row_T[: len(piece_T)] = piece_T
    return steps_NT


def _population(steps_NT: Ints, state: int) -> Statistic:
    there_B, all_B = _by_block(np.nonzero(steps_NT == state)[0]), _by_block(np.nonzero(steps_NT >= 0)[0])
    return lambda chosen_B: float(there_B[chosen_B].sum() / all_B[chosen_B].sum())


def _by_block(paths_M: Ints, places_M: Ints | int = 0, size: int = 1) -> Ints:
    """Count places in each block of paths; path i is in block i % 40, so a twentieth of the paths is in two blocks."""
    return np.bincount(paths_M % _BLOCKS * size + places_M, minlength=_BLOCKS * size).reshape(_BLOCKS, size)


def _passage(steps_NT: Ints, start: int, end: int) -> Statistic:
    ended_BU, watched_BU = _waits(steps_NT, start, end)
    return lambda chosen_B: _mean_wait(ended_BU[chosen_B].sum(0), watched_BU[chosen_B].sum(0))


def _waits(steps_NT: Ints, start: int, end: int) -> tuple[Ints, Ints]:
    """Return how many first passages of each block took u = 1, 2, … steps, and how many were watched for u steps."""
    long = steps_NT.shape[1]
    at_T = np.arange(long)
    next_NT = np.where(steps_NT == end, at_T, 2 * long)
    next_NT = np.minimum.accumulate(next_NT[:, ::-1], axis=1)[:, ::-1]
    last_N1 = (steps_NT >= 0).sum(1, keepdims=True) - 1
    starts = np.nonzero(steps_NT == start)
    wait_M, watched_M = (next_NT - at_T)[starts], (last_N1 - at_T)[starts]
    seen_M = np.minimum(wait_M, watched_M)

    ended_M = wait_M <= watched_M
    ended_BU = _by_block(starts[0][ended_M], seen_M[ended_M], long)
    watched_BU = _by_block(starts[0], seen_M, long)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return ended_BU[:, 1:], watched_BU[:, 1:]


def _mean_wait(ended_U: Ints, watched_U: Ints) -> float:
    """Return the mean of waits of which some were not watched to their end; NaN if it is not known."""
    longest = int((watched_U > 0).sum())
    if not longest:
        return math.nan
    ended_U, watched_U = ended_U[:longest], watched_U[:longest]
    longer_U = np.cumprod(1 - ended_U / watched_U)  # the chance to wait for more than u = 1, 2, … steps
    left = float(longer_U[-1])
    if left == 0:
        return float(1 + longer_U.sum())
    # What is left goes on with the rate of the later half.
    half = longest // 2
    rate = float(ended_U[half:].sum() / watched_U[half:].sum())
    return float(1 + longer_U[:-1].sum()) + left / rate if left <= _LEFT and rate > 0 else math.nan


def _timescale(steps_NT: Ints, states: int, lag: int) -> Statistic:
    before_NT, after_NT = steps_NT[:, :-lag], steps_NT[:, lag:]
    both = np.nonzero(after_NT >= 0)
    count_BP = _by_block(both[0], before_NT[both] * states + after_NT[both], states**2)
    return lambda chosen_B: _implied(count_BP[chosen_B].sum(0).reshape(states, states).astype(np.float64), lag)


def _implied(weights_SS: Floats, lag: int) -> float:
    """Return the slowest timescale of transitions over a lag, in steps; NaN if there is none."""
    sums_S1 = weights_SS.sum(axis=1, keepdims=True)
    if len(weights_SS) < 2 or not sums_S1.all():
        return math.nan
    second = float(np.sort(np.abs(np.linalg.eigvals(weights_SS / sums_S1)))[-2])
    return -lag / math.log(second) if 1e-12 < second < 1 - 1e-12 else math.nan


def _hitting(chances_SS: Floats, letter_S: Floats) -> Floats:
    """Return for each hidden state how many steps it takes on average until a letter of these chances is written."""
    ones_S = np.ones(len(chances_SS))
    return np.asarray(np.linalg.solve(np.eye(len(chances_SS)) - chances_SS * (1 - letter_S), ones_S), np.float64)

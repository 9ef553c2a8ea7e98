"""Time steps as tokens: each becomes the word of the nearest of K states, which k-means found.

What bins do number by number, states do for all channels at once: a frame of molecular dynamics, seen through a few
collective variables, becomes one word. A series is written as `c3 c3 c0 nan c1`; `nan` is a step with a missing number.

Axis letters: `C` channels, `T` time steps, `F` time steps to learn from, `K` states.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import models, pre_tokenizers

from cutaway.errors import InputError, counted
from cutaway.random_streams import seed32, stream
from cutaway.tokens.bins import MISSING, Series, channels_of
from cutaway.tokens.builder import SPECIALS, UNKNOWN, assemble, numbered, room_for
from cutaway.tokens.tokenizer import Tokenizer

DEFAULT: Final = 64
_STEPS: Final = 200_000
_NUMBERS: Final = 1 << 24
_BLOCK: Final = 1 << 20

_Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class States:
    """K states, each the C numbers of its centre.

    The nearest centre has the least Euclidean distance. With `angles` all numbers are angles in radians, and distances
    are between cosines and sines, so that π is beside -π: a distance is a chord of the unit circle, over C circles.
    """

    centres: tuple[tuple[float, ...], ...]
    angles: bool = False

    def write(self, channels: Series) -> str:
        """Write C channels of T numbers as T words; NaN is a missing number. Raises `InputError` as `place` does.

        >>> States(((0.0, 0.0), (5.0, 9.0))).write([[1.0, 4.0, float("nan")], [0.0, 9.0, 1.0]])
        'c0 c1 nan'
        """
        return " ".join(self._words[self.place(channels)[0]])

    def read(self, text: str) -> _Floats:
        """Read back C channels of T numbers, the centres that the words name.

        Raises `InputError` for a word that does not name a state.

        >>> States(((0.0, 0.0), (5.0, 9.0))).read("c1 c0")
        array([[5., 0.],
               [9., 0.]])
        """
        words = text.split()
        if unknown := [word for word in words if word not in self._numbers]:
            last = len(self.centres) - 1
            raise InputError(
                f"{unknown[0]!r} is not a state", hint=f"the states are c0 to c{last}, and {MISSING} is a missing step"
            )
        centres_KC = np.vstack([self._centres, np.full(self._centres.shape[1], np.nan)])
        return centres_KC[[self._numbers[word] for word in words]].T.copy()

    def place(self, channels: Series) -> tuple[NDArray[np.int64], _Floats]:
        """Return for T time steps the nearest state (the first of equally near ones) and the distance from its centre.

        The state is -1, and the distance NaN, if a number of the step is missing. Raises `InputError` for infinity,
        for channels of unequal length, and for another number of them than the states have.

        >>> States(((-3.1,), (0.0,)), angles=True).place([[3.1, 0.5]])
        (array([0, 1]), array([0.08316132, 0.49480792]))
        """
        values_CT = channels_of(channels)
        if len(values_CT) != self._centres.shape[1]:
            raise InputError(
                f"the states have {counted(self._centres.shape[1], 'channel')}, but the series has {len(values_CT):,}",
                hint="choose as many columns with `column`, or with FILE=series:ONE,TWO",
            )
        nearest_T = np.full(values_CT.shape[1], -1, dtype=np.int64)
        apart_T = np.full(values_CT.shape[1], np.nan)
        whole_T = np.flatnonzero(~np.isnan(values_CT).any(axis=0))
        block = max(1, _BLOCK // len(self.centres))
        for start in range(0, len(whole_T), block):
            some_T = whole_T[start : start + block]
            apart_TK = self._apart(values_CT[:, some_T])
            nearest_T[some_T] = apart_TK.argmin(axis=1)
            apart_T[some_T] = np.nan_to_num(apart_TK.min(axis=1))  # infinity becomes the largest double
        return nearest_T, apart_T

    def _apart(self, values_CT: _Floats) -> _Floats:
        apart_TK = np.zeros((values_CT.shape[1], len(self.centres)))
        if self.angles:  # a difference of large numbers has no digits left for an angle
            turned_CT = np.arctan2(np.sin(values_CT), np.cos(values_CT))
            values_CT = np.where(np.abs(values_CT) > 2 * np.pi, turned_CT, values_CT)
        with np.errstate(over="ignore"):
            for values_T, centres_K in zip(values_CT, self._centres.T, strict=True):
                gap_TK = values_T[:, None] - centres_K
                # hypot, not a sum of squares: squares of 1e200 overflow, and those of 1e-200 underflow.
                apart_TK = np.hypot(apart_TK, 2 * np.sin(gap_TK / 2) if self.angles else gap_TK)
        return apart_TK

    @functools.cached_property
    def _centres(self) -> _Floats:
        return np.array(self.centres, dtype=np.float64)

    @functools.cached_property
    def _words(self) -> NDArray[np.object_]:
        return np.array([*(f"c{i}" for i in range(len(self.centres))), MISSING], dtype=object)

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self._words)}


def learn_states(series: Iterable[Series], count: int | None = None, *, seed: int = 0, angles: bool = False) -> States:
    """Return the states that k-means finds among the time steps of `series`; c0 has the most steps.

    It learns from at most 200,000 steps (16 million numbers), drawn uniformly from all with a reservoir; steps with a
    missing number are left out. The same seed gives the same states. Without a `count` there are 64, or fewer if
    there are fewer different steps. Raises `InputError` for series with unequal numbers of channels, for fewer
    different steps than `count`, if no step is complete, and with `angles` for numbers that are not radians.

    Source: Arthur and Vassilvitskii 2007 (k-means++); Vitter 1985, doi:10.1145/3147.3165 (algorithm R).

    >>> learn_states([[[0.0, 0.5, 9.0, 10.0, 11.0]]], 2).centres
    ((10.0,), (0.25,))
    """
    steps_FC = _drawn(series, stream(seed, "steps"), angles)
    power = int(np.frexp(np.abs(steps_FC).max(initial=0.0))[1])  # scaled by it, no square overflows
    seen_FX = np.hstack([np.cos(steps_FC), np.sin(steps_FC)]) if angles else np.ldexp(steps_FC, -power)
    different = len(np.unique(seen_FX, axis=0))
    count = min(DEFAULT, different) if count is None else count
    if not 1 <= count <= different:
        raise InputError(
            f"can't make {counted(count, 'state')} from {counted(different, 'different time step')}",
            hint=f"`vocab_size={different + len(SPECIALS) + 1}` or less" if count > 1 else "ask for 1 or more",
        )
    centres_KX, sizes_K = _clustered(seen_FX, count, seed)
    ordered_KX = centres_KX[np.argsort(-sizes_K, kind="stable")]
    channels = steps_FC.shape[1]
    back_KC = np.arctan2(ordered_KX[:, channels:], ordered_KX[:, :channels]) if angles else np.ldexp(ordered_KX, power)
    return States(tuple(map(tuple, back_KC.tolist())), angles)


def _clustered(values_FX: _Floats, count: int, seed: int) -> tuple[_Floats, NDArray[np.int64]]:
    """Return centres and how many values are nearest to each; fewer than `count` if rounding makes some equal."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # Several threads would add in another order each time. The case that scikit-learn warns of is handled below.
    with threadpool_limits(limits=1), warnings.catch_warnings(action="ignore"):
        found = KMeans(count, n_init=1, random_state=seed32(seed, "centres")).fit(values_FX)
    sizes_K = np.bincount(found.labels_, minlength=count)
    return found.cluster_centers_[sizes_K > 0], sizes_K[sizes_K > 0]


def _drawn(series: Iterable[Series], chance: np.random.Generator, angles: bool) -> _Floats:
    """Return complete time steps drawn uniformly from all: later steps replace earlier ones."""
    kept_FC, seen = np.empty((0, 0)), 0
    for number, channels in enumerate(series, 1):
        steps_TC = channels_of(channels).T
        steps_TC = steps_TC[~np.isnan(steps_TC).any(axis=1)]
        if number == 1:
            kept_FC = np.empty((max(1, min(_STEPS, _NUMBERS // max(1, steps_TC.shape[1]))), steps_TC.shape[1]))
        elif steps_TC.shape[1] != kept_FC.shape[1]:
            raise InputError(
                f"series {number:,} has {counted(steps_TC.shape[1], 'channel')}, "
                f"but the series before it have {kept_FC.shape[1]:,}",
                hint="give series with equally many channels",
            )
        if angles and steps_TC.size and (largest := np.abs(steps_TC).max()) > 2 * np.pi:
            raise InputError(
                f"series {number:,}: {largest:g} is not an angle in radians", hint="give radians, or leave `angles` out"
            )
        first = steps_TC[: max(0, len(kept_FC) - seen)]
        kept_FC[seen : seen + len(first)] = first
        later = steps_TC[len(first) :]
        places = chance.integers(0, np.arange(seen + len(first), seen + len(steps_TC)) + 1)
        kept_FC[places[places < len(kept_FC)]] = later[places < len(kept_FC)]
        seen += len(steps_TC)
    if not seen:
        raise InputError(
            "there is no complete time step to learn states from", hint="give one without a missing number"
        )
    return kept_FC[:seen]


def states_tokenizer(states: States) -> Tokenizer:
    """Make a tokenizer of the words that `states` write: one token for each time step.

    >>> tokenizer = states_tokenizer(States(((0.0,), (10.0,))))
    >>> tokenizer.encode("c1 c0 nan").ids
    [5, 4, 6]
    """
    nearest = "each time step comes back as the centre of the nearest state"
    return assemble(
        models.WordLevel(numbered(states._words), unk_token=UNKNOWN),
        "states",
        "series",
        splitter=pre_tokenizers.WhitespaceSplit(),
        loses={
            "unknown": "words that are not a state become <unk>",
            "missing": f"if one number of a time step is missing, all of them become {MISSING}",
            "rounding": f"{nearest}, as angles from -π to π" if states.angles else nearest,
        },
        written="one word for each time step, as cutaway.tokens.States.write writes them",
        centres=[list(centre) for centre in states.centres],
        angles=states.angles,
    )


def states_of(tokenizer: Tokenizer) -> States:
    """Return the states of a tokenizer. Raises `InputError` if it was not made from states."""
    declared: dict[str, Any] = tokenizer.config.get("cutaway", {})
    if "centres" not in declared:
        raise InputError(
            f"{tokenizer.name} is not a tokenizer of states", hint="make one: cutaway tokenizer train --kind states"
        )
    return States(tuple(map(tuple, declared["centres"])), bool(declared.get("angles")))


def count_for(vocab_size: int) -> int:
    """Return how many states fit in a vocabulary."""
    return 1 + room_for(vocab_size, len(SPECIALS) + 2, f"one state, the word {MISSING}")

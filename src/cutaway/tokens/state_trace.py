"""How a series of numbers goes through states: time step → nearest centre → decoded numbers, and the distance."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, counted
from cutaway.tokens.bin_trace import SeriesText, or_none
from cutaway.tokens.states import States


@dataclasses.dataclass(frozen=True)
class StateStep:
    """One time step on its way: its numbers (None for a missing one), and the word for it.

    `state` is the number of the nearest state, `back` the numbers of its centre, `distance` how far the step is from
    that; None if a number is missing.
    """

    step: int
    values: list[float | None]
    state: int | None
    word: str
    back: list[float | None]
    distance: float | None


@dataclasses.dataclass(frozen=True)
class StateSeries:
    """The numbers of states and channels, and every time step.

    With `angles` all numbers are radians and a distance is a chord. `visited` counts the states that occur, `mean` is
    the mean distance.
    """

    states: int
    channels: int
    angles: bool
    visited: int
    mean: float | None
    steps: list[StateStep]


def steps_of(text: str, series: SeriesText, states: States) -> NDArray[np.float64]:
    """Return the numbers of a text as the C channels of T numbers that the states have.

    A line is a time step; if the states have one channel, one line may hold all steps. Raises `InputError` for
    lines of another number of channels.

    >>> from cutaway.tokens.bin_trace import series_in
    >>> steps_of("1 2", series_in("1 2"), States(((0.0, 0.0),)))
    array([[1.],
           [2.]])
    """
    wanted, spans = len(states.centres[0]), series.spans
    lines = len(text[spans[0][0] : spans[-1][1]].splitlines())
    channels = series.channels.T if lines == 1 and wanted > 1 else series.channels
    if len(channels) != wanted:
        raise InputError(
            f"a time step of these states has {counted(wanted, 'number')}, but the lines have {len(channels):,}",
            hint="write one time step per line, with a number for each channel; NA is a missing number",
        )
    return channels


def visited(states: States, given: NDArray[np.float64], decoded: str) -> StateSeries | None:
    """Follow C × T numbers through states; None if the decoded text is not a series of that shape.

    >>> found = visited(States(((0.0,), (9.0,))), np.array([[1.0, 7.0]]), "c0 c1")
    >>> [(step.word, step.back, step.distance) for step in found.steps]
    [('c0', [0.0], 1.0), ('c1', [9.0], 2.0)]
    """
    try:
        back_CT = states.read(decoded)
    except InputError:
        return None
    if back_CT.shape != given.shape:
        return None
    nearest_T, apart_T = states.place(given)
    steps = [
        StateStep(
            step=t,
            values=[or_none(value) for value in given[:, t]],
            state=int(nearest_T[t]) if nearest_T[t] >= 0 else None,
            word=word,
            back=[or_none(value) for value in back_CT[:, t]],
            distance=or_none(apart_T[t]),
        )
        for t, word in enumerate(decoded.split())
    ]
    known_T = apart_T[nearest_T >= 0]
    return StateSeries(
        states=len(states.centres),
        channels=len(given),
        angles=states.angles,
        visited=len(np.unique(nearest_T[nearest_T >= 0])),
        mean=float((known_T / len(known_T)).sum()) if len(known_T) else None,  # their sum may overflow
        steps=steps,
    )

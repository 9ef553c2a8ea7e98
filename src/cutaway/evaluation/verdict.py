"""The model against the best baseline, on the same draws, and one sentence about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.resampling import Floats, Measured, ends_of, measured
from cutaway.evaluation.result import Difference

FLOOR = "floor"  # what no model can beat is not a baseline
_AN = {"accuracy", "f1"}


def differences(
    drawn: Mapping[str, Mapping[str, Floats]], about: Sequence[MetricNote], model: str
) -> dict[str, Difference]:
    """Return for each measure the model minus the baseline that is best at it, with a paired interval."""
    found = {}
    for note in about:
        sign = 1 if note.better == "higher" else -1
        known = {
            who: values[note.key]
            for who, values in drawn.items()
            if who not in (model, FLOOR) and note.key in values and measured(values[note.key]).value is not None
        }
        own = drawn[model][note.key]
        if not known or measured(own).value is None:
            continue
        best = max(known, key=lambda who: sign * known[who][0])
        gap = own - known[best]
        known_gaps = gap[1:][np.isfinite(gap[1:])]
        low, high = ends_of(known_gaps) if len(known_gaps) > 1 else (None, None)
        found[note.key] = Difference(best, float(gap[0]), low, high, _clear(low, high, sign))
    return found


def _clear(low: float | None, high: float | None, sign: int) -> str | None:
    if low is None or high is None or low <= 0 <= high:
        return None
    return "better" if sign * low > 0 else "worse"


def verdict(
    headline: str,
    own: Mapping[str, Measured],
    against: Mapping[str, Difference],
    about: Sequence[MetricNote],
) -> str:
    """Return one sentence: the model's value, and whether it clearly beats the best baseline."""
    note = next(note for note in about if note.key == headline)
    mine = own[headline]
    if mine.value is None:
        return f"The {note.title} is not defined on these records."
    needs = note.key.startswith("bits")
    article = "an" if note.key in _AN else "a"
    what = (
        f"needs {_number(mine.value)} {note.title}" if needs else f"has {article} {note.title} of {_number(mine.value)}"
    )
    said = f"The model {what}{_interval(mine)}"
    gap = against.get(headline)
    if gap is None:
        return f"{said}; there is no baseline to compare it with."
    best = f"the best baseline ({gap.baseline}, {_number(mine.value - gap.value)})"
    if gap.low is None and gap.value:
        return (
            f"{said}; {best} is {'better' if _worse(gap, note) else 'worse'}, but there are too few records to be sure."
        )
    if gap.clear is None:
        return f"{said}: no clear difference from {best}."
    less, more = ("fewer", "more") if needs else ("lower", "higher")
    size = f"{_number(abs(gap.value))}{_interval(_absolute(gap))} {less if gap.value < 0 else more}"
    return f"{said}, {size} than {best}: clearly {gap.clear}."


def _worse(gap: Difference, note: MetricNote) -> bool:
    return gap.value > 0 if note.better == "lower" else gap.value < 0


def _absolute(gap: Difference) -> Measured:
    if gap.low is None or gap.high is None:
        return Measured(abs(gap.value), None, None)
    low, high = sorted((abs(gap.low), abs(gap.high)))
    return Measured(abs(gap.value), low, high)


def _interval(value: Measured) -> str:
    if value.low is None or value.high is None:
        return ""
    return f" [{_number(value.low)}, {_number(value.high)}]"


def _number(value: float) -> str:
    size = abs(value)
    digits = 3 if size < 10 else 2 if size < 100 else 1
    return f"{value:,.{digits}f}".replace("-", "−")

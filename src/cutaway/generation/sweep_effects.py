"""The effect of each setting on legibility: means and changes with 95 % intervals.

With several prompts, the prompt is the unit. A prompt's value at a level of a setting is the mean over its samples,
then over all other settings. A change is paired by prompt, over the other settings that both levels have. Intervals are
Student's t over the prompts (Gosset 1908); they hold for other prompts of the same kind.

With one prompt, the sample is the unit. Samples have independent random streams, so they are not paired: intervals are
Welch's (Welch 1947), over the samples of each combination; they hold for this prompt only. A greedy text is always the
same and adds no variance.

A perplexity is averaged as a logarithm: its mean is geometric and its change is a ratio.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from cutaway.generation.legibility import MEASURES, Measure
from cutaway.generation.sweep_runs import SweepPlan
from cutaway.intervals import Interval, Term, contrast, interval, mean_of


@dataclasses.dataclass(frozen=True)
class Level:
    """A measure at one value of a setting: its mean, the 95 % interval, and the number `n` of prompts.

    If there is only one prompt, `n` counts its samples.
    """

    value: Any
    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclasses.dataclass(frozen=True)
class Change:
    """How a measure changes between two values of a setting: a difference, or for perplexities a ratio.

    `since` is the first value of the setting at which the measure has numbers (greedy texts have no self-BLEU).
    `before` and `after` are the means that were compared; `change` is their difference or ratio. `n` counts the prompts
    that have both values; if there is only one prompt, its samples at both values. `clear` says that the 95 % interval
    excludes 0 (for a ratio, 1); without an interval nothing is clear.
    """

    since: Any
    to: Any
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    n: int
    clear: bool


@dataclasses.dataclass(frozen=True)
class SettingEffect:
    """One setting's effect on one measure; `model` is None for all models together."""

    setting: str
    measure: str
    model: str | None
    levels: list[Level]
    changes: list[Change]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination of the swept settings (and the model): its number of runs and the mean of each measure."""

    settings: dict[str, Any]
    runs: int
    means: dict[str, float | None]


Point = tuple[Mapping[str, Any], str, int, Mapping[str, float | None]]


class Table:
    """The numbers of all runs, without their texts, so that 100,000 runs fit in memory."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan
        self.swept = swept_settings(plan)
        self.points: list[tuple[tuple[int, ...], int, int, tuple[float | None, ...]]] = []
        self.greedy: set[tuple[int, ...]] = set()  # combinations that do not sample
        self._prompts = {prompt: i for i, prompt in enumerate(plan.prompts)}

    def add(
        self, model: str, prompt: str, settings: Mapping[str, Any], sample: int, metrics: Mapping[str, float | None]
    ) -> None:
        """Add one run's numbers."""
        own = {**settings, "model": model}
        level = tuple(values.index(own[name]) for name, values in self.swept.items())
        if settings["temperature"] == 0:
            self.greedy.add(level)
        numbers = tuple(_number(measure, metrics.get(measure.key)) for measure in MEASURES)
        self.points.append((level, self._prompts[prompt], sample, numbers))


def swept_settings(plan: SweepPlan) -> dict[str, list[Any]]:
    """Return the settings that take several values, in order; if there are several models, "model" comes first."""
    found: dict[str, list[Any]] = {"model": list(plan.models)} if len(plan.models) > 1 else {}
    for name, values in plan.grid.items():
        if len(values) > 1:
            numbers = all(isinstance(value, (int, float)) for value in values)
            found[name] = sorted(values) if numbers else values
    return found


def effects_of(table: Table) -> list[SettingEffect]:
    """Return the effect of every swept setting on every measure, over all models and for each model alone."""
    found = []
    names = list(table.swept)
    for setting in names:
        found += _effects(table, setting, None)
        if "model" in names and setting != "model":
            for model in table.swept["model"]:
                found += _effects(table, setting, model)
    return found


def cells_of(table: Table) -> list[Cell]:
    """Return the combinations of the swept settings, each with the mean of every measure over its runs."""
    by: dict[tuple[int, ...], list[tuple[float | None, ...]]] = {}
    for level, _, _, numbers in table.points:
        by.setdefault(level, []).append(numbers)
    found = []
    for level in sorted(by):
        values = {name: table.swept[name][i] for name, i in zip(table.swept, level, strict=True)}
        means = {}
        for at, measure in enumerate(MEASURES):
            known = [numbers[at] for numbers in by[level]]
            mean, _, _ = interval([value for value in known if value is not None])
            means[measure.key] = _back(measure, mean)
        found.append(Cell(values, len(by[level]), means))
    return found


Place = tuple[int, ...]  # the levels of the other settings
Side = dict[int, dict[Place, list[float]]]  # the numbers at one level of a setting, by prompt and place


def _effects(table: Table, setting: str, model: str | None) -> list[SettingEffect]:
    at = list(table.swept).index(setting)
    wanted = None if model is None else table.swept["model"].index(model)
    values = table.swept[setting]
    sides: list[list[Side]] = [[{} for _ in values] for _ in MEASURES]
    for level, prompt, _, numbers in table.points:
        if wanted is not None and level[0] != wanted:
            continue
        place = level[:at] + level[at + 1 :]
        for of_measure, number in zip(sides, numbers, strict=True):
            if number is not None:
                of_measure[level[at]].setdefault(prompt, {}).setdefault(place, []).append(number)
    found = []
    for measure, of_measure in zip(MEASURES, sides, strict=True):
        known = [i for i, side in enumerate(of_measure) if side]
        if not known:
            continue
        compare = _Comparing(table, at, measure)
        levels = [compare.level(i, side) for i, side in enumerate(of_measure)]
        first = known[0]
        changes = [compare.change(first, i, of_measure[first], of_measure[i]) for i in range(first + 1, len(values))]
        found.append(SettingEffect(setting, measure.key, model, levels, changes))
    return found


@dataclasses.dataclass(frozen=True)
class _Comparing:
    """The levels and changes of one measure along one setting."""

    table: Table
    at: int
    measure: Measure

    @property
    def single(self) -> bool:
        return len(self.table.plan.prompts) == 1

    def level(self, i: int, side: Side) -> Level:
        if self.single:
            places = side.get(0, {})
            found = self._over_samples([(1 / len(places), i, places)]) if places else (None, None, None)
            n = sum(map(len, places.values()))
        else:
            found, n = interval([mean_of(list(map(mean_of, places.values()))) for places in side.values()]), len(side)
        mean, low, high = _shared(self.measure, found)
        least, most = self.measure.span  # an interval of shares stays within 0 % to 100 %
        low, high = (None if end is None else min(max(end, least), most) for end in (low, high))
        return Level(self._value(i), mean, low, high, n)

    def change(self, first: int, i: int, before: Side, after: Side) -> Change:
        both = {
            prompt: [(before[prompt][place], after[prompt][place]) for place in before[prompt] if place in places]
            for prompt, places in after.items()
            if prompt in before
        }
        pairs = {prompt: [(mean_of(a), mean_of(b)) for a, b in values] for prompt, values in both.items() if values}
        means = [[mean_of([pair[which] for pair in own]) for own in pairs.values()] for which in (0, 1)]
        if self.single and pairs:
            kept = [{p: v for p, v in side[0].items() if p in before[0] and p in after[0]} for side in (before, after)]
            share = 1 / len(kept[0])
            found = self._over_samples([(-share, first, kept[0]), (share, i, kept[1])])
            n = sum(len(values) for places in kept for values in places.values())
        else:
            found, n = interval([b - a for a, b in zip(*means, strict=True)]), len(pairs)
        _, low, high = found
        clear = low is not None and high is not None and (low > 0 or high < 0)
        start, end = (_back(self.measure, mean_of(own) if own else None) for own in means)
        return Change(self._value(first), self._value(i), start, end, *_shared(self.measure, found), n, clear)

    def _over_samples(self, sides: Sequence[tuple[float, int, dict[Place, list[float]]]]) -> Interval:
        terms: list[Term] = []
        for weight, i, places in sides:
            for place, values in places.items():
                level = (*place[: self.at], i, *place[self.at :])
                terms.append((weight, values, level not in self.table.greedy))
        mean, low, high = contrast(terms)
        # The self-BLEUs of a prompt's samples depend on each other: they count as one number, not as several.
        return (mean, None, None) if self.measure.of_samples else (mean, low, high)

    def _value(self, i: int) -> Any:
        return list(self.table.swept.values())[self.at][i]


def _number(measure: Measure, value: float | None) -> float | None:
    if value is None or not math.isfinite(value) or (measure.log and value <= 0):
        return None
    return math.log(value) if measure.log else float(value)


def _shared(measure: Measure, found: Interval) -> Interval:
    """Return an interval in the measure's own unit."""
    mean, low, high = found
    return _back(measure, mean), _back(measure, low), _back(measure, high)


def _back(measure: Measure, value: float | None) -> float | None:
    return math.exp(min(value, 700.0)) if measure.log and value is not None else value

"""What a setting does to legibility: means with intervals, paired by prompt, and the sentences that they bear.

The unit is the prompt. A prompt's value at a setting's level is its mean over the samples and over all other settings,
so a difference compares like with like; intervals are Student's t over the prompts (Gosset 1908), and so speak of other
prompts of the kind. With a single prompt the unit is the sample, and they speak of that prompt alone. A measure that is
a perplexity is averaged as a logarithm: its mean is geometric and its change a ratio.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cutaway.generation.legibility import MEASURES, Measure
from cutaway.generation.runs import Plan

__all__ = ["Cell", "Change", "Effect", "Level", "Table", "effects_of", "interval", "sentences"]


@dataclasses.dataclass(frozen=True)
class Level:
    """A measure at one value of a setting: its mean, the 95 % interval, and over how many prompts (or samples)."""

    value: Any
    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclasses.dataclass(frozen=True)
class Change:
    """How a measure changes between two values of a setting: a difference, or for perplexities a ratio.

    `since` is the setting's first value at which the measure has numbers (self-BLEU has none where nothing is drawn).

    `clear` says that the 95 % interval holds no change (0, or 1 for a ratio) to be out of the question.
    """

    since: Any
    to: Any
    change: float | None
    low: float | None
    high: float | None
    n: int
    clear: bool


@dataclasses.dataclass(frozen=True)
class Effect:
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
    """The numbers of runs without their texts: what effects are reckoned from, small enough for 100,000 of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.swept = swept_settings(plan)
        self.points: list[tuple[tuple[int, ...], int, int, tuple[float | None, ...]]] = []
        self._prompts = {prompt: i for i, prompt in enumerate(plan.prompts)}

    def add(
        self, model: str, prompt: str, settings: Mapping[str, Any], sample: int, metrics: Mapping[str, float | None]
    ) -> None:
        """Add one run's numbers."""
        own = {**settings, "model": model}
        level = tuple(values.index(own[name]) for name, values in self.swept.items())
        numbers = tuple(_number(measure, metrics.get(measure.key)) for measure in MEASURES)
        self.points.append((level, self._prompts[prompt], sample, numbers))


def swept_settings(plan: Plan) -> dict[str, list[Any]]:
    """Return the settings that take several values, each in its order; the models, where there are several, first."""
    found: dict[str, list[Any]] = {"model": list(plan.models)} if len(plan.models) > 1 else {}
    for name, values in plan.grid.items():
        if len(values) > 1:
            numbers = all(isinstance(value, (int, float)) for value in values)
            found[name] = sorted(values) if numbers else values
    return found


def interval(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Return the mean of some values and the ends of its 95 % interval by Student's t; None where there are too few.

    >>> interval([1.0, 2.0, 3.0])
    (2.0, -0.4841377117503298, 4.48413771175033)
    """
    if not values or not all(map(math.isfinite, values)):
        return None, None, None
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None, None
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    half = _quantile(len(values) - 1) * spread
    return mean, mean - half, mean + half


def effects_of(table: Table) -> list[Effect]:
    """Return the effect of every swept setting on every measure that has numbers, all models together and alone."""
    found = []
    names = list(table.swept)
    for setting in names:
        found += _effects(table, setting, None)
        if "model" in names and setting != "model":
            for model in table.swept["model"]:
                found += _effects(table, setting, model)
    return found


def cells_of(table: Table) -> list[Cell]:
    """Return the combinations of the swept settings with the mean of each measure over their runs."""
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


def _effects(table: Table, setting: str, model: str | None) -> list[Effect]:
    at = list(table.swept).index(setting)
    wanted = None if model is None else table.swept["model"].index(model)
    single = len(table.plan.prompts) == 1
    # sums[level][unit][measure]: a unit's numbers at a level, to be averaged
    values: dict[int, dict[int, list[list[float]]]] = {level: {} for level in range(len(table.swept[setting]))}
    for level, prompt, sample, numbers in table.points:
        if wanted is not None and level[0] != wanted:
            continue
        own = values[level[at]].setdefault(sample if single else prompt, [[] for _ in MEASURES])
        for list_, number in zip(own, numbers, strict=True):
            if number is not None:
                list_.append(number)
    found = []
    for i, measure in enumerate(MEASURES):
        means = [
            {unit: math.fsum(lists[i]) / len(lists[i]) for unit, lists in values[level].items() if lists[i]}
            for level in values
        ]
        if not any(means):
            continue
        levels = [
            Level(value, *_shared(measure, interval(list(own.values()))), len(own))
            for value, own in zip(table.swept[setting], means, strict=True)
        ]
        first = next(at for at, own in enumerate(means) if own)
        changes = [
            _change(measure, (table.swept[setting][first], value), means[first], own)
            for value, own in list(zip(table.swept[setting], means, strict=True))[first + 1 :]
        ]
        found.append(Effect(setting, measure.key, model, levels, changes))
    return found


def _change(
    measure: Measure, between: tuple[Any, Any], first: Mapping[int, float], other: Mapping[int, float]
) -> Change:
    apart = [other[unit] - first[unit] for unit in first if unit in other]
    mean, low, high = interval(apart)
    clear = low is not None and high is not None and (low > 0 or high < 0)
    return Change(*between, *_shared(measure, (mean, low, high)), len(apart), clear)


_TOLD = ("scorer_perplexity", "perplexity", "dictionary_words", "repeated_4grams", "distinct_2", "self_bleu",
         "reading_ease", "finished", "tokens")  # fmt: skip
_PLAIN = {
    "scorer_perplexity": ("more surprising", "more predictable"),
    "repeated_4grams": ("more repetitive", "less repetitive"),
    "dictionary_words": ("fuller of English words", "poorer in English words"),
    "self_bleu": ("more alike from sample to sample", "more varied from sample to sample"),
    "finished": ("more often finished", "more often cut off"),
}


def sentences(table: Table, effects: Iterable[Effect]) -> list[str]:
    """Return what the numbers bear out, in plain sentences: only effects whose interval leaves out no effect."""
    plan, found = table.plan, [_opening(table)]
    by = {(effect.setting, effect.measure): effect for effect in effects if effect.model is None}
    for setting in table.swept:
        told, plain, unclear = [], [], []
        for key in _TOLD:
            effect = by.get((setting, key))
            if effect is None or not effect.changes or (key == "perplexity" and (setting, "scorer_perplexity") in by):
                continue
            measure = _MEASURE[key]
            change = effect.changes[-1]
            if not change.clear:  # what is not clear from end to end may be on the way
                change = next((one for one in effect.changes if one.clear), change)
            if not change.clear:
                unclear.append(measure.name)
                continue
            told.append(_told(measure, effect, change))
            if change is effect.changes[-1] and key in _PLAIN:
                plain.append(_PLAIN[key][0 if _up(measure, change) else 1])
        ends = [_level(value) for value in (table.swept[setting][0], table.swept[setting][-1])]
        name = setting.replace("_", " ")
        across = f"{name}: {ends[1]} against {ends[0]}" if setting == "model" else f"{name} from {ends[0]} to {ends[1]}"
        across = across[0].upper() + across[1:]
        if plain:
            found.append(f"{across} makes the text {_listed(plain)}.")
        elif not told:
            found.append(f"{across}: no clear effect.")
        if told:
            found.append(f"Measured{'' if plain else f', {name}'}: {'; '.join(told)}.")
        if told and unclear:
            found.append(f"No clear effect on {_listed(unclear)}.")
    if table.swept and table.points:
        what = "prompts" if len(plan.prompts) > 1 else "samples of the one prompt"
        found.append(
            f"In brackets: 95 % intervals over the {what}, each change paired. Each stands alone: where nothing has an "
            "effect, one in twenty would still look clear."
        )
    return found


def _opening(table: Table) -> str:
    plan = table.plan
    settings = f"{_many(len(plan.cells), 'setting')} × {_many(plan.samples, 'sample')}"
    greedy = any(plan.samples_of(cell) < plan.samples for cell in plan.cells)
    once = ", once where nothing is drawn" if greedy else ""
    return (
        f"{_listed(list(map(_called, plan.models)))}: {_many(len(plan.prompts), 'prompt')} × {settings}{once}, "
        f"{_runs(len(table.points), plan.runs_per_model * len(plan.models))}."
    )


def _told(measure: Measure, effect: Effect, change: Change) -> str:
    first, last = (next(lv for lv in effect.levels if lv.value == value) for value in (change.since, change.to))
    whole = change is effect.changes[-1] and first is effect.levels[0]
    where = "" if whole else f" between {_level(change.since)} and {_level(change.to)}"
    rises = "rises" if _up(measure, change) else "falls"
    if measure.key in {"dictionary_words", "repeated_4grams", "tokens"}:
        rises = rises[:-1]
    ends = f"from {_shown(measure, first.mean)} to {_shown(measure, last.mean)}"
    if measure.log:
        size = f"× {_three(change.change)}, {_three(change.low)} to {_three(change.high)}"
    elif measure.unit == "share":
        signed = [_signed(round(100 * value, 1)) for value in _known(change)]
        size = f"{signed[0]} points, {signed[1]} to {signed[2]}"
    else:
        signed = [_signed(value) for value in _known(change)]
        size = f"{signed[0]}, {signed[1]} to {signed[2]}"
    return f"{measure.name} {rises}{where} {ends} ({size})"


def _known(change: Change) -> list[float]:
    return [value for value in (change.change, change.low, change.high) if value is not None]


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−") if value else "0"


def _up(measure: Measure, change: Change) -> bool:
    return change.change is not None and change.change > (1 if measure.log else 0)


def _shown(measure: Measure, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.3g} %" if measure.unit == "share" else _three(value)


def _three(value: float | None) -> str:
    if value is None:
        return "–"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def _level(value: Any) -> str:
    if isinstance(value, str):
        return _called(value)
    return "off" if value is None else ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"


def _called(model: str) -> str:
    """Return what a model is called in a sentence: a folder by its last part."""
    return model.rstrip("/").rsplit("/", 1)[-1] if model[:1] in {"/", "."} else model


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _runs(there: int, all_: int) -> str:
    return _many(all_, "run") if there >= all_ else f"{there:,} of {_many(all_, 'run')}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""


_MEASURE = {measure.key: measure for measure in MEASURES}


def _number(measure: Measure, value: float | None) -> float | None:
    if value is None or not math.isfinite(value) or (measure.log and value <= 0):
        return None
    return math.log(value) if measure.log else float(value)


Interval = tuple[float | None, float | None, float | None]


def _shared(measure: Measure, found: Interval) -> Interval:
    """Return an interval in the measure's own unit."""
    mean, low, high = found
    return _back(measure, mean), _back(measure, low), _back(measure, high)


def _back(measure: Measure, value: float | None) -> float | None:
    return math.exp(min(value, 700.0)) if measure.log and value is not None else value


@functools.cache
def _quantile(freedom: int) -> float:
    from scipy.special import stdtrit  # a tenth of the time that scipy.stats takes to import

    return float(stdtrit(freedom, 0.975))

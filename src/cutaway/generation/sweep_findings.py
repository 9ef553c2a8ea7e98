"""The effects of a sweep's settings, in plain sentences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cutaway.errors import counted
from cutaway.generation.legibility import MEASURES, Measure
from cutaway.generation.sweep_effects import Change, SettingEffect, Table

_MEASURE = {measure.key: measure for measure in MEASURES}
_TOLD = ("scorer_perplexity", "perplexity", "dictionary_words", "repeated_4grams", "distinct_2", "self_bleu",
         "reading_ease", "finished", "tokens")  # fmt: skip
_PLAIN = {
    "scorer_perplexity": ("more surprising", "more predictable"),
    "repeated_4grams": ("more repetitive", "less repetitive"),
    "dictionary_words": ("richer in English words", "poorer in English words"),
    "self_bleu": ("more alike from sample to sample", "more varied from sample to sample"),
    "finished": ("more often finished", "more often cut off"),
}


def sentences(table: Table, effects: Iterable[SettingEffect]) -> list[str]:
    """Return the findings of a sweep in sentences: only effects whose 95 % interval excludes zero."""
    effects, found = list(effects), [_opening(table)]
    if table.swept and not any(change.low is not None for effect in effects for change in effect.changes):
        return [*found, _no_interval(table)] if table.points else found
    by = {(effect.setting, effect.measure): effect for effect in effects if effect.model is None}
    for setting in table.swept:
        told, plain, unclear, unknown = list[str](), list[str](), list[str](), list[str]()
        for key in _TOLD:
            effect = by.get((setting, key))
            if effect is None or not effect.changes or (key == "perplexity" and (setting, "scorer_perplexity") in by):
                continue
            measure = _MEASURE[key]
            change = effect.changes[-1]
            if not change.clear:  # no clear effect from end to end: take the largest clear one in between
                change = max((one for one in effect.changes if one.clear), key=_size(measure), default=change)
            if not change.clear:
                differs = change.low is None and change.before != change.after
                (unknown if differs else unclear).append(measure.name)
                continue
            told.append(_told(table, measure, effect, change))
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
        if unknown:
            found.append(f"No interval for {_listed(unknown)}: there are too few independent samples.")
    return [*found, _brackets(table)] if table.swept and table.points else found


def _brackets(table: Table) -> str:
    prompts = len(table.plan.prompts)
    if prompts > 1:
        over = f"over the {prompts:,} prompts; each prompt is compared with itself"
    else:
        over = "over the samples of the one prompt, which says nothing about other prompts"
    return (
        f"In brackets: the change and its 95 % interval {over}. Even if no setting had any effect, about one interval "
        "in twenty would look clear by chance."
    )


def _no_interval(table: Table) -> str:
    plan = table.plan
    if len(plan.prompts) > 1:
        why = "too few runs are done for an interval"
    elif len(table.greedy) == len({level for level, *_ in table.points}):
        why = "there is one prompt, and at temperature 0 it always gives the same text"
    else:
        why = f"one prompt and {counted(plan.samples, 'sample')} are too few for an interval"
    return f"No effect can be distinguished from chance: {why}. Give more prompts or more samples."


def _opening(table: Table) -> str:
    plan = table.plan
    settings = f"{counted(len(plan.cells), 'setting')} × {counted(plan.samples, 'sample')}"
    greedy = any(plan.samples_of(cell) < plan.samples for cell in plan.cells)
    once = " (only 1 at temperature 0, which always gives the same text)" if greedy else ""
    return (
        f"{_listed(list(map(_called, plan.models)))}: {counted(len(plan.prompts), 'prompt')} × {settings}{once}: "
        f"{_runs(len(table.points), plan.runs_per_model * len(plan.models))}."
    )


def _told(table: Table, measure: Measure, effect: SettingEffect, change: Change) -> str:
    first = effect.levels[0]
    whole = change is effect.changes[-1] and first.value == change.since
    where = "" if whole else f" between {_level(change.since)} and {_level(change.to)}"
    rises = "rises" if _up(measure, change) else "falls"
    if measure.key in {"dictionary_words", "repeated_4grams", "tokens"}:
        rises = rises[:-1]
    ends = f"from {_shown(measure, change.before)} to {_shown(measure, change.after)}"
    if measure.log:
        size = f"× {_three(change.change)}, {_three(change.low)} to {_three(change.high)}"
    elif measure.unit == "share":
        signed = [_signed(round(100 * value, 1)) for value in _known(change)]
        size = f"{signed[0]} points, {signed[1]} to {signed[2]}"
    else:
        signed = [_signed(value) for value in _known(change)]
        size = f"{signed[0]}, {signed[1]} to {signed[2]}"
    prompts = len(table.plan.prompts)
    part = f"; {change.n:,} of {prompts:,} prompts" if prompts > 1 and change.n < prompts else ""
    return f"{measure.name} {rises}{where} {ends} ({size}{part}){_wavering(measure, effect)}"


def _wavering(measure: Measure, effect: SettingEffect) -> str:
    """Return the means at all levels if they go both up and down, else ""; levels without an order give ""."""
    known = [level for level in effect.levels if level.mean is not None]
    if not all(isinstance(level.value, (int, float)) and not isinstance(level.value, bool) for level in known):
        return ""
    means = [_shown(measure, level.mean) for level in known]
    steps = [
        b.mean > a.mean
        for a, b in itertools.pairwise(known)
        if a.mean is not None and b.mean is not None and _shown(measure, a.mean) != _shown(measure, b.mean)
    ]
    if len(set(steps)) < 2:
        return ""
    return f", not steadily: {', '.join(means)} at {', '.join(_level(level.value) for level in known)}"


def _size(measure: Measure) -> Callable[[Change], float]:
    def size(change: Change) -> float:
        return 0.0 if change.change is None else abs(math.log(change.change) if measure.log else change.change)

    return size


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
    """Return what a model is called in a sentence: a folder by the last part of its path."""
    return model.rstrip("/").rsplit("/", 1)[-1] if model[:1] in {"/", "."} else model


def _runs(there: int, all_: int) -> str:
    return counted(all_, "run") if there >= all_ else f"{there:,} of {counted(all_, 'run')}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""

"""`compare_runs`: two runs of training side by side: what differs, their losses on the same axes, what they write."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cutaway.training.result import Training
from cutaway.training.run_comparison_result import CurvePoint, Difference, RunComparison, RunSide
from cutaway.training.run_comparison_sentences import sentences
from cutaway.training.run_folder import read_record
from cutaway.training.run_page import thinned
from cutaway.training.run_result import read_run

_MOST: Final = 400  # steps of a curve; more are put together
_GROUPS: Final = ("settings", "data", "decided", "versions")
_SHAPE: Final = (
    "architecture", "parameters", "trained_parameters", "vocab_size", "context", "planned_steps",
    "peak_learning_rate", "ranks",
)  # fmt: skip


def compare_runs(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> RunComparison:
    """Compare two runs by their folders; they may be complete, cut off or still going on.

    Raises `InputError` if a folder is not that of a run, is damaged, or has no validation yet.

    Example:
        >>> from cutaway import train
        >>> for rate in (0.01, 0.02):
        ...     result = train(steps=4, learning_rate=rate, output=f"run-{rate}")
        >>> [one.name for one in compare_runs("run-0.01", "run-0.02").differences]
        ['learning_rate', 'peak_learning_rate']
    """
    runs = [read_run(folder) for folder in (a, b)]
    records = [read_record(Path(folder)) or {} for folder in (a, b)]
    one, other = (_side(run, os.fspath(folder)) for run, folder in zip(runs, (a, b), strict=True))
    same, differences = _same_rows(*records), tuple(_differences(*records))
    return RunComparison(one, other, same, tuple(sentences(one, other, same, differences)), differences)


def _side(run: Training, directory: str) -> RunSide:
    counts = {step.step: (step.tokens, step.seconds) for step in run.metrics} | {0: (0, 0.0)}
    fields = {field.name for field in dataclasses.fields(RunSide)} & {
        field.name for field in dataclasses.fields(Training)
    }
    every = -(-len(run.metrics) // _MOST) or 1
    return RunSide(**{
        **{name: getattr(run, name) for name in fields},
        "directory": directory,
        "floor": run.final_floor,
        "best_loss": min(check.loss for check in run.validation),
        "learned": tuple(CurvePoint(s.step, s.tokens, s.seconds, s.loss) for s in thinned(run.metrics, every)),
        "checked": tuple(
            CurvePoint(check.step, *counts[check.step], check.loss) for check in run.validation if check.step in counts
        ),
    })  # fmt: skip


def _same_rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Say whether the held-out rows are the same: the same ids in the same layout, and the same is predicted."""
    names = ("objective", "rows", "long", "mask_share", "mask_rule")
    settings = all(a["settings"].get(name) == b["settings"].get(name) for name in names)
    return settings and a["data"] == b["data"] and a["context"] == b["context"] and a["vocab_size"] == b["vocab_size"]


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Sequence[Difference]:
    groups = {group: (_flat(a.get(group, {})), _flat(b.get(group, {}))) for group in _GROUPS}
    groups["model"] = tuple({name: record.get(name) for name in _SHAPE} for record in (a, b))  # type: ignore[assignment]
    return [
        Difference(group, name, one.get(name), other.get(name))
        for group in ("settings", "model", "data", "decided", "versions")
        for one, other in [groups[group]]
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one, each name with those above it.

    >>> _flat({"rows": {"pieces": 3}})
    {'rows: pieces': 3}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{above}{name}: ") if isinstance(value, Mapping) else {f"{above}{name}": value}
    return flat

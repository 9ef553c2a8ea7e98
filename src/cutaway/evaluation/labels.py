"""The labels of examples as numbers, as the model counts its own labels.

Axis letters: `N` records, `K` labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.evaluation.examples import Example
from cutaway.evaluation.resampling import Floats

Ints = NDArray[np.int64]

MARK = ";"  # between the labels of a record that has several


def class_numbers(examples: Sequence[Example], names: Sequence[str]) -> Ints:
    """Return the number of each example's label among the model's. Raises `InputError` for one that it lacks."""
    return np.array([_number_of(str(one.label).strip(), names, one) for one in examples], np.int64)


def label_sets(examples: Sequence[Example], names: Sequence[str]) -> Ints:
    """Return which labels each example has (N, K). Raises `InputError` for one that the model lacks."""
    found = np.zeros((len(examples), len(names)), np.int64)
    for row, one in zip(found, examples, strict=True):
        row[[_number_of(name.strip(), names, one) for name in str(one.label).split(MARK) if name.strip()]] = 1
    return found


def numbers(examples: Sequence[Example]) -> Floats:
    """Return each example's number. Raises `InputError` for a label that is not a finite number."""
    found = np.empty(len(examples))
    for i, one in enumerate(examples):
        try:
            found[i] = float(str(one.label))
        except ValueError:
            found[i] = math.nan
        if not math.isfinite(found[i]):
            raise InputError(
                f"the label {one.label!r} of record {one.id!r} is not a finite number",
                hint="correct it; the model predicts numbers, not names",
            )
    return found


def _number_of(label: str, names: Sequence[str], example: Example) -> int:
    if label in names:
        return names.index(label)
    plain = all(name == f"LABEL_{i}" for i, name in enumerate(names))  # what transformers calls them
    if plain and label.isdecimal() and int(label) < len(names):
        return int(label)
    shown = ", ".join(map(repr, names[:6])) + (", …" if len(names) > 6 else "")
    raise InputError(
        f"the label {label!r} of record {example.id!r} is not one of the model's: {shown}",
        hint="correct the labels, or evaluate a model that was trained on them",
    )

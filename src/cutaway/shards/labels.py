"""The labels of records, as numbers: one class of several, several at once, or a number to predict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError

KINDS: Final = ("classes", "many", "numbers")
MARK: Final = ";"
"""It separates the labels of a record that has several."""
_MOST: Final = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """The label of each of N records.

    `kind` "classes": `names`, and `values` are their numbers (int64, shape (N,)); "many": `names`, and `values` is 1
    for each name that a record has (uint8, shape (N, names)); "numbers": no names, and `values` are the numbers
    (float64, shape (N,)).
    """

    kind: str
    names: tuple[str, ...]
    values: NDArray[Any]


def labels_of(said: Callable[[], Iterable[str]], count: int, kind: str | None = None) -> Labels:
    """Return the labels of records from what their files say; `said` is called twice and yields one for each record.

    By default labels are numbers if all of them are and one is not whole, or more than 20 differ; several if one holds
    a semicolon; else classes. Names are in alphabetical order, whatever the order of records.

    Raises `InputError` if numbers are requested and one is not, and if all records have the same label.

    >>> labels_of(lambda: ["b", "a", "b"], 3)
    Labels(kind='classes', names=('a', 'b'), values=array([1, 0, 1]))
    """
    if kind not in (None, *KINDS):
        raise InputError(f"`label_kind` is {kind!r}", hint=f"choose from {', '.join(KINDS)}")
    found = _distinct(said())
    kind = kind or _kind_of(found)
    if kind == "numbers":
        return Labels(kind, (), _numbers(said(), count, found))
    names = tuple(sorted({name for label in found for name in _names(label, kind)}))
    if len(names) > _MOST:
        raise InputError(
            f"there are more than {_MOST:,} different labels", hint="are they numbers? `label_kind='numbers'`"
        )
    if len(names) < 2 and kind == "classes":
        raise InputError(
            f"every record has the label {names[0]!r}", hint="a classifier needs records of at least two classes"
        )
    if kind == "many" and not names:
        raise InputError("no record has a label", hint="check the `label_column`")
    number = {name: i for i, name in enumerate(names)}
    if kind == "classes":
        return Labels(kind, names, np.fromiter((number[label.strip()] for label in said()), np.int64, count))
    values = np.zeros((count, len(names)), dtype=np.uint8)
    for record, label in enumerate(said()):
        values[record, [number[name] for name in _names(label, kind)]] = 1
    return Labels(kind, names, values)


def kind_of_labels(labels: Iterable[str]) -> str:
    """Return what labels look like: "classes", "many" (several a record) or "numbers".

    >>> kind_of_labels(["0.5", "1"]), kind_of_labels(["good", "bad"])
    ('numbers', 'classes')
    """
    return _kind_of(_distinct(labels))


def _distinct(labels: Iterable[str]) -> set[str]:
    found = set[str]()
    for label in labels:
        found.add(label)
        if len(found) > _MOST:
            break
    return found


def _kind_of(found: set[str]) -> str:
    numbers = [_number(label) for label in found]
    if all(number is not None for number in numbers):
        whole = all(number == int(number) for number in numbers if number is not None)
        return "numbers" if not whole or len(found) > 20 else "classes"
    return "many" if any(MARK in label for label in found) else "classes"


def _names(label: str, kind: str) -> Iterator[str]:
    if kind == "classes":
        yield label.strip()
    else:
        yield from (name.strip() for name in label.split(MARK) if name.strip())


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in label else None


def _numbers(labels: Iterable[str], count: int, found: set[str]) -> NDArray[np.float64]:
    values = np.empty(count)
    for record, label in enumerate(labels):
        value = _number(label)
        if value is None:
            raise InputError(
                f"the label {label!r} is not a finite number", hint="correct it, or use `label_kind='classes'`"
            )
        values[record] = value
    if len(found) == 1:
        raise InputError(
            f"every record has the label {next(iter(found))!r}",
            hint="a regression needs labels that differ",
        )
    return values

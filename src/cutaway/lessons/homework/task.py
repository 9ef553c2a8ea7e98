"""What a task is: what is given, which results to hand in, which questions to answer, and how all is computed again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cutaway.errors import InputError
from cutaway.lessons.homework.direction import Direction

Given = dict[str, Any]
Record = dict[str, Any]  # a result of cutaway as plain JSON
Records = Mapping[str, Sequence[Record]]  # the records of each file that is handed in
Once = Callable[..., Any]  # once(function, *arguments) computes each combination one time for a whole class
Pairs = list[tuple[Any, Any]]  # what was handed in, and the same computed again


WAYS = {"rises": 1, "falls": -1, "stays": 0}
"""The choices of a question that asks which way a number goes, with their signs."""


@dataclasses.dataclass(frozen=True)
class Requirement:
    """What an answer must do, whether it does, and what was found or what to do next."""

    name: str
    passed: bool
    said: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """A question with a few possible answers; `truth` returns those that the results allow, two of them at a tie.

    If the answer is the direction of an effect, `direction` reads it in the explanation, too.
    """

    key: str
    question: str
    choices: tuple[str, ...]
    truth: Callable[[Given, Records], tuple[str, ...]]
    direction: Direction | None = None


@dataclasses.dataclass(frozen=True)
class Number:
    """A number that the learner works out, its unit, and the true one; it may be off by `tolerance` of the true one."""

    key: str
    question: str
    unit: str
    truth: Callable[[Given, Records], float]
    tolerance: float = 0.01


@dataclasses.dataclass(frozen=True)
class Task:
    """One piece of homework.

    `given` makes a learner's variant from a seed; its "files" are the texts to be written beside the task. `text`
    describes the work in Markdown. `files` are the results to hand in, each with the command that makes it. `again`
    computes the records of such a file once more, from what is given and from what the file says was chosen freely; it
    raises `InputError` if the file does not fit the task. `quoted` has the numbers that an explanation may quote.
    """

    name: str
    title: str
    notebook: int
    minutes: int
    given: Callable[[int], Given]
    text: Callable[[Given], str]
    files: Callable[[Given], dict[str, str]]
    again: Callable[[str, Given, Sequence[Record], Once], Pairs]
    quoted: Callable[[Given, Records], dict[str, float]]
    choices: tuple[Choice, ...] = ()
    numbers: tuple[Number, ...] = ()
    words: int = 60
    quotes: int = 3
    models: tuple[str, ...] = ()


def again_by(
    name: str, records: Sequence[Record], schema: str, command: str, must: Record, compute: Callable[[], Record]
) -> Pairs:
    """Compare the one record of a file with what `compute` returns, key by key of the latter.

    Raises `InputError` if the file is not one record of the `schema`, with the values that it `must` have.
    """
    if len(records) != 1 or records[0].get("schema") != f"cutaway.{schema}/1":
        raise InputError(f"{name} is not what this command writes", hint=f"run: {command}")
    for key, value in must.items():
        if records[0].get(key) != value:
            found, right = (str(one)[:60] for one in (records[0].get(key), value))
            raise InputError(f"its {key} is {found!r}, and yours is {right!r}", hint=f"run: {command}")
    return [(records[0], compute())]


def moved(before: float, after: float, tie: float) -> tuple[str, ...]:
    """Return whether a number rises or falls; a change of less than `tie` may also be called "stays".

    >>> moved(1.0, 2.0, 0.1), moved(1.0, 0.99, 0.1)
    (('rises',), ('stays', 'falls'))
    """
    way = "rises" if after > before else "falls"
    return ("stays", way) if abs(after - before) < tie else (way,)


def larger(first: float, second: float, names: tuple[str, str], tie: float = 0.02) -> tuple[str, ...]:
    """Return which name has the larger value; both if they differ by less than the share `tie` of the larger.

    >>> larger(2.0, 1.0, ("a", "b")), larger(1.0, 1.001, ("a", "b"))
    (('a',), ('a', 'b'))
    """
    if abs(first - second) <= tie * max(abs(first), abs(second)):
        return names
    return (names[0],) if first > second else (names[1],)

"""`list`: which tasks there are."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from cutaway.lessons.homework.tasks import TASKS
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class TaskEntry:
    """A task: its name and title, the notebook it goes with, about how long it takes, and the models it needs."""

    name: str
    title: str
    notebook: int
    minutes: int
    models: list[str]


@dataclasses.dataclass(frozen=True, repr=False)
class Homework(Result):
    """The tasks, in the order of the notebooks."""

    schema: ClassVar[str] = "homework"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "tasks"

    tasks: list[TaskEntry]


def list_tasks() -> Homework:
    """List the tasks of the homework.

    >>> [task.name for task in list_tasks().tasks if task.notebook == 4][-1]
    'two-sizes'
    """
    return Homework([TaskEntry(one.name, one.title, one.notebook, one.minutes, list(one.models))
                     for one in TASKS.values()])  # fmt: skip

"""The folder of an answer: what `start` writes, what the learner fills in, and reading it without running anything."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any, Final

from cutaway._version import __version__
from cutaway.errors import InputError
from cutaway.folders import check_new_folder, written_aside
from cutaway.lessons.homework.packed import pack
from cutaway.lessons.homework.question import ANSWER, PLACEHOLDER, PROSE, QUESTION, question
from cutaway.lessons.homework.task import Given, Record, Task
from cutaway.lessons.homework.tasks import TASKS
from cutaway.lessons.homework.variants import OPEN, course_mark, known_as, seed_of, variant_of
from cutaway.value_text import shortened

_SCHEMA: Final = "cutaway.answer/1"
_LARGEST: Final = 20_000_000  # bytes of one file
_AGAIN: Final = "compare it with a new one: cutaway homework start"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a learner hands in: choices and numbers, the records of each result file, and an explanation.

    `records`[name] is None for a file that is missing, and `broken`[name] says what is wrong with one that can't be
    read. `course` is the mark of the course's key, not the key. A number is None if it is missing or not a number.
    """

    task: Task
    given: Given
    name: str
    course: str
    variant: str
    version: str
    choices: dict[str, str]
    numbers: dict[str, float | None]
    records: dict[str, list[Record] | None]
    broken: dict[str, str]
    prose: str


def task_named(name: str) -> Task:
    """Return a task. Raises `InputError` for a name that there is not."""
    if name not in TASKS:
        raise InputError(f"there is no task {shortened(name)}", hint=f"choose from {', '.join(TASKS)}")
    return TASKS[name]


def start_task(name: str, learner: str, directory: str | os.PathLike[str], *, course: str = OPEN) -> Path:
    """Write the folder of a task for a learner: the question, and what is to be filled in; return the folder.

    Raises `InputError` for an unknown task or an empty name, and `OutputError` if the folder can't be written.
    """
    task = task_named(name)
    variant = variant_of(course, learner, task.name)
    given = task.given(seed_of(variant))
    answer = {
        "schema": _SCHEMA, "task": task.name, "name": " ".join(learner.split()), "course": course_mark(course),
        "variant": variant, "version": __version__, "choices": {one.key: "" for one in task.choices},
        "numbers": {one.key: None for one in task.numbers},
    }  # fmt: skip
    written = {
        **given.get("files", {}),
        QUESTION: question(task, given, learner),
        ANSWER: json.dumps(answer, ensure_ascii=False, indent=2) + "\n",
        PROSE: f"{PLACEHOLDER}\n",
    }
    target = check_new_folder(directory)
    with written_aside(target) as aside:
        for path, text in written.items():
            (aside / path).write_text(text, encoding="utf-8", newline="\n")
    return target


def read_answer(directory: str | os.PathLike[str]) -> Answer:
    """Read the folder of an answer. Raises `InputError` if it is not one, or if its answer.json is damaged.

    A result file that can't be read is no error here: `broken` says what is wrong with it.
    """
    folder = Path(directory)
    path = folder / ANSWER
    if not path.is_file():
        raise InputError(
            f"there is no {ANSWER} in {str(folder)!r}", hint="begin with: cutaway homework start TASK --name NAME"
        )
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is not JSON: {error}", hint=_AGAIN) from error
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        raise InputError(f"{str(path)!r} is not the answer of a homework", hint=_AGAIN)
    task = task_named(str(found.get("task")))
    given = task.given(seed_of(_variant(found, str(path))))
    files: dict[str, list[Record] | None] = {}
    broken: dict[str, str] = {}
    for name in task.files(given):
        try:
            files[name] = _records(folder / name)
        except InputError as error:
            files[name], broken[name] = None, error.message
    prose = _text(folder / PROSE) if (folder / PROSE).is_file() else ""
    return answer_of(found, files, prose.replace(PLACEHOLDER, "").strip(), str(path), broken)


def answer_of(
    found: Record,
    files: dict[str, list[Record] | None],
    prose: str,
    where: str,
    broken: dict[str, str] | None = None,
) -> Answer:
    """Return the answer that a record states. Raises `InputError` if its task, name or variant is not one."""
    task = task_named(str(found.get("task")))
    variant = _variant(found, where)
    choices, numbers = _entries(found, "choices"), _entries(found, "numbers")
    name = str(found.get("name", ""))
    known_as(name)
    return Answer(
        task=task,
        given=task.given(seed_of(variant)),
        name=name,
        course=str(found.get("course", "")),
        variant=variant,
        version=str(found.get("version", "")),
        choices={one.key: str(choices.get(one.key, "")).strip() for one in task.choices},
        numbers={one.key: _number(numbers.get(one.key)) for one in task.numbers},
        records=files,
        broken=broken or {},
        prose=prose,
    )


def _entries(found: Record, key: str) -> dict[str, Any]:
    entries = found.get(key)
    return entries if isinstance(entries, dict) else {}


def _number(value: Any) -> float | None:
    """Return a number, or None for what is not one: a text in quotation marks, NaN, true."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _variant(found: Record, where: str) -> str:
    text = found.get("variant")
    if not isinstance(text, str) or len(text) != 32 or set(text) - set("0123456789abcdef"):
        raise InputError(
            f"the variant in {where!r} is damaged: {shortened(text)}", hint="start the task again, in a new folder"
        )
    return text


def _records(path: Path) -> list[Record] | None:
    """Return the records of a result file, or of a model's folder as one; None if it is missing."""
    if not path.exists():
        return None
    try:
        if path.is_dir():
            return [pack(path)]
        text = _text(path)
        lines = path.suffix == ".jsonl"
        whole = [json.loads(line) for line in text.split("\n") if line.strip()] if lines else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is not JSON: {error}") from error
    records = whole if isinstance(whole, list) else [whole]
    if not all(isinstance(one, dict) for one in records):
        raise InputError("it is not what a command of cutaway wrote")
    return records


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{str(path)!r} is larger than {_LARGEST // 10**6} MB", hint="hand in only what is asked")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"can't read {str(path)!r}: {why}", hint="save it again as plain text (UTF-8)") from error

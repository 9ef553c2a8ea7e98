"""`submit`: one page with the answer, the findings and where they come from; and reading it without running it.

`variants.PROOF` says what the page proves, and what not.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final

from cutaway._version import __version__
from cutaway.errors import CutawayError, InputError
from cutaway.lessons.homework.answers import Answer, answer_of, task_named
from cutaway.lessons.homework.checking import check_answer
from cutaway.lessons.homework.task import Record, Requirement
from cutaway.lessons.homework.variants import PROOF
from cutaway.models.sources import resolve
from cutaway.result import Result

_LARGEST: Final = 40_000_000  # bytes of a page
_BLOCK: Final = re.compile(r'<script type="application/json" id="records">(.*?)</script>', re.DOTALL)
_AGAIN: Final = "ask for the page again; it is made with: cutaway homework submit"


@dataclasses.dataclass(frozen=True, repr=False)
class Submission(Result):
    """An answer as it is handed in: all that is needed to check it again.

    `models` has the SHA-256 of the weights of each model whose results are handed in. `hash` is that of all other
    fields. `proof` says in sentences what it proves, and what not.
    """

    schema: ClassVar[str] = "submission"

    task: str
    title: str
    name: str
    course: str
    variant: str
    given: dict[str, Any]
    passed: bool
    requirements: list[Requirement]
    choices: dict[str, str]
    numbers: dict[str, float | None]
    records: dict[str, list[Record]]
    prose: str
    versions: dict[str, str]
    models: dict[str, str]
    proof: list[str]
    hash: str


def submission(answer: Answer, *, course: str | None = None) -> Submission:
    """Check an answer and return what is handed in, whether it passed or not. Raises a `ModelError`."""
    found = check_answer(answer, course=course)
    versions = {"cutaway": answer.version, "checked with cutaway": __version__}
    whole = Submission(
        task=answer.task.name,
        title=answer.task.title,
        name=answer.name,
        course=answer.course,
        variant=answer.variant,
        given=answer.given,
        passed=found.passed,
        requirements=found.requirements,
        choices=answer.choices,
        numbers=answer.numbers,
        records={name: records for name, records in answer.records.items() if records is not None},
        prose=answer.prose,
        versions=versions | {name: metadata.version(name) for name in ("torch", "transformers", "numpy")},
        models=digests(answer),
        proof=list(PROOF),
        hash="",
    )
    return dataclasses.replace(whole, hash=hash_of(whole.to_dict()))


def hash_of(record: Record) -> str:
    """Return the SHA-256 of a submission as plain JSON, without its own hash."""
    rest = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def digests(answer: Answer) -> dict[str, str]:
    """Return the SHA-256 of the weights of each of the task's models that the results name and that is here."""
    known = [*answer.task.models, "smollm2-135m"]
    named = [str(one.get("model")) for records in answer.records.values() for one in records or []]
    found: dict[str, str] = {}
    for name in dict.fromkeys(named):
        if name in known:
            try:
                folder = resolve(name)
            except CutawayError:
                continue
            files = sorted(folder.glob("*.safetensors"))
            found[name] = _digest(tuple((str(path), path.stat().st_mtime_ns) for path in files))
    return found


@functools.cache
def _digest(files: tuple[tuple[str, int], ...]) -> str:
    """Return the SHA-256 of weights, file by file in the order of their names."""
    found = hashlib.sha256()
    for path, _ in files:
        with Path(path).open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()


@dataclasses.dataclass(frozen=True)
class Received:
    """A page as it came in: its answer, its record, and whether its hash is that of its content."""

    answer: Answer
    record: Record
    untouched: bool


def read_submission(path: str | os.PathLike[str]) -> Received:
    """Read a page; nothing of it is run. Raises `InputError` if the file is not a page of `submit`, or damaged."""
    name = os.fspath(path)
    try:
        if Path(path).stat().st_size > _LARGEST:
            raise InputError(f"{name!r} is larger than {_LARGEST // 10**6} MB", hint=_AGAIN)
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name!r} can't be read as a page", hint=_AGAIN) from error
    block = _BLOCK.search(text)
    try:
        records = json.loads(block[1]) if block else []
        [record] = [one for one in records if one.get("schema") == "cutaway.submission/1"]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{name!r} is damaged, or not a page of cutaway homework submit", hint=_AGAIN) from error
    task_named(str(record.get("task")))
    try:
        stated = record | {"version": str(record["versions"]["cutaway"])}
        handed_in: dict[str, list[Record] | None] = {
            str(file): _dictionaries(found) for file, found in record["records"].items()
        }
        answer = answer_of(stated, handed_in, str(record["prose"]), name)
        answer = dataclasses.replace(
            answer, records={file: handed_in.get(file) for file in answer.task.files(answer.given)}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{name!r} is damaged: {type(error).__name__} {error}", hint=_AGAIN) from error
    return Received(answer, record, record.get("hash") == hash_of(record))


def _dictionaries(records: Any) -> list[Record]:
    if not all(isinstance(one, dict) for one in records):
        raise ValueError("a result is not an object")
    return list(records)

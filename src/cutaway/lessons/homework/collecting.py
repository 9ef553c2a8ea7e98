"""`collect`: all pages of a class, checked again with the teacher's key, and compared with each other.

Every page is checked in one process, task by task: a model is loaded once, and what several pages share is computed
once.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from pathlib import Path
from typing import Any, ClassVar, Final

from cutaway._version import __version__
from cutaway.errors import CutawayError, InputError, counted
from cutaway.lessons.homework.checking import check_answer, sharing
from cutaway.lessons.homework.prose import likeness
from cutaway.lessons.homework.submission import Received, digests, read_submission
from cutaway.lessons.homework.task import Once
from cutaway.lessons.homework.tasks import TASKS
from cutaway.lessons.homework.variants import OPEN, PROOF, known_as
from cutaway.progress import step
from cutaway.result import Result

ALIKE: Final = 0.5  # of the runs of five words of the shorter explanation
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclasses.dataclass(frozen=True)
class Collected:
    """One page: who, which task, whether it passes when computed again, what is missing, and what to look at.

    `alike` names the pages with half of the same explanation or more. `remarks` are what a teacher may want to ask
    about.
    """

    file: str
    name: str
    task: str
    passed: bool
    missing: list[str]
    alike: list[str]
    remarks: list[str]
    prose: str


@dataclasses.dataclass(frozen=True, repr=False)
class Collection(Result):
    """The pages of a folder, each checked again; `passed` counts those that do all that a program can check."""

    schema: ClassVar[str] = "collection"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "pages"

    folder: str
    passed: int
    pages: list[Collected]
    summary: str
    proof: list[str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a page; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
        plain = [dataclasses.asdict(page) for page in self.pages]
        joined = [{k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in plain]
        return [{k: f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA) else v for k, v in row.items()}
                for row in joined]  # fmt: skip


def collect_submissions(directory: str | os.PathLike[str], *, course: str = OPEN) -> Collection:
    """Check every page of a folder with the course's key. Raises `InputError` if there is none.

    A page that is damaged is a line of the table, too.
    """
    folder = Path(directory)
    files = sorted(folder.glob("*.html")) if folder.is_dir() else []
    if not files:
        raise InputError(f"there is no page (.html) in {str(folder)!r}", hint="name the folder with the pages")
    received: dict[str, Received] = {}
    found: dict[str, Collected] = {}
    for file in files:
        try:
            received[file.name] = read_submission(file)
        except CutawayError as error:
            found[file.name] = Collected(file.name, "", "", False, [error.message], [], [], "")
    alike = _alike(received)
    once, order = sharing(), list(TASKS)
    with step("checking pages", total=len(received)) as progress:
        for name, page in sorted(received.items(), key=lambda item: order.index(item[1].answer.task.name)):
            found[name] = _checked(name, page, course, once, received, alike[name])
            progress.advance()
    pages = [found[file.name] for file in files]
    passed = sum(page.passed for page in pages)
    summary = f"{counted(len(pages), 'page')}, {passed:,} of them passed"
    return Collection(str(folder), passed, pages, summary, list(PROOF))


def _checked(
    name: str, page: Received, course: str, once: Once, received: dict[str, Received], alike: list[str]
) -> Collected:
    answer = page.answer
    try:
        result = check_answer(answer, course=course, once=once)
    except CutawayError as error:
        return Collected(name, answer.name, answer.task.name, False, [error.message], alike, [], answer.prose)
    missing = [f"{one.name}: {one.said}" for one in result.requirements if not one.passed]
    remarks = [] if page.untouched else ["the page was changed after it was made: its hash is not that of its content"]
    if page.record.get("passed") is not result.passed:
        remarks.append(f"the page itself says {'passed' if page.record.get('passed') else 'not passed'}")
    if answer.version != __version__:
        remarks.append(f"it was made with cutaway {answer.version}, and this is {__version__}")
    stated = page.record.get("models")
    for model, digest in digests(answer).items():
        if not isinstance(stated, dict) or stated.get(model) != digest:
            remarks.append(f"the weights of its {model} are not those of this machine")
    again = [
        other
        for other, that in received.items()
        if other != name and that.answer.task is answer.task and known_as(that.answer.name) == known_as(answer.name)
    ]
    if again:
        remarks.append(f"the same name and task are in {', '.join(again)}")
    return Collected(name, answer.name, answer.task.name, result.passed, missing, alike, remarks, answer.prose)


def _alike(received: dict[str, Received]) -> dict[str, list[str]]:
    """Return for each page those with half of the same explanation or more, with the share."""
    found: dict[str, list[str]] = {name: [] for name in received}
    for one, other in itertools.permutations(received, 2):
        share = likeness(received[one].answer.prose, received[other].answer.prose)
        if share >= ALIKE:
            found[one].append(f"{received[other].answer.name} ({other}): {share:.0%}")
    return found

"""`check`: what an answer must do, and whether it does; every number is computed again.

Nothing that a learner wrote is run. There is no stored right answer that could leak, either: the check needs the
models, and computes what the learner's commands computed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, ClassVar, Final

from cutaway._version import __version__
from cutaway.errors import CutawayError, counted
from cutaway.lessons.homework.answers import Answer
from cutaway.lessons.homework.direction import Direction, signs_in
from cutaway.lessons.homework.matching import differences
from cutaway.lessons.homework.prose import quoted_numbers, words_of
from cutaway.lessons.homework.task import Choice, Number, Once, Records, Requirement
from cutaway.lessons.homework.variants import OPEN, course_mark, variant_of
from cutaway.result import Result

_SHOWN: Final = 3  # differences of a file


@dataclasses.dataclass(frozen=True, repr=False)
class Checked(Result):
    """What an answer must do, and whether it does all of it; `remarks` are worth knowing, but no mistakes.

    A teacher still reads the explanation.
    """

    schema: ClassVar[str] = "checked"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "requirements"

    task: str
    title: str
    name: str
    passed: bool
    requirements: list[Requirement]
    remarks: list[str]


def sharing() -> Once:
    """Return a function that computes each combination of a function and its arguments once, and then remembers it."""
    known: dict[str, Any] = {}

    def once(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        key = json.dumps([function.__module__, function.__qualname__, arguments, named], sort_keys=True, default=str)
        if key not in known:
            known[key] = function(*arguments, **named)
        return known[key]

    return once


def check_answer(answer: Answer, *, course: str | None = None, once: Once | None = None) -> Checked:
    """Check an answer; with the key of the `course` also that its variant is the learner's own.

    Without a key this is checked if the task was started without one. `once` shares computations with other checks.
    """
    once = once or sharing()
    known = OPEN if course is None and answer.course == course_mark(OPEN) else course
    found = [_own_variant(answer, known)]
    results = [_result(answer, name, command, once) for name, command in answer.task.files(answer.given).items()]
    found += results
    if all(one.passed for one in results):  # the true answers follow from right results only
        records = {name: records for name, records in answer.records.items() if records is not None}
        found += [_choice(answer, one, records) for one in answer.task.choices]
        found += [_number(answer, one, records) for one in answer.task.numbers]
        found += [_length(answer), *_prose(answer, records)]
    else:
        waiting = [*answer.choices, *answer.numbers]
        if waiting:
            found.append(Requirement(", ".join(waiting), False, "these are checked as soon as your results are right"))
        found.append(_length(answer))
    other = answer.version != __version__
    remarks = [f"it was started with cutaway {answer.version}, and this is {__version__}"] if other else []
    task = answer.task
    return Checked(task.name, task.title, answer.name, all(one.passed for one in found), found, remarks)


def _own_variant(answer: Answer, course: str | None) -> Requirement:
    name = "your own variant"
    if course is None:
        return Requirement(name, True, "not checked here: the course has a key, and the teacher checks this with it")
    if answer.variant == variant_of(course, answer.name, answer.task.name):
        return Requirement(name, True, f"the task was made for {answer.name}")
    if answer.course != course_mark(course):
        return Requirement(name, False, "it was started with another course's key: start it again with the right one")
    why = f"this variant was not made for {answer.name}: start the task under your own name, and use your own results"
    return Requirement(name, False, why)


def _result(answer: Answer, name: str, command: str, once: Once) -> Requirement:
    records = answer.records.get(name)
    if name in answer.broken:
        return Requirement(name, False, f"{answer.broken[name]}. Run: {command}")
    if not records:
        return Requirement(name, False, f"it is {'empty' if records == [] else 'missing'}. Run: {command}")
    try:
        pairs = answer.task.again(name, answer.given, records, once)
    except CutawayError as error:
        return Requirement(name, False, f"{error.message}. {_sentence(error.hint or f'Run: {command}')}")
    except Exception as error:  # what a learner hands in may be anything: wrong types, weights of another shape
        return Requirement(name, False, f"it is not a result of this command ({type(error).__name__}). Run: {command}")
    wrong = [text for mine, ours in pairs for text in differences(mine, ours)]
    if wrong:
        more = f", and {counted(len(wrong) - _SHOWN, 'other difference')}" if len(wrong) > _SHOWN else ""
        said = f"{'; '.join(wrong[:_SHOWN])}{more}. Don't edit the file. Run: {command}"
        return Requirement(name, False, said)
    return Requirement(name, True, f"computed again: {counted(len(pairs), 'record agrees', 'records agree')}")


def _choice(answer: Answer, choice: Choice, records: Records) -> Requirement:
    said = answer.choices[choice.key]
    if said not in choice.choices:
        what = f"{said!r} is none of the choices" if said else "it is empty"
        return Requirement(choice.key, False, f"{what}. {choice.question} Write one of {', '.join(choice.choices)}")
    if said not in choice.truth(answer.given, records):
        return Requirement(choice.key, False, f"{said} is not what your own results show. {choice.question}")
    return Requirement(choice.key, True, said)


def _number(answer: Answer, number: Number, records: Records) -> Requirement:
    said = answer.numbers[number.key]
    if said is None:
        why = f"there is no number yet. {number.question} Write it without quotation marks, for example 1.25"
        return Requirement(number.key, False, why)
    if not _near(said, number, answer, records):
        return Requirement(number.key, False, f"{said:g} is not right. {number.question}")
    return Requirement(number.key, True, f"{said:g}{f' {number.unit}' if number.unit else ''}")


def _near(said: float, number: Number, answer: Answer, records: Records) -> bool:
    true = number.truth(answer.given, records)
    return abs(said - true) <= number.tolerance * abs(true) + 1e-9


def _length(answer: Answer) -> Requirement:
    words, least = len(words_of(answer.prose)), answer.task.words
    if words >= least:
        return Requirement("explanation", True, f"{counted(words, 'word')}; a teacher reads them")
    what = f"it has {counted(words, 'word')}" if words else "it is empty"
    return Requirement("explanation", False, f"{what}. Explain in explain.md what you found and why, in {least} words")


def _prose(answer: Answer, records: Records) -> list[Requirement]:
    task = answer.task
    found = [_way(answer, one, one.direction, records) for one in task.choices if one.direction is not None]
    if not task.quotes:
        return found
    worked_out = {one.key: answer.numbers[one.key] for one in task.numbers}
    right = {key: said for key, said in worked_out.items() if said is not None and _near(
        said, next(one for one in task.numbers if one.key == key), answer, records)}  # fmt: skip
    known = {**task.quoted(answer.given, records), **right}
    quoted = quoted_numbers(answer.prose, known)
    said = ", ".join(f"{text} ({name})" for name, text in list(quoted.items())[:6])
    if len(quoted) >= task.quotes:
        return [*found, Requirement("your own numbers", True, f"quoted: {said}")]
    have = f"It quotes only {said}" if said else "It quotes none"
    some = ", ".join(list(known)[:3])
    asked = f"quote at least {counted(task.quotes, 'number')} of your results, with three digits or more"
    return [*found, Requirement("your own numbers", False, f"{asked}. {have}. Some of them: {some}")]


def _way(answer: Answer, choice: Choice, direction: Direction, records: Records) -> Requirement:
    """Whether the explanation says which way an effect goes, and says it the right way round."""
    name = f"{choice.key}, explained"
    allowed = {direction.says[one] for one in choice.truth(answer.given, records)}
    read = signs_in(answer.prose, direction)
    against = [sentence for sign, sentence in read if sign not in allowed]
    example = direction.example.format(way="rises (or falls)")
    if len(allowed) > 1 and 0 in allowed:
        return Requirement(name, True, "your results show no clear effect, so either way is right")
    if len(read) <= 2 * len(against) and against:
        why = f"this says the opposite of what your results show: “{against[0][:160]}”"
        return Requirement(name, False, why)
    if not read:
        return Requirement(name, False, f"say in one plain sentence which way it goes, for example: “{example}”")
    return Requirement(name, True, f"“{next(s for sign, s in read if sign in allowed)[:160]}”")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

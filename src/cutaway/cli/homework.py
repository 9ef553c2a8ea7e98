"""cutaway homework list, start, check, submit, collect"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cutaway.cli.common import chain, note, offline_option
from cutaway.cli.help import Group
from cutaway.cli.output import asked, check_output, emit, force_option, output_options, printing_options, wrote
from cutaway.errors import InputError

_COURSE = "The key of the course, if it has one."


@click.group("homework", cls=Group)
def command() -> None:
    """Homework that grades itself: start a task, check it, hand it in; collect a class."""


@command.command("list")
@output_options(".csv")
def list_command() -> None:
    """List the tasks, with the notebook that each goes with.

    \b
    Example:
      cutaway homework list
    """
    from cutaway.lessons import list_tasks
    from cutaway.views import terminal_homework

    result = list_tasks()
    emit([result], lambda: terminal_homework.tasks(result))


@command.command("start")
@click.argument("task")
@click.option("--name", "learner", required=True, help="The learner's name. Each name gets a task of its own.")
@click.option("--course", metavar="KEY", help=f"{_COURSE} Other keys give other tasks.")
@click.option("-o", "--output", "directory", metavar="DIR", help="The new folder.  [default: the name of the task]")
@printing_options
def start_command(task: str, learner: str, course: str | None, directory: str | None) -> None:
    """Make the folder of TASK: the question, and files to fill in.

    The folder gets task.md (what to do), answer.json (for your answers) and explain.md (for your explanation).

    \b
    Example:
      cutaway homework start temperature --name "Ada L."
      cutaway homework start two-sizes --name "Ada L." --course our-key -o ada-two-sizes
    """
    from cutaway.lessons import start_task

    folder = start_task(task, learner, directory or task, **({} if course is None else {"course": course}))
    if asked().as_json:
        files = sorted(path.name for path in folder.iterdir())
        started = {"schema": "cutaway.started/1", "task": task, "name": learner, "directory": str(folder)}
        click.echo(json.dumps(started | {"files": files}, ensure_ascii=False))
        return
    click.echo(folder)
    note(f"read {folder / 'task.md'}; when you are done: cutaway homework check {folder}")


@command.command("check")
@click.argument("directory", metavar="DIR")
@click.option("--course", metavar="KEY", help=_COURSE)
@offline_option
@output_options(".csv")
def check_command(directory: str, course: str | None) -> None:
    """Compute the results in DIR again, and say of each requirement whether it is met.

    The exit code is 1 if something is missing.

    \b
    Example:
      cutaway homework start temperature --name "Ada L." && cutaway homework check temperature || true
    """
    _check_folder(directory)

    from cutaway.lessons import check_answer, read_answer
    from cutaway.views import terminal_homework

    result = check_answer(read_answer(directory), course=course)
    emit([result], lambda: terminal_homework.checked(result))
    if not result.passed:
        sys.exit(1)


@command.command("submit")
@click.argument("directory", metavar="DIR")
@click.option("--course", metavar="KEY", help=_COURSE)
@click.option("-o", "--output", metavar="FILE", help="The page (.html).  [default: TASK-NAME.html]")
@offline_option
@chain(force_option, printing_options)
def submit_command(directory: str, course: str | None, output: str | None) -> None:
    """Make the page to hand in from the answer in DIR.

    It holds the answer, what the check found, versions, checksums of the models, and a hash of all. It is made even if
    something is missing; the exit code is then 1.

    \b
    Example:
      cutaway homework start temperature --name "Ada L." && cutaway homework submit temperature || true
    """
    _check_folder(directory)
    if output is not None:
        _check_page(output)

    from cutaway.lessons import read_answer, submission

    answer = read_answer(directory)
    path = output or f"{answer.task.name}-{_plain(answer.name)}.html"
    _check_page(path)
    result = submission(answer, course=course)
    if asked().as_json:
        click.echo(result.to_json())
    wrote(result.save(path))
    missing = sum(not one.passed for one in result.requirements)
    note("all requirements that a program can check are met" if result.passed
         else f"not met: {missing} of {len(result.requirements)}; see: cutaway homework check {directory}")  # fmt: skip
    for sentence in result.proof:
        note(f"  {sentence}")
    if not result.passed:
        sys.exit(1)


@command.command("collect")
@click.argument("directory", metavar="DIR")
@click.option("--course", metavar="KEY", help=_COURSE)
@offline_option
@output_options(".csv")
def collect_command(directory: str, course: str | None) -> None:
    """For teachers: check all pages (.html) in DIR again, and compare their explanations.

    Nothing of a page is run. Read the explanations in the table that this makes, with -o class.html: a page that comes
    from a learner may hold anything, and a browser would run it. The exit code is 0 if the pages could be read,
    whether they passed or not.

    \b
    Example:
      cutaway homework start temperature --name Ada && mkdir pages
      cutaway homework submit temperature -o pages/ada.html || true && cutaway homework collect pages
    """
    _check_folder(directory, "name the folder with the pages")
    table = Path(asked().output or "")
    if table.suffix == ".html" and table.parent.absolute() == Path(directory).absolute():
        raise InputError("the table would lie among the pages", hint="name a file in another folder")
    from cutaway.lessons import collect_submissions
    from cutaway.views import terminal_homework

    result = collect_submissions(directory, **({} if course is None else {"course": course}))
    emit([result], lambda: terminal_homework.collection(result))


def _check_folder(name: str, hint: str = "begin with: cutaway homework start TASK --name NAME") -> None:
    """Say that a folder is not there before anything slow is imported."""
    if not Path(name).is_dir():
        raise InputError(f"there is no folder {name!r}", hint=hint)


def _check_page(path: str) -> None:
    if Path(path).suffix != ".html":
        raise InputError(f"the page's name is {path!r}", hint="end it in .html")
    check_output(path)


def _plain(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.casefold()).split())[:60] or "learner"

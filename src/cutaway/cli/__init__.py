"""The commands, one file a verb. Data goes to stdout, everything else to stderr.

Command files import only click at the top; the verb, and with it torch, is imported when the command runs.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

import click

from cutaway import log
from cutaway._version import __version__
from cutaway.cli import (
    ablate,
    architecture,
    attention,
    classify,
    compare,
    completion,
    contacts,
    correct,
    data,
    doctor,
    embed,
    evaluate,
    fill,
    finetune,
    forecast,
    generate,
    heads,
    homework,
    lens,
    mapping,
    models,
    mutate,
    neighbours,
    plan,
    predict,
    records,
    score,
    sweep,
    tokenize,
    tokenizer,
    tour,
    train,
    translate,
)
from cutaway.cli.bars import listener
from cutaway.cli.help import Group
from cutaway.errors import CutawayError
from cutaway.progress import listening, step

_BUSY = 0.75  # processes that want to run, over the last minute, for each processor


# By what one wants to do; --help lists them so.
_VERBS = {
    "Begin": (tour, homework, doctor, completion),
    "Read sequences": (records, tokenize, tokenizer),
    "Run a model": (generate, sweep, score, classify, predict, fill, correct, translate, forecast, mutate),
    "Look inside": (architecture, attention, heads, lens, ablate, compare, embed, neighbours, mapping, contacts),
    "Make your own": (plan, train, finetune, evaluate),
    "Models and data": (models, data),
}

GREETING = """\
cutaway shows language models of sequences from the inside. Three things to try:

  cutaway translate "Click OK to close the dialog."
      a translation, which word comes from which, and what else was likely
  cutaway attention "To be, or not to be" -m shakespeare-micro -o hamlet.html
      what every attention head of a model looks at, as a page
  cutaway train --minutes 0.2 -o my-model
      a small transformer of your own, and how near it comes to the best loss

`cutaway tour -o tour.html` is the whole lesson as one page, `cutaway --help` lists all commands."""


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.version_option(__version__, prog_name="cutaway")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Show language models of sequences from the inside: run them, measure them, draw what happens.

    \b
    First hour:
      cutaway tour                     the whole lesson on a real model, as one page
      cutaway tokenize "some text"     how a model cuts it up
      cutaway generate "What is"       let the model continue
    """
    if ctx.invoked_subcommand is None:
        click.echo(GREETING)


for _title, _modules in _VERBS.items():
    for _module in _modules:
        cli.add_command(_module.command)
cli.sections = {title: [module.command.name or "" for module in modules] for title, modules in _VERBS.items()}


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage, 130 interrupted."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115 (closed by the shell: `>&-`)
    own = args is None  # a process of ours, and not one that calls this
    if own:
        log.short_form(True)
        _share_the_processors()
    if own and isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stdout.buffer, io.RawIOBase):
        # PYTHONUNBUFFERED, under which what a full disk did not take is lost without an error.
        sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
            io.BufferedWriter(sys.stdout.detach()), line_buffering=True
        )
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # text of models may hold any character, whatever the terminal's locale
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        with _watched(sys.argv[1:]) if own else contextlib.nullcontext():
            cli.main(args=args, prog_name="cutaway", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # The reader has had enough (`| head`): nothing is wrong, and nothing may be written any more.
        _abandon_stdout()
        sys.exit(0)
    except CutawayError as error:
        if os.environ.get("CUTAWAY_DEBUG"):
            raise
        _say(error.message, error.hint)
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("CUTAWAY_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            _abandon_stdout()
            _say(f"can't write the output: {error.strerror}", "free some space, or send it elsewhere")
            sys.exit(1)
        _say(
            f"this should not have happened: {type(error).__name__}: {error}",
            "run it again with --debug to see where, and please report it",
        )
        sys.exit(1)


def _share_the_processors() -> None:
    """Let the threads of torch sleep while they wait for each other if the machine is busy; before torch is imported.

    They spin otherwise, which takes the processor from the very thread that they wait for: on a machine with other work
    two threads can then be many times slower than one. On a quiet machine spinning is the faster way to wait.
    """
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    if not chosen and hasattr(os, "getloadavg") and os.getloadavg()[0] > _BUSY * (os.cpu_count() or 1):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


@contextlib.contextmanager
def _watched(words: list[str]) -> Iterator[None]:
    """Show progress; also what reports none, such as the import of torch, is seen to go on."""
    with listening(listener()), step(next((word for word in words if not word.startswith("-")), "starting")):
        yield


def _abandon_stdout() -> None:
    # What is still buffered would be written, and fail, once more when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str, hint: str | None = None) -> None:
    lines = [f"cutaway: {' '.join(message.split())}"] + ([f"  {' '.join(hint.split())}"] if hint else [])
    click.echo("\n".join(lines), err=True)

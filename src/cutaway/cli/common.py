"""What the commands share: options, where text comes from, where results go."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import click

from cutaway import log
from cutaway.errors import InputError, MissingText, OutputError, TextError, sized
from cutaway.folders import check_new_folder
from cutaway.models.shelf import DEFAULT, DEFAULT_ENCODER, DTYPES
from cutaway.progress import hush, paused, step
from cutaway.result import Result, check_target, is_file, save_results

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cutaway.models.outline import Outline

__all__ = [
    "LOADING",
    "AtLeast",
    "Seed",
    "allow_writing_over",
    "as_it_comes",
    "check_output",
    "device_option",
    "emit",
    "encoder_unless_chosen",
    "folder_options",
    "generation_options",
    "known",
    "lines_from",
    "load_options",
    "loaded",
    "model_options",
    "named_or_loaded",
    "note",
    "output_options",
    "quiet",
    "records_from",
    "refuse_unused",
    "some_text_from",
    "someone_to_ask",
    "text_from",
    "text_options",
    "tier_for",
    "wrote",
]

_QUIET, _FORCE = "cutaway.quiet", "cutaway.force"
LOADING = ("revision", "device", "dtype", "trust_remote_code")
F = TypeVar("F", bound=Callable[..., Any])


class AtLeast(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A number with a lower bound, which is told in the words of all other errors."""

    def __init__(self, least: int | float) -> None:
        self.least, self.name = least, "integer" if isinstance(least, int) else "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or raise `InputError`."""
        number = (click.INT if isinstance(self.least, int) else click.FLOAT).convert(value, param, ctx)
        if not number >= self.least or number == math.inf:  # a NaN fails every comparison
            name = "it" if param is None else param.opts[-1]
            raise InputError(f"{name} is {value}", hint=f"it has to be {self.least} or above")
        return number


class Seed(click.ParamType):  # type: ignore[type-arg]
    """A seed of any size that `chance` takes."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seed, or raise `InputError`."""
        from cutaway.chance import check_seed

        return check_seed(click.INT.convert(value, param, ctx))


def _chain(*options: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


def _offline(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _debug(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        os.environ["CUTAWAY_DEBUG"] = "1"


def _quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_QUIET] = True
        logging.disable(logging.INFO)
        ctx.call_on_close(lambda: logging.disable(logging.NOTSET))  # silence is this command's, not the process's


def _verbose(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        log.long_form(True)
        ctx.call_on_close(lambda: log.long_form(False))


def note(text: str) -> None:
    """Say something on stderr, unless -q asked for silence."""
    if not quiet():
        click.echo(text, err=True)


def allow_writing_over(ctx: click.Context) -> None:
    """Let the command write to files that are there already."""
    ctx.meta[_FORCE] = True


def quiet() -> bool:
    """Say whether -q asked for silence."""
    return bool(click.get_current_context().meta.get(_QUIET))


def _force(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        allow_writing_over(ctx)


def check_output(path: str, formats: Sequence[str] = Result.formats) -> None:
    """Raise now, before the work, what writing to the path would raise after it.

    What is there already is written over only with --force, or after a yes where there is someone to ask.
    """
    check_target(path, formats)
    if not is_file(path) or forced():
        return
    with paused():
        agreed = someone_to_ask() and click.confirm(f"{path} is there already. Write over it?", err=True)
    if not agreed:
        parameters = {parameter.name for parameter in click.get_current_context().command.params}
        resume = "--resume to add the runs it lacks, " if "resume" in parameters and path.endswith(".jsonl") else ""
        hint = f"give {resume}another name, or --force to write over it"
        raise OutputError(f"{path!r} is there already", hint=hint)


def forced() -> bool:
    """Say whether --force was given."""
    return bool(click.get_current_context().meta.get(_FORCE))


def someone_to_ask() -> bool:
    """Say whether a question on stderr would be read by someone who can answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


debug_option = click.option(
    "--debug", is_flag=True, is_eager=True, expose_value=False, callback=_debug, help="Show where an error came from."
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet, help="Only errors on stderr."
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, expose_value=False, callback=_verbose,
    help="Messages with date, level and line of code, as in files and pipes.",
)  # fmt: skip
rename_option = click.option(
    "--rename-duplicates", is_flag=True, help="Call a second record of one id id/2, and count it."
)
force_option = click.option(
    "--force", is_flag=True, is_eager=True, expose_value=False, callback=_force, help="Write over FILE."
)
offline_option = click.option(
    "--offline", is_flag=True, is_eager=True, expose_value=False, callback=_offline, help="Fetch nothing."
)
model_name_option = click.option(
    "-m",
    "--model",
    default=DEFAULT,
    envvar="CUTAWAY_MODEL",
    show_default=True,
    show_envvar=True,
    help="A name from the shelf, a folder, a GGUF file, or a Hub id.",
)


device_option = click.option(
    "--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1, mps."
)


def model_options(function: F) -> F:
    """Add -m and how to load it."""
    return model_name_option(load_options(function))


def load_options(function: F, dtype: str = "float32") -> F:
    """Add how to load models; `dtype` says what holds if nobody chooses."""
    return _chain(
        click.option("--revision", help="A branch, tag or commit of a Hub model."),
        device_option,
        click.option("--dtype", type=click.Choice(DTYPES), help=f"Precision of all numbers.  [default: {dtype}]"),
        click.option("--trust-remote-code", is_flag=True, help="Run the Python code that a model brings along."),
        offline_option,
    )(function)


@overload
def output_options(first: F) -> F: ...


@overload
def output_options(first: str, *more: str) -> Callable[[F], F]: ...


def output_options(first: Any, *more: str) -> Any:
    """Add --json, -o, --force, -q, -v and --debug.

    `@output_options(".svg", ".csv")` names what the command's result can be saved as besides a page and JSON: what its
    class says in `formats`, said again so that nothing heavy need be imported to refuse a name.
    """
    if not isinstance(first, str):
        return _output_options(first, Result.formats)
    return lambda function: _output_options(function, (*Result.formats, first, *more))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or one a line.")


_SUFFIXES = (".html", ".json", ".jsonl", ".csv", ".npz", ".svg", ".png", ".pdf", ".txt")


def folder_options(*more: str) -> Callable[[F], F]:
    """Add -o for a command that makes a folder, and what `output_options` adds.

    `-o DIR` names the folder and `-o FILE`, told by its suffix, saves the result; both may be given. The command gets
    them as `directory` and `output`.
    """
    formats = (*Result.formats, *more)

    def sort_out(ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> str | None:
        files = [value for value in values if Path(value).suffix in _SUFFIXES]
        folders = [value for value in values if value not in files]
        for kind, names in (("file", files), ("folder", folders)):
            if len(names) > 1:
                raise InputError(f"-o names two {kind}s, {names[0]!r} and {names[1]!r}", hint=f"name one {kind}")
        for file in files:
            check_output(file, formats)
        for folder in folders:
            check_new_folder(folder)
        ctx.params["directory"] = folders[0] if folders else None
        return files[0] if files else None

    return _chain(
        quiet_option,
        verbose_option,
        json_option,
        click.option(
            "-o",
            "--output",
            multiple=True,
            metavar="DIR",
            callback=sort_out,
            help=f"Save into the new folder DIR. A name in {', '.join(formats)} takes the result; give one or both.",
        ),
        force_option,
        debug_option,
    )


def _output_options(function: F, formats: tuple[str, ...]) -> F:
    def check(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            check_output(value, formats)
        return value

    others = ", ".join(suffix for suffix in formats if suffix != ".html")
    return _chain(
        quiet_option,
        verbose_option,
        json_option,
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            callback=check,
            help=f"Write FILE instead: .html (a page), {others}.",
        ),
        force_option,
        debug_option,
    )(function)


def text_options(function: F) -> F:
    """Add the text argument and -f."""
    return _chain(
        click.argument("text", required=False),
        click.option("-f", "--file", metavar="FILE", help="Read the text from FILE."),
    )(function)


def loaded(model: str, kind: str, options: dict[str, Any]) -> Any:
    """Load the model that the options name; takes its options out of the dictionary."""
    from cutaway.models import load

    return load(model, kind, **{name: options.pop(name) for name in LOADING})


def named_or_loaded(model: str, options: dict[str, Any]) -> Any:
    """Return the model's name where the options leave it as it comes, so that it may start without transformers."""
    if as_it_comes(options):
        for name in LOADING:
            del options[name]
        return model
    return loaded(model, "generator", options)


def as_it_comes(options: dict[str, Any]) -> bool:
    """Say whether nobody chose how to load the model."""
    return [options[name] for name in LOADING] == [None, "cpu", None, False]


def tier_for(options: dict[str, Any]) -> str:
    """Return the tier to generate in: a chosen --dtype is one of its own, so it leaves no choice of a tier."""
    tier: str = options["tier"]
    if options["dtype"] is None:
        return tier
    if click.get_current_context().get_parameter_source("tier") is not click.core.ParameterSource.DEFAULT:
        raise InputError("there is --dtype and --tier", hint="give one of them: a tier decides the precision, too")
    return "exact"


def generation_options(function: F) -> F:
    """Add -m and how to load it, for verbs whose --tier decides the precision."""
    return model_name_option(load_options(function, "what --tier says"))


def known(model: str, options: dict[str, Any]) -> Outline:
    """Return what the model's configuration says, after checking what can be checked before torch is imported.

    Raises a `ModelError` for a model that is not there, `InputError` for a device that cannot be.
    """
    from cutaway.models.outline import check_device, outline

    check_device(options["device"])
    return outline(model, revision=options.get("revision"))


def refuse_unused(why: str, *names: str) -> None:
    """Raise `InputError` for an option that was given although it has no effect, `why` says when: "with --corpus"."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InputError(f"--{name.replace('_', '-')} has no effect {why}", hint="leave it out")


def encoder_unless_chosen(model: str) -> str:
    """Return the model, or where nobody chose one the default encoder: for verbs whose work turns on what they get."""
    source = click.get_current_context().get_parameter_source("model")
    return DEFAULT_ENCODER if source is click.core.ParameterSource.DEFAULT else model


def text_from(text: str | None, file: str | None) -> str:
    """Return the text from the argument, `-` or a pipe, or a file; one newline at its very end is not part of it.

    Raises `MissingText` where there is none and `TextError` where it is not UTF-8.
    """
    if text is not None and file is not None:
        raise InputError("there is a text and a file", hint="give one of them")
    if file is not None and file != "-":
        from cutaway.sequences.text_files import read_text

        return _chomp(read_text(Path(file)))
    if text is not None and text != "-" and file is None:
        return text
    if sys.stdin is None or sys.stdin.isatty():
        raise MissingText("there is no text", hint='give it as "TEXT", with -f FILE, or through a pipe')
    data = sys.stdin.buffer.read()
    try:
        return _chomp(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise TextError(
            f"the input is not UTF-8: byte 0x{data[error.start]:02x} at position {error.start:,}",
            hint="convert it first, for example: iconv -f latin1 -t utf-8",
        ) from error


def some_text_from(text: str | None, file: str | None) -> str:
    """Return the text as `text_from` does. Raises `MissingText` if it is empty."""
    if not (given := text_from(text, file)):
        what = "there is no text" if file is None else f"there is no text in {file!r}"
        raise MissingText(what, hint='give some, for example "No, I am your father"')
    return given


def lines_from(text: str | None, file: str | None) -> list[str]:
    """Return the prompts: the argument or a pipe as one, or each line of a file that is not blank."""
    if file is None:
        return [text_from(text, file)]
    lines = [line for line in text_from(text, file).replace("\r\n", "\n").split("\n") if line.strip()]
    if not lines:
        raise MissingText(f"{file!r} holds no prompt", hint="write one prompt a line")
    return lines


def prompts_from(text: str | None, file: str | None, *, skip_bad: bool = False) -> list[str]:
    """Return the prompts: the argument or a pipe as one, or one a line of a file, which may be .jsonl.

    Says on stderr which broken lines `skip_bad` left out.
    """
    if file is None or file == "-" or text is not None:
        return lines_from(text, file)
    from cutaway.sequences import read_prompts

    prompts, bad = read_prompts(file, skip_bad=skip_bad)
    if bad:
        shown = ", ".join(f"{number:,}" for number in bad[:10]) + (", …" if len(bad) > 10 else "")
        note(f"left out {len(bad):,} broken line{'s' if len(bad) > 1 else ''} of {file}: {shown}")
    return prompts


def records_from(file: str) -> list[tuple[str, str]]:
    """Return the records of a file, one a line that is not blank, each with the group that may follow its last tab."""
    found = []
    for line in lines_from(None, file):
        text, tab, group = line.rpartition("\t")
        found.append((text, group.strip()) if tab else (group, ""))
    return found


def _chomp(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def emit(
    results: Sequence[Result], *, as_json: bool, output: str | None, draw: Callable[[], RenderableType] | None
) -> None:
    """Write the results to a file, or print them as JSON or as `draw` shows them."""
    if output is not None:
        with step(f"writing {output}"):
            path = save_results(results, output)
        wrote(path)
    if as_json:
        hush()
        for result in results:
            click.echo(result.to_json())  # flushes: whoever reads the pipe has the line at once
    elif output is None and draw is not None:
        from cutaway.views.terminal import show

        show(draw())


def wrote(path: Path) -> None:
    """Say on stderr what was written."""
    size = path.stat().st_size if path.is_file() else 0
    note(f"wrote {path}" + (f" ({sized(size)})" if size > 1e5 else ""))

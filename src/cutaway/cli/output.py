"""Where results go: -o, --json, --force, and how much is said on stderr."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cutaway import log
from cutaway.cli.common import QUIET, F, allow_writing_over, chain, forced, note, someone_to_ask
from cutaway.errors import InputError, OutputError, sized
from cutaway.folders import check_new_folder
from cutaway.progress import hush, paused, step
from cutaway.result import Result, check_target, is_file, save_results

if TYPE_CHECKING:
    from rich.console import RenderableType


_JSON, _OUTPUT = "cutaway.json", "cutaway.output"


def _debug(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        os.environ["CUTAWAY_DEBUG"] = "1"


def _quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[QUIET] = True
        logging.disable(logging.INFO)
        ctx.call_on_close(lambda: logging.disable(logging.NOTSET))  # silence is this command's, not the process's


def _verbose(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        log.short_form(False)


def _force(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        allow_writing_over(ctx)


class Asked(NamedTuple):
    """What was asked for: to print JSON, and the file of -o."""

    as_json: bool
    output: str | None


def asked() -> Asked:
    """Return whether --json was given, and the file of -o."""
    meta = click.get_current_context().meta
    return Asked(meta.get(_JSON, False), meta.get(_OUTPUT))


def _json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[_JSON] = value


def check_output(path: str, formats: Sequence[str] = Result.formats) -> None:
    """Raise now, before the work, what writing to the path would raise after it.

    A file that exists is overwritten only with --force, or after a yes at a terminal.
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


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_debug,
    help="Show the full Python traceback if an error occurs.",
)


quiet_option = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet, help="Print no messages except errors."
)


verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_verbose,
    help="Show date, level and line of code in each message.",
)


force_option = click.option(
    "--force", is_flag=True, is_eager=True, expose_value=False, callback=_force, help="Overwrite FILE if it exists."
)


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_json,
    help="Print JSON: one object, or one per line if there are several.",
)


printing_options = chain(json_option, quiet_option, verbose_option, debug_option)


def _with_output(output: Callable[[Any], Any]) -> Callable[[F], F]:
    return chain(quiet_option, verbose_option, json_option, output, force_option, debug_option)


def output_options(*more: str, records: Sequence[str] = ()) -> Callable[[F], F]:
    """Add --json, -o, --force, -q, -v and --debug.

    `@output_options(".svg", ".csv")` names what the command's result can be saved as besides a page and JSON: what its
    class says in `formats`, said again so that nothing heavy need be imported to refuse a name. With --count, an eager
    option, the file is one of records: its suffix must be one of `records`.
    """
    formats = (*Result.formats, *more)

    def check(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None:
            check_output(value, records if records and ctx.params.get("count") else formats)
        ctx.meta[_OUTPUT] = value

    others = ", ".join(suffix for suffix in formats if suffix != ".html")
    said = f"Save to FILE instead of printing. Its suffix sets the format: .html (a page), {others}."
    return _with_output(click.option("-o", "--output", metavar="FILE", expose_value=False, callback=check, help=said))


_SUFFIXES = (".html", ".json", ".jsonl", ".csv", ".npz", ".svg", ".png", ".pdf", ".txt")


def folder_options(*more: str) -> Callable[[F], F]:
    """Add -o for a command that makes a folder, and what `output_options` adds.

    `-o DIR` names the folder, which the command gets as `directory`, and `-o FILE`, told by its suffix, saves the
    result; both may be given.
    """
    formats = (*Result.formats, *more)

    def sort_out(ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> None:
        files = [value for value in values if Path(value).suffix in _SUFFIXES]
        folders = [value for value in values if value not in files]
        for kind, names in (("file", files), ("folder", folders)):
            if len(names) > 1:
                raise InputError(f"-o names two {kind}s, {names[0]!r} and {names[1]!r}", hint=f"name one {kind}")
        for file in files:
            check_output(file, formats)
        for folder in folders:
            if not Path(folder, "run.json").is_file():  # a run that goes on; it checks what is in its folder
                check_new_folder(folder)
        ctx.params["directory"] = folders[0] if folders else None
        ctx.meta[_OUTPUT] = files[0] if files else None

    files = ", ".join(formats)
    said = f"Save into the folder DIR. A file name ({files}) saves the result instead. You can give -o twice."
    return _with_output(
        click.option("-o", "--output", multiple=True, metavar="DIR", expose_value=False, callback=sort_out, help=said)
    )


def emit(results: Sequence[Result], draw: Callable[[], RenderableType] | None, to: Asked | None = None) -> None:
    """Write the results to the file of -o, or print them as JSON or as `draw` shows them; `to` says otherwise."""
    as_json, output = to or asked()
    if output is not None:
        with step(f"writing {output}"):
            path = save_results(results, output)
        wrote(path)
    if as_json:
        hush()
        for result in results:
            click.echo(result.to_json())  # flushes: the reader of a pipe gets the line at once
    elif output is None and draw is not None:
        from cutaway.views.terminal_tables import show

        show(draw())


def wrote(path: Path) -> None:
    """Say on stderr what was written."""
    size = path.stat().st_size if path.is_file() else 0
    note(f"wrote {path}" + (f" ({sized(size)})" if size > 1e5 else ""))

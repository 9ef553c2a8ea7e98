"""cutaway sweep"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cutaway.cli.common import (
    AtLeast,
    Seed,
    allow_writing_over,
    as_it_comes,
    known,
    load_options,
    loaded,
    note,
    tier_for,
    tier_option,
    truncate_option,
)
from cutaway.cli.help import GENERATING, Command
from cutaway.cli.output import asked, output_options, wrote
from cutaway.cli.text_input import prompts_from, text_options
from cutaway.errors import InputError, cannot_write
from cutaway.models.shelf import DEFAULT

if TYPE_CHECKING:
    from cutaway.generation.sweep_runs import SweepPlan, SweepRun

_LISTS = {
    "temperature": "Below 1: more predictable; above 1: more varied; 0: always the most likely token.  [default: "
    "0,0.7,1,1.5 if no other setting varies, else 1]",
    "top_k": "Choose only among the k most likely tokens.",
    "top_p": "Choose only among the most likely tokens whose probabilities add up to p.",
    "min_p": "Leave out tokens less than p times as likely as the most likely one.",
    "repetition_penalty": "Above 1: tokens that occurred before become less likely.",
    "presence_penalty": "From -2 to 2. Above 0: tokens that were generated before become less likely.",
    "max_new_tokens": "Stop after this many tokens.  [default: 64]",
    "chat": "yes puts the prompt into the model's chat template; no,yes compares both.  [default: no]",
}
_WORDS = {"off": None, "none": None, "yes": True, "no": False, "true": True, "false": False}


def _resume(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        allow_writing_over(ctx)
    return value


def _load_options(function: Callable[..., None]) -> Callable[..., None]:
    return load_options(function, "set by --tier")


def _list_options(function: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_LISTS.items()):
        function = click.option(f"--{name.replace('_', '-')}", metavar="A,B,…", help=text)(function)
    return function


@click.command("sweep", cls=Command, sections=GENERATING)
@text_options
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT],
    envvar="CUTAWAY_MODEL",
    show_envvar=True,
    help="A model, or several with commas between them.",
)
@_load_options
@_list_options
@click.option(
    "-n",
    "--num-return-sequences",
    "samples",
    type=AtLeast(1),
    default=2,
    help="How many responses to write for each prompt and setting; only one at temperature 0.",
)
@truncate_option("prompt")
@click.option("--scorer", default=DEFAULT, help="The model that measures how surprising each text is, or none.")
@tier_option
@click.option("--batch-size", type=AtLeast(1), default=64, help="How many responses to compute together.")
@click.option("--seed", type=Seed(), default=0, help="The same seed gives the same samples.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken lines of FILE.")
@click.option(
    "--resume",
    is_flag=True,
    is_eager=True,
    callback=_resume,
    help="Continue a sweep: keep the runs that are in the file of -o (.jsonl) and add the missing ones.",
)
@click.option(
    "--from", "begun", metavar="FILE", help="Run nothing; show the saved runs of FILE, a .jsonl file that sweep wrote."
)
@output_options(".svg", ".png", ".csv")
def command(
    text: str | None,
    file: str | None,
    resume: bool,
    begun: str | None,
    skip_bad: bool,
    **options: Any,
) -> None:
    """Continue TEXT, or each line of -f FILE, with every combination of settings, and measure how readable it is.

    A,B,… are values with commas between them; the value off leaves the setting out. FILE may be .jsonl with a "prompt"
    in each line. --json and -o x.jsonl write one line per run, as soon as it is measured.

    With several prompts, settings are compared within each prompt, and the 95 % intervals are over prompts. With one
    prompt they are over its samples; a single sample has no interval.

    \b
    Examples:
      cutaway sweep "The capital of France is" --max-new-tokens 8
      cutaway sweep "Once upon a time" --temperature 0.2,0.7,1.3 --top-p 0.8,1 --max-new-tokens 16
      cutaway sweep "What is a transformer?" --temperature 0.7 --chat no,yes --max-new-tokens 16 -o sweep.html
      printf "Water boils\\nThe sea is\\n" > two.txt && cutaway sweep -f two.txt --max-new-tokens 8 -o runs.jsonl
      cutaway sweep "Once" --max-new-tokens 4 -o once.jsonl && cutaway sweep --from once.jsonl -o once.html
    """
    as_json, output = asked()
    if begun is not None:
        _show(begun, text or file, as_json, output)
        return
    settings = {name: _values(name, given) for name in _LISTS if (given := options.pop(name)) is not None}
    if resume and (output is None or Path(output).suffix != ".jsonl"):
        raise InputError(
            "--resume needs the file of the sweep that it continues", hint="name it: --resume -o runs.jsonl"
        )
    prompts = prompts_from(text, file, skip_bad=skip_bad)
    models = _models(options.pop("models"))

    from cutaway.generation.sweep_plans import plan_sweep

    options["tier"] = tier_for(options)
    scorer = None if options["scorer"] == "none" else options.pop("scorer")
    options.pop("scorer", None)
    rest: dict[str, Any] = {name: options.pop(name) for name in ("truncate", "batch_size")}
    plan, names, judge = plan_sweep(
        prompts, models, settings=settings or None, scorer=scorer, batch_size=rest["batch_size"],
        samples=options.pop("samples"), seed=options.pop("seed"), tier=options.pop("tier"),
    )  # fmt: skip
    _say_twice(prompts, models, plan, settings)
    for name in (*plan.models, *([] if plan.scorer is None else [plan.scorer])):
        known(name, options if name in plan.models else {"device": "cpu"}).check_left_to_right()

    from cutaway.generation.sweep_files import resume_runs
    from cutaway.generation.sweep_passes import runs_of
    from cutaway.generation.sweeps import summed_up

    ready = names if as_it_comes(options) else [loaded(str(name), "causal", dict(options)) for name in names]
    lines = output is not None and Path(output).suffix == ".jsonl"
    keep = _Kept(plan, texts=not (as_json or lines))
    with contextlib.ExitStack() as stack:
        for found in resume_runs(plan, output) if resume and output is not None else ():
            keep.add(found)
        into = stack.enter_context(_opened(output, resume)) if lines and output is not None else None
        try:
            for found in runs_of(plan, ready, judge, done=frozenset(keep.keys), **rest):
                keep.add(found)
                line = found.to_json() if as_json or into is not None else ""
                if into is not None:
                    _write(into, output, line)
                if as_json:
                    click.echo(line)
        except KeyboardInterrupt:
            stack.close()
            stopped = f"stopped after {len(keep.table.points):,} of {plan.runs_per_model * len(plan.models):,} runs"
            kept = Path(output) if into is not None and output is not None else None
            if kept is not None and kept.stat().st_size == 0:
                kept.unlink()
            elif kept is not None:
                stopped += f"; the same command with --resume -o {output} goes on"
            note(stopped)
            if keep.table.points:
                _end(summed_up, keep, as_json, output)
            raise
    _end(summed_up, keep, as_json, output)


def _show(path: str, prompts: str | None, as_json: bool, output: str | None) -> None:
    """Show the runs of a file."""
    if prompts is not None:
        raise InputError("prompts and --from are both given", hint="give one of them")
    if not Path(path).is_file():
        raise InputError(f"there is no file {path!r}", hint="name a .jsonl file that cutaway sweep wrote")
    from cutaway.generation.sweeps import read_sweep

    found = read_sweep(path)
    if as_json:
        for run in found.runs:
            click.echo(run.to_json())
    if output is not None:
        wrote(found.save(output))
    if as_json or output is not None:
        note("\n".join(found.summary))
    else:
        from cutaway.views import terminal_sweep, terminal_tables

        terminal_tables.show(terminal_sweep.sweep(found))


class _Kept:
    """What is kept of the runs: their numbers, and the runs themselves for a page or a table."""

    def __init__(self, plan: SweepPlan, *, texts: bool) -> None:
        from cutaway.generation.sweep_effects import Table

        self.plan, self.table, self.runs, self.texts = plan, Table(plan), list[Any](), texts
        self.keys = set[str]()

    def add(self, run: SweepRun) -> None:
        self.keys.add(run.key)
        self.table.add(run.model, run.prompt, run.settings, run.sample, run.metrics)
        if self.texts:
            self.runs.append(run)


def _end(summed_up: Any, keep: _Kept, as_json: bool, output: str | None) -> None:
    from cutaway.generation.sweep_effects import effects_of
    from cutaway.generation.sweep_findings import sentences

    if not keep.texts:
        if output is not None:
            wrote(Path(output))
        note("\n".join(sentences(keep.table, effects_of(keep.table))))
        return
    found = summed_up(keep.plan, keep.runs)
    if output is not None:
        wrote(found.save(output))
        note("\n".join(found.summary))
    else:
        from cutaway.views import terminal_sweep, terminal_tables

        terminal_tables.show(terminal_sweep.sweep(found))


def _values(name: str, given: str) -> list[Any]:
    values: list[Any] = []
    for number, part in enumerate(given.split(","), 1):
        word = part.strip().lower()
        if word in _WORDS:
            values.append(_WORDS[word])
            continue
        try:
            values.append(float(word))
        except ValueError:
            what = "is empty" if not word else f"is {part.strip()!r}, which is not a number"
            raise InputError(
                f"--{name.replace('_', '-')} {given!r}: value {number} {what}",
                hint="put commas between the values and nowhere else: --temperature 0,0.7,1.5",
            ) from None
    return values


def _models(given: tuple[str, ...]) -> list[str]:
    names = [name.strip() for one in given for name in ([one] if Path(one).exists() else one.split(","))]
    if not all(names):
        raise InputError(
            f"a model in {', '.join(given)!r} has no name",
            hint=f"write names with commas between them: -m {DEFAULT},./my-model",
        )
    return names


def _say_twice(prompts: list[str], models: list[str], plan: SweepPlan, settings: dict[str, list[Any]]) -> None:
    if len(prompts) > len(plan.prompts):
        note(f"left out prompts that are there already: {len(prompts) - len(plan.prompts):,}")
    if len(models) > len(plan.models):
        note("a model is named twice, and is run once")
    for name, values in settings.items():
        if len(values) > len(plan.grid[name]):
            note(f"--{name.replace('_', '-')} names a value twice, and it is run once")


@contextlib.contextmanager
def _opened(path: str, resume: bool) -> Iterator[IO[bytes]]:
    try:
        stream = Path(path).open("ab" if resume else "wb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise cannot_write(f"can't write {path!r}: {error.strerror}", error, hint="give -o another name") from error
    with stream:
        yield stream


def _write(stream: IO[bytes], path: str | None, line: str) -> None:
    try:
        stream.write(f"{line}\n".encode("utf-8", "backslashreplace"))
        stream.flush()
    except OSError as error:
        hint = "make room; --resume goes on"
        raise cannot_write(f"can't write {path!r}: {error.strerror}", error, hint=hint) from error

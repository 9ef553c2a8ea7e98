"""cutaway compare"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutaway.cli.common import device_option, known, note, offline_option, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import asked, emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.errors import InputError
from cutaway.models.shelf import DTYPES


@click.command("compare", cls=Command)
@click.argument("a")
@click.argument("b")
@text_options
@truncate_option()
@device_option
@click.option("--dtype", type=click.Choice(DTYPES), help="Precision of all numbers.  [default: float32]")
@click.option(
    "--trust-remote-code", is_flag=True, help="Allow the Python code that comes with a model to run. Read it first."
)
@offline_option
@output_options(".svg", ".png", ".csv", ".npz")
def command(a: str, b: str, text: str | None, file: str | None, truncate: str | None, **options: Any) -> None:
    """Run models A and B on TEXT and measure where they differ; or compare two runs of training.

    The three main findings come first: how surprising each model finds the text, where their attention differs most,
    and which heads are most alike.

    A and B are names from `cutaway models list`, folders, GGUF files or Hugging Face Hub ids. Their tokens are matched
    by the characters that they cover.

    If A and B are folders that `cutaway train` wrote and there is no TEXT, their runs are compared: settings, data,
    losses on the same axes, and what each model writes.

    \b
    Examples:
      cutaway compare smollm2-135m minilm-l6 "The animal didn't cross the street because it was too tired."
      echo "The sea was calm." > sea.txt && cutaway compare smollm2-135m minilm-l6 -f sea.txt -o compared.html
      cutaway compare smollm2-135m minilm-l6 "To be, or not to be" -o compared.csv
      cutaway train --steps 20 -o run-a && cutaway train --steps 20 --seed 1 -o run-b && cutaway compare run-a run-b
    """
    from cutaway.training.run_folder import is_run

    if text is None and file is None and is_run(a) and is_run(b):
        _runs(a, b)
        return
    given = some_text_from(text, file)
    for name in (a, b):
        known(name, options)

    from cutaway.inside import compare
    from cutaway.models import load
    from cutaway.views import terminal_compare

    first, second = (load(name, "any", **options) for name in (a, b))
    result = compare(first, second, given, truncate=truncate)
    emit([result], lambda: terminal_compare.comparison(result))
    if asked().output is not None:
        note("\n".join(result.summary[: terminal_compare.FINDINGS]))


def _runs(a: str, b: str) -> None:
    output = asked().output
    if output is not None and Path(output).suffix in (".svg", ".png", ".npz"):
        refused = f"a comparison of runs can't be saved as {Path(output).suffix}: {output!r}"
        raise InputError(refused, hint="end the name in .html, .json or .csv")

    from cutaway.training import compare_runs
    from cutaway.views import terminal_runs

    result = compare_runs(a, b)
    emit([result], lambda: terminal_runs.comparison(result))
    if output is not None:
        note("\n".join(result.summary))

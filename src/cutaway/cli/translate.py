"""cutaway translate"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, load_options, loaded, note
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.errors import MissingText
from cutaway.models.shelf import DEFAULT_TRANSLATOR


@click.command("translate", cls=Command)
@text_options
@click.option(
    "-m",
    "--model",
    default=DEFAULT_TRANSLATOR,
    help="A name from `cutaway models list`, a folder, or a Hugging Face Hub id: a T5, Marian, BART or the like.",
)
@load_options
@click.option(
    "--num-beams",
    type=AtLeast(1),
    default=4,
    help="Beam search: follow this many unfinished translations, and return the most likely.",
)
@click.option("--length-penalty", default=1.0, help="Above 0 favours longer translations.")
@click.option(
    "--max-new-tokens",
    type=AtLeast(1),
    help="Longest translation.  [default: twice the tokens of the text and 16]",
)
@output_options(".csv", ".svg", ".png", ".npz")
def command(text: str | None, file: str | None, model: str, **options: Any) -> None:
    """Translate TEXT, line by line, and show which words each word comes from.

    The default model translates from English to French, and knows the words of an office program's help.

    \b
    Examples:
      cutaway translate "Select the cells that you want to format."
      cutaway translate "Click OK to close the dialog." --num-beams 8 -o translation.html
      printf "Open the file.\\nSave the document.\\n" > two.txt && cutaway translate -f two.txt --json
    """
    lines = [line for line in some_text_from(text, file).split("\n") if line.strip()]
    if not lines:
        raise MissingText("the text is only white space", hint='give some: cutaway translate "Open the file."')
    known(model, options).check_pair()

    from cutaway.prediction import translate
    from cutaway.views import terminal_translation

    ready = loaded(model, "pair", options)
    results = [translate(line, ready, **options) for line in lines]
    emit(results, lambda: terminal_translation.translations(results))
    for number, result in enumerate(results, 1):
        for warning in result.warnings:
            note(f"line {number}: {warning}" if len(results) > 1 else warning)

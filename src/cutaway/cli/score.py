"""cutaway score"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, loaded, model_options, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options


@click.command("score", cls=Command)
@text_options
@model_options
@truncate_option()
@click.option("--next-tokens", type=AtLeast(0), default=10, help="How many of the most likely next tokens to show.")
@output_options(".csv")
def command(text: str | None, file: str | None, model: str, **options: Any) -> None:
    """Measure how probable TEXT is to a model: surprisal of each token, perplexity.

    \b
    Examples:
      cutaway score "The capital of France is Paris."
      echo "The sea was calm." > sea.txt && cutaway score -f sea.txt --json
      cutaway score "No, I am your father" -o score.html
    """
    given = some_text_from(text, file)
    known(model, options).check_left_to_right()

    from cutaway.prediction import score
    from cutaway.views import terminal

    result = score(given, loaded(model, "causal", options), **options)
    emit([result], lambda: terminal.score(result))

"""cutaway lens"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, loaded, model_options, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.errors import InputError


@click.command("lens", cls=Command)
@text_options
@model_options
@click.option("--top", type=AtLeast(1), default=5, help="How many of the most likely tokens to show for each layer.")
@click.option(
    "--positions", metavar="I,J,…", help="Only these positions. 0 is the first token, -1 the last. [default: all]"
)
@truncate_option()
@output_options(".svg", ".png", ".csv", ".npz")
def command(text: str | None, file: str | None, model: str, positions: str | None, **options: Any) -> None:
    """Show what each layer of the model would predict after each token of TEXT (the logit lens).

    Layer 0 is the embeddings; the last layer is the model's real prediction.

    \b
    Examples:
      cutaway lens "The capital of France is"
      cutaway lens "The capital of France is" --positions -1 --top 10 --json
      echo "The sea was calm." > sea.txt && cutaway lens -f sea.txt -o lens.html
    """
    given, chosen = some_text_from(text, file), _positions(positions)
    known(model, options)

    from cutaway.inside import lens
    from cutaway.views import terminal_lens

    result = lens(given, loaded(model, "any", options), positions=chosen, **options)
    emit([result], lambda: terminal_lens.lens(result))


def _positions(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"`positions` is {text!r}", hint="write whole numbers with commas: --positions 0,3,-1"
        ) from error

"""cutaway heads"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, Seed, known, loaded, model_options, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.errors import InputError


@click.command("heads", cls=Command)
@text_options
@model_options
@click.option(
    "--random",
    metavar="N",
    type=AtLeast(2),
    help="Instead of TEXT, use N random tokens written twice. Induction heads stand out on these.",
)
@click.option("--seed", type=Seed(), default=0, help="Seed of the random tokens.")
@click.option("--target", help="For encoder-decoders: the text that the decoder reads. [default: what it generates]")
@truncate_option()
@output_options(".svg", ".png", ".csv")
def command(text: str | None, file: str | None, model: str, **options: Any) -> None:
    """Show what every attention head does on TEXT: its role and exact statistics, at any length.

    \b
    Examples:
      cutaway heads "No, I am your father. Search your feelings, I am your father."
      cutaway heads --random 64
      cutaway heads --random 64 -o heads.html
      cutaway heads "No, I am your father" -o heads.csv
    """
    given = text_or_random(text, file, options["random"])
    known(model, options)

    from cutaway.inside import heads
    from cutaway.views import terminal_inside

    result = heads(given, loaded(model, "any", options), **options)
    emit([result], lambda: terminal_inside.heads(result))


def text_or_random(text: str | None, file: str | None, random: int | None) -> str | None:
    """Return the text, or None if random tokens replace it."""
    if random is None:
        return some_text_from(text, file)
    if text is not None or file is not None:
        raise InputError("a text and --random are both given", hint="give one of them")
    return None

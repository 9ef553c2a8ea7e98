"""cutaway embed"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, layer_option, loaded, model_options, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import records_from
from cutaway.errors import InputError, MissingText
from cutaway.models.shelf import DEFAULT_ENCODER


@click.command("embed", cls=Command, context_settings={"default_map": {"model": DEFAULT_ENCODER}})
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-f",
    "--file",
    metavar="FILE",
    help="Read the texts from FILE, one per line. What follows the last tab of a line is left out.",
)
@model_options
@layer_option("Which layer to read.")
@click.option(
    "--pooling",
    type=click.Choice(["recipe", "mean", "cls", "last", "max", "none"]),
    default="recipe",
    help="How the tokens of a text become one vector. recipe: what the model's makers recommend, or mean if they do "
    "not say. none: keep one vector per token.",
)
@click.option(
    "--normalize/--no-normalize",
    default=None,
    help="Scale every vector to length 1, or do not. [default: what the model's makers recommend]",
)
@click.option(
    "--max-tokens",
    type=AtLeast(1),
    metavar="N",
    help="Read at most N tokens of each text. [default: what the model's makers recommend]",
)
@click.option("--batch-size", type=AtLeast(1), default=32, help="How many texts to run together, at most.")
@truncate_option()
@output_options(".csv", ".npz")
def command(texts: tuple[str, ...], file: str | None, model: str, pooling: str, **options: Any) -> None:
    """Turn each TEXT into a vector, and show how similar the vectors are.

    \b
    Examples:
      cutaway embed "A dog barks." "A puppy yaps." "Stocks fell."
      printf "a river bank\\na bank loan\\nprices rose\\n" > r.txt && cutaway embed -f r.txt -o records.html
      cutaway embed "the river bank" --pooling none --layer 3 -m smollm2-135m
    """
    if texts and file is not None:
        raise InputError("a text and a file are both given", hint="give one of them")
    given = list(texts) or [text for text, _ in records_from(file or "-")]
    if not all(given):
        raise MissingText("a text is empty", hint='give some, for example "A dog barks."')
    known(model, options).check_state(options["layer"])

    from cutaway.inside import embed
    from cutaway.views import terminal_vectors

    result = embed(given, loaded(model, "any", options), pooling=None if pooling == "none" else pooling, **options)
    emit([result], lambda: terminal_vectors.embeddings(result))

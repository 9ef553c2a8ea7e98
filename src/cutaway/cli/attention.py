"""cutaway attention"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, loaded, model_options, note, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.errors import InputError


@click.command("attention", cls=Command)
@text_options
@model_options
@click.option("--layers", metavar="N,N-N", help="Only these layers, for example 17,18 or 10-20.")
@click.option("--heads", metavar="N,N-N", help="Only these heads of each layer.")
@click.option(
    "--neurons", metavar="L.H,…", help="Layer and number of heads whose queries and keys the page shows, such as 18.6."
)
@click.option("--target", help="For encoder-decoders: the text that the decoder reads. [default: what it generates]")
@click.option("--link", nargs=2, metavar="WORD WORD", help="Open the page at the head that links these two words.")
@click.option(
    "--generate",
    "max_new_tokens",
    metavar="N",
    type=AtLeast(1),
    help="Let the model write N more tokens, and show these, too.",
)
@truncate_option()
@output_options(".svg", ".png", ".csv", ".npz")
def command(text: str | None, file: str | None, model: str, **options: Any) -> None:
    """Show which tokens each token of TEXT attends to, in every head of every layer.

    \b
    Examples:
      cutaway attention "No, I am your father" -o attention.html
      cutaway attention "The dog barked because it was hungry" --link it dog -o it.html
      cutaway attention "No, I am your father" --layers 18 --heads 6 -o head.svg
      cutaway attention "One, two, three," --generate 8 -o steps.html
      cutaway attention "A bank by the river" -m minilm-l6
    """
    given = some_text_from(text, file)
    options |= {name: numbers_from(name, options[name]) for name in ("layers", "heads")}
    options["neurons"] = heads_from("--neurons", options["neurons"])
    options["max_new_tokens"] = options["max_new_tokens"] or 0
    found = known(model, options)
    found.check_places(options["layers"], options["heads"])
    found.check_heads(options["neurons"])
    if options["max_new_tokens"]:
        found.check_left_to_right()

    from cutaway.inside import attention
    from cutaway.views import terminal_inside

    result = attention(given, loaded(model, "causal" if options["max_new_tokens"] else "any", options), **options)
    if result.generated:
        note(f"the model continued the text with {''.join(result.stacks[0].queries[-result.generated :])!r}")
    emit([result], lambda: terminal_inside.attention(result))


def numbers_from(option: str, value: str | None) -> list[int] | None:
    """Return the numbers of "3,5-7", or raise `InputError`."""
    if value is None:
        return None
    found: list[int] = []
    for part in value.split(","):
        low, _, high = part.strip().partition("-")
        if not low.isdecimal() or (high and not high.isdecimal()):
            raise InputError(f"--{option} is {value!r}", hint="give numbers and ranges, for example 3,5-7")
        found += range(int(low), int(high or low) + 1)
    return list(dict.fromkeys(found))


def heads_from(option: str, value: str | None) -> list[tuple[int, int]] | None:
    """Return the heads of "18.6,17.3" as (layer, head), or raise `InputError`."""
    if value is None:
        return None
    parts = [part.strip().split(".") for part in value.split(",")]
    if any(len(part) != 2 or not all(number.isdecimal() for number in part) for part in parts):
        raise InputError(f"{option} is {value!r}", hint="a head is written layer.head; give for example 18.6,17.3")
    return [(int(layer), int(head)) for layer, head in parts]

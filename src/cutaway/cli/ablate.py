"""cutaway ablate"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.attention import heads_from
from cutaway.cli.common import AtLeast, Seed, known, loaded, model_options, truncate_option
from cutaway.cli.heads import text_or_random
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import text_options


@click.command("ablate", cls=Command)
@text_options
@model_options
@click.option(
    "--heads",
    metavar="L.H,…",
    help="Layer and number of the heads to silence, such as 0.4,18.6. [default: every head in turn]",
)
@click.option("--together", is_flag=True, help="Silence all chosen heads at the same time instead of one by one.")
@click.option(
    "--method",
    type=click.Choice(["zero", "mean"]),
    default="zero",
    help="What replaces a head's output: zeros, or its mean over the text.",
)
@click.option(
    "--random",
    metavar="N",
    type=AtLeast(2),
    help="Instead of TEXT, use N random tokens written twice, and measure the loss of the second half.",
)
@click.option("--seed", type=Seed(), default=0, help="Seed of the random tokens.")
@truncate_option()
@output_options(".svg", ".png", ".csv")
def command(text: str | None, file: str | None, model: str, **options: Any) -> None:
    """Silence attention heads and measure how much the loss on TEXT changes, in nats per token.

    \b
    Examples:
      cutaway ablate "The capital of France is Paris." --heads 0.4,18.6,17.3
      cutaway ablate --random 32 --heads 18.6,17.3,17.4 --together
      cutaway ablate "The sea was calm." --heads 0.4,18.6 --method mean -o ablation.html
    """
    given = text_or_random(text, file, options["random"])
    options["heads"] = heads_from("--heads", options["heads"])
    found = known(model, options)
    found.check_left_to_right()
    found.check_heads(options["heads"])

    from cutaway.inside import ablate
    from cutaway.views import terminal_inside

    result = ablate(given, loaded(model, "causal", options), **options)
    emit([result], lambda: terminal_inside.ablation(result))

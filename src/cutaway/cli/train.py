"""cutaway train"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast
from cutaway.cli.help import Command
from cutaway.cli.live import live_panel
from cutaway.cli.output import emit, folder_options
from cutaway.cli.training_options import (
    SECTIONS,
    data_options,
    hiding_options,
    launch_options,
    loop_options,
    run_elsewhere,
    settings_of,
    stopping,
    tensorboard_option,
    tokenizer_option,
)
from cutaway.ranks import find_ranks


@click.command("train", cls=Command, sections=SECTIONS)
@click.argument("data", nargs=-1)
@click.option(
    "--objective",
    type=click.Choice(["causal", "masked", "seq2seq", "classes", "numbers"]),
    default="causal",
    help="What to learn: the next token, hidden tokens, to write --target-column, or the label as a class or a number.",
)
@click.option("--arch", type=click.Choice(["gpt2", "llama", "bert", "t5"]), help="Architecture.  [default: what fits]")
@click.option(
    "--size",
    type=click.Choice(["nano", "micro", "mini", "small"]),
    default="nano",
    help="About 0.2, 1.8, 11 or 85 million parameters.",
)
@click.option("--config", metavar="NAME|FILE", help="Take the shape of this Hugging Face configuration.")
@click.option("--layers", type=AtLeast(1), help="Number of layers (blocks).  [default: by --size]")
@click.option("--heads", type=AtLeast(1), help="Attention heads per layer.  [default: by --size]")
@click.option("--width", type=AtLeast(1), help="Length of the vector of each token.  [default: by --size]")
@click.option("--context", type=AtLeast(1), help="How many tokens the model reads at once.  [default: 128]")
@hiding_options
@data_options
@tokenizer_option
@loop_options
@launch_options
@tensorboard_option
@folder_options(".csv")
def command(data: tuple[str, ...], directory: str | None, tensorboard: bool | None, **options: Any) -> None:
    """Train a language model of any kind of sequence, on DATA: files of records or texts, or a built-in source.

    `built-in` is made of sentences whose entropy is known exactly, so you can see how close the loss comes to the
    lowest possible. With -o DIR, checkpoints are kept there: if the run is cut off, the same command goes on. Open
    DIR/page.html in a browser to watch the run; `cutaway compare DIR DIR` compares two.

    \b
    Examples:
      cutaway train --steps 100
      cutaway train --minutes 0.2 -o small-model
      cutaway train --steps 20 -o training.html
      seq 100 199 > numbers.txt && cutaway train numbers.txt --arch llama --steps 20 -o my-model
      printf ">a\\nATGAAA\\n>b\\nATGCCC\\n" > dna.fa && cutaway train dna.fa --alphabet codon --held-out 0.5 --steps 5
    """
    if run_elsewhere(directory, options):
        return
    settings = settings_of(data, options)

    from cutaway.training.run import train_with
    from cutaway.views import terminal

    with stopping(), live_panel(settings) as heard:
        result = train_with(settings, output=directory, tensorboard=tensorboard, **heard)
    if find_ranks().rank:
        return
    emit([result], lambda: terminal.training(result))

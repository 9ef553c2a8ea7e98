"""cutaway train"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, Seed, device_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, folder_options

_SECTIONS = {
    "Model": ("--arch", "--layers", "--heads", "--width", "--context"),
    "Training": (
        "--batch-size", "--steps", "--seconds", "--learning-rate", "--warmup", "--weight-decay", "--validate-every",
        "--seed", "--device", "--threads",
    ),
}  # fmt: skip


@click.command("train", cls=Command, sections=_SECTIONS)
@click.argument("data", default="built-in")
@click.option("--arch", type=click.Choice(["gpt2", "llama"]), default="gpt2", help="Architecture of the model.")
@click.option("--layers", type=AtLeast(1), default=4, help="Number of layers (blocks).")
@click.option("--heads", type=AtLeast(1), default=4, help="Attention heads per layer.")
@click.option("--width", type=AtLeast(1), default=64, help="Length of the vector of each token.")
@click.option("--context", type=AtLeast(1), default=128, help="How many tokens the model reads at once.")
@click.option(
    "--batch-size", type=AtLeast(1), default=8, help="Pieces of text per training step, each as long as --context."
)
@click.option("--steps", type=AtLeast(1), default=500, help="Number of training steps.")
@click.option("--seconds", type=float, help="Stop earlier than --steps if this many seconds have passed.")
@click.option("--learning-rate", default=8e-3, help="Highest learning rate.")
@click.option(
    "--warmup", type=AtLeast(0), help="Steps until the learning rate is highest.  [default: a tenth of all steps]"
)
@click.option("--weight-decay", default=0.1, help="How strongly weights are pulled towards 0.")
@click.option(
    "--validate-every",
    type=AtLeast(1),
    default=50,
    help="How many steps to make between two measurements of the held-out loss.",
)
@device_option
@click.option(
    "--threads",
    type=AtLeast(1),
    help="How many CPU threads to use.  [default: 1 for a small model, else as many as speed it up]",
)
@click.option("--seed", type=Seed(), default=0, help="Seed of the first weights and of the order of the text.")
@click.option("--as-text", is_flag=True, help="Read DATA as plain text, even if it looks like a file of records.")
@folder_options(".csv")
def command(data: str, directory: str | None, **options: Any) -> None:
    """Train a small language model that reads characters, on DATA: `built-in` or a text file.

    `built-in` is made of sentences whose entropy is known exactly, so you can see how close the loss comes to the
    lowest possible. If DATA is a file of records (FASTA, SMILES, CSV, …), first write only its sequences: cutaway
    records FILE -o FILE.txt.

    \b
    Examples:
      cutaway train --steps 100
      cutaway train --seconds 10
      cutaway train --steps 20 -o small-model -o training.html
      seq 100 199 > numbers.txt && cutaway train numbers.txt --arch llama --steps 20 -o my-model
    """
    from cutaway.training.config import Settings

    settings = Settings(data=data, **options)
    text = settings.read_text()

    from cutaway.training import TrainingRun
    from cutaway.views import terminal

    result = TrainingRun(settings, text).train(output=directory)
    emit([result], lambda: terminal.training(result))

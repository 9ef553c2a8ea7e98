"""cutaway train"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, Seed, device_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, folder_options

__all__ = ["command"]

_SECTIONS = {
    "Model": ("--arch", "--layers", "--heads", "--width", "--context"),
    "Training": (
        "--batch-size", "--steps", "--seconds", "--learning-rate", "--warmup", "--weight-decay", "--validate-every",
        "--seed", "--device", "--threads",
    ),
}  # fmt: skip


@click.command("train", cls=Command, sections=_SECTIONS)
@click.argument("data", default="built-in")
@click.option(
    "--arch", type=click.Choice(["gpt2", "llama"]), default="gpt2", show_default=True, help="How it is built."
)
@click.option("--layers", type=AtLeast(1), default=4, show_default=True, help="Blocks, one after the other.")
@click.option("--heads", type=AtLeast(1), default=4, show_default=True, help="Heads a layer.")
@click.option("--width", type=AtLeast(1), default=64, show_default=True, help="Numbers in a token's vector.")
@click.option("--context", type=AtLeast(1), default=128, show_default=True, help="Tokens in a row.")
@click.option("--batch-size", type=AtLeast(1), default=8, show_default=True, help="Rows a step.")
@click.option("--steps", type=AtLeast(1), default=500, show_default=True, help="Changes of the weights.")
@click.option("--seconds", type=float, help="Make only as many steps as fit in this time.")
@click.option("--learning-rate", default=8e-3, show_default=True, help="At its peak.")
@click.option("--warmup", type=AtLeast(0), help="Steps until the peak.  [default: a tenth]")
@click.option("--weight-decay", default=0.1, show_default=True, help="How strongly weights are pulled to 0.")
@click.option(
    "--validate-every", type=AtLeast(1), default=50, show_default=True, help="Steps between looks at held-out rows."
)
@device_option
@click.option(
    "--threads", type=AtLeast(1), help="Threads of the CPU.  [default: 1 for a small model, else as many as help]"
)
@click.option("--seed", type=Seed(), default=0, show_default=True, help="Weights and rows follow from it.")
@click.option("--as-text", is_flag=True, help="Learn every character of DATA, even if it holds records.")
@folder_options(".csv")
def command(data: str, directory: str | None, as_json: bool, output: str | None, **options: Any) -> None:
    """Train a small language model of characters on DATA, a text file or `built-in`.

    The built-in source is sentences whose entropy is known exactly: the loss can be compared with its provable floor.
    Of a file of records (FASTA, SMILES, CSV, …) write the sequences alone first: cutaway records FILE -o FILE.txt.

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
    emit([result], as_json=as_json, output=output, draw=lambda: terminal.training(result))

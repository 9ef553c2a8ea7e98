"""cutaway train"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import emit, output_options

__all__ = ["command"]


@click.command("train")
@click.argument("data", default="built-in")
@click.option("-d", "--directory", metavar="DIR", help="Save the model and metrics.jsonl into this new folder.")
@click.option("--arch", default="gpt2", show_default=True, help="gpt2 or llama.")
@click.option("--layers", default=4, show_default=True)
@click.option("--heads", default=4, show_default=True, help="Heads a layer.")
@click.option("--width", default=64, show_default=True, help="Numbers in a token's vector.")
@click.option("--context", default=128, show_default=True, help="Tokens in a row.")
@click.option("--batch-size", default=8, show_default=True, help="Rows a step.")
@click.option("--steps", default=500, show_default=True)
@click.option("--seconds", type=float, help="Make only as many steps as fit in this time.")
@click.option("--learning-rate", default=8e-3, show_default=True, help="At its peak.")
@click.option("--warmup", type=int, help="Steps until the peak.  [default: a tenth]")
@click.option("--weight-decay", default=0.1, show_default=True)
@click.option("--validate-every", default=50, show_default=True, help="Steps between looks at held-out rows.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", type=int, help="Threads of the CPU.  [default: 1 for a small model, else as many as help]")
@click.option("--seed", default=0, show_default=True, help="Weights and rows follow from it.")
@click.option("--as-text", is_flag=True, help="Learn every character of DATA, even if it holds records.")
@output_options(".csv")
def command(data: str, directory: str | None, as_json: bool, output: str | None, **options: Any) -> None:
    """Train a small language model of characters on DATA, a text file or `built-in`.

    The built-in source is sentences whose entropy is known exactly: the loss can be held against its provable floor.
    Of a file of records (FASTA, SMILES, CSV, …) write the sequences alone first: cutaway records FILE -o FILE.txt.

    \b
    Examples:
      cutaway train --steps 100
      cutaway train --seconds 10
      cutaway train --steps 20 -d tiny-model -o training.html
      cutaway train my-text.txt --arch llama --steps 20 -d my-model
    """
    from cutaway.training import train
    from cutaway.views import terminal

    result = train(data, output=directory, **options)
    emit([result], as_json=as_json, output=output, draw=lambda: terminal.training(result))

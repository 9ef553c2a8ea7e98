"""cutaway plan"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, offline_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.errors import InputError

_SECTIONS = {
    "Model": ("--arch", "--objective", "--vocab-size", "--context", "--revision"),
    "Length": ("--data", "--tokens", "--epochs", "--steps"),
    "Step": (
        "--batch-size", "--micro-batch", "--precision", "--optimizer", "--attention", "--sharding",
        "--gradient-checkpointing",
    ),
    "Machine": ("--device", "--count", "--per-node", "--network", "--efficiency"),
}  # fmt: skip
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A number of tokens: 3000000, 3M, 2.5B."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or raise `InputError`."""
        text = str(value).strip().lower().replace(",", "").replace("_", "")
        unit = text[-1:] if text[-1:].isalpha() else ""
        try:
            number = float(text.removesuffix(unit)) * _UNITS[unit]
            if 1 <= number < 1e18:
                return round(number)
        except (KeyError, ValueError):
            pass
        raise InputError(f"--tokens is {value!r}", hint="give a number such as 3000000, 300k, 3M or 2.5B")


@click.command("plan", cls=Command, sections=_SECTIONS)
@click.argument("model", default="nano")
@click.option("--arch", type=click.Choice(["gpt2", "llama", "bert", "t5"]), help="Architecture, if MODEL is a size.")
@click.option(
    "--objective",
    type=click.Choice(["causal", "masked", "seq2seq", "classes", "numbers"]),
    default="causal",
    help="What it is trained for, if MODEL is a size.",
)
@click.option("--vocab-size", type=AtLeast(1), help="Tokens of the vocabulary.  [default: 4096, or the model's own]")
@click.option("--context", type=AtLeast(1), help="Tokens of a row.  [default: 128, or the model's limit up to 2048]")
@click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take.")
@click.option(
    "--data", multiple=True, metavar="PATH", help="Shards to train on, or a file, of which each byte counts as a token."
)
@click.option("--tokens", type=Amount(), help="How many tokens there are to train on: 3M, 2.5B.")
@click.option("--epochs", type=float, default=1.0, help="How often the data are read.")
@click.option("--steps", type=AtLeast(1), help="Number of training steps.")
@click.option("--batch-size", type=AtLeast(1), default=8, help="Rows of a step, on all devices together.")
@click.option("--micro-batch", type=AtLeast(1), help="Rows at once on a device.  [default: as many as fit]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="Numbers that are multiplied; auto: bfloat16 where a GPU has it.",
)
@click.option("--optimizer", type=click.Choice(["muon", "adamw"]), default="muon", help="How weights are changed.")
@click.option(
    "--attention", type=click.Choice(["sdpa", "eager", "plain"]), default="sdpa", help="How attention is computed."
)
@click.option(
    "--sharding",
    type=click.Choice(["auto", "full", "none"]),
    default="auto",
    help="full: devices share the weights (FSDP2); none: each has a copy; auto: full if there are several.",
)
@click.option(
    "--gradient-checkpointing/--no-gradient-checkpointing",
    default=None,
    help="Compute layers again instead of keeping what they computed.  [default: if it doesn't fit otherwise]",
)
@click.option("--device", default="cpu", help="cpu (this machine), or a GPU such as h100; a wrong name lists all.")
@click.option("--count", type=AtLeast(1), default=1, help="How many devices, or processes on the CPU.")
@click.option("--per-node", type=AtLeast(1), default=8, help="Devices of one node.")
@click.option("--network", type=AtLeast(0.001), default=25.0, help="GB/s of each device between nodes.")
@click.option(
    "--efficiency", type=float, help="Share of the device's peak that the step reaches.  [default: 0.4; on the CPU 0.5]"
)
@offline_option
@output_options(".csv")
def command(model: str, data: tuple[str, ...], network: float, **options: Any) -> None:
    """Show what it takes to train MODEL: memory by part, operations, time, before it starts.

    MODEL is a size (nano, micro, mini, small), or a name, a folder, a config.json, or a type of model such as llama.
    Weights are not needed. Memory follows from the shapes; time rests on --efficiency.

    \b
    Examples:
      cutaway plan micro --tokens 20M
      cutaway plan small --arch llama --device h100 --count 8 --batch-size 512 --context 1024 --tokens 2.5B
      cutaway plan gpt2 --device a100 --batch-size 480 --context 1024 -o plan.html
    """
    from cutaway.models.config_outline import is_model_type
    from cutaway.models.shelf import SHELF
    from cutaway.models.sources import resolve
    from cutaway.training.plan_settings import PlanSettings

    revision = options.pop("revision")
    options |= {"model": model, "data": data or None, "network": network * 1e9}
    if not PlanSettings(**options).is_size and (model in SHELF or not is_model_type(model)):
        resolve(model, "config", revision)

    from cutaway.training import plan
    from cutaway.views import terminal_plan

    result = plan(**options, revision=revision)
    emit([result], lambda: terminal_plan.plan(result))

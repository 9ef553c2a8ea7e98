"""cutaway architecture"""

from __future__ import annotations

import click

from cutaway.cli.common import offline_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.models.shelf import DEFAULT, SHELF


@click.command("architecture", cls=Command)
@click.argument("model", default=DEFAULT, envvar="CUTAWAY_MODEL")
@click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take.")
@click.option("--tree", is_flag=True, help="Print the module tree as PyTorch does.")
@offline_option
@output_options(".csv")
def command(model: str, revision: str | None, tree: bool) -> None:
    """Show what MODEL is built of: modules, shapes, parameters, bytes, FLOPs.

    MODEL is a name, a folder, a config.json, or a type of model such as llama. Weights are not needed.

    \b
    Examples:
      cutaway architecture
      cutaway architecture gpt2
      cutaway architecture gpt2 --tree
      cutaway architecture llama -o llama.html
    """
    from cutaway.models.config_outline import is_model_type
    from cutaway.models.sources import resolve

    if model in SHELF or not is_model_type(model):
        resolve(model, "config", revision)

    from cutaway.models import architecture
    from cutaway.views import terminal

    result = architecture(model, revision=revision)
    emit([result], lambda: result.tree if tree else terminal.architecture(result))

"""cutaway finetune"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, offline_option
from cutaway.cli.help import Command
from cutaway.cli.live import live_panel
from cutaway.cli.output import emit, folder_options
from cutaway.cli.training_options import (
    SECTIONS,
    data_options,
    finetuning_options,
    hiding_options,
    launch_options,
    run_elsewhere,
    stopping,
    tensorboard_option,
)
from cutaway.ranks import find_ranks


@click.command("finetune", cls=Command, sections=SECTIONS)
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--objective",
    type=click.Choice(["causal", "masked", "seq2seq", "classes", "numbers"]),
    help="What to learn.  [default: what MODEL was made for; with --label-column classes or numbers]",
)
@click.option("--lora", type=AtLeast(1), metavar="RANK", help="Train only LoRA adapters of this rank (8 is usual).")
@click.option(
    "--lora-targets",
    multiple=True,
    metavar="LAYER",
    help="With --lora: which linear layers, for example q_proj; can be repeated.  [default: all of the blocks]",
)
@click.option("--freeze", type=AtLeast(0), default=0, help="Leave the embeddings and so many first layers as they are.")
@click.option(
    "--context",
    type=AtLeast(1),
    help="How many tokens the model reads at once.  [default: 128, or what it can if that is less]",
)
@hiding_options
@data_options
@finetuning_options
@launch_options
@tensorboard_option
@offline_option
@folder_options(".csv")
def command(model: str, data: tuple[str, ...], directory: str | None, tensorboard: bool | None, **options: Any) -> None:
    """Train MODEL further on DATA, files of records or texts, whole or with LoRA adapters.

    MODEL is a name from `cutaway models list`, a folder, or a Hugging Face Hub id; its tokenizer stays as it is. With
    --label-column it gets a new head that gives the label. With -o DIR, checkpoints are kept there: if the run is cut
    off, the same command goes on. `cutaway models merge DIR -o NEW` makes a model of adapters.

    \b
    Examples:
      (echo text,label; seq 100 199 | sed "s/.*[05]$/&,five/; t; s/$/,other/") > kinds.csv
      cutaway finetune minilm-l6 kinds.csv --column text --label-column label --held-out 0.2 --steps 4 -o kinds
      seq 100 199 > numbers.txt
      cutaway finetune smollm2-135m numbers.txt --lora 8 --context 64 --batch-size 2 --steps 1 -o counter
    """
    if run_elsewhere(directory, options):
        return
    from cutaway.training.settings import DataSettings

    files = data if len(data) > 1 else data[0]
    DataSettings(data=files).check_files()  # before what takes longer to import

    from cutaway.training.finetuning_settings import finetuning_settings

    options["column"] = options["column"] or None
    settings = finetuning_settings(model, files, **options)

    from cutaway.training.run import train_with
    from cutaway.views import terminal

    with stopping(), live_panel(settings) as heard:
        result = train_with(settings, output=directory, tensorboard=tensorboard, **heard)
    if find_ranks().rank:
        return
    emit([result], lambda: terminal.training(result))

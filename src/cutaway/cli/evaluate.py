"""cutaway evaluate"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import LOADING, AtLeast, Seed, known, load_options, loaded
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.errors import InputError

_SECTIONS = {
    "Input": (
        "--train-data", "--held-out", "--label-column", "--target-column", "--column", "--alphabet", "--format",
        "--skip-bad",
    ),
    "How much": ("--records", "--tokens", "--window", "--draws", "--seed"),
}  # fmt: skip


@click.command("evaluate", cls=Command, sections=_SECTIONS)
@click.argument("model")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@load_options
@click.option(
    "--train-data",
    multiple=True,
    metavar="FILE",
    help="Records that baselines learn from. Can be given several times.  [default: a part of FILEs]",
)
@click.option("--held-out", type=float, default=0.2, help="Without --train-data: share of FILEs that is measured.")
@click.option("--label-column", metavar="NAME", help="For a classifier or a regression: the column of the labels.")
@click.option("--target-column", metavar="NAME", help="For an encoder-decoder: the column of the targets.")
@click.option("--column", multiple=True, metavar="NAME", help="The column of the sequences; of series one or several.")
@click.option(
    "--alphabet",
    type=click.Choice(["text", "dna", "rna", "codon", "protein", "smiles", "series"]),
    help="What the sequences are made of.  [default: what the tokenizer was made for]",
)
@click.option("--format", "file_format", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option("--skip-bad", is_flag=True, help="Leave out broken records and count them.")
@click.option("--records", type=AtLeast(1), default=2000, help="Measure on at most this many records.")
@click.option(
    "--tokens",
    type=AtLeast(1),
    help="Score at most this many tokens.  [default: 20,000; 2,000 of a masked model, each in a run of its own]",
)
@click.option(
    "--window", type=AtLeast(4), help="How many tokens the model reads at once.  [default: its context, at most 1,024]"
)
@click.option("--draws", type=AtLeast(100), default=2000, help="Bootstrap draws for the intervals.")
@click.option("--seed", type=Seed(), default=0, help="Seed of the draws and of which records and tokens are taken.")
@output_options(".svg", ".png", ".csv")
def command(model: str, files: tuple[str, ...], file_format: str | None, **options: Any) -> None:
    """Measure MODEL on the records of FILEs, with 95 % intervals and beside simple baselines.

    What is measured follows from the model: bits per letter and perplexity of a language model, accuracy, MCC and AUROC
    of a classifier (with --label-column), errors and R² of a regression, BLEU and chrF of an encoder-decoder (with
    --target-column). The baselines, such as letter frequencies or the nearest neighbour, learn from --train-data, or
    from the part of FILEs that is not measured. Without FILEs, the folder of a training run is measured on what it held
    out.

    \b
    Examples:
      cutaway train --steps 20 -o small-run && cutaway evaluate small-run
      seq 1000 1400 > numbers.txt && cutaway evaluate smollm2-135m numbers.txt --tokens 400 -o numbers.html
    """
    from cutaway.evaluation.request import Request

    names = {name: options.pop(name) for name in tuple(options) if name not in LOADING}
    request = Request(files, format=file_format, **names)
    found = known(model, options)
    if files:
        request.column_for(found.built, found.is_encoder_decoder)
    elif not (found.path / "run.json").is_file():
        why = f"there is no data, and {model!r} is not the folder of a run, which would name its own"
        raise InputError(why, hint="give a FILE of records")

    from cutaway.evaluation import measure
    from cutaway.views import terminal_evaluation

    result = measure(request, loaded(model, "any", options))
    emit([result], lambda: terminal_evaluation.evaluation(result))

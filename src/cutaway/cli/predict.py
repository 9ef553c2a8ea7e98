"""cutaway predict"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import known, load_options, loaded, truncate_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.records import ALPHABETS
from cutaway.cli.text_input import check_file
from cutaway.errors import MissingText
from cutaway.models.shelf import DEFAULT_PREDICTOR


@click.command("predict", cls=Command)
@click.argument("sequences", nargs=-1, metavar="[SEQUENCE]...")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="Predict the records of FILE; can be repeated."
)
@click.option(
    "-m",
    "--model",
    default=DEFAULT_PREDICTOR,
    envvar="CUTAWAY_MODEL",
    show_envvar=True,
    help="A model with a head for labels or numbers: a name from `cutaway models list`, or a folder.",
)
@load_options
@click.option("--column", multiple=True, metavar="NAME", help="With -f: the column of the sequences in a table.")
@click.option(
    "--alphabet",
    type=click.Choice(ALPHABETS),
    help="What the sequences are made of.  [default: what the tokenizer was made for]",
)
@click.option("--format", "file_format", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option("--skip-bad", is_flag=True, help="List sequences that are refused, and predict the others.")
@truncate_option("sequence")
@output_options(".csv")
def command(
    sequences: tuple[str, ...], files: tuple[str, ...], model: str, file_format: str | None, **options: Any
) -> None:
    """Predict a number or a label for each SEQUENCE, and for each record of the files of -f.

    A number comes with an interval and with how similar the nearest training record is, if these are stored with the
    model. Train a model of your own with `cutaway finetune MODEL FILE --label-column NAME`.

    \b
    Examples:
      cutaway predict "CC(=O)Oc1ccccc1C(=O)O" CCO
      cutaway predict GIGKFLHSAKKFGKAFVGEIMNS -m antimicrobial
      printf "A dull film.\\nLovely to look at.\\n" > said.txt && cutaway predict -f said.txt -m movie-sentiment
    """
    if not sequences and not files:
        raise MissingText("there is nothing to predict", hint='give a sequence: cutaway predict "CCO"')
    for file in files:
        check_file(file)
    known(model, options).check_labels()

    from cutaway.prediction import predict
    from cutaway.views import terminal_prediction

    options["column"] = options["column"] or None
    result = predict(sequences, loaded(model, "any", options), data=files, format=file_format, **options)
    emit([result], lambda: terminal_prediction.prediction(result))

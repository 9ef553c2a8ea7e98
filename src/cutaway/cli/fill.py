"""cutaway fill"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, loaded, model_options
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.sequence import alphabet_option, record_option, sequence_from
from cutaway.cli.text_input import text_options


@click.command("fill", cls=Command)
@text_options
@model_options
@record_option
@alphabet_option
@click.option("-k", "--top-k", type=AtLeast(1), default=5, help="How many candidates to show for each place.")
@click.option(
    "--width",
    type=AtLeast(1),
    default=64,
    help="How many whole sequences a causal model compares; if there are more, the likeliest from the left.",
)
@output_options(".csv")
def command(text: str | None, file: str | None, record: str | None, model: str, **options: Any) -> None:
    """Fill the marked places of TEXT with what most likely stands there.

    In a text _ marks a word, or a character if the model reads characters. In a sequence ? or _ marks a letter, an atom
    or a number, and a base of a codon: ATG???TAA lacks a codon. The tokenizer's mask token marks one token everywhere.
    A masked model looks at both sides at once. A causal model scores the whole sequence with each candidate.

    \b
    Examples:
      cutaway fill "The capital of France is _."
      cutaway fill "EVQLVESGGGLVQPGGSLRLSC??SGFNIKDTYIH" -m antiberty
      cutaway fill "CC(=O)?c1ccccc1C(=O)O" -m rxnmapper -k 3 -o filled.html
    """
    given = sequence_from(text, file, record)
    known(model, options)

    from cutaway.models import load_tokenizer
    from cutaway.prediction.marks import marks_in

    # Before the weights are loaded: what can be wrong with the marks, the tokenizer knows.
    marks_in(load_tokenizer(model, revision=options["revision"]), given, options["alphabet"])

    from cutaway.prediction import fill
    from cutaway.views import terminal_fill

    result = fill(given, loaded(model, "any", options), **options)
    emit([result], lambda: terminal_fill.filled(result))

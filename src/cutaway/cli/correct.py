"""cutaway correct"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import known, loaded, model_options
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.sequence import alphabet_option, record_option, sequence_from
from cutaway.cli.text_input import text_options


@click.command("correct", cls=Command)
@text_options
@model_options
@record_option
@alphabet_option
@click.option(
    "--error-rate",
    type=float,
    default=0.01,
    help="The share of elements that you expect to be wrong; a smaller one gives fewer corrections.",
)
@click.option(
    "--lengths/--no-lengths", default=True, help="Whether to look for missing and surplus elements, too, or not."
)
@output_options(".csv")
def command(text: str | None, file: str | None, record: str | None, model: str, **options: Any) -> None:
    """Find probable mistakes in TEXT, and what the model would put there: wrong, missing and surplus elements.

    An edit is reported if the model prefers the edited sequence by so much that a mistake is more likely than not. How
    much that is follows from --error-rate. Elements are words, characters, letters, codons, atoms or numbers.

    \b
    Examples:
      cutaway correct "The capital of Frence is Paris."
      cutaway correct EVQLVESGGGLVQPGGSLRLSAASGFNIKDTYIHWVRQAPGKGLEWVA -m sapiens
      cutaway correct EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH -m antiberty --no-lengths -o corrected.html
    """
    given = sequence_from(text, file, record)

    from cutaway.prediction.correction_request import check_request, elements_to_correct

    check_request(given, options["error_rate"])
    known(model, options)

    from cutaway.models import load_tokenizer

    # Before the weights are loaded: what can be wrong with the sequence, the tokenizer knows.
    elements_to_correct(load_tokenizer(model, revision=options["revision"]), given, options["alphabet"])

    from cutaway.prediction import correct
    from cutaway.views import terminal_correct

    result = correct(given, loaded(model, "any", options), **options)
    emit([result], lambda: terminal_correct.corrections(result))

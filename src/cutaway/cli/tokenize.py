"""cutaway tokenize"""

from __future__ import annotations

import click

from cutaway.cli.common import model_name_option, note, offline_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.sequence import record_from, record_option
from cutaway.cli.text_input import text_from, text_options
from cutaway.errors import InputError


@click.command("tokenize", cls=Command)
@text_options
@model_name_option
@click.option("--no-special-tokens", is_flag=True, help="Leave out tokens that stand for no text, such as [CLS].")
@record_option
@offline_option
@output_options(".csv")
def command(text: str | None, file: str | None, record: str | None, model: str, no_special_tokens: bool) -> None:
    """Show how a model cuts TEXT into tokens: pieces, ids, round trip, and each step of the cutting.

    A BPE tokenizer shows the merges of each word. A tokenizer of series (kind bins) reads numbers, one time step per
    line, and shows each number scaled, in its bin, and decoded. One of states shows the nearest state of each time
    step, its centre and the distance. From a FASTA, FASTQ, GenBank, .smi or .sdf file the sequence of one record is
    cut.

    \b
    Examples:
      cutaway tokenize "No, I am your father"
      cutaway tokenize "breathtaking" -m minilm-l6
      echo "a longer text" | cutaway tokenize --json
      cutaway tokenize "Counselor, please" -m gpt2-vocab -o tokens.html
    """
    of_record = None
    if file is not None and text is None and file != "-":
        of_record = record_from(file, record)
    if record is not None and of_record is None:
        raise InputError(
            f"there is no record {record!r} in a text", hint="a FASTA has records: -f genes.fa --record ID"
        )
    given = text_from(text, file) if of_record is None else of_record
    from cutaway.models import tokenize
    from cutaway.views import terminal

    result = tokenize(given, model, add_special_tokens=not no_special_tokens)
    lost = [piece for piece, i in zip(result.pieces, result.ids, strict=True) if i == result.unknown_id]
    if any(len(piece) == 1 and "a" <= piece <= "z" for piece in lost) and given != given.upper():
        note("this tokenizer has tokens for capital letters only: write the sequence in capitals")
    emit([result], lambda: terminal.tokens(result))

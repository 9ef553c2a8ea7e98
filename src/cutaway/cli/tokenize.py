"""cutaway tokenize"""

from __future__ import annotations

import click

from cutaway.cli.common import emit, model_name_option, offline_option, output_options, text_from, text_options

__all__ = ["command"]


@click.command("tokenize")
@text_options
@model_name_option
@click.option("--no-special-tokens", is_flag=True, help="Leave out tokens like [CLS] that stand for no text.")
@offline_option
@output_options(".csv")
def command(
    text: str | None, file: str | None, model: str, no_special_tokens: bool, as_json: bool, output: str | None
) -> None:
    """Show how a model cuts TEXT into tokens: pieces, ids, round trip, and step by step how it came to them.

    Of BPE the merges of each word are shown. A tokenizer of series takes numbers, a time step a line or one line of one
    channel, and shows each number scaled, in its bin, and as it comes back; one of states shows for each time step the
    nearest state, its centre and the distance.

    \b
    Examples:
      cutaway tokenize "No, I am your father"
      cutaway tokenize "breathtaking" -m minilm-l6
      echo "a longer text" | cutaway tokenize --json
      cutaway tokenize "Counselor, please" -m gpt2-vocab -o tokens.html
    """
    from cutaway.models import tokenize
    from cutaway.views import terminal

    result = tokenize(text_from(text, file), model, add_special_tokens=not no_special_tokens)
    emit([result], as_json=as_json, output=output, draw=lambda: terminal.tokens(result))

"""cutaway classify"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import known, load_options, loaded, truncate_option, unless_chosen
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import some_text_from, text_options
from cutaway.models.shelf import DEFAULT, DEFAULT_CLASSIFIER


@click.command("classify", cls=Command)
@text_options
@click.option(
    "-m",
    "--model",
    default=DEFAULT,
    envvar="CUTAWAY_MODEL",
    show_envvar=True,
    show_default=f"{DEFAULT_CLASSIFIER}; with --labels {DEFAULT}",
    help="A name from `cutaway models list`, a folder, a GGUF file, or a Hugging Face Hub id.",
)
@load_options
@click.option("--labels", help="Labels that a language model chooses from, with commas between them.")
@click.option(
    "--template",
    help="The prompt for the language model; {text} and {labels} are filled in. [default: asks for the sentiment]",
)
@truncate_option()
@output_options(".csv")
def command(
    text: str | None, file: str | None, model: str, labels: str | None, template: str | None, **options: Any
) -> None:
    """Classify TEXT and show the steps: ids, logits, softmax, label.

    Without -m and --labels: is it positive or negative? Many texts at once: `cutaway predict -m movie-sentiment`.

    \b
    Examples:
      cutaway classify "The view was breathtaking." --labels negative,positive
      cutaway classify "A dull film." --labels bad,good
      cutaway classify "ACGT is a codon." --labels biology,weather --template "{text} The topic of this text is"
    """
    given = some_text_from(text, file)
    if labels is None:
        model = unless_chosen(model, DEFAULT_CLASSIFIER)
    known(model, options)

    from cutaway.prediction import classify
    from cutaway.views import terminal

    ready = loaded(model, "classifier" if labels is None else "causal", options)
    chosen = None if labels is None else [label.strip() for label in labels.split(",")]
    extra = {} if template is None else {"template": template}
    result = classify(given, ready, labels=chosen, **extra, **options)
    emit([result], lambda: terminal.classification(result))

"""cutaway mutate"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, known, load_options, loaded
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.sequence import protein_option, record_option, sequence_from
from cutaway.cli.text_input import check_file, text_options


@click.command("mutate", cls=Command)
@text_options
@protein_option
@load_options
@record_option
@click.option(
    "--alphabet", type=click.Choice(["protein", "dna", "rna"]), help="What TEXT is made of.  [default: found from TEXT]"
)
@click.option(
    "--letters",
    help="Which letters to try at each position: ACGT, or tokens with commas: C,N,O,Cl.  [default: all of the "
    "alphabet]",
)
@click.option(
    "--alignment",
    metavar="FILE",
    help="An alignment (FASTA or A3M) that contains TEXT; its column frequencies are compared with the model.",
)
@click.option(
    "--pseudocount",
    type=AtLeast(0.0),
    default=1.0,
    help="With --alignment: number added to each count of a letter in a column.",
)
@click.option("--batch-size", type=AtLeast(1), default=16, help="How many sequences to compute together.")
@output_options(".svg", ".png", ".csv", ".npz")
def command(text: str | None, file: str | None, record: str | None, model: str, **options: Any) -> None:
    """Score every single substitution in the sequence TEXT: how much more or less probable it is to a model, in nats.

    The score is the masked marginal for masked models, the log-likelihood ratio for causal models.

    \b
    Examples:
      cutaway mutate EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH
      cutaway mutate EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH -o mutations.html
      cutaway mutate "CC(=O)Oc1ccccc1C(=O)O" -m rxnmapper --letters C,N,O,S
      printf ">one\\nEVQLVESGG\\n>two\\nQVQLVQSGA\\n" > all.fa && cutaway mutate EVQLVESGG --alignment all.fa
    """
    given = sequence_from(text, file, record)

    from cutaway.sequences.readers import suffix_format
    from cutaway.tokens.alphabet_detection import check_letters, check_smiles, letters_of

    named = options.pop("letters")
    letters = named if named is None or "," not in named else [one.strip() for one in named.split(",")]
    check_letters(given, options["alphabet"], letters)
    if file is not None and suffix_format(file) == "smi":
        check_smiles(given)
    if options["alignment"] is not None:
        check_file(options["alignment"])
    known(model, options)

    from cutaway.models import load_tokenizer

    # Before the weights are loaded: what can be wrong with the letters, the tokenizer knows.
    letters_of(load_tokenizer(model, revision=options["revision"]), given, options["alphabet"], letters)

    from cutaway.prediction import mutate
    from cutaway.views import terminal_sequences

    result = mutate(given, loaded(model, "any", options), letters=letters, **options)
    emit([result], lambda: terminal_sequences.mutations(result))

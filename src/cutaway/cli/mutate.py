"""cutaway mutate"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import emit, load_options, loaded, output_options, text_from, text_options
from cutaway.errors import InputError
from cutaway.models.shelf import DEFAULT_PROTEIN

__all__ = ["command", "protein_option", "sequence_from"]

protein_option = click.option(
    "-m",
    "--model",
    default=DEFAULT_PROTEIN,
    envvar="CUTAWAY_MODEL",
    show_default=True,
    show_envvar=True,
    help="A masked or a causal model that reads a letter a token: a name from the shelf, a folder, or a Hub id.",
)


@click.command("mutate")
@text_options
@protein_option
@load_options
@click.option("--letters", help="What may stand at a position: ACGT, or tokens: C,N,O,Cl.  [default: the alphabet's]")
@click.option("--alignment", metavar="FILE", help="FASTA or A3M with TEXT in it: the column profile as a baseline.")
@click.option("--pseudocount", default=1.0, show_default=True, help="Added to every count of the column profile.")
@click.option("--batch-size", default=16, show_default=True, help="Sequences computed at a time.")
@output_options(".svg", ".png", ".csv", ".npz")
def command(text: str | None, file: str | None, model: str, as_json: bool, output: str | None, **options: Any) -> None:
    """Say what every single substitution in the sequence TEXT does to how probable a model finds it, in nats.

    Masked models: masked marginals; causal models: log-likelihood ratio.

    \b
    Examples:
      cutaway mutate EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH
      cutaway mutate EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH -o mutations.html
      cutaway mutate "CC(=O)Oc1ccccc1C(=O)O" -m rxnmapper --letters C,N,O,S
      cutaway mutate -f protein.fasta --alignment family.fasta
    """
    from cutaway.predict import mutate
    from cutaway.views import terminal_sequences

    given = sequence_from(text, file)
    named = options.pop("letters")
    letters = named if named is None or "," not in named else [one.strip() for one in named.split(",")]
    result = mutate(given, loaded(model, "any", options), letters=letters, **options)
    emit([result], as_json=as_json, output=output, draw=lambda: terminal_sequences.mutations(result))


def sequence_from(text: str | None, file: str | None) -> str:
    """Return the sequence from the argument, a pipe or a file, which may be FASTA with one record."""
    given = text_from(text, file)
    head, _, rest = given.lstrip().partition("\n")
    if not head.startswith(">") or not rest:
        return given
    if more := [line for line in rest.split("\n") if line.startswith(">")]:
        raise InputError(
            f"the FASTA has {len(more) + 1:,} records, {head[1:40]!r} the first",
            hint="give one sequence at a time",
        )
    return "".join(rest.split())

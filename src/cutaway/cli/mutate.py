"""cutaway mutate"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

import click

from cutaway.cli.common import emit, load_options, loaded, output_options, text_from, text_options
from cutaway.errors import InputError
from cutaway.models.shelf import DEFAULT_PROTEIN

__all__ = ["command", "protein_option", "record_option", "sequence_from"]

protein_option = click.option(
    "-m",
    "--model",
    default=DEFAULT_PROTEIN,
    envvar="CUTAWAY_MODEL",
    show_default=True,
    show_envvar=True,
    help="A masked or a causal model that reads a letter a token: a name from the shelf, a folder, or a Hub id.",
)


record_option = click.option("--record", metavar="ID", help="Which record of a FASTA (or FASTQ, GenBank) with several.")


@click.command("mutate")
@text_options
@protein_option
@load_options
@record_option
@click.option("--alphabet", type=click.Choice(["protein", "dna", "rna"]), help="What TEXT is.  [default: what fits]")
@click.option("--letters", help="What may stand at a position: ACGT, or tokens: C,N,O,Cl.  [default: the alphabet's]")
@click.option("--alignment", metavar="FILE", help="FASTA or A3M with TEXT in it: the column profile as a baseline.")
@click.option("--pseudocount", default=1.0, show_default=True, help="Added to every count of the column profile.")
@click.option("--batch-size", default=16, show_default=True, help="Sequences computed at a time.")
@output_options(".svg", ".png", ".csv", ".npz")
def command(
    text: str | None,
    file: str | None,
    record: str | None,
    model: str,
    as_json: bool,
    output: str | None,
    **options: Any,
) -> None:
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

    given = sequence_from(text, file, record)
    named = options.pop("letters")
    letters = named if named is None or "," not in named else [one.strip() for one in named.split(",")]
    result = mutate(given, loaded(model, "any", options), letters=letters, **options)
    emit([result], as_json=as_json, output=output, draw=lambda: terminal_sequences.mutations(result))


def sequence_from(text: str | None, file: str | None, record: str | None) -> str:
    """Return the sequence from the argument, a pipe or a file; of several records (FASTA, …) the one that is meant."""
    from cutaway.sequences import read_records
    from cutaway.sequences.readers import suffix_format

    if file is not None and text is None and suffix_format(file) in {"fasta", "fastq", "genbank"}:
        return _meant(((one.id, str(one.sequence)) for one in read_records(file, "text")), record)
    given = text_from(text, file)
    if given.lstrip().startswith(">"):
        parts = (part.partition("\n") for part in f"\n{given.lstrip()}".split("\n>")[1:])
        return _meant(((head.split(None, 1)[0] if head.strip() else "", rest) for head, _, rest in parts), record)
    if record is not None:
        raise InputError(f"there is no record {record!r} in a bare sequence", hint="leave --record out")
    return given


def _meant(records: Iterable[tuple[str, str]], wanted: str | None) -> str:
    """Return the sequence of the record that is wanted, or of the only one."""
    names, found = list[str](), ""
    for name, sequence in records:
        if name == wanted:
            return sequence
        if names and wanted is None:
            raise InputError(
                f"there are several records, {names[0]!r} and {name!r} the first of them",
                hint=f"say which: --record {shlex.quote(names[0])}",
            )
        names.append(name)
        found = sequence
    if wanted is not None:
        shown = ", ".join(map(repr, names[:4])) + (" …" if len(names) > 4 else "")
        raise InputError(f"there is no record {wanted!r}", hint=f"there are {len(names):,}: {shown}")
    return found

"""One sequence from the command line: an argument, a pipe, a file of text, or a record of a FASTA, FASTQ or GenBank."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import click

from cutaway.cli.text_input import check_file, text_from
from cutaway.errors import InputError
from cutaway.models.shelf import DEFAULT_PROTEIN

protein_option = click.option(
    "-m",
    "--model",
    default=DEFAULT_PROTEIN,
    envvar="CUTAWAY_MODEL",
    show_envvar=True,
    help="A masked or causal model that reads one letter per token: a name from `cutaway models list`, a folder, "
    "or a Hub id.",
)


alphabet_option = click.option(
    "--alphabet",
    type=click.Choice(["protein", "dna", "rna"]),
    help="What TEXT is made of, if the tokenizer does not say it.  [default: found from TEXT]",
)

record_option = click.option(
    "--record",
    metavar="ID",
    help="Which record to read, if FILE is a FASTA, FASTQ, GenBank, .smi or .sdf file with several.",
)


def sequence_from(text: str | None, file: str | None, record: str | None) -> str:
    """Return the sequence from the argument, a pipe or a file; of several records (FASTA, …) the one that is meant."""
    found = record_from(file, record) if text is None else None
    if found is not None:
        return found
    given = text_from(text, file)
    if given.lstrip().startswith(">"):
        parts = (part.partition("\n") for part in f"\n{given.lstrip()}".split("\n>")[1:])
        return _meant(((head.split(None, 1)[0] if head.strip() else "", rest) for head, _, rest in parts), record)
    if record is not None:
        raise InputError(f"there is no record {record!r} in a bare sequence", hint="leave --record out")
    return given


def record_from(file: str | None, record: str | None) -> str | None:
    """Return the sequence of the chosen record, or None if the suffix is not that of a file of records."""
    if file is None:
        return None
    check_file(file)

    from cutaway.sequences.readers import suffix_format

    if suffix_format(file) not in {"fasta", "fastq", "genbank", "smi", "sdf"}:
        return None
    from cutaway.sequences import read_records

    return _meant(((one.id, str(one.sequence)) for one in read_records(file, "text")), record)


def _meant(records: Iterable[tuple[str, str]], wanted: str | None) -> str:
    """Return the sequence of the record that is wanted, or of the only one."""
    names, found = list[str](), ""
    for name, sequence in records:
        if name == wanted:
            return sequence
        if names and wanted is None:
            raise InputError(
                f"there are several records, such as {names[0]!r} and {name!r}",
                hint=f"choose one: --record {shlex.quote(names[0])}",
            )
        names.append(name)
        found = sequence
    if wanted is not None:
        shown = ", ".join(map(repr, names[:4])) + (" …" if len(names) > 4 else "")
        raise InputError(f"there is no record {wanted!r}", hint=f"there are {len(names):,}: {shown}")
    return found

"""cutaway records"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cutaway.cli.common import note, rename_option
from cutaway.cli.help import Command
from cutaway.cli.output import check_output, debug_option, force_option, quiet_option, verbose_option, wrote
from cutaway.errors import InputError

if TYPE_CHECKING:
    from cutaway.sequences import Record

ALPHABETS = ("text", "dna", "rna", "codon", "protein", "smiles", "series")


@click.command("records", cls=Command)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--alphabet",
    type=click.Choice(ALPHABETS),
    help="What the sequences are made of.  [default: smiles for .smi, else text]",
)
@click.option("--format", "kind", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option(
    "--column",
    multiple=True,
    help="Which column of a table to read; of a series, give one or several. For trajectories, atoms ('name CA') or "
    "variables: phi, psi, 'distance 1 10' (nm), 'dihedral 5 7 9 15' (radians); atoms count from 1.",
)
@click.option("--label-column", help="Which column of a table holds the label.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken records and count them.")
@rename_option
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON, one per line.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write the records to FILE, one per line: .jsonl, or .txt (sequences only)."
)
@force_option
@quiet_option
@verbose_option
@debug_option
def command(
    files: tuple[str, ...],
    alphabet: str | None,
    kind: str | None,
    column: tuple[str, ...],
    label_column: str | None,
    skip_bad: bool,
    rename_duplicates: bool,
    as_json: bool,
    output: str | None,
) -> None:
    """Check FILEs and show what they contain: how many records, how long, and what reading changed in them.

    FILEs are FASTA, FASTQ, GenBank, SMILES, SDF, CSV, JSON lines, Parquet, text or trajectories, gzipped or not. An
    error names the line of the broken record; --skip-bad leaves it out instead. To read a pipe, give - as FILE, and
    --format.

    -o x.txt writes the sequences alone, one per line, for `cutaway train`. A series has one line per time step, and an
    empty line after each record, for `cutaway tokenize`.

    \b
    Examples:
      printf "Water boils\\nThe sea is\\n" > two.txt && cutaway records two.txt
      printf ">one\\nACGTNNacg\\n>two\\nAUG\\n" > genes.fa && cutaway records genes.fa --alphabet dna
      printf "day,wind\\nMo,4.5\\nTu,\\n" > wind.csv && cutaway records wind.csv --alphabet series --json
      seq 100 199 > numbers.txt && cutaway records numbers.txt -o numbers.jsonl
      printf "CCO,ethanol\\nO,water\\n" | cutaway records - --format smi
    """
    from cutaway.sequences import read_records, summarize_records

    if output is not None:
        check_output(output, (".jsonl", ".txt"))
    alphabet = alphabet or _alphabet(files, kind)
    records = read_records(
        files,
        alphabet,
        format=kind,
        column=column or None,
        label_column=label_column,
        skip_bad=skip_bad,
        rename_duplicates=rename_duplicates,
    )
    if output is not None:
        from cutaway.result import write_chunks

        as_lines = _json_lines if not output.endswith(".txt") else _steps if alphabet == "series" else _sequences
        lines = as_lines(records)
        wrote(write_chunks(Path(output), (f"{line}\n".encode() for line in lines)))
    elif as_json:
        for line in _json_lines(records):
            click.echo(line)
    else:
        from cutaway.views import terminal_records
        from cutaway.views.terminal_tables import show

        summary = summarize_records(records)
        show(terminal_records.records(summary))
        if alphabet == "text" and all(_is_number(record.sequence) for record in summary.first):
            note("each record is a number; to read them as one series: `alphabet='series'`")
        return
    note(", ".join(f"{rule}: {count:,}" for rule, count in records.counts.items()))
    for place in records.first_skipped:
        note(f"  {place}")


def _alphabet(files: tuple[str, ...], kind: str | None) -> str:
    """Return what the files are made of if nobody says it; SMILES are checked if RDKit is installed."""
    from cutaway.sequences.readers import suffix_format

    if not all((kind or suffix_format(file)) == "smi" for file in files):
        return "text"
    if importlib.util.find_spec("rdkit") is None:
        note("not checked as SMILES: RDKit is not installed")
        return "text"
    return "smiles"


def _is_number(sequence: Any) -> bool:
    try:
        float(sequence)
    except ValueError:
        return False
    return True


def _steps(records: Iterable[Record]) -> Iterator[str]:
    from cutaway.tokens.codec import number_text

    for number, record in enumerate(records):
        if number:
            yield ""
        channels: Any = record.sequence
        for start in range(0, len(channels[0]), 1024):
            text = number_text([channel[start : start + 1024] for channel in channels])
            yield text.replace("nan", "NA")  # the readers' word for a missing number


def _sequences(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        text = str(record.sequence)
        if "\n" in text or "\r" in text:
            where = f"record {record.id!r} (line {record.line:,} of {record.file!r})"
            why = f"{where} spans several lines; a .txt file holds one record per line"
            raise InputError(why, hint="write a .jsonl file")
        yield text


def _json_lines(records: Iterable[Record]) -> Iterator[str]:
    return (record.to_json() for record in records)

"""cutaway tokenizer train, compare, check"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from cutaway.cli.common import AtLeast, Seed, note, offline_option, rename_option
from cutaway.cli.help import Group
from cutaway.cli.output import emit, output_options, printing_options
from cutaway.cli.text_input import check_file
from cutaway.errors import InputError

_KINDS = ("bpe", "wordpiece", "unigram", "word", "char", "codon", "kmer", "smiles", "selfies", "bins", "states")
_ALPHABETS = ("text", "dna", "rna", "codon", "protein", "smiles", "series")

_SECTIONS = {
    "Of some kinds": (
        "--frame",
        "--k",
        "--overlapping",
        "--closed",
        "--bins",
        "--limit",
        "--scale",
        "--angles",
        "--seed",
    )
}


@click.group("tokenizer", cls=Group)
def command() -> None:
    """Train, compare and check tokenizers of text, DNA, proteins, molecules and numbers."""


@command.command("train", sections=_SECTIONS)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--kind", type=click.Choice(_KINDS), default="bpe", help="What a token is.")
@click.option(
    "--alphabet", type=click.Choice(_ALPHABETS), help="What the files contain.  [default: what fits the kind]"
)
@click.option(
    "--vocab-size",
    type=AtLeast(1),
    help="Number of tokens, including special ones.  [default: 69 for states, 4096 for other kinds that let you "
    "choose]",
)
@click.option("-o", "--output", "directory", required=True, metavar="DIR", help="Folder to save the tokenizer in.")
@click.option("--frame", type=AtLeast(0), help="codon: number of bases before the first codon, 0 to 2.")
@click.option("--k", type=AtLeast(1), help="kmer: number of letters in a token.  [default: 6]")
@click.option(
    "--overlapping", is_flag=True, default=None, help="kmer: start a token at every letter instead of every k letters."
)
@click.option(
    "--closed",
    is_flag=True,
    default=None,
    help="smiles, selfies: make tokens only of what occurs in FILEs; anything else becomes <unk>.",
)
@click.option(
    "--bins",
    "method",
    type=click.Choice(["uniform", "quantile"]),
    help="bins: uniform bins are equally wide; quantile bins hold equally many numbers.",
)
@click.option(
    "--limit",
    type=float,
    help="bins: uniform bins reach from minus to plus this many times the scale of the series.  [default: 15]",
)
@click.option(
    "--scale",
    type=click.Choice(["own", "fixed"]),
    help="quantile bins: each series has a scale of its own, or each channel one for all series.  [default: own]",
)
@click.option(
    "--seed", type=Seed(), help="states: seed of the random choice of time steps and of k-means.  [default: 0]"
)
@click.option(
    "--angles", is_flag=True, default=None, help="states: all numbers are angles in radians, so π is the same as -π."
)
@click.option("--format", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option(
    "--column",
    multiple=True,
    help='Which column of a table to read; of series, give one or several. For trajectories, atoms ("name CA") or '
    'variables: phi, psi, "distance 1 10" (nm), "dihedral 5 7 9 15" (radians); atoms count from 1.',
)
@click.option("--skip-bad", is_flag=True, help="Leave out broken records and count them.")
@rename_option
@click.option("--force", is_flag=True, help="Overwrite a tokenizer that is in DIR.")
@printing_options
def train_command(files: tuple[str, ...], kind: str, directory: str, **options: Any) -> None:
    """Train a tokenizer on the sequences in FILEs, and save it as a folder that transformers loads.

    \b
    Examples:
      seq 100 199 > numbers.txt && cutaway tokenizer train numbers.txt --vocab-size 300 -o my-bpe
      printf ">one\\nATGAAAGCGTTTAAAGCGTAA\\n" > cds.fa && cutaway tokenizer train cds.fa --kind codon -o codons
      printf "GATTACAGATTACA\\n" > dna.txt && cutaway tokenizer train dna.txt --alphabet dna --vocab-size 24 -o dna-bpe
      printf "0 3.1\\n0 -3.1\\n2 1\\n" > phi.txt && cutaway tokenizer train phi.txt --kind states --angles -o states
    """
    for file in files:
        check_file(file)
    from cutaway.tokens import train_from_files
    from cutaway.views import terminal_tokenizers

    given = {name: value for name, value in options.items() if value is not None}
    result = train_from_files(files, directory, kind, **given)
    for place in result.first_skipped:
        note(f"skipped: {place}")
    emit([result], lambda: terminal_tokenizers.saved(result))


@command.command("compare")
@click.argument("files", nargs=-1, required=True, metavar="FILE[=ALPHABET[:COLUMN,...]]...")
@click.option(
    "-t",
    "--tokenizer",
    "names",
    multiple=True,
    required=True,
    metavar="NAME_OR_DIR",
    help="A tokenizer's folder, or the name of a model. Give -t several times.",
)
@click.option("--alphabet", type=click.Choice(_ALPHABETS), default="text", help="What FILEs contain.")
@click.option(
    "--symbols", type=AtLeast(1), default=1_000_000, help="Read at most this many letters or numbers of each FILE."
)
@click.option(
    "--edits",
    type=AtLeast(0),
    default=200,
    help="How many single letters to change, to count the tokens that change with them.",
)
@click.option("--seed", type=Seed(), default=0, help="Seed of the random changes.")
@click.option("--format", "file_format", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option("--skip-bad", is_flag=True, help="Leave out broken records.")
@rename_option
@offline_option
@output_options(".svg", ".png", ".csv")
def compare_command(
    files: tuple[str, ...],
    names: tuple[str, ...],
    alphabet: str,
    symbols: int,
    edits: int,
    seed: int,
    file_format: str | None,
    skip_bad: bool,
    rename_duplicates: bool,
) -> None:
    """Compare tokenizers on the sequences in FILEs, in one table and one figure.

    It measures tokens per word or symbol, symbols and bytes per token, the share of unknown tokens, whether decoding
    gives the sequence back, the share of the vocabulary that occurs, how many tokens change with one letter, bits per
    symbol of a bigram model, and speed. FILE=ALPHABET:COLUMN tells what a file contains and which column to read.

    \b
    Examples:
      printf "Water boils\\nThe sea is\\n" > two.txt && cutaway tokenizer compare two.txt -t gpt2-vocab -t minilm-l6
      printf ">a\\nATGAAAGCGTTTAAA\\n" > cds.fa && cutaway tokenizer compare cds.fa=dna -t gpt2-vocab --json
      echo "The sea was calm." > sea.txt && cutaway tokenizer compare sea.txt -t gpt2-vocab -t minilm-l6 -o sea.html
    """
    from cutaway.models.sources import resolve

    taken_apart = [_file_of(given, alphabet) for given in files]
    for file, _, _ in taken_apart:
        check_file(file)
    for name in names:
        resolve(name, "tokenizer")  # one that is not there is told before the slower imports
    from cutaway.models.named_tokenizer import compare_tokenizers, load_tokenizer
    from cutaway.tokens import Codec, read_sample, selfies_text
    from cutaway.views import terminal_tokenizers

    tokenizers = [load_tokenizer(name) for name in names]
    written = any(Codec.of(one).selfies for one in tokenizers)
    samples = []
    for file, of, columns in taken_apart:
        check = selfies_text if written and of == "smiles" else None
        samples.append(
            read_sample(
                file,
                of,
                symbols=symbols,
                format=file_format,
                column=columns or None,
                check=check,
                skip_bad=skip_bad,
                rename_duplicates=rename_duplicates,
            )
        )
    result = compare_tokenizers(tokenizers, samples, edits=edits, seed=seed)
    emit([result], lambda: terminal_tokenizers.comparison(result))


def _file_of(given: str, alphabet: str) -> tuple[str, str, list[str]]:
    """Take FILE=ALPHABET:COLUMN,COLUMN apart; what is a file's own name stays whole."""
    file, equals, said = given.rpartition("=")
    of, _, columns = said.partition(":")
    with contextlib.suppress(OSError):  # a name that no file may have
        if Path(given).exists():
            return given, alphabet, []
    if equals and of not in _ALPHABETS and Path(file).is_file():
        raise InputError(
            f"there is no alphabet {of!r}", hint=f"write {file}=ALPHABET with one of {', '.join(_ALPHABETS)}"
        )
    if not equals or of not in _ALPHABETS:
        return given, alphabet, []
    return file, of, [column for column in columns.split(",") if column]


@command.command("check")
@click.argument("tokenizer", metavar="DIR_OR_NAME")
@click.option(
    "--alphabet",
    type=click.Choice(_ALPHABETS),
    help="Kind of the input to try.  [default: what the tokenizer was made for, else text]",
)
@click.option("-n", "--number", type=AtLeast(1), default=20_000, help="How many inputs to try.")
@click.option("--seed", type=Seed(), default=0, help="Seed of the random inputs.")
@click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take.")
@offline_option
@output_options(".csv")
def check_command(tokenizer: str, alphabet: str | None, number: int, seed: int, revision: str | None) -> None:
    """Try difficult inputs on a tokenizer, and show the shortest one that decodes to something else.

    The exit code is 1 if it loses anything besides its declared losses (such as upper case).

    \b
    Example:
      cutaway tokenizer check gpt2-vocab -n 2000
    """
    from cutaway.models.sources import resolve

    resolve(tokenizer, "tokenizer", revision)  # one that is not there is told before the slower imports
    from cutaway.models.named_tokenizer import load_tokenizer
    from cutaway.tokens import check_tokenizer
    from cutaway.views import terminal_tokenizers

    loaded = load_tokenizer(tokenizer, revision=revision)
    result = check_tokenizer(loaded, alphabet=alphabet, number=number, seed=seed)
    emit([result], lambda: terminal_tokenizers.check(result))
    if not result.passed:
        sys.exit(1)

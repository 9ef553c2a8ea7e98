"""One reader per file format: a function that takes a `Request` and yields raw records.

A raw record holds what the file states and can name the place of each letter; an alphabet checks it afterwards. If one
record is bad, the reader yields a `BadSequence` and continues. If the rest of the file cannot be read, it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath

from cutaway.errors import BadSequence, InputError
from cutaway.sequences.readers import fasta, fastq, genbank, molecules, tables, trajectories, txt_jsonl
from cutaway.sequences.readers.request import Raw, Request
from cutaway.sequences.readers.selection import need_mdtraj

READERS: dict[str, Callable[[Request], Iterator[Raw | BadSequence]]] = {
    "txt": txt_jsonl.read_txt,
    "jsonl": txt_jsonl.read_jsonl,
    "csv": tables.read_csv,
    "tsv": tables.read_csv,
    "parquet": tables.read_parquet,
    "fasta": fasta.read_fasta,
    "fastq": fastq.read_fastq,
    "genbank": genbank.read_genbank,
    "smi": molecules.read_smi,
    "sdf": molecules.read_sdf,
    "xtc": trajectories.read_trajectory,
    "dcd": trajectories.read_trajectory,
    "trr": trajectories.read_trr,
    "pdb": trajectories.read_pdb,
}
"""The reader of each format, by the format's name."""

LIBRARIES: dict[str, Callable[[], object]] = {
    "parquet": tables.need_pyarrow,
    "genbank": genbank.need_biopython,
    "sdf": molecules.need_rdkit,
    "xtc": need_mdtraj,
    "dcd": need_mdtraj,
}
"""For each format that needs an optional library, a function that raises `InputError` if it is not installed."""

_SUFFIXES = {
    "txt": "txt text",
    "jsonl": "jsonl ndjson",
    "csv": "csv",
    "tsv": "tsv tab",
    "parquet": "parquet pq",
    "fasta": "fasta fa fna faa ffn frn fas fsa",
    "fastq": "fastq fq",
    "genbank": "genbank gb gbk gbff gp",
    "smi": "smi smiles",
    "sdf": "sdf sd mol",
    "xtc": "xtc",
    "dcd": "dcd",
    "trr": "trr",
    "pdb": "pdb ent",
}
_FORMATS = {f".{suffix}": name for name, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}


def format_of(file: str) -> str:
    """Return the format that the suffix of a file means. Raises `InputError` for an unknown suffix.

    >>> format_of("genome.fna.gz")
    'fasta'
    """
    found = suffix_format(file)
    if found is None:
        raise InputError(f"{file!r} has no known suffix", hint=f"give the `format` of the file: {', '.join(READERS)}")
    return found


def suffix_format(file: str) -> str | None:
    """Return the format that the suffix of a file means, or None.

    >>> suffix_format("genome.fna.gz"), suffix_format("genome")
    ('fasta', None)
    """
    return _FORMATS.get(PurePath(file.lower().removesuffix(".gz")).suffix)

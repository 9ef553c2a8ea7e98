"""How files hold sequences: for each format a function that takes what is asked for and yields raw records.

A raw record is what the file says, with the place of each letter; alphabets check it afterwards. What is wrong with one
record is yielded as a `BadSequence`, so that reading can go on behind it; what is wrong with the rest of a file is
raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath

from cutaway.errors import BadSequence, InputError
from cutaway.sequences.readers import fasta, fastq, genbank, molecules, tables, trajectories, txt_jsonl
from cutaway.sequences.readers.request import Raw, Request

__all__ = ["LIBRARIES", "READERS", "Raw", "Request", "format_of", "suffix_format"]

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
    "xtc": trajectories.need_mdtraj,
    "dcd": trajectories.need_mdtraj,
}
"""What raises `InputError` where the library is missing that a format needs."""

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
    """Return the format that a file's name tells. Raises `InputError` where it tells none.

    >>> format_of("genome.fna.gz")
    'fasta'
    """
    found = suffix_format(file)
    if found is None:
        raise InputError(f"can't tell a format from the name {file!r}", hint=f"say it: --format {'|'.join(READERS)}")
    return found


def suffix_format(file: str) -> str | None:
    """Return the format that a file's name tells, or None.

    >>> suffix_format("genome.fna.gz"), suffix_format("genome")
    ('fasta', None)
    """
    return _FORMATS.get(PurePath(file.lower().removesuffix(".gz")).suffix)

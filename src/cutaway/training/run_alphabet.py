"""The alphabet of a run's data: as it is given, or the only one that the files can have."""

from __future__ import annotations

import os
from typing import Final

from cutaway.sequences import read_plain_text
from cutaway.sequences.readers import suffix_format
from cutaway.training.settings import Settings

_OF_SEQUENCES: Final = {"fasta", "fastq", "genbank"}
_OF_NUMBERS: Final = {"xtc", "dcd", "trr", "pdb"}


def alphabet_of(settings: Settings, paths: list[str]) -> str:
    """Return the alphabet that is given, or the only one that the files can have.

    Raises `InputError` if the files hold sequences whose alphabet is not given.
    """
    data = settings.data
    if data.alphabet is not None:
        return data.alphabet
    if data.as_text:
        return "text"
    kinds = {path: data.format or suffix_format(path) for path in paths}
    found = set(kinds.values())
    if found <= {"smi", "sdf"}:
        return "smiles"
    if found <= _OF_NUMBERS:
        return "series"
    word = os.fspath(data.tokenizer).partition(":")[0] if data.tokenizer is not None else ""
    if word in ("codon", "smiles", "selfies"):
        return {"selfies": "smiles"}.get(word, word)
    if word in ("bins", "states"):
        return "series"
    if data.column is None or found & _OF_SEQUENCES:
        for path in paths:
            read_plain_text(path)  # it refuses records, and says what their alphabet seems to be
    return "text"

"""The ids that a model with a head reads for one record."""

from __future__ import annotations

from typing import Any

from cutaway.models.prompt import fit_context
from cutaway.models.text_model import TextModel
from cutaway.sequences.alphabets import CHECKS
from cutaway.tokens.alphabet_detection import ALPHABETS, letters_apart, reads_smiles
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer


def alphabet_for(tokenizer: Tokenizer) -> str:
    """Return the alphabet that a tokenizer declares; SMILES if its tokens are atoms, else text."""
    own = Codec.of(tokenizer).alphabet
    if own in CHECKS:
        return str(own)
    return "smiles" if reads_smiles(tokenizer) else "text"


def record_ids(model: TextModel, sequence: Any, alphabet: str, *, truncate: str | None = None) -> tuple[list[int], int]:
    """Return the ids of a record, with the special tokens that its tokenizer adds, and how many were cut off.

    Raises `PromptTooLong` if the record is longer than the model reads, unless `truncate` says which end to cut.
    """
    codec = Codec.of(model.tokenizer, alphabet)
    written = letters_apart(model.tokenizer, sequence) if alphabet in ALPHABETS else sequence
    ids = codec.encode(written).ids
    kept = fit_context(model, ids, truncate=truncate)
    return kept, len(ids) - len(kept)

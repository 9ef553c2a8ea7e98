"""Tokenizers made again from a task's own text, and what they make of a line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cutaway.lessons.homework.task import Record


def tokens_of(text: str, trained_on: str, suffix: str, kind: str, options: dict[str, Any]) -> Record:
    """Train a tokenizer on a text as `tokenizer train` does, and return a line's tokens, without the folder's name."""
    from cutaway.models.named_tokenizer import tokenize
    from cutaway.tokens.training_from_files import train_from_files

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"source{suffix}")
        source.write_text(trained_on, encoding="utf-8", newline="\n")
        train_from_files([source], Path(folder, "made"), kind, **options)
        found = tokenize(text, Path(folder, "made")).to_dict()
    return {key: value for key, value in found.items() if key not in ("model", "schema")}

"""The folder beside the tour's page in which the trained model is saved."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

NAME = "tiny-model"
CARD = "Trained by `cutaway tour` on the built-in grammar."  # a later tour recognises the folder by this sentence
WRITTEN = {"README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
WRITTEN |= {"tokenizer_config.json", "special_tokens_map.json"}


def new_folder(beside: Path, *, replace: bool) -> Path:
    """Return `tiny-model` in the folder `beside`, or `tiny-model-2` and so on if that name is taken.

    With `replace`, a folder that an earlier tour wrote may be used again, unless files were added to it.
    """
    for number in itertools.count(1):
        folder = beside / (NAME if number == 1 else f"{NAME}-{number}")
        if not (folder.exists() or folder.is_symlink()) or (replace and _by_a_tour(folder)):
            return folder
    raise AssertionError("there is always a next number")


def clear(folder: Path) -> None:
    """Remove a folder if a tour wrote it; leave any other folder as it is."""
    if _by_a_tour(folder):
        shutil.rmtree(folder)


def _by_a_tour(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir() or not {path.name for path in folder.iterdir()} <= WRITTEN:
        return False
    card = folder / "README.md"
    return card.is_file() and CARD in card.read_text(encoding="utf-8", errors="replace")

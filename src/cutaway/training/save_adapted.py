"""Save adapters in PEFT's format, with a tokenizer and a card; the model itself stays where it is."""

from __future__ import annotations

import os
from typing import Final

from cutaway.errors import cannot_write
from cutaway.folders import check_new_folder, written_aside
from cutaway.models.saving import MODEL_FILES, RUN_FILES, save_tokenizer_of
from cutaway.models.text_model import Model
from cutaway.training.adapter_folder import FILES
from cutaway.training.lora import save_adapter

_FILES: Final = {*RUN_FILES, *MODEL_FILES, *FILES}


def save_adapted(model: Model, directory: str | os.PathLike[str], card_text: str) -> None:
    """Write adapters, tokenizer and card into a run's folder, whole or not at all. Raises `OutputError`."""
    target = check_new_folder(directory, beside=_FILES)
    try:
        with written_aside(target) as aside:
            save_tokenizer_of(model, aside)
            (aside / "README.md").write_text(card_text, encoding="utf-8")
            save_adapter(model.module, aside)
    except OSError as error:
        raise cannot_write(
            f"can't save to {str(target)!r}: {error.strerror or error}",
            error,
            hint="name a folder on a disk that you may write to and that has room",
        ) from error

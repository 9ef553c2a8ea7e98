"""The settings of a run that trains a model further; torch is not needed to find what is wrong with them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import Any, Final

from cutaway.errors import InputError, counted
from cutaway.extras import install_line
from cutaway.models.config_outline import BIDIRECTIONAL, Outline, outline
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.sequences import read_records
from cutaway.shards.labels import kind_of_labels
from cutaway.training.run_alphabet import alphabet_of
from cutaway.training.settings import Settings
from cutaway.training.starting_tokenizer import alphabet_for

DEFAULTS: Final = {"optimizer": "adamw", "batch_size": 16}
"""What `finetune` uses unless told otherwise, if it is not what `train` uses."""

EPOCHS: Final = 3
_LENGTHS: Final = ("steps", "tokens", "epochs", "minutes")


def finetuning_settings(model: str | os.PathLike[str], data: Any, **settings: Any) -> Settings:
    """Return the settings of a run that trains a model further. Raises `InputError` and `ModelError`."""
    given = {name: value for name, value in settings.items() if value is not None}
    found = outline(model)
    Settings.of(data=data).data.check_files()
    if given.get("lora") and importlib.util.find_spec("peft") is None:
        raise InputError("LoRA needs the library peft, which is not installed", hint=install_line("train"))
    if found.layers is not None and given.get("freeze", 0) > found.layers:
        raise InputError(
            f"`freeze` is {given['freeze']}, and {found.name} has {counted(found.layers, 'layer')}",
            hint=f"choose at most {found.layers}: then only what comes after the layers is trained",
        )
    declared = alphabet_for(load_tokenizer(model))
    if declared is not None:
        given.setdefault("alphabet", declared)
    if given.get("label_column") is not None:
        given.setdefault("objective", _kind(data, given))
    elif given.get("target_column") is not None:
        given.setdefault("objective", "seq2seq")
    else:
        given.setdefault("objective", usual_objective(found))
    if given["objective"] in ("classes", "numbers") and given.get("label_column") is None:
        raise InputError(
            f"the objective {given['objective']!r} needs labels", hint="say where they are with `label_column`"
        )
    if not any(name in given for name in _LENGTHS):
        given["epochs"] = EPOCHS
    return Settings.of(data=data, start=os.fspath(model), **{**DEFAULTS, **given})


def _kind(data: Any, given: dict[str, Any]) -> str:
    """Return what the labels of the data are: classes (one or several a record) or numbers."""
    read = {"alphabet": given.get("alphabet"), "format": given.get("format"), "column": given.get("column")}
    settings = Settings.of(data=data, **read)
    paths = list(settings.data.paths)
    if not paths:
        raise InputError(f"{settings.data.source!r} has no labels", hint="give files of records")

    def labels() -> Iterator[str]:
        for record in read_records(
            paths, alphabet_of(settings, paths), format=settings.data.format, column=settings.data.column,
            skip_bad=given.get("skip_bad", False), rename_duplicates=given.get("rename_duplicates", False),
            label_column=given["label_column"],
        ):  # fmt: skip
            if record.label is not None and record.label.strip():
                yield record.label

    return "numbers" if kind_of_labels(labels()) == "numbers" else "classes"


def usual_objective(outline: Outline) -> str:
    """Return what a model was made to do: causal, masked, seq2seq, classes or numbers.

    >>> from pathlib import Path
    >>> usual_objective(Outline("a", Path("a"), 1, 1, "BertModel", "bert"))
    'masked'
    """
    if "ForSequenceClassification" in outline.built:
        return "classes"
    if outline.is_encoder_decoder:
        return "seq2seq"
    both_sides = outline.type in BIDIRECTIONAL and not outline.is_decoder
    return "masked" if both_sides or "ForMaskedLM" in outline.built or "ForPreTraining" in outline.built else "causal"

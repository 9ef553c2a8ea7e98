"""`finetune`: train a model further, whole or by LoRA, on data of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from cutaway.training.finetuning_settings import finetuning_settings
from cutaway.training.records import StepRecord
from cutaway.training.result import Training
from cutaway.training.run import train_with


def finetune(
    model: str | os.PathLike[str],
    data: Any,
    *,
    output: str | os.PathLike[str] | None = None,
    on_step: Callable[[StepRecord], object] | None = None,
    tensorboard: bool | None = None,
    **settings: Any,
) -> Training:
    """Train a model further on one or more files, and save it.

    `objective` is by default what the model was made for; with `label_column` it gets a new head, for classes or for
    numbers. With `lora` only adapters of that rank are trained, beside all linear layers of the blocks or those that
    `lora_targets` names. `freeze` keeps the embeddings and so many first layers as they are. The other settings are
    those of `train`, as are `on_step` and `tensorboard`; the tokenizer is the model's own. The length is three epochs
    unless it is given.

    The folder `output` is one that plain transformers loads; with `lora` it has the adapters in PEFT's format, and
    `merge` makes a model of it. If the run is cut off, the same call goes on from the last complete checkpoint.

    Raises a `ModelError` if the model can't be loaded, `InputError` for a setting out of range, for data that its
    tokenizer does not know and for a model that can't be trained for the objective, and what `train` raises.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("rated.csv").write_text("text,label\\n" + "".join(f"{n},{n % 2 > 0}\\n" for n in range(40)))
        >>> result = finetune("minilm-l6", "rated.csv", column="text", label_column="label", steps=1, held_out=0.5)
        >>> result.objective
        'classes'
    """
    chosen = finetuning_settings(model, data, **settings)
    return train_with(chosen, output=output, on_step=on_step, tensorboard=tensorboard)

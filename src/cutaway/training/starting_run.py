"""The beginning of a run that trains a given model further: what of it is trained, and the data as it reads them."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError
from cutaway.models import Model
from cutaway.models.shelf import SHELF
from cutaway.models.shipped_models import shipped
from cutaway.training.isolation import check_isolated
from cutaway.training.lora import add_lora
from cutaway.training.objectives import Scale
from cutaway.training.optimizers import peak_rate
from cutaway.training.run_data import RunData, read_data
from cutaway.training.settings import Settings
from cutaway.training.starting_model import StartingModel, starting_model

# Peaks for a width of 384 that fall with the root of the width; chosen on pilots: see docs/LOG.md.
_WHOLE: Final = {"adamw": 5e-5, "muon": 1e-4}
_LORA: Final = {"adamw": 1e-3, "muon": 3e-3}


def begin(settings: Settings, data: RunData, context: int) -> tuple[Model, RunData]:
    """Return the model that `settings.model.start` names, ready to be trained, and its data.

    Rows are packed only if the model keeps their pieces apart. Raises what `starting_model` and `add_lora` raise.
    """
    model, seed = settings.model, settings.loop.seed
    start = starting_model(model, data.tokenizer, **data.classes(settings.data.label_column), seed=seed)
    module, data = start.module, data.for_head(start.module)
    if data.scale is not None and not start.new:
        Scale(*data.scale).apply(module)
    if not data.single and settings.loop.rows is None and not _is_isolated(module, settings, data):
        data = read_data(dataclasses.replace(settings, loop=dataclasses.replace(settings.loop, rows="single")), context)
    if model.lora is not None:
        add_lora(
            module, model.lora, objective=model.objective, targets=model.lora_targets, dropout=model.dropout, seed=seed,
            new=start.new, base=_place(start),
        )  # fmt: skip
    return Model(start.name, start.path, module, data.tokenizer), data


def usual_rate(settings: Settings, width: int) -> float:
    """Return the peak learning rate that is used unless one is given, for a model of width D.

    >>> usual_rate(Settings.of(optimizer="adamw", start="minilm-l6", lora=8), 384)
    0.001
    """
    model, optimizer = settings.model, settings.loop.optimizer
    if model.start is None:
        return peak_rate(optimizer, width)
    rates = _WHOLE if model.lora is None else _LORA
    return float(f"{rates[optimizer] * math.sqrt(384 / max(width, 64)):.2g}")


def _is_isolated(module: Any, settings: Settings, data: RunData) -> bool:
    """Return whether a model keeps the pieces of a packed row apart, tried on the first rows."""
    try:
        rows = (data.rows.row(settings.loop.seed, index) for index in range(settings.loop.batch_size))
        check_isolated(module, rows, settings.model.objective)
    except InputError:
        return False
    return True


def _place(start: StartingModel) -> str:
    """Return where PEFT finds the model: its folder on this machine, or its name on the Hub."""
    local = start.name in SHELF or shipped(start.name) is not None or Path(start.name).exists()
    return os.fspath(start.path.absolute()) if local and start.path is not None else start.name

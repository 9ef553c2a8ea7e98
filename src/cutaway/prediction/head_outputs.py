"""What a model's head gives for whole records: a number, or a logit for each label.

Axis letters: `B` rows, `T` positions, `N` records, `K` labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cutaway.errors import ModelError, WrongKind
from cutaway.models.config_outline import check_labels
from cutaway.models.text_model import Model
from cutaway.progress import step

Floats = NDArray[np.float64]

_TOKENS = 8192  # of a batch, padding included


def head_objective(model: Model) -> str:
    """Return what a model with a head predicts: "classes" (one label), "many" (several) or "numbers".

    Raises `WrongKind` for a model without a head and for one that predicts several numbers.
    """
    config = model.config
    check_labels(model.name, type(model.module).__name__)
    kind = config.problem_type or ("regression" if config.num_labels == 1 else "")
    if kind == "regression" and config.num_labels > 1:
        raise WrongKind(
            f"{model.name} predicts {config.num_labels} numbers a record", hint="take a model of one number"
        )
    return {"regression": "numbers", "multi_label_classification": "many"}.get(kind, "classes")


def head_outputs(model: Model, rows: Sequence[list[int]]) -> Floats:
    """Return the outputs (N, K) of the model's head for the ids of each record.

    Raises `ModelError` if one is not a finite number.
    """
    found: dict[int, Floats] = {}
    with step("running records", len(rows)) as running, torch.inference_mode():
        for batch in _batches(rows, pads=model.config.get_text_config().pad_token_id is not None):
            ids_BT, mask_BT = padded([rows[i] for i in batch], model)
            logits_BK = model.module(input_ids=ids_BT, attention_mask=mask_BT).logits.double().cpu().numpy()
            found |= dict(zip(batch, logits_BK, strict=True))
            running.advance(len(batch))
    outputs_NK = np.stack([found[i] for i in range(len(rows))])
    if not np.isfinite(outputs_NK).all():
        raise ModelError(
            f"{model.name} gives outputs that are not finite numbers",
            hint="its weights are damaged, or `dtype` is too small for it: try `dtype='float32'`",
        )
    return outputs_NK


def chances(outputs_NK: Floats, objective: str) -> Floats:
    """Return the probability (N, K) of each label: the softmax of logits, or of "many" labels each one's own."""
    if objective == "many":
        return np.asarray(1 / (1 + np.exp(-np.clip(outputs_NK, -700, 700))))
    chance_NK = np.exp(outputs_NK - outputs_NK.max(1, keepdims=True))
    return np.asarray(chance_NK / chance_NK.sum(1, keepdims=True))


def padded(rows: Sequence[list[int]], model: Model) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids [B, T] and their mask, padded on the right."""
    pad: Any = model.config.get_text_config().pad_token_id
    length = max(map(len, rows))
    ids_BT = torch.tensor([row + [pad or 0] * (length - len(row)) for row in rows], device=model.device)
    mask_BT = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=model.device)
    return ids_BT, mask_BT


def _batches(rows: Sequence[list[int]], *, pads: bool) -> Iterator[list[int]]:
    """Yield the numbers of rows that are run together; each alone if the model does not know its padding."""
    batch = list[int]()
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and (not pads or (len(batch) + 1) * len(rows[i]) > _TOKENS):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch

"""What a model says of whole records: the probabilities of their labels, a number, or a text that it writes.

Axis letters: `B` rows, `N` records, `K` labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from cutaway.errors import ModelError
from cutaway.evaluation.encoding import Encoded
from cutaway.evaluation.likelihood import cut_ids, room
from cutaway.evaluation.resampling import Floats
from cutaway.models.text_model import Model
from cutaway.progress import step
from cutaway.tokens.codec import Codec

_TOKENS = 8192  # of a batch, padding included


def head_outputs(model: Model, records: Sequence[Encoded], window: int | None = None) -> Floats:
    """Return the outputs (N, K) of the model's head for each record; one that is too long is cut on the right."""
    rows = [cut_ids(one, room(model, window)) for one in records]
    found: dict[int, Floats] = {}
    with step("running records", len(rows)) as running, torch.inference_mode():
        for batch in _batches(rows, pads=model.config.get_text_config().pad_token_id is not None):
            ids_BT, mask_BT = _padded([rows[i] for i in batch], model)
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


def written_texts(model: Model, sources: Sequence[Encoded], longest: int, window: int | None = None) -> list[str]:
    """Return what an encoder-decoder writes for each source, greedily, in at most `longest` tokens.

    It is transformers' own `generate`, one source at a time, with what the model's own settings force or forbid.
    """
    codec, texts = Codec.of(model.tokenizer), list[str]()
    with step("writing", len(sources)) as writing, torch.inference_mode():
        for source in sources:
            ids_BT, mask_BT = _padded([cut_ids(source, room(model, window))], model)
            said = model.module.generate(
                input_ids=ids_BT, attention_mask=mask_BT, max_new_tokens=longest, do_sample=False, num_beams=1
            )
            texts.append(str(codec.decode(said[0].tolist())))
            writing.advance(1)
    return texts


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


def _padded(rows: Sequence[list[int]], model: Model) -> tuple[torch.Tensor, torch.Tensor]:
    pad: Any = model.config.get_text_config().pad_token_id
    length = max(map(len, rows))
    ids_BT = torch.tensor([row + [pad or 0] * (length - len(row)) for row in rows], device=model.device)
    mask_BT = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=model.device)
    return ids_BT, mask_BT

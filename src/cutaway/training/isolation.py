"""Whether the pieces of a packed row are hidden from each other, tried on the model itself.

Some models count positions in their own way, mix tokens without attention, or read a mask only in part. Nothing says so
in general, so one packed row is compared with its pieces alone, which need no mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch

from cutaway.errors import InputError
from cutaway.models.context_limit import first_position
from cutaway.shards import Row
from cutaway.training.batches import isolated
from cutaway.training.objectives import logits_of

_NEAR: Final = 1e-3  # of the spread of the logits; float32 differs by a millionth of it


@torch.no_grad()
def check_isolated(module: Any, rows: Iterable[Row], objective: str) -> None:
    """Raise `InputError` if a model's logits on a packed row are not those of its pieces, each alone.

    The first of the rows that has several pieces is tried.
    """
    row = next((row for row in rows if len(row.lengths) > 1), None)
    if row is None:
        return
    window = getattr(module.config, "sliding_window", None)
    if isinstance(window, int) and len(row.ids) > window:  # the mask of a packed row takes the window's place
        raise _refused(module, f"its attention sees {window:,} tokens, and a row has up to {len(row.ids):,}")
    module.eval()
    ids_T = torch.from_numpy(row.ids)
    pieces = [piece[None] for piece in torch.split(ids_T, list(row.lengths))]
    alone_TV = torch.cat([logits_of(module, {"input_ids": piece})[0] for piece in pieces]).float()
    try:
        first = first_position(module.config)
        hidden = isolated([row], len(row.ids), causal=objective == "causal", first=first)
        packed_TV = logits_of(module, {"input_ids": ids_T[None], **hidden})[0].float()
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise _refused(module, f"it can't read a row of several: {str(error).splitlines()[0]}") from error
    apart = float((packed_TV - alone_TV).abs().max())
    if not apart <= _NEAR * max(float(alone_TV.std()), 1e-6):
        raise _refused(module, f"the logits of a row of {len(row.lengths)} are off by up to {apart:.2g}")


def _refused(module: Any, why: str) -> InputError:
    return InputError(
        f"a {module.config.model_type} model does not keep the records of a packed row apart: {why}",
        hint="use `rows='single'`",
    )

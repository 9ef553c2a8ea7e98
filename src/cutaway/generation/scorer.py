"""How surprising texts are to one fixed model, many at a time.

Axis letters: B texts, T positions, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from cutaway.models.text_model import Model

_AT_ONCE = 512  # positions whose logits are held at once: 100 MB for a vocabulary of 49,152


@dataclasses.dataclass(frozen=True)
class Scored:
    """The surprisal of a continuation under a model: its sum in nats, and the number of tokens."""

    nats: float
    tokens: int


@torch.inference_mode()
def score_continuations(model: Model, pairs: Sequence[tuple[str, str]]) -> list[Scored | None]:
    """Return for each pair −ln p of its second text after the first under a causal model, in nats.

    The two are encoded as one text. A token is scored if it ends after the end of the first text, so a token across the
    border is scored as a whole. A pair too long for the context loses its beginning. The result is None if the second
    text has no token. The numbers depend only on the pairs and their order.
    """
    found: list[Scored | None] = [None] * len(pairs)
    cut = {i: ids for i, pair in enumerate(pairs) if (ids := _encoded(model, *pair)) is not None}
    waiting: list[int] = []
    for i in cut:
        waiting.append(i)
        if len(waiting) * max(len(cut[j][1]) for j in waiting) >= _AT_ONCE:
            found = _scored(model, waiting, cut, found)
            waiting = []
    return _scored(model, waiting, cut, found) if waiting else found


def _encoded(model: Model, before: str, text: str) -> tuple[list[int], list[int]] | None:
    """Return the ids before the scored ones, and the scored ids."""
    encoding = model.tokenizer.encode(before + text)
    edge = next((t for t, (_, end) in enumerate(encoding.offsets) if end > len(before)), len(encoding.ids))
    # The very first token can't be scored, because nothing comes before it; special tokens at the end are not text.
    edge = max(1, edge)
    end = len(encoding.ids)
    while end > edge and encoding.special[end - 1]:
        end -= 1
    if not text or end <= edge:
        return None
    before_ids, ids = encoding.ids[:edge], encoding.ids[edge:end]
    if model.context is not None:
        ids = ids[: model.context - 1]
        before_ids = before_ids[-(model.context - len(ids)) :]
    return before_ids, ids


def _scored(
    model: Model, which: list[int], cut: dict[int, tuple[list[int], list[int]]], found: list[Scored | None]
) -> list[Scored | None]:
    # The rows are aligned at their borders, so that only the positions after them need logits.
    left = max(len(cut[i][0]) for i in which)
    right = max(len(cut[i][1]) for i in which)
    ids_BT = torch.zeros(len(which), left + right, dtype=torch.long)
    mask_BT = torch.zeros_like(ids_BT)
    for row, i in enumerate(which):
        before, ids = cut[i]
        span = slice(left - len(before), left + len(ids))
        ids_BT[row, span] = torch.tensor(before + ids)
        mask_BT[row, span] = 1
    positions_BT = (mask_BT.cumsum(-1) - 1).clamp_min(0)
    accepted = inspect.signature(model.module.forward).parameters
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT, "position_ids": positions_BT}
    inputs = {name: tensor.to(model.device) for name, tensor in inputs.items() if name in accepted}
    kept = {"logits_to_keep": right + 1} if "logits_to_keep" in accepted else {}
    logits_BTV = model.module(**inputs, **kept, use_cache=False).logits[:, -right - 1 : -1]
    for row, i in enumerate(which):
        ids = cut[i][1]
        logprobs_TV = logits_BTV[row, : len(ids)].float().log_softmax(-1)
        targets_T1 = torch.tensor(ids, device=logprobs_TV.device)[:, None]
        found[i] = Scored(-math.fsum(logprobs_TV.gather(1, targets_T1)[:, 0].tolist()), len(ids))
    return found

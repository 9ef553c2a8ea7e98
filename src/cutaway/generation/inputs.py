"""What every decoder of a transformers model needs: padded prompts, the last logits, the model's own rules.

Axis letters: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers

from cutaway.generation.rows import Row
from cutaway.models.text_model import Model

PROBE = [3, 5, 4, 6, 3]  # ids that every vocabulary has, to try a model on


def padded(prompts: Sequence[Sequence[int]], model: Model, *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the prompts' ids_BT and the mask_BT that leaves their padding out."""
    # Padding is never attended to, but some models count positions by its id; 0 exists in every vocabulary.
    pad = getattr(model.config, "pad_token_id", None) or 0
    longest = max(len(ids) for ids in prompts)
    ids, mask = [], []
    for prompt in prompts:
        fill = longest - len(prompt)
        ids.append([pad] * fill + [*prompt] if left else [*prompt] + [pad] * fill)
        mask.append([0] * fill + [1] * len(prompt) if left else [1] * len(prompt) + [0] * fill)
    return torch.tensor(ids, device=model.device), torch.tensor(mask, device=model.device)


def last_logits(output: Any, at: int = -1) -> npt.NDArray[np.float32]:
    """Return an output's logits_BV at one position."""
    logits_BV: npt.NDArray[np.float32] = output.logits[:, at].float().cpu().numpy()
    return logits_BV


def agree(model: Model, found_BV: npt.NDArray[np.float32], wanted_BV: npt.NDArray[np.float32]) -> bool:
    """Say whether two logits differ by no more than two orders of adding do; a wrong position differs by more."""
    spread = float(np.linalg.norm(wanted_BV - wanted_BV.mean(-1, keepdims=True)))
    within = 1e-3 if model.module.dtype in {torch.float32, torch.float64} else 0.05
    return float(np.linalg.norm(found_BV - wanted_BV)) <= within * spread


def own_rules(model: Model, row: Row) -> list[Any]:
    """Return what the model's generation settings say of single tokens, in the order of transformers' `generate`.

    Settings of taste (beams, penalties, temperature) are the caller's.
    """
    settings = model.module.generation_config
    begin = len(row.seen)
    rules: list[Any] = []
    if settings.bad_words_ids is not None:
        rules.append(transformers.NoBadWordsLogitsProcessor(settings.bad_words_ids, sorted(model.end_ids)))
    if settings.forced_bos_token_id is not None:
        rules.append(transformers.ForcedBOSTokenLogitsProcessor(settings.forced_bos_token_id))
    if settings.forced_eos_token_id is not None and row.min_new_tokens < row.max_new_tokens:
        longest = begin + row.max_new_tokens
        rules.append(transformers.ForcedEOSTokenLogitsProcessor(longest, settings.forced_eos_token_id))
    if settings.suppress_tokens is not None:
        rules.append(transformers.SuppressTokensLogitsProcessor(settings.suppress_tokens))
    if settings.begin_suppress_tokens is not None:
        first = begin if begin > 1 or settings.forced_bos_token_id is None else begin + 1
        rules.append(transformers.SuppressTokensAtBeginLogitsProcessor(settings.begin_suppress_tokens, first))
    return rules

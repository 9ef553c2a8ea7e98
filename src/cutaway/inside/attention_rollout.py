"""Attention rollout: how much of each input token reaches each position through all layers (Abnar & Zuidema 2020).

Each layer is taken as ½ (mean of its heads) + ½ (the residual path); rollout is the product of the layers, A_L ⋯ A_1.
Axis letters: T positions, N rows of a tile.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cutaway.inside.capture import Call


def rollout(calls: Sequence[Call]) -> torch.Tensor:
    """Return the rollout matrix [T, T] of one text's self-attention calls, first layer first; rows sum to 1."""
    length = calls[0].rows
    product_TT = torch.eye(length, dtype=calls[0].query.dtype, device=calls[0].query.device)
    for call in calls:
        next_TT = 0.5 * product_TT
        for tile in call.tiles():
            next_TT[tile.start : tile.end] += 0.5 * (_mean(tile.weights) @ product_TT[: tile.seen])
        product_TT = next_TT
    return product_TT


def rollout_row(calls: Sequence[Call], position: int) -> torch.Tensor:
    """Return one position's row [T] of the rollout matrix, from the last layer down, in O(T) memory."""
    row_T = torch.zeros(calls[0].rows, dtype=calls[0].query.dtype, device=calls[0].query.device)
    row_T[position] = 1.0
    for call in reversed(calls):
        below_T = 0.5 * row_T
        for tile in call.tiles():
            part_N = row_T[tile.start : tile.end]
            if part_N.any():
                below_T[: tile.seen] += 0.5 * (part_N @ _mean(tile.weights))
        row_T = below_T
    return row_T


def _mean(weights_BHNS: torch.Tensor) -> torch.Tensor:
    mean_NS = weights_BHNS[0].mean(0)
    return mean_NS / mean_NS.sum(-1, keepdim=True)  # a model's sink logit may have taken a part of the weight

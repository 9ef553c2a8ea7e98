"""Observers that keep attention: the maps as bytes or half floats, or the calls themselves.

A kept call holds its queries and keys, from which any row of weights can be computed again exactly. Axis letters as in
`capture`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from cutaway.inside.capture import ROWS, Call, Tile

Place = tuple[str, int]  # a kind and a layer


class Maps:
    """An observer that keeps weights as "uint8" (b / 255) or "float16": a list of [B, H, T, S] by kind and layer.

    With `pool` p a cell stands for p × p tokens: weights are summed over its keys and averaged over its queries, so
    that rows still sum to 1. With a key-value cache a layer has several calls, each with a map of its own. `layers` and
    `heads` choose what is kept.
    """

    def __init__(
        self,
        dtype: str = "uint8",
        *,
        pool: int = 1,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
    ) -> None:
        if ROWS % pool:
            raise ValueError(f"pool is {pool}; it must divide {ROWS}")
        self.dtype = getattr(torch, dtype)
        self.pool = pool
        self.layers = None if layers is None else set(layers)
        self.heads = None if heads is None else list(heads)
        self.maps: dict[Place, list[torch.Tensor]] = {}

    def __call__(self, call: Call) -> None:
        """Keep one call's weights and leave its output to sdpa."""
        if self.layers is None or call.layer in self.layers:
            for tile in call.tiles():
                self.add(call, tile)

    def add(self, call: Call, tile: Tile) -> None:
        """Keep one tile of a call."""
        if self.layers is not None and call.layer not in self.layers:
            return
        kept = self.maps.setdefault((call.kind, call.layer), [])
        weights = tile.weights if self.heads is None else tile.weights[:, self.heads]
        if tile.start == 0:
            rows, columns = (-(-length // self.pool) for length in (call.rows, call.keys))
            kept.append(torch.zeros(*weights.shape[:2], rows, columns, dtype=self.dtype, device=weights.device))
        if self.pool > 1:
            weights = _pooled(weights, self.pool)
        first = tile.start // self.pool
        if self.dtype == torch.uint8:
            weights = (weights * 255).round_()
        kept[-1][:, :, first : first + weights.shape[2], : weights.shape[3]] = weights.to(self.dtype)


def _pooled(weights: torch.Tensor, pool: int) -> torch.Tensor:
    rows, columns = weights.shape[2:]
    whole = columns // pool * pool
    batch, heads = weights.shape[:2]
    sums = weights[..., :whole].reshape(batch, heads, rows, -1, pool).sum(-1)
    if whole < columns:  # the last cell may stand for fewer tokens
        sums = torch.cat([sums, weights[..., whole:].sum(-1, keepdim=True)], -1)
    whole = rows // pool * pool
    means = sums[..., :whole, :].reshape(batch, heads, -1, pool, sums.shape[-1]).mean(-2)
    return means if whole == rows else torch.cat([means, sums[..., whole:, :].mean(-2, keepdim=True)], -2)


class Calls:
    """An observer that keeps the calls without their values: `Call.row` then gives any row of weights exactly.

    This takes T × (H + G) × K numbers for each layer. `layers` chooses the layers.
    """

    def __init__(self, layers: Sequence[int] | None = None) -> None:
        self.layers = None if layers is None else sorted(set(layers))
        self.calls: dict[Place, Call] = {}
        self._rooms: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, call: Call) -> None:
        """Keep one call and leave its output to sdpa."""
        if self.layers is None:
            query, key = call.query.clone(), call.key.clone()
        elif call.layer in self.layers:
            query, key = self._room(call)
        else:
            return
        self.calls[call.kind, call.layer] = dataclasses.replace(call, query=query, key=key, value=key, sdpa=_spent)

    def _room(self, call: Call) -> tuple[torch.Tensor, torch.Tensor]:
        # One block for all layers: tensors kept among the temporary ones of a forward pass would fragment the memory.
        layers = self.layers or []
        if call.kind not in self._rooms:
            sizes = ((len(layers), *tensor.shape) for tensor in (call.query, call.key))
            query, key = (call.query.new_empty(size) for size in sizes)
            self._rooms[call.kind] = query, key
        at = layers.index(call.layer)
        query, key = (room[at] for room in self._rooms[call.kind])
        return query.copy_(call.query), key.copy_(call.key)


def _spent() -> torch.Tensor:
    raise RuntimeError("this call was kept without its values, so it can't compute its output")

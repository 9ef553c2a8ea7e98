"""Exact statistics of every head, computed tile by tile, so that the weights are never stored as a whole.

Of each position's row of weights only its entropy, mean distance and weights on certain keys are kept: O(n) memory per
head for n tokens. Axis letters as in `capture`.

Sources: entropy and distance, Clark et al. 2019, "What does BERT look at?"; previous-token, duplicate-token and
induction heads, Olsson et al. 2022, "In-context learning and induction heads"; attention to the first token, Xiao et
al. 2023, "Efficient streaming language models with attention sinks".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch

from cutaway.inside.capture import Call, Tile

TINY = 1e-20  # the logarithm of a weight above this loses no digits
SHARES = ("sink", "current", "previous", "next", "duplicate", "induction")


@dataclasses.dataclass(frozen=True, eq=False)
class RowStatistics:
    """Statistics of the rows of one call, [B, H, T] each; `received` [B, H, S] is the sum of each key's column.

    `entropy` is in nats, `distance` in tokens. `shares` are the weights on certain keys: the first token of the text,
    the row's own token, the one before, the one after, earlier copies of the row's token, and the tokens right after
    those copies. A share is NaN if there is no such key.
    """

    kind: str
    layer: int
    looks_ahead: bool
    entropy: torch.Tensor
    distance: torch.Tensor
    shares: dict[str, torch.Tensor]
    received: torch.Tensor


class Statistics:
    """An observer that appends a `RowStatistics` to `rows` for every call; `ids` [B, T] are the tokens of the text.

    The duplicate and induction shares need `ids` and a call that starts at the beginning of the text. `each` is called
    with every tile.

    >>> import torch, cutaway
    >>> from cutaway.inside import watch
    >>> model, ids = cutaway.load("smollm2-135m"), torch.tensor([[504, 3575, 282, 253]])
    >>> statistics = Statistics(ids)
    >>> with watch(model, statistics), torch.no_grad():
    ...     _ = model.module(ids)
    >>> len(statistics.rows), tuple(statistics.rows[0].entropy.shape)
    (30, (1, 9, 4))
    """

    def __init__(self, ids: torch.Tensor | None = None, each: Callable[[Call, Tile], None] | None = None) -> None:
        self.rows: list[RowStatistics] = []
        self._each = each
        self._repeats = None if ids is None else _Repeats(ids)

    def __call__(self, call: Call) -> torch.Tensor:
        """Compute one call's statistics and return its output, computed from the same tiles."""
        batch, heads = call.query.shape[:2]
        new = call.query.new_zeros
        entropy, distance = new(batch, heads, call.rows), new(batch, heads, call.rows)
        shares = {name: torch.full_like(entropy, torch.nan) for name in SHARES}
        received = new(batch, heads, call.keys)
        output = new(batch, call.rows, heads, call.value.shape[-1])
        ahead, offset = call.looks_ahead, call.first_row - call.first_key
        positions = torch.arange(call.keys, dtype=entropy.dtype, device=entropy.device)
        for tile in call.tiles():
            rows = slice(tile.start, tile.end)
            output[:, rows] = call.times_value(tile).transpose(1, 2)
            received[..., : tile.seen] += tile.weights.sum(-2)
            if call.first_key == 0:
                shares["sink"][..., rows] = tile.weights[..., 0]
            if call.kind != "cross":
                distance[..., rows] = _distance(call, tile, positions, offset)
                for name, step in (("current", 0), ("previous", -1), ("next", 1)):
                    if step < 1 or ahead:
                        _beside(shares[name][..., rows], tile.weights, tile.start + offset + step)
                if self._repeats is not None and call.kind != "decoder" and call.first_row == call.first_key == 0:
                    self._repeats.add(shares, tile)
            if self._each is not None:
                self._each(call, tile)
            entropy[..., rows] = _entropy(call, tile)  # last, because it overwrites the logits
        if call.kind == "cross":
            distance.fill_(torch.nan)
        self.rows.append(RowStatistics(call.kind, call.layer, ahead, entropy, distance, shares, received))
        return output


def earlier(ids: torch.Tensor) -> torch.Tensor:
    """Return all pairs [2, N] of a position and an earlier one with the same token, ordered by the first."""
    tokens, first = ids.sort(stable=True)
    found = [torch.empty(0, 2, dtype=torch.long)]
    for places in torch.split(first, torch.unique_consecutive(tokens, return_counts=True)[1].tolist()):
        later, before = torch.tril_indices(len(places), len(places), -1)
        found.append(torch.stack([places[later], places[before]], 1))
    pairs = torch.cat(found)
    return pairs[pairs[:, 0].argsort(stable=True)].T


def _entropy(call: Call, tile: Tile) -> torch.Tensor:
    # -Σ p log p = log Z - Σ p s needs no logarithm of every weight. Any key gives log Z = s - log p: take the first, or
    # the one with the largest weight if the first has almost none.
    logit, weight = tile.logits[..., 0], tile.weights[..., 0]
    if not bool((weight > TINY).all()):
        logit, weight = tile.logits.amax(-1), tile.weights.amax(-1)
    log_z = logit - weight.log()
    total = tile.logits.mul_(tile.weights).sum(-1)
    if call.sink is None:
        return log_z - total
    return tile.weights.sum(-1) * log_z - total  # the part that goes to the sink is not a weight on a token


def _distance(call: Call, tile: Tile, positions: torch.Tensor, offset: int) -> torch.Tensor:
    keys = positions[: tile.seen]
    here = torch.arange(tile.start, tile.end, dtype=keys.dtype, device=keys.device) + offset
    if call.looks_ahead:
        return torch.einsum("bhns,ns->bhn", tile.weights, (here[:, None] - keys).abs())
    mean_key = tile.weights @ keys
    return here - mean_key if call.sink is None else tile.weights.sum(-1) * here - mean_key


def _beside(share: torch.Tensor, weights: torch.Tensor, key: int) -> None:
    """Copy the weights on a diagonal: that of row n of the tile on key `key` + n, if there is such a key."""
    first = max(0, -key)
    diagonal = weights[..., first:, :].diagonal(key + first, -2, -1)
    share[..., first : first + diagonal.shape[-1]] = diagonal


class _Repeats:
    """Adds up the weights on earlier copies of a row's token, and on the tokens right after those copies."""

    def __init__(self, ids: torch.Tensor) -> None:
        self._pairs = [earlier(row).to(ids.device) for row in ids.cpu()]
        self._plans: dict[tuple[int, int, int], tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def add(self, shares: dict[str, torch.Tensor], tile: Tile) -> None:
        seen = tile.weights.shape[-1]
        for text, heads_HNS in enumerate(tile.weights):
            flat, lengths, again = self._plan(text, tile, seen)
            if not len(again):
                continue
            found = heads_HNS.reshape(len(heads_HNS), -1).index_select(1, flat)
            sums = torch.segment_reduce(found, "sum", lengths=lengths.expand(len(found), -1), axis=1, unsafe=True)
            for name, part in zip(("duplicate", "induction"), sums.chunk(2, 1), strict=True):
                shares[name][text].index_copy_(1, again + tile.start, part)

    def _plan(self, text: int, tile: Tile, seen: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the places of the weights, how many make a sum, and the rows with a repeat; all layers share it."""
        if (text, tile.start, seen) not in self._plans:
            pairs = self._pairs[text]
            bounds = torch.tensor([tile.start, tile.end], device=pairs.device)
            low, high = torch.searchsorted(pairs[0].contiguous(), bounds).tolist()
            row, key = pairs[0, low:high] - tile.start, pairs[1, low:high]
            flat = torch.cat([row * seen + key, row * seen + key + 1])
            again, lengths = torch.unique_consecutive(row, return_counts=True)
            self._plans[text, tile.start, seen] = flat, lengths.repeat(2)[None], again
        return self._plans[text, tile.start, seen]

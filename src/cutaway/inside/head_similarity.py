"""Comparing heads of different models: their maps on the same cells of text, and how similar two maps are.

Axis letters: H heads of a layer, N rows of a tile, S keys, C cells, A and B all heads of two models.

Source: Bhattacharyya 1943, "On a measure of divergence between two statistical populations": the overlap of two
distributions, Σ √(p q).
"""

from __future__ import annotations

import torch

from cutaway.inside.capture import Call, Tile


class CellMaps:
    """Turns a model's attention between tokens into attention between cells of text.

    Weights are summed over the keys of a cell and averaged over its queries. `cells` has each token's cell, or -1: then
    its row and column are left out, and the rest of each row is scaled to sum to 1 again.
    """

    def __init__(self, kind: str, cells: list[int], count: int) -> None:
        self.kind = kind
        self.count = count
        self._cells = torch.tensor(cells)
        self._layers: dict[int, torch.Tensor] = {}

    def add(self, call: Call, tile: Tile) -> None:
        """Add the rows of one tile."""
        if call.kind != self.kind:
            return
        if call.layer not in self._layers:
            self._layers[call.layer] = torch.zeros(self.count, call.heads, self.count)
        rows = self._cells[tile.start : tile.end]
        if bool((rows < 0).all()):
            return
        weights_HNS = tile.weights[0].float().cpu()  # not every device can sum by segments
        heads, count = weights_HNS.shape[:2]
        sums_CX = _summed(weights_HNS.flatten(0, 1).T, self._cells[: tile.seen], self.count)
        sums_NX = sums_CX.T.reshape(heads, count, self.count).transpose(0, 1).flatten(1)
        low, high = int(rows[rows >= 0].min()), int(rows.max()) + 1
        added = _summed(sums_NX, torch.where(rows < 0, rows, rows - low), high - low)
        self._layers[call.layer][low:high] += added.view(high - low, heads, self.count)

    def maps(self) -> torch.Tensor:
        """Return all heads' maps [A, C, C], layer by layer. Call it once: it frees the sums."""
        layers = [self._layers.pop(layer).transpose(0, 1) for layer in sorted(self._layers)]
        maps_ACC = torch.cat(layers)
        maps_ACC /= torch.bincount(self._cells[self._cells >= 0], minlength=self.count).clamp(min=1)[:, None]
        maps_ACC /= maps_ACC.sum(-1, keepdim=True).clamp(min=1e-12)
        return maps_ACC


class TokenShares:
    """Adds up how much of a model's attention goes to special tokens, to the text, and to later tokens.

    `special` says which tokens stand for no text.
    """

    def __init__(self, kind: str, special: list[bool]) -> None:
        self.kind = kind
        self._text = ~torch.tensor(special)
        self._layers: dict[int, torch.Tensor] = {}

    def add(self, call: Call, tile: Tile) -> None:
        """Add the rows of one tile."""
        if call.kind != self.kind:
            return
        weights_HNS = tile.weights[0].float().cpu()
        keys_S, rows_N = self._text[: tile.seen], self._text[tile.start : tile.end]
        within_HNS = weights_HNS * (rows_N[:, None] & keys_S)
        sums_4H = [weights_HNS, weights_HNS * ~keys_S, within_HNS, within_HNS.triu(tile.start + 1)]
        found_4H = torch.stack([some.sum(-1).double().sum(-1) for some in sums_4H])
        self._layers[call.layer] = self._layers.get(call.layer, 0) + found_4H

    def shares(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return two shares for every head [A], layer by layer.

        The first is the share of all attention that goes to special tokens; the second, the share of the attention from
        text to text that goes to later tokens.
        """
        all_A, special_A, within_A, ahead_A = torch.cat([self._layers[layer] for layer in sorted(self._layers)], 1)
        return special_A / all_A.clamp(min=1e-12), ahead_A / within_A.clamp(min=1e-12)


def _summed(values_NX: torch.Tensor, cells: torch.Tensor, count: int) -> torch.Tensor:
    """Return the sums [C, X] of the rows of each cell; rows of cell -1 are left out."""
    order = cells.argsort(stable=True)[int((cells < 0).sum()) :]
    # Twenty times as fast as index_add_.
    sums: torch.Tensor = torch.segment_reduce(
        values_NX[order], "sum", lengths=torch.bincount(cells[order], minlength=count), axis=0
    )
    return sums


def similarities(maps_ACC: torch.Tensor, maps_BCC: torch.Tensor) -> torch.Tensor:
    """Return the similarity [A, B] of every pair of heads: the mean over rows of Σ √(p q), from 0 to 1 (the same).

    >>> one, other = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]]), torch.tensor([[[0.0, 1.0], [0.5, 0.5]]])
    >>> similarities(one, torch.cat([one, other])).round(decimals=4).tolist()
    [[1.0, 0.5]]
    """
    rows = maps_ACC.shape[1]
    total_AB = maps_ACC.new_zeros(len(maps_ACC), len(maps_BCC))
    for at in range(0, rows, 32):  # some rows at a time, to save memory
        roots = [maps[:, at : at + 32].sqrt().flatten(1) for maps in (maps_ACC, maps_BCC)]
        total_AB.addmm_(roots[0], roots[1].T)
    return (total_AB / max(1, rows)).clamp_(0, 1)

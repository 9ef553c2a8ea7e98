"""Keys and values of many rows, and attention of new tokens over them, which depends on the batch as little as can be.

Kernels sum in another order where a product is larger, and the rows of a batch share the size of the longest. On the
processors that were tried a row keeps its bits over whole blocks of keys, however many of them are masked; with values
summed in pieces (from 384 on kernels cut a sum in parts); and, where a head is not narrow, with scores of one token and
one block at a time. Axis letters: B rows, T positions of one prompt, S room for positions, n of them in use, H query
heads, J key heads, G = H / J, g = G + 2: the query heads of a key head, its key and its value, b = B · J, K head width,
D = H · K, C new tokens of a row, c of them, M queries of a product, p places in a list of heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cutaway.models.shapes import Shape

__all__ = ["Cache", "asked_together", "attend"]

BLOCK, PIECE, NARROW = 32, 256, 64
GROWTH, AHEAD = 512, 2048  # positions that a cache grows by at least, and that it has room for at once at the most
FOUR = 4  # queries of a product: from here on the bits of one seldom depend on their number


class Cache:
    """Keys and values of B rows in float32: for each layer a tensor_BJ2SK."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.lengths: list[int] = []
        self._layers = list[Tensor]()
        self._views: tuple[int, int, list[tuple[Tensor, Tensor, Tensor]]] | None = None
        self.rows, self.room, self.clean = 0, 0, 0  # positions from `clean` on were never written, nor zeroed

    def reserve(self, rows: int, positions: int, later: int = 0) -> None:
        """Make room for so many rows and positions, and at once for so many `later`; what is there stays.

        Memory that is not used yet is asked for and not touched.
        """
        clean = max(self.clean, _blocks(positions))
        ahead = max(_blocks(min(later, AHEAD)), _blocks(clean, min(GROWTH, 2 * clean)))
        room = self.room if clean <= self.room else ahead
        rows = max(rows, self.rows)
        if (rows, room, clean) == (self.rows, self.room, self.clean):
            return
        moved = (rows, room) != (self.rows, self.room)
        size = (rows, self.shape.key_heads, 2, room, self.shape.head_width)
        before: list[Tensor | None] = [*self._layers] or [None] * self.shape.layers
        self._layers = list[Tensor]()
        for i, old in enumerate(before):  # one at a time, so that only one is there twice
            new = torch.empty(size) if old is None or moved else old
            if moved and old is not None:
                new[: self.rows, :, :, : self.clean] = old[:, :, :, : self.clean]
            new[: self.rows, :, :, self.clean : clean] = 0
            new[self.rows :, :, :, :clean] = 0
            before[i] = None
            self._layers.append(new)
        self.rows, self.room, self.clean, self._views = rows, room, clean, None

    def places(self, positions_BC: Tensor) -> Tensor:
        """Where in a layer's list_pK (see `views`) keys and values of these positions go, in the order B, C, J, 2."""
        J = self.shape.key_heads
        heads_BJ2 = torch.arange(len(positions_BC) * J * 2).view(-1, J, 2) * self.room
        return (heads_BJ2[:, None] + positions_BC[..., None, None]).flatten()

    def views(self, rows: int, positions: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For each layer all of it as a list_pK, the first rows' keys_bKn and their values_bnK, in whole blocks."""
        positions = _blocks(positions)
        if self._views is None or self._views[:2] != (rows, positions):
            K = self.shape.head_width
            views = []
            for layer in self._layers:
                part_b2nK = layer[:rows, :, :, :positions].flatten(0, 1)
                views.append((layer.view(-1, K), part_b2nK[:, 0].transpose(1, 2), part_b2nK[:, 1]))
            self._views = (rows, positions, views)
        return self._views[2]

    def append(self, kept: Sequence[Tensor], copies: int) -> None:
        """Give a prompt that was read so many rows behind the last; there has to be room."""
        start, length = len(self.lengths), kept[0].shape[2]
        for layer, kv_J2TK in zip(self._layers, kept, strict=True):
            layer[start : start + copies, :, :, :length] = kv_J2TK
        self.lengths += [length] * copies

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these rows in this order; only those that move are copied."""
        self._views = None
        if not slots:
            self._layers, self.lengths, self.rows, self.room, self.clean = [], [], 0, 0, 0
            return
        moves = [(new, old) for new, old in enumerate(slots) if new != old]
        # Rows may be written over only where nobody reads them any more: those behind the new end.
        if moves and all(old >= len(slots) for _, old in moves) and len({old for _, old in moves}) == len(moves):
            to, from_ = torch.tensor(moves).T
            for layer in self._layers:
                layer[to, :, :, : self.clean] = layer[from_, :, :, : self.clean]
        elif moves:
            index_B = torch.tensor(slots)
            self._layers = [layer[index_B] for layer in self._layers]
            self.rows = len(slots)
        self.lengths = [self.lengths[slot] for slot in slots]


def _blocks(positions: int, size: int = BLOCK) -> int:
    return -(-positions // size) * size


def asked_together(positions_BC: Tensor, longest: int, J: int, G: int, K: int) -> list[tuple[slice, Tensor]]:
    """Return which of the C new tokens go through attention together, and for each such part its mask_bMn."""
    B, C = positions_BC.shape
    unseen_BCn = torch.arange(_blocks(longest)) > positions_BC[..., None]
    mask_BCn = torch.zeros(unseen_BCn.shape).masked_fill_(unseen_BCn, -torch.inf)
    parts = [slice(0, C)] if K <= NARROW else [slice(at, at + 1) for at in range(C)]
    masks = []
    for part in parts:
        c = part.stop - part.start
        M = max(FOUR, c * G)
        mask_BJMn = mask_BCn[:, part][:, None, torch.arange(M) // G % c].expand(B, J, M, -1)
        masks.append(mask_BJMn.reshape(B * J, M, -1))
    return list(zip(parts, masks, strict=True))


def attend(qkv_BCJgK: Tensor, asked: Sequence[tuple[slice, Tensor]], k_bKn: Tensor, v_bnK: Tensor) -> Tensor:
    """Return what the queries of the new tokens get from the keys and values of their rows, mixed_BCD."""
    B, _, J, g, K = qkv_BCJgK.shape
    G = g - 2
    mixed = []
    for part, mask_bMn in asked:
        c = part.stop - part.start
        mixed_bMK = _mixed(_queries(qkv_BCJgK[:, part]), mask_bMn, k_bKn, v_bnK)
        mixed.append(mixed_bMK[:, : c * G].reshape(B, J, c, G, K).transpose(1, 2).reshape(B, c, J * G * K))
    return mixed[0] if len(mixed) == 1 else torch.cat(mixed, dim=1)


def _queries(qkv_BcJgK: Tensor) -> Tensor:
    """Return for each key head its queries_bMK: they are the rows of one small product, so that no key is read twice.

    There are at least four: where they are fewer, others fill the product up, and what comes of them is not read.
    """
    B, c, J, g, K = qkv_BcJgK.shape
    G = g - 2
    if c == 1 and g >= FOUR:
        return qkv_BcJgK.reshape(B * J, g, K)[:, : max(FOUR, G)]
    q_bMK = qkv_BcJgK[..., :G, :].transpose(1, 2).reshape(B * J, c * G, K)
    return q_bMK if c * G >= FOUR else q_bMK[:, torch.arange(FOUR) % (c * G)]


def _mixed(q_bMK: Tensor, mask_bMn: Tensor, k_bKn: Tensor, v_bnK: Tensor) -> Tensor:
    K, n = k_bKn.shape[1:]
    size = n if K <= NARROW else BLOCK
    scores = [
        torch.baddbmm(mask_bMn[..., at : at + size], q_bMK, k_bKn[..., at : at + size], alpha=K**-0.5)
        for at in range(0, n, size)
    ]
    weights_bMn = (scores[0] if len(scores) == 1 else torch.cat(scores, -1)).softmax(-1)
    mixed_bMK = torch.bmm(weights_bMn[..., :PIECE], v_bnK[:, :PIECE])
    for at in range(PIECE, n, PIECE):
        mixed_bMK = torch.baddbmm(mixed_bMK, weights_bMn[..., at : at + PIECE], v_bnK[:, at : at + PIECE])
    return mixed_bMK

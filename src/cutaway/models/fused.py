"""Our own forward pass for models built like Llama or like GPT-2: few, large operations and a cache of rows.

It reads the weights of an unmodified transformers model (or a file of them, see `converted.py`), joins the projections
that share an input, and computes the same numbers; whoever builds one checks that against the model itself.
Prompts are read one at a time and attention runs over whole blocks of keys: a row gets the same bits whatever rows are
decoded beside it. Axis letters: B rows, T positions of one prompt, S room for positions, n of them in use, L layers,
H query heads, J key heads, G = H / J, g = G + 2: the query heads of a key head, its key and its value, b = B · J,
K head width, I = K / 2, D width, V vocabulary, C new tokens of a row, R = B · C rows of a product, M of one of
attention, p places in a list of heads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cutaway.models.packed import PackedLinear
from cutaway.models.shapes import Shape

__all__ = ["Cache", "Fused"]

BLOCK = 32  # keys: a sum over a whole number of these has the same bits however many of them are masked
PIECE = 256  # keys summed by one call: from 384 on kernels cut a sum in parts, by a length that depends on the batch
GROWTH, AHEAD = 512, 2048  # positions that a cache grows by at least, and that it has room for at once at the most
FOUR = 4  # rows of a product of attention: from here on the bits of a row do not depend on their number


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
        """For each layer all of it as a list_pK, the first rows' keys_bKn and their values_bnK, b = rows · J."""
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


class Fused:
    """The forward pass of one model in one tier."""

    def __init__(
        self,
        shape: Shape,
        parts: Mapping[str, Tensor],
        build: Callable[[Tensor, Tensor | None], PackedLinear],
        build_head: Callable[[Tensor, Tensor | None], PackedLinear],
    ) -> None:
        self.shape = shape
        self.embed_VD, self.positions_SD = parts["embed"], parts.get("positions")
        self.head = build_head(parts.get("head", parts["embed"]), None)
        self.norm = _norm_of(shape, parts, "norm")
        self.layers = []
        for i in range(shape.layers):
            mine = {name.removeprefix(f"{i}."): part for name, part in parts.items() if name.startswith(f"{i}.")}
            linears = {name: build(mine[name], mine.get(f"{name}.bias")) for name in ("qkv", "out", "up", "down")}
            norm1, norm2 = (_norm_of(shape, mine, name) for name in ("norm1", "norm2"))
            heads = [_norm_of(shape, mine, name) for name in ("q_norm", "k_norm") if f"{name}.weight" in mine]
            self.layers.append(_Layer(**linears, norm1=norm1, norm2=norm2, heads=heads))
        self.least = self.layers[0].qkv.least
        frequencies = parts.get("frequencies")
        self.frequencies = None if frequencies is None else frequencies.float()

    def prefill(self, ids: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Read one prompt: the logits_V behind its last token, and for each layer its keys and values_J2TK."""
        T, (H, _, G, K) = len(ids), self._heads
        positions_T = torch.arange(T)
        x_TD = self._embed(torch.tensor(ids), positions_T)
        turn_TJgI = self._rotary(positions_T)
        kept = []
        for layer in self.layers:
            qkv_JgTK = self._project(layer, x_TD, turn_TJgI).permute(1, 2, 0, 3)
            kept.append(qkv_JgTK[:, G:].contiguous())
            q_HTK, (k_JTK, v_JTK) = qkv_JgTK[:, :G].flatten(0, 1), kept[-1].unbind(1)
            mixed_HTK = functional.scaled_dot_product_attention(
                q_HTK[None], k_JTK[None], v_JTK[None], is_causal=True, enable_gqa=G > 1
            )[0]
            x_TD = self._finish(layer, x_TD, mixed_HTK.transpose(0, 1).reshape(T, H * K))
        return self.head.rows(self.norm(x_TD[-1:])).float()[0], kept

    def step(self, ids_BC: Sequence[Sequence[int]], cache: Cache) -> Tensor:
        """Put C more tokens into every row of the cache and return the logits_BCV behind each."""
        ids, B, C, (H, J, G, K) = torch.tensor(ids_BC), len(ids_BC), len(ids_BC[0]), self._heads
        longest = max(cache.lengths) + C
        cache.reserve(B, longest)
        n = _blocks(longest)
        positions_BC = torch.tensor(cache.lengths)[:, None] + torch.arange(C)
        new_p = cache.places(positions_BC)
        mask_BCn = torch.zeros(B, C, n).masked_fill_(torch.arange(n) > positions_BC[..., None], -torch.inf)
        M = max(FOUR, C * G)
        mask_bMn = mask_BCn[:, None, torch.arange(M) // G % C].expand(B, J, M, n).reshape(B * J, M, n)
        if B * C == 1:  # a lone row comes as several equal ones
            ids, positions_BC = ids.expand(1, self.least), positions_BC.expand(1, self.least)
        x_RD = self._embed(ids.flatten(), positions_BC.flatten())
        turn_RJgI = self._rotary(positions_BC.flatten())
        for layer, (kv_pK, k_bKn, v_bnK) in zip(self.layers, cache.views(B, n), strict=True):
            qkv_RJgK = self._project(layer, x_RD, turn_RJgI)[: B * C]
            kv_pK.index_copy_(0, new_p, qkv_RJgK[:, :, G:].reshape(-1, K))
            scores_bMn = torch.baddbmm(mask_bMn, _asked(qkv_RJgK, B, C, G), k_bKn, alpha=K**-0.5)
            mixed_bMK = _mixed(scores_bMn.softmax(-1), v_bnK)
            if C == 1:
                mixed_RD = mixed_bMK[:, :G].reshape(B, H * K)
            else:
                mixed_RD = mixed_bMK[:, : C * G].view(B, J, C, G, K).transpose(1, 2).reshape(B * C, H * K)
            x_RD = self._finish(layer, x_RD, mixed_RD)
        cache.lengths = [length + C for length in cache.lengths]
        return self.head.rows(self.norm(x_RD)).float()[: B * C].view(B, C, -1)

    @property
    def _heads(self) -> tuple[int, int, int, int]:
        shape = self.shape
        return shape.heads, shape.key_heads, shape.heads // shape.key_heads, shape.head_width

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        x = self.embed_VD[ids].float()
        return x if self.positions_SD is None else x + self.positions_SD[positions].float()

    def _rotary(self, positions: Tensor) -> Tensor | None:
        """Return by which complex number each pair of a head's numbers is turned; values by none."""
        if self.frequencies is None:
            return None
        _, J, G, _ = self._heads
        angles_R11I = (positions[:, None].float() * self.frequencies)[:, None, None]
        turned = torch.tensor([1.0] * (G + 1) + [0.0])[:, None]
        angles_RJgI = (angles_R11I * turned).expand(-1, J, -1, -1)
        return torch.polar(torch.ones(()), angles_RJgI)

    def _project(self, layer: _Layer, x_RD: Tensor, turn_RJgI: Tensor | None) -> Tensor:
        """Return queries, keys and values_RJgK."""
        _, J, G, K = self._heads
        qkv_RJgK = layer.qkv.rows(layer.norm1(x_RD)).float().view(-1, J, G + 2, K)
        for norm, part in zip(layer.heads, (slice(0, G), slice(G, G + 1)), strict=False):
            qkv_RJgK[:, :, part] = norm(qkv_RJgK[:, :, part])
        if turn_RJgI is not None:
            torch.view_as_complex(qkv_RJgK.view(-1, J, G + 2, K // 2, 2)).mul_(turn_RJgI)
        return qkv_RJgK

    def _finish(self, layer: _Layer, x_RD: Tensor, mixed_RD: Tensor) -> Tensor:
        x_RD = x_RD + layer.out.rows(mixed_RD)
        up = layer.up.rows(layer.norm2(x_RD))
        if self.shape.family == "gpt2":
            active = functional.gelu(up, approximate="tanh")
        else:
            gate, value = up.chunk(2, -1)
            active = functional.silu(gate).mul_(value)
        return x_RD + layer.down.rows(active)


def _asked(qkv_RJgK: Tensor, B: int, C: int, G: int) -> Tensor:
    """Return for each key head its queries_bMK: they are the rows of one small product, so that no key is read twice.

    There are at least four: where they are fewer, others fill the product up, and what comes of them is not read.
    """
    _, J, g, K = qkv_RJgK.shape
    if C == 1 and g >= FOUR:
        return qkv_RJgK.view(B * J, g, K)[:, : max(FOUR, G)]
    q_bMK = qkv_RJgK.view(B, C, J, g, K)[..., :G, :].transpose(1, 2).reshape(B * J, C * G, K)
    return q_bMK if C * G >= FOUR else q_bMK[:, torch.arange(FOUR) % (C * G)]


def _mixed(weights_bMn: Tensor, v_bnK: Tensor) -> Tensor:
    mixed_bMK = torch.bmm(weights_bMn[..., :PIECE], v_bnK[:, :PIECE])
    for at in range(PIECE, v_bnK.shape[1], PIECE):
        mixed_bMK = torch.baddbmm(mixed_bMK, weights_bMn[..., at : at + PIECE], v_bnK[:, at : at + PIECE])
    return mixed_bMK


@dataclasses.dataclass
class _Layer:
    qkv: PackedLinear
    out: PackedLinear
    up: PackedLinear
    down: PackedLinear
    norm1: Callable[[Tensor], Tensor]
    norm2: Callable[[Tensor], Tensor]
    heads: Sequence[Callable[[Tensor], Tensor]]  # of each query and each key, in models that have them


def _norm_of(shape: Shape, parts: Mapping[str, Tensor], name: str) -> Callable[[Tensor], Tensor]:
    weight = parts[f"{name}.weight"].float()
    if shape.family == "gpt2":
        bias = parts[f"{name}.bias"].float()
        return lambda x: functional.layer_norm(x, weight.shape, weight, bias, shape.epsilon)
    # x · weight / sqrt(mean(x²) + epsilon) in four operations: torch's own takes eight of them on a CPU.
    weight = weight * len(weight) ** 0.5
    least = torch.tensor((len(weight) * shape.epsilon) ** 0.5)
    return lambda x: x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), least) * weight

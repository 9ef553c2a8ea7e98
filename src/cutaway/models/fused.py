"""Our own forward pass for models built like Llama or like GPT-2: few, large operations and a cache of rows.

It reads the weights of an unmodified transformers model (or a file of them, see `quickstart.py`), joins the projections
that share an input, and computes the same numbers; whoever builds one checks that against the model itself. Prompts are
read one at a time: a row gets the same logits up to rounding, whatever rows are decoded beside it. Axis letters: B
rows, T positions of one prompt, L layers, H query heads, J key heads, G = H / J, g = G + 2: the query heads of a key
head, its key and its value, b = B · J, n positions in use, K head width, I = K / 2, D width, V vocabulary, C new tokens
of a row, R = B · C rows of a product, p places in a list of heads.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cutaway.models import kv_cache
from cutaway.models.kv_cache import Cache
from cutaway.models.packed_linear import PackedLinear
from cutaway.models.shapes import Shape

__all__ = ["Fused"]

HEADED = 32  # rows whose logits are computed at a time, before they are written out in float32

Times = Callable[[PackedLinear, Tensor], Tensor]


def _of_rows(linear: PackedLinear, x_RK: Tensor) -> Tensor:
    return linear.rows(x_RK)


def _of_text(linear: PackedLinear, x_TK: Tensor) -> Tensor:
    return linear.text(x_TK)


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
        self.unit = self.layers[0].qkv.unit
        frequencies = parts.get("frequencies")
        self.frequencies = None if frequencies is None else frequencies.float()

    def linears(self) -> list[PackedLinear]:
        """Return every linear layer, the head last."""
        return [one for layer in self.layers for one in (layer.qkv, layer.out, layer.up, layer.down)] + [self.head]

    def prefill(self, ids: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Read one prompt: the logits_V behind its last token, and for each layer its keys and values_J2TK."""
        T, (H, _, G, K) = len(ids), self._heads
        positions_T = torch.arange(T)
        x_TD = self._embed(torch.tensor(ids), positions_T)
        turn_TJgI = self._rotary(positions_T)
        kept = []
        for layer in self.layers:
            qkv_JgTK = self._project(layer, x_TD, turn_TJgI, _of_text).permute(1, 2, 0, 3)
            kept.append(qkv_JgTK[:, G:].contiguous())
            q_HTK, (k_JTK, v_JTK) = qkv_JgTK[:, :G].flatten(0, 1), kept[-1].unbind(1)
            mixed_HTK = functional.scaled_dot_product_attention(
                q_HTK[None], k_JTK[None], v_JTK[None], is_causal=True, enable_gqa=G > 1
            )[0]
            x_TD = self._finish(layer, x_TD, mixed_HTK.transpose(0, 1).reshape(T, H * K), _of_text)
        return self.head.rows(self.norm(x_TD[-1:])).float()[0], kept

    def step(self, ids_BC: Sequence[Sequence[int]], cache: Cache) -> Tensor:
        """Put C more tokens into every row of the cache and return the logits_BCV behind each."""
        ids, B, C, (H, J, G, K) = torch.tensor(ids_BC), len(ids_BC), len(ids_BC[0]), self._heads
        longest = max(cache.lengths) + C
        cache.reserve(B, longest)
        positions_BC = torch.tensor(cache.lengths)[:, None] + torch.arange(C)
        new_p = cache.places(positions_BC)
        asked = kv_cache.asked_together(positions_BC, longest, J, G, K)
        ids_R, positions_R, filled_R = ids.flatten(), positions_BC.flatten(), None
        if B * C % self.unit:  # some come twice, all the way
            filled_R = torch.arange(B * C + -B * C % self.unit) % (B * C)
            ids_R, positions_R = ids_R[filled_R], positions_R[filled_R]
        x_RD, turn_RJgI = self._embed(ids_R, positions_R), self._rotary(positions_R)
        for layer, (kv_pK, k_bKn, v_bnK) in zip(self.layers, cache.views(B, longest), strict=True):
            qkv_BCJgK = self._project(layer, x_RD, turn_RJgI)[: B * C].view(B, C, J, G + 2, K)
            kv_pK.index_copy_(0, new_p, qkv_BCJgK[..., G:, :].reshape(-1, K))
            mixed_RD = kv_cache.attend(qkv_BCJgK, asked, k_bKn, v_bnK).view(B * C, H * K)
            x_RD = self._finish(layer, x_RD, mixed_RD if filled_R is None else mixed_RD[filled_R])
        cache.lengths = [length + C for length in cache.lengths]
        x_RD = self.norm(x_RD)[: B * C]
        logits_RV = torch.empty(B * C, self.shape.vocabulary)
        for at in range(0, B * C, HEADED):
            logits_RV[at : at + HEADED] = self.head.rows(x_RD[at : at + HEADED])
        return logits_RV.view(B, C, -1)

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

    def _project(self, layer: _Layer, x_RD: Tensor, turn_RJgI: Tensor | None, times: Times = _of_rows) -> Tensor:
        """Return queries, keys and values_RJgK."""
        _, J, G, K = self._heads
        qkv_RJgK = times(layer.qkv, layer.norm1(x_RD)).float().view(-1, J, G + 2, K)
        for norm, part in zip(layer.heads, (slice(0, G), slice(G, G + 1)), strict=False):
            qkv_RJgK[:, :, part] = norm(qkv_RJgK[:, :, part])
        if turn_RJgI is not None:
            torch.view_as_complex(qkv_RJgK.view(-1, J, G + 2, K // 2, 2)).mul_(turn_RJgI)
        return qkv_RJgK

    def _finish(self, layer: _Layer, x_RD: Tensor, mixed_RD: Tensor, times: Times = _of_rows) -> Tensor:
        x_RD = x_RD + times(layer.out, mixed_RD)
        up = times(layer.up, layer.norm2(x_RD))
        if self.shape.family == "gpt2":
            active = functional.gelu(up, approximate="tanh")
        else:
            gate, value = up.chunk(2, -1)
            active = functional.silu(gate).mul_(value)
        return x_RD + times(layer.down, active)


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

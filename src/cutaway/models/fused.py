"""Our own forward pass for models built like Llama or like GPT-2: few, large operations and a cache of rows.

It reads the weights of an unmodified transformers model (or a file of them, see `converted.py`), joins the projections
that share an input, and computes the same numbers; whoever builds one checks that against the model itself.
Prompts are read one at a time and attention runs over whole blocks of 64 keys: a row gets the same bits whatever rows
are decoded beside it. Axis letters: B rows, T positions of one prompt, S room for positions, L layers, H query heads,
J key heads, G = H / J, K head width, D width, V vocabulary, C new tokens of a row, R rows of a product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cutaway.models.packed import PackedLinear

__all__ = ["Cache", "Fused", "Shape", "parts_of", "shape_of"]

BLOCK = 64  # keys: a sum over a whole number of these has the same bits however many of them are masked


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the forward pass has to know besides weights."""

    family: str  # "llama" or "gpt2"
    layers: int
    heads: int
    key_heads: int
    head_width: int
    epsilon: float
    vocabulary: int


def shape_of(config: Any) -> Shape | None:
    """Return the shape of a transformers configuration, or None where it has something that this forward has not."""
    if config.model_type == "gpt2":
        plain = config.activation_function == "gelu_new" and config.scale_attn_weights
        odd = config.scale_attn_by_inverse_layer_idx or config.add_cross_attention
        if not plain or odd:
            return None
        width = config.n_embd // config.n_head
        return Shape(
            "gpt2", config.n_layer, config.n_head, config.n_head, width, config.layer_norm_epsilon, config.vocab_size
        )
    if config.model_type not in {"llama", "mistral", "qwen2", "qwen3"} or config.hidden_act != "silu":
        return None
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    sliding = getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    if rope not in {"default", "linear", "llama3"} or sliding:
        return None
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    key_heads = config.num_key_value_heads
    return Shape("llama", config.num_hidden_layers, heads, key_heads, width, config.rms_norm_eps, config.vocab_size)


def parts_of(module: Any, shape: Shape) -> dict[str, Tensor]:
    """Return the weights of a transformers model under this file's names, projections of one input joined.

    Tensors that need no joining are the model's own, not copies.
    """
    return _llama_parts(module, shape) if shape.family == "llama" else _gpt2_parts(module, shape)


def _llama_parts(module: Any, shape: Shape) -> dict[str, Tensor]:
    body = module.model
    parts = {"embed": body.embed_tokens.weight, "norm.weight": body.norm.weight}
    if module.lm_head.weight is not body.embed_tokens.weight:
        parts["head"] = module.lm_head.weight
    parts["frequencies"] = body.rotary_emb.inv_freq * 1.0
    for i, layer in enumerate(body.layers):
        mine, mlp = layer.self_attn, layer.mlp
        named = {
            "norm1.weight": layer.input_layernorm.weight,
            "norm2.weight": layer.post_attention_layernorm.weight,
            "qkv": torch.cat([mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight]),
            "out": mine.o_proj.weight,
            "up": torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
            "down": mlp.down_proj.weight,
        }
        if mine.q_proj.bias is not None:
            named["qkv.bias"] = torch.cat([mine.q_proj.bias, mine.k_proj.bias, mine.v_proj.bias])
        for name, linear in (("out", mine.o_proj), ("down", mlp.down_proj)):
            if linear.bias is not None:
                named[f"{name}.bias"] = linear.bias
        if mlp.gate_proj.bias is not None:
            named["up.bias"] = torch.cat([mlp.gate_proj.bias, mlp.up_proj.bias])
        if hasattr(mine, "q_norm"):
            named |= {"q_norm": mine.q_norm.weight, "k_norm": mine.k_norm.weight}
        parts |= {f"{i}.{name}": value for name, value in named.items()}
    return {name: value.detach() for name, value in parts.items()}


def _gpt2_parts(module: Any, shape: Shape) -> dict[str, Tensor]:
    body = module.transformer
    parts = {"embed": body.wte.weight, "positions": body.wpe.weight}
    parts |= {"norm.weight": body.ln_f.weight, "norm.bias": body.ln_f.bias}
    if module.lm_head.weight is not body.wte.weight:
        parts["head"] = module.lm_head.weight
    for i, layer in enumerate(body.h):
        convs = {"qkv": layer.attn.c_attn, "out": layer.attn.c_proj, "up": layer.mlp.c_fc, "down": layer.mlp.c_proj}
        for name, conv in convs.items():
            parts |= {f"{i}.{name}": conv.weight.t().contiguous(), f"{i}.{name}.bias": conv.bias}
        for name, norm in (("norm1", layer.ln_1), ("norm2", layer.ln_2)):
            parts |= {f"{i}.{name}.weight": norm.weight, f"{i}.{name}.bias": norm.bias}
    return {name: value.detach() for name, value in parts.items()}


class Cache:
    """Keys and values of B rows in float32: for each layer a tensor_2BJSK that grows by whole blocks."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.lengths: list[int] = []
        self._layers: list[Tensor] = []
        self.rows, self.room = 0, 0

    def reserve(self, rows: int, positions: int) -> None:
        """Make room for so many rows and positions; what is there stays."""
        positions = -(-positions // BLOCK) * BLOCK
        if rows <= self.rows and positions <= self.room:
            return
        rows, positions = max(rows, self.rows), max(positions, self.room)
        size = (2, rows, self.shape.key_heads, positions, self.shape.head_width)
        for i in range(self.shape.layers):  # one at a time, so that only one is there twice
            new = torch.zeros(size)
            if i == len(self._layers):
                self._layers.append(new)
            else:
                new[:, : self.rows, :, : self.room] = self._layers[i]
                self._layers[i] = new
        self.rows, self.room = rows, positions

    def __getitem__(self, layer: int) -> Tensor:
        return self._layers[layer]

    def append(self, kept: Sequence[Tensor], copies: int) -> None:
        """Give a prompt that was read so many rows behind the last; there has to be room."""
        start, length = len(self.lengths), kept[0].shape[2]
        for layer, kv_2JTK in zip(self._layers, kept, strict=True):
            layer[:, start : start + copies, :, :length] = kv_2JTK[:, None]
        self.lengths += [length] * copies

    def keep(self, slots: Sequence[int]) -> None:
        """Keep these rows in this order; only those that move are copied."""
        if not slots:
            self._layers, self.lengths, self.rows, self.room = [], [], 0, 0
            return
        moves = [(new, old) for new, old in enumerate(slots) if new != old]
        # Rows may be written over only where nobody reads them any more: those behind the new end.
        if moves and all(old >= len(slots) for _, old in moves) and len({old for _, old in moves}) == len(moves):
            to, from_ = torch.tensor(moves).T
            for layer in self._layers:
                layer[:, to] = layer[:, from_]
        elif moves:
            index_B = torch.tensor(slots)
            self._layers = [layer[:, index_B] for layer in self._layers]
            self.rows = len(slots)
        self.lengths = [self.lengths[slot] for slot in slots]


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
        self.root_epsilon = torch.tensor(shape.epsilon**0.5)
        self.embed_VD, self.positions_SD = parts["embed"], parts.get("positions")
        self.norm = (parts["norm.weight"].float(), _float(parts.get("norm.bias")))
        self.head = build_head(parts.get("head", parts["embed"]), None)
        self.layers = []
        for i in range(shape.layers):
            mine = {name.removeprefix(f"{i}."): part for name, part in parts.items() if name.startswith(f"{i}.")}
            linears = {n: build(mine[n], mine.get(f"{n}.bias")) for n in ("qkv", "out", "up", "down")}
            norms = {n: part.float() for n, part in mine.items() if "norm" in n}
            self.layers.append((linears, norms))
        self.frequencies = _float(parts.get("frequencies"))

    def prefill(self, ids: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Read one prompt: the logits_V behind its last token, and for each layer its keys and values_2JTK."""
        T, H, J, K = len(ids), self.shape.heads, self.shape.key_heads, self.shape.head_width
        positions_T = torch.arange(T)
        x_TD = self._embed(torch.tensor(ids), positions_T)
        cos_T1K, sin_T1K = self._rotary(positions_T)
        kept = []
        for layer in self.layers:
            q_THK, k_TJK, v_TJK = self._project(layer, x_TD, cos_T1K, sin_T1K)
            kv_2JTK = torch.stack([k_TJK, v_TJK]).transpose(1, 2)
            kept.append(kv_2JTK)
            q_HTK = q_THK.transpose(0, 1)
            mixed_HTK = functional.scaled_dot_product_attention(
                q_HTK[None], kv_2JTK[0][None], kv_2JTK[1][None], is_causal=True, enable_gqa=H != J
            )[0]
            x_TD = self._finish(layer, x_TD, mixed_HTK.transpose(0, 1).reshape(T, H * K))
        logits_1V: Tensor = self.head.rows(self._norm(x_TD[-1:], *self.norm))
        return logits_1V[0], kept

    def step(self, ids_BC: Sequence[Sequence[int]], cache: Cache) -> Tensor:
        """Put C more tokens into every row of the cache and return the logits_BCV behind each."""
        B, C, H, J, K = len(ids_BC), len(ids_BC[0]), self.shape.heads, self.shape.key_heads, self.shape.head_width
        longest = max(cache.lengths) + C
        cache.reserve(B, longest)
        n, G = -(-longest // BLOCK) * BLOCK, H // J
        positions_BC = torch.tensor(cache.lengths)[:, None] + torch.arange(C)
        seen_BCn = torch.arange(n) <= positions_BC[..., None]
        mask_BCn = torch.zeros(B, C, n).masked_fill_(~seen_BCn, -torch.inf)
        # The query heads of one key head are the rows of one small product: no key is read twice. There are at least
        # four rows, because from there on the bits of a row do not depend on their number.
        times = -(-4 // (C * G))
        mask_bMn = mask_BCn[:, None, :, None].expand(B, J, C, G, n).reshape(B * J, C * G, n).repeat(1, times, 1)
        positions_R = positions_BC.flatten()
        # Where in a layer's cache, seen as a list of K numbers each, the new keys and values go.
        first_2RJ = (torch.arange(2)[:, None] * cache.rows + torch.arange(B).repeat_interleave(C))[..., None] * J
        place = ((first_2RJ + torch.arange(J)) * cache.room + positions_R[:, None]).flatten()
        x_RD = self._embed(torch.tensor(ids_BC).flatten(), positions_R)
        cos_R1K, sin_R1K = self._rotary(positions_R)
        for i, layer in enumerate(self.layers):
            q_RHK, k_RJK, v_RJK = self._project(layer, x_RD, cos_R1K, sin_R1K)
            kv_2BJSK = cache[i]
            kv_2BJSK.view(-1, K).index_copy_(0, place, torch.stack([k_RJK, v_RJK]).view(-1, K))
            q_bMK = q_RHK.reshape(B, C, J, G, K).transpose(1, 2).reshape(B * J, C * G, K)
            q_bMK = torch.cat([q_bMK] * times, dim=1) if times > 1 else q_bMK
            k_bnK, v_bnK = (part[:B, :, :n].reshape(B * J, n, K) for part in kv_2BJSK)
            scores_bMn = torch.baddbmm(mask_bMn, q_bMK, k_bnK.transpose(1, 2), alpha=K**-0.5)
            mixed_bMK = torch.bmm(scores_bMn.softmax(-1), v_bnK)[:, : C * G]
            x_RD = self._finish(layer, x_RD, mixed_bMK.view(B, J, C, G, K).transpose(1, 2).reshape(B * C, H * K))
        cache.lengths = [length + C for length in cache.lengths]
        logits_RV: Tensor = self.head.rows(self._norm(x_RD, *self.norm))
        return logits_RV.view(B, C, -1)

    def _embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        x = self.embed_VD[ids].float()
        return x if self.positions_SD is None else x + self.positions_SD[positions].float()

    def _rotary(self, positions: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
        if self.frequencies is None:
            return None, None
        angles = positions[:, None].float() * self.frequencies
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([cos, cos], -1)[:, None], torch.cat([-sin, sin], -1)[:, None]

    def _norm(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if self.shape.family == "gpt2":
            return functional.layer_norm(x, x.shape[-1:], weight, bias, self.shape.epsilon)
        # x / sqrt(mean(x²) + epsilon) in four operations: torch's own takes eight of them on a CPU.
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * x.shape[-1] ** -0.5
        return x / torch.hypot(length, self.root_epsilon) * weight

    def _project(
        self, layer: Any, x_RD: Tensor, cos: Tensor | None, sin: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        linears, norms = layer
        H, J, K = self.shape.heads, self.shape.key_heads, self.shape.head_width
        normed_RD = self._norm(x_RD, norms["norm1.weight"], norms.get("norm1.bias"))
        qkv_RhK = linears["qkv"].rows(normed_RD).view(len(x_RD), H + 2 * J, K)
        qk_RhK, v_RJK = qkv_RhK[:, : H + J], qkv_RhK[:, H + J :]
        if "q_norm" in norms:
            parts = (self._norm(qk_RhK[:, :H], norms["q_norm"]), self._norm(qk_RhK[:, H:], norms["k_norm"]))
            qk_RhK = torch.cat(parts, 1)
        if cos is not None and sin is not None:
            qk_RhK = torch.addcmul(qk_RhK * cos, qk_RhK.roll(K // 2, -1), sin)
        return qk_RhK[:, :H], qk_RhK[:, H:], v_RJK

    def _finish(self, layer: Any, x_RD: Tensor, mixed_RD: Tensor) -> Tensor:
        linears, norms = layer
        x_RD = x_RD + linears["out"].rows(mixed_RD)
        normed_RD = self._norm(x_RD, norms["norm2.weight"], norms.get("norm2.bias"))
        up = linears["up"].rows(normed_RD)
        if self.shape.family == "gpt2":
            active = functional.gelu(up, approximate="tanh")
        else:
            gate, value = up.chunk(2, -1)
            active = functional.silu(gate).mul_(value)
        return torch.add(x_RD, linears["down"].rows(active))


def _float(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.float()

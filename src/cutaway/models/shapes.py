"""What our own forward pass has to know of a model: its shape, and its weights under names of our own."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from torch import Tensor

__all__ = ["Shape", "built_as_configured", "parts_of", "shape_of"]


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


def built_as_configured(module: Any) -> bool:
    """Say whether a module consists of what transformers builds from its configuration, part by part, and no more.

    A layer that was removed, replaced or wrapped (as by PEFT), or an attention function of somebody's own, is not.
    """
    if not type(module).__module__.startswith("transformers.models."):
        return False
    if module.config._attn_implementation not in {"eager", "sdpa"}:
        return False
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        plain = type(module)._from_config(copy.deepcopy(module.config))
    return _build_of(module) == _build_of(plain)


def _build_of(module: Any) -> list[Any]:
    parts: list[Any] = [(path, type(part)) for path, part in module.named_modules()]
    return parts + [(path, weight.shape) for path, weight in module.named_parameters(remove_duplicate=False)]


def parts_of(module: Any, shape: Shape) -> dict[str, Tensor]:
    """Return the weights of a transformers model under this file's names, projections of one input joined.

    Tensors that need no joining are the model's own, not copies.
    """
    return _llama_parts(module, shape) if shape.family == "llama" else _gpt2_parts(module, shape)


def _llama_parts(module: Any, shape: Shape) -> dict[str, Tensor]:
    body, K = module.model, shape.head_width
    # A head's number k turns with number k + K / 2: they are put side by side, as the two parts of complex numbers.
    order_K = torch.arange(K).view(2, K // 2).t().flatten()
    order_h = _order(shape, order_K)
    parts = {"embed": body.embed_tokens.weight, "norm.weight": body.norm.weight}
    if module.lm_head.weight is not body.embed_tokens.weight:
        parts["head"] = module.lm_head.weight
    parts["frequencies"] = body.rotary_emb.inv_freq * 1.0
    for i, layer in enumerate(body.layers):
        mine, mlp = layer.self_attn, layer.mlp
        named = {
            "norm1.weight": layer.input_layernorm.weight,
            "norm2.weight": layer.post_attention_layernorm.weight,
            "qkv": torch.cat([mine.q_proj.weight, mine.k_proj.weight, mine.v_proj.weight])[order_h],
            "out": mine.o_proj.weight,
            "up": torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
            "down": mlp.down_proj.weight,
        }
        if mine.q_proj.bias is not None:
            named["qkv.bias"] = torch.cat([mine.q_proj.bias, mine.k_proj.bias, mine.v_proj.bias])[order_h]
        for name, linear in (("out", mine.o_proj), ("down", mlp.down_proj)):
            if linear.bias is not None:
                named[f"{name}.bias"] = linear.bias
        if mlp.gate_proj.bias is not None:
            named["up.bias"] = torch.cat([mlp.gate_proj.bias, mlp.up_proj.bias])
        if hasattr(mine, "q_norm"):
            named |= {"q_norm.weight": mine.q_norm.weight[order_K], "k_norm.weight": mine.k_norm.weight[order_K]}
        parts |= {f"{i}.{name}": value for name, value in named.items()}
    return {name: value.detach() for name, value in parts.items()}


def _gpt2_parts(module: Any, shape: Shape) -> dict[str, Tensor]:
    body, order_h = module.transformer, _order(shape, torch.arange(shape.head_width))
    parts = {"embed": body.wte.weight, "positions": body.wpe.weight}
    parts |= {"norm.weight": body.ln_f.weight, "norm.bias": body.ln_f.bias}
    if module.lm_head.weight is not body.wte.weight:
        parts["head"] = module.lm_head.weight
    for i, layer in enumerate(body.h):
        convs = {"qkv": layer.attn.c_attn, "out": layer.attn.c_proj, "up": layer.mlp.c_fc, "down": layer.mlp.c_proj}
        for name, conv in convs.items():
            parts |= {f"{i}.{name}": conv.weight.t().contiguous(), f"{i}.{name}.bias": conv.bias}
        parts |= {name: parts[name][order_h] for name in (f"{i}.qkv", f"{i}.qkv.bias")}
        for name, norm in (("norm1", layer.ln_1), ("norm2", layer.ln_2)):
            parts |= {f"{i}.{name}.weight": norm.weight, f"{i}.{name}.bias": norm.bias}
    return {name: value.detach() for name, value in parts.items()}


def _order(shape: Shape, order_K: Tensor) -> Tensor:
    """Return where in a projection to all queries, all keys, all values each of its new rows is: a key head's own ones
    together, first the queries that ask it, then its key, then its value; within queries and keys as `order_K` says.
    """
    H, J, K = shape.heads, shape.key_heads, shape.head_width
    first_JG, own_J1 = torch.arange(H).view(J, H // J), torch.arange(J)[:, None]
    turned_Jx = torch.cat([first_JG, H + own_J1], dim=1)
    turned_JxK = turned_Jx[..., None] * K + order_K
    value_J1K = (H + J + own_J1)[..., None] * K + torch.arange(K)
    return torch.cat([turned_JxK, value_J1K], dim=1).flatten()

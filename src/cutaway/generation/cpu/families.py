"""Which transformers models a step can run: their shape, and their weights under names of our own.

The weights of a layer are joined as a step reads them: for each key head the queries that ask it, its key and its
value. Axis letters: D width, H query heads, J key heads, K head width.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from cutaway.generation.cpu.shape import Shape

_ALIKE = {"llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "gemma3_text", "smollm3"}
_PLAIN = {"gelu_pytorch_tanh": 2, "gelu_new": 2, "gelu": 3}
_GATED = {"silu": 0, "swish": 0, "gelu_pytorch_tanh": 1, "gelu_new": 1}
_STEADY = {"default", "linear", "llama3", "yarn"}  # rotations that do not change with the length of a text


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


def shape_of(module: Any) -> Shape | None:
    """Return the shape of a transformers model, or None if it has something that a step can't do."""
    config = module.config
    if not getattr(config, "num_hidden_layers", 0):  # the step begins with a layer
        return None
    if config.model_type == "gpt2":
        return _gpt2_shape(config)
    activation = getattr(config, "hidden_activation", None) or getattr(config, "hidden_act", None)
    if config.model_type not in _ALIKE or activation not in _GATED:
        return None
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None) or 0
    if kinds is None:
        kinds = ["sliding_attention" if window else "full_attention"] * config.num_hidden_layers
    tables = _tables(module)
    if tables is None or not set(kinds) <= {"full_attention", "sliding_attention"}:
        return None
    attention = module.model.layers[0].self_attn
    return Shape(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
        head_width=attention.head_dim,
        inner=config.intermediate_size,
        vocabulary=module.model.embed_tokens.weight.shape[0],
        epsilon=config.rms_norm_eps,
        layer_norm=False,
        activation=_GATED[activation],
        attention_scale=float(attention.scaling),
        windows=tuple(window if kind == "sliding_attention" else 0 for kind in kinds),
        rotations=tuple(
            _rotation(list(tables), kind, layer.self_attn)
            for kind, layer in zip(kinds, module.model.layers, strict=True)
        ),
        rotation_scales=tuple(scale for _, scale in tables.values()),
        attention_cap=getattr(attention, "attn_logit_softcapping", None) or 0.0,
        logit_cap=getattr(config, "final_logit_softcapping", None) or 0.0,
        embed_scale=config.hidden_size**0.5 if config.model_type.startswith("gemma") else 1.0,
    )


def _gpt2_shape(config: Any) -> Shape | None:
    plain = config.activation_function in _PLAIN and config.scale_attn_weights
    if not plain or config.scale_attn_by_inverse_layer_idx or config.add_cross_attention:
        return None
    width = config.n_embd // config.n_head
    return Shape(
        layers=config.n_layer,
        width=config.n_embd,
        heads=config.n_head,
        key_heads=config.n_head,
        head_width=width,
        inner=config.n_inner or 4 * config.n_embd,
        vocabulary=config.vocab_size,
        epsilon=config.layer_norm_epsilon,
        layer_norm=True,
        activation=_PLAIN[config.activation_function],
        attention_scale=width**-0.5,
        windows=(0,) * config.n_layer,
        rotations=(-1,) * config.n_layer,
    )


def _tables(module: Any) -> dict[str, tuple[Tensor, float]] | None:
    """Return for each kind of layer ("" for all) its frequencies and what its cosines and sines are multiplied by."""
    rotary = module.model.rotary_emb
    types = rotary.rope_type if isinstance(rotary.rope_type, dict) else {"": rotary.rope_type}
    if not set(types.values()) <= _STEADY:
        return None
    prefixes = {kind: f"{kind}_" if kind else "" for kind in types}
    return {
        kind: (getattr(rotary, f"{prefix}inv_freq"), float(getattr(rotary, f"{prefix}attention_scaling")))
        for kind, prefix in prefixes.items()
    }


def _rotation(tables: list[str], kind: str, attention: Any) -> int:
    if not getattr(attention, "use_rope", True):
        return -1
    return tables.index(kind) if kind in tables else 0


def parts_of(module: Any, shape: Shape) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights of a transformers model under this package's names, projections of one input joined."""
    for name, value in _gpt2_parts(module, shape) if shape.layer_norm else _llama_parts(module, shape):
        yield name, value.detach()


def _llama_parts(module: Any, shape: Shape) -> Iterator[tuple[str, Tensor]]:
    body, order = module.model, _order(shape)
    more = 1.0 if module.config.model_type.startswith("gemma") else 0.0  # Gemma's norms multiply by 1 + weight
    yield "embed", body.embed_tokens.weight
    yield "norm", body.norm.weight + more
    if module.lm_head.weight is not body.embed_tokens.weight:
        yield "head", module.lm_head.weight
    if module.lm_head.bias is not None:
        yield "head.bias", module.lm_head.bias
    for number, (frequencies, _) in enumerate((_tables(module) or {}).values()):
        yield f"frequencies.{number}", frequencies
    for i, layer in enumerate(body.layers):
        mine, mlp = layer.self_attn, layer.mlp
        joined = {
            "qkv": [mine.qkv_proj] if hasattr(mine, "qkv_proj") else [mine.q_proj, mine.k_proj, mine.v_proj],
            "out": [mine.o_proj],
            "up": [mlp.gate_up_proj] if hasattr(mlp, "gate_up_proj") else [mlp.gate_proj, mlp.up_proj],
            "down": [mlp.down_proj],
        }
        for name, linears in joined.items():
            weight, bias = (
                [getattr(linear, part) for linear in linears if getattr(linear, part) is not None]
                for part in ("weight", "bias")
            )
            yield f"{i}.{name}", torch.cat(weight)[order] if name == "qkv" else torch.cat(weight)
            if bias:
                yield f"{i}.{name}.bias", torch.cat(bias)[order] if name == "qkv" else torch.cat(bias)
        norms = {"norm1": "input_layernorm", "norm2": "post_attention_layernorm"}
        if hasattr(layer, "pre_feedforward_layernorm"):
            norms = {"norm1": "input_layernorm", "post1": "post_attention_layernorm"}
            norms |= {"norm2": "pre_feedforward_layernorm", "post2": "post_feedforward_layernorm"}
        for ours, theirs in norms.items():
            yield f"{i}.{ours}", getattr(layer, theirs).weight + more
        for name in ("q_norm", "k_norm"):
            if hasattr(mine, name):
                yield f"{i}.{name}", getattr(mine, name).weight + more


def _gpt2_parts(module: Any, shape: Shape) -> Iterator[tuple[str, Tensor]]:
    body, order = module.transformer, _order(shape)
    yield "embed", body.wte.weight
    yield "positions", body.wpe.weight
    yield "norm", body.ln_f.weight
    yield "norm.bias", body.ln_f.bias
    if module.lm_head.weight is not body.wte.weight:
        yield "head", module.lm_head.weight
    for i, layer in enumerate(body.h):
        convs = {"qkv": layer.attn.c_attn, "out": layer.attn.c_proj, "up": layer.mlp.c_fc, "down": layer.mlp.c_proj}
        for name, conv in convs.items():
            weight, bias = conv.weight.t(), conv.bias
            yield f"{i}.{name}", weight[order] if name == "qkv" else weight
            yield f"{i}.{name}.bias", bias[order] if name == "qkv" else bias
        for name, norm in (("norm1", layer.ln_1), ("norm2", layer.ln_2)):
            yield f"{i}.{name}", norm.weight
            yield f"{i}.{name}.bias", norm.bias


def _order(shape: Shape) -> Tensor:
    """Return where in a projection to all queries, all keys, all values each of its new rows is."""
    H, J, K = shape.heads, shape.key_heads, shape.head_width
    own_J1 = torch.arange(J)[:, None]
    heads_Jx = torch.cat([torch.arange(H).view(J, H // J), H + own_J1, H + J + own_J1], dim=1)
    return (heads_Jx[..., None] * K + torch.arange(K)).flatten()

"""How much a training step keeps for its backward pass, from the numbers of a configuration.

A layer keeps the input of each operation whose gradient needs it. Counting these per token gives a formula for each
family of models. `stream` numbers stay in float32 under bfloat16 autocast: the residual stream, which the norms read.
The others have the precision of the matrix products; each product whose input is in float32 keeps a bfloat16 copy of
its own. The formulas are those of transformers' modules on torch 2.13; a test compares them with what autograd saves
(`torch.autograd.graph.saved_tensors_hooks`).

`D` width, `F` inner width of the MLP, `H` heads, `K` head width, `L` layers, `T` positions.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from cutaway.errors import WrongKind
from cutaway.models.config_outline import BIDIRECTIONAL

_FAMILIES: Final = {
    "gpt2": ("gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "bloom", "gpt_bigcode", "starcoder2", "phi"),
    "bert": (*BIDIRECTIONAL,),
    "t5": ("t5", "mt5", "umt5", "longt5", "bart", "mbart", "marian", "pegasus", "m2m_100"),
}
_COUNTED: Final = ("gpt2", "bert", "t5", "llama", "mistral", "qwen2", "qwen3", "smollm3")
# How many numbers of the inner width an activation function keeps: its input, or also steps in between.
_KEPT_BY: Final = {"relu": 0, "gelu_new": 4, "gelu_fast": 4, "quick_gelu": 2}


@dataclasses.dataclass(frozen=True)
class Shape:
    """The numbers of a configuration on which memory and FLOPs depend.

    `family` says whose formula is used: that of gpt2, llama, bert or t5; `exact` whether the formula was made for this
    type of model. A t5 has `layers` layers on each side. `outputs` is the vocabulary, or the number of labels.
    """

    family: str
    exact: bool
    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_width: int
    outputs: int
    gated: bool
    activation: str
    normed_heads: bool = False
    dropout: float = 0.0
    attention_dropout: float = 0.0


def shape_of(config: Any) -> Shape:
    """Return the numbers of a transformers configuration.

    Raises `WrongKind` if it is not one of a Transformer that reads tokens.

    >>> from cutaway.models.configuration import read_configuration
    >>> found = shape_of(read_configuration("gpt2")[0])
    >>> found.family, found.layers, found.width, found.inner, found.activation
    ('gpt2', 12, 768, 3072, 'gelu_new')
    """
    text = config.get_text_config()
    kind = text.model_type
    family = next((name for name, types in _FAMILIES.items() if kind in types), "llama")
    if family == "llama" and getattr(text, "is_encoder_decoder", False):
        family = "t5"
    width = _number(text, "hidden_size", "n_embd", "d_model", "dim")
    heads = _number(text, "num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads")
    if not (width and heads and isinstance(getattr(text, "vocab_size", None), int)):
        raise WrongKind(
            f"a {kind} is not a Transformer that reads tokens: it has no attention heads or no vocabulary",
            hint="take a model such as gpt2, llama, bert or t5",
        )
    inner = _number(text, "intermediate_size", "n_inner", "d_ff", "encoder_ffn_dim", "ffn_dim", "hidden_dim")
    activation = next(
        (
            value
            for name in ("hidden_act", "hidden_activation", "activation_function", "dense_act_fn", "activation")
            if isinstance(value := getattr(text, name, None), str)
        ),
        "gelu",
    )
    labels = getattr(config, "problem_type", None) is not None
    return Shape(
        family=family,
        exact=kind in _COUNTED,
        layers=_number(text, "num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers"),
        width=width,
        inner=inner or 4 * width,
        heads=heads,
        kv_heads=_number(text, "num_key_value_heads") or heads,
        head_width=_number(text, "head_dim", "d_kv") or width // heads,
        outputs=config.num_labels if labels else text.vocab_size,
        gated=family == "llama" or bool(getattr(text, "is_gated_act", False)),
        activation=activation,
        normed_heads=kind.startswith(("qwen3", "gemma3")),
        dropout=_rate(text, "resid_pdrop", "hidden_dropout_prob", "dropout_rate", "dropout"),
        attention_dropout=_rate(text, "attn_pdrop", "attention_probs_dropout_prob", "attention_dropout"),
    )


def activation_bytes(
    shape: Shape,
    rows: int,
    length: int,
    *,
    precision: str = "float32",
    attention: str = "sdpa",
    checkpointing: bool = False,
    matrices: int = 0,
    on_cpu: bool = True,
) -> int:
    """Return the bytes that the forward pass of `rows` rows of `length` tokens keeps, without logits.

    `precision` is "float32" or "bfloat16" (autocast: the weights stay in float32, and bfloat16 copies of the `matrices`
    weights that are multiplied are kept, too). `attention` is "sdpa", "eager" or "plain". With `checkpointing` a layer
    keeps its input only, and one layer at a time is computed again. A t5 reads rows of `length` tokens on each side.

    >>> from cutaway.models.configuration import read_configuration
    >>> activation_bytes(shape_of(read_configuration("llama")[0]), rows=1, length=4096) / 1e9
    44.779454464
    """
    low = precision == "bfloat16"
    layer = _bytes_of_layer(shape, length, low=low, attention=attention, on_cpu=on_cpu)
    per_token = _bytes_outside(shape, low=low, on_cpu=on_cpu)
    if checkpointing:
        sides = 2 if shape.family == "t5" else 1
        per_token += 4 * shape.width * sides * shape.layers + layer
    else:
        per_token += shape.layers * layer
    fixed = 2 * matrices if low else 0
    if shape.family == "t5":  # the places of relative positions, and their biases
        fixed += length**2 * (2 * 8 + 4 * shape.heads + shape.layers * (attention == "sdpa"))
    return round(rows * length * per_token) + fixed


def _bytes_of_layer(shape: Shape, length: int, *, low: bool, attention: str, on_cpu: bool) -> float:
    """Bytes for each token of a row of `length`; of t5, of a layer of each side."""
    D, size = shape.width, 2 if low else 4
    Q = shape.heads * shape.head_width
    mlp = _inner_numbers(shape, low) * size
    if shape.family == "t5":
        biased = _attention(shape, length, low=False, attention="eager", on_cpu=on_cpu)
        across = _attention(shape, length, low=low, attention=attention, on_cpu=on_cpu)
        reads = 4 * (4 * D + 2) + size * ((3 if low else 1) * D + Q + D) + biased + mlp
        own, other = (3 if low else 1) * D + Q, (3 if low else 1) * D + Q
        writes = 4 * (6 * D + 3) + size * (own + other + D) + biased + across + mlp
        return reads + writes
    inputs = 2 * D
    if low:  # q, k and v are three products, and the gate and the way up are two
        inputs += {"gpt2": 0, "bert": 2 * D, "llama": 3 * D}[shape.family]
    stream = 4 * D + 2 if shape.family == "llama" else 2 * D + 4
    if shape.normed_heads:
        kv = shape.kv_heads * shape.head_width
        stream += Q + kv + shape.heads + shape.kv_heads
        inputs += Q + kv
    masks = 2 * D * (size if on_cpu else 1) if shape.dropout else 0
    kept = _attention(shape, length, low=low, attention=attention, on_cpu=on_cpu)
    return 4 * stream + size * (inputs + Q) + kept + mlp + masks


def _attention(shape: Shape, length: int, *, low: bool, attention: str, on_cpu: bool) -> float:
    """Bytes for each token: queries, keys, values, and the weights or what the fused kernel keeps instead."""
    size, Q = 2 if low else 4, shape.heads * shape.head_width
    dropped = shape.attention_dropout > 0 and on_cpu  # the fused kernel of a CPU has no dropout
    if attention == "sdpa" and not dropped:
        return size * (Q + 2 * shape.kv_heads * shape.head_width) + 4 * shape.heads
    weights = size * (3 if shape.attention_dropout else 1)
    if low and not (shape.family == "bert" and attention == "eager"):
        weights += 4  # the softmax is in float32
    return size * 3 * Q + shape.heads * length * weights


def _inner_numbers(shape: Shape, low: bool) -> int:
    """Numbers for each token: the input of the activation function, what it gives, and the input of the way down."""
    kept = _KEPT_BY.get(shape.activation, 1)
    if shape.gated:
        return (kept + 3) * shape.inner
    # T5 computes its way down from a float32 copy, so both the function and the product keep one in bfloat16.
    return (kept + 1 + (low and shape.family == "t5")) * shape.inner


def _bytes_outside(shape: Shape, *, low: bool, on_cpu: bool) -> float:
    """Bytes for each token of what is before and after the layers, without logits."""
    D, size = shape.width, 2 if low else 4
    mask = D * (size if on_cpu else 1) if shape.dropout else 0
    if shape.family == "gpt2":
        return 4 * (D + 2) + size * D + mask
    if shape.family == "llama":
        return 4 * (2 * D + 1) + size * D
    if shape.family == "bert":
        return 4 * (2 * D + 4) + size * 3 * D + mask
    return 4 * (4 * D + 2) + size * 2 * D + 2 * mask


def _number(config: Any, *names: str) -> int:
    for name in names:
        if isinstance(value := getattr(config, name, None), int) and value:
            return value
    return 0


def _rate(config: Any, *names: str) -> float:
    return next((float(value) for name in names if (value := getattr(config, name, None))), 0.0)

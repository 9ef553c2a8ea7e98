"""What `attention` checks before it runs a text: layers and heads, memory, and how much of the maps to keep."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence

from cutaway.errors import InputError, PromptTooLong
from cutaway.inside.capture import ROWS, watch
from cutaway.inside.forward import Reading
from cutaway.models.text_model import Model
from cutaway.tokens.encoding import encode_text

WHOLE = 150e6  # most weights that are not pooled: 270 heads of 1,024 tokens
LONG = 4096  # from so many tokens on, maps are always pooled
CELLS = 256  # most rows of a pooled map
KEPT = 0.8e9  # most bytes of queries and keys kept for exact rows
ACTIVATIONS = 10  # what a forward pass holds at once, in multiples of a layer's queries and keys


def attention_shape(reading: Reading) -> tuple[dict[str, tuple[int, int]], int]:
    """Return the layers and heads of each kind of attention, and the bytes of a token's queries and keys in one layer.

    It runs the model over one token to find them.
    """
    short = dataclasses.replace(reading, ids=reading.ids[:1], target_ids=reading.target_ids and reading.target_ids[:1])
    sizes = []
    with watch(reading.model, lambda call: sizes.append((call.query.numel() + call.key.numel()) * 4)) as seen:
        short.run()
    return seen.shape, max(sizes)


def check_places(
    kind: str, depth: int, width: int, layers: Sequence[int] | None, heads: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """Return the chosen layers and heads, all of them if None is given; raise `InputError` for one out of range."""
    for name, given, count in (("layer", layers, depth), ("head", heads, width)):
        for number in given or ():
            if not 0 <= number < count:
                raise InputError(
                    f"the model has no {name} {number}", hint=f"{kind} attention has {name}s 0 to {count - 1}"
                )
    return sorted(set(range(depth) if layers is None else layers)), list(range(width) if heads is None else heads)


def check_head(place: tuple[int, int], shape: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Return the (layer, head), or raise `InputError` if the model does not have it."""
    kind, (depth, width) = next(iter(shape.items()))
    layer, head = place
    if not (0 <= layer < depth and 0 <= head < width):
        raise InputError(
            f"the model has no head {layer}.{head}",
            hint=f"{kind} attention has layers 0 to {depth - 1} and heads 0 to {width - 1}, for example 0.0",
        )
    return layer, head


def pool_size(reading: Reading, chosen: dict[str, tuple[list[int], list[int]]]) -> int:
    """Return how many positions share a cell of the maps: 1, or more if there are too many weights for a page."""
    weights, longest = 0.0, 1
    for kind, (layers, heads) in chosen.items():
        rows, keys = (len(ids) for ids in reading.ids_of(kind))
        weights += len(layers) * len(heads) * rows * keys / (2 if kind in ("self", "decoder") else 1)
        longest = max(longest, rows, keys)
    if weights <= WHOLE and longest < LONG:
        return 1
    return min(ROWS, int(2 ** max(1, math.ceil(math.log2(longest / CELLS)))))


def layers_to_keep(layers: list[int], each: int, wanted: list[tuple[int, int]] | None) -> list[int]:
    """Return the layers whose queries and keys (`each` bytes) are kept: the `wanted`, and evenly as many as fit."""
    fit = max(1, int(KEPT / each))
    step = -(-len(layers) // fit)
    return sorted({*layers[step // 2 :: step], *(layer for layer, _ in wanted or [])})


def check_memory(reading: Reading, cells: float, layer_bytes: float, kept: int) -> None:
    """Raise `InputError` if maps of `cells` bytes, and the queries and keys of `kept` layers, do not fit in memory."""
    needed = cells + layer_bytes * (kept + ACTIVATIONS)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if reading.model.device.type == "cpu" and needed > max(free, 1e9):
        raise InputError(
            f"the maps of {len(reading.ids):,} tokens need about {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free",
            hint="choose some `layers`, cut the text with `truncate='right'`, or run cutaway heads (no maps)",
        )


def too_long(error: PromptTooLong, text: str, loaded: Model) -> PromptTooLong:
    """Return the error for a text longer than the context, with the memory that its maps would take."""
    config, count = loaded.config.get_text_config(), len(encode_text(text, loaded.tokenizer).ids)
    heads = getattr(config, "num_hidden_layers", 1) * getattr(config, "num_attention_heads", 1)
    return PromptTooLong(
        f"{error.message}; the maps of its {heads:,} heads would take {heads * count**2 / 1e9:,.1f} GB",
        hint=error.hint,
    )

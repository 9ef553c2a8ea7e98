"""`attention`: every head's weights on one text, small enough for a page, exact where one asks.

Axis letters: L layers, H heads, T queries, S keys, K head width.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from cutaway.array_codec import PackedArray, PackedMaps, Weights, pack_array, pack_maps
from cutaway.errors import InputError, PromptTooLong
from cutaway.inside.attention_rollout import rollout
from cutaway.inside.capture import ROWS, Call, watch
from cutaway.inside.forward import Reading, read
from cutaway.inside.head_roles import Head, describe
from cutaway.inside.head_statistics import Statistics
from cutaway.inside.opening_view import Focus, find_focus
from cutaway.inside.recording import Calls, Maps
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import ModelLike
from cutaway.result import Result

__all__ = ["AttentionMaps", "Neuron", "Stack", "attention"]

WHOLE = 150e6  # weights that a page can carry: 270 heads of 1,024 tokens
LONG = 4096  # tokens from which maps are pooled however few they are
CELLS = 256  # rows of a pooled map
KEPT = 0.8e9  # bytes of queries and keys kept for exact rows
ACTIVATIONS = 10  # what a forward pass holds at once, in queries and keys of a layer
SEARCHED = 256  # tokens up to which the page looks for the link to open at
ROLLED = 1024  # tokens up to which the rollout matrix is computed


@dataclasses.dataclass(frozen=True)
class Stack:
    """The maps of one kind of attention; `scores` and `received` are exact whatever the maps leave out.

    `received` [S]: the attention a token gets, averaged over the chosen heads and layers and over the positions that
    may see it. `rollout`: how much of each token reaches each position through all heads of all layers (None if some
    are left out).
    """

    kind: str
    causal: bool
    layers: list[int]
    heads: list[int]
    queries: list[str]
    keys: list[str]
    query_words: list[int]
    key_words: list[int]
    maps: PackedMaps
    scores: list[Head]
    received: list[float]
    rollout: PackedMaps | None


@dataclasses.dataclass(frozen=True)
class Neuron:
    """The queries [T, K] and keys [S, K] of one head, after rotary.

    A weight is the softmax over the keys of softcap(scale × q·k) + bias, with `sink` as one more logit whose weight
    goes nowhere; `window` says how many keys, up to its own, a query sees.
    """

    stack: int
    layer: int
    head: int
    scale: float
    softcap: float | None
    sink: float | None
    window: int | None
    queries: PackedArray
    keys: PackedArray
    bias: PackedArray | None


@dataclasses.dataclass(frozen=True, repr=False)
class AttentionMaps(Result):
    """Attention weights of one text: row t holds what position t takes from each position, and sums to 1.

    `focus` is where the page opens (None for a long text). `generated` of the last tokens were written by a model.
    `row` and `weights` give exact numbers from the queries and keys that are kept beside the record (`calls`: not part
    of the JSON).
    """

    schema: ClassVar[str] = "attention"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")

    model: str
    text: str
    generated: int
    stacks: list[Stack]
    neurons: list[Neuron]
    focus: Focus | None
    calls: dict[tuple[str, int], Call] = dataclasses.field(repr=False, compare=False, metadata={"json": False})

    def row(self, layer: int, head: int, position: int, kind: str | None = None) -> Weights:
        """Return one row of weights [S], exactly (float32), at any length.

        Raises `InputError` for a layer, head or position that is not there.
        """
        call = self._call(layer, kind)
        for name, value, count in (("head", head, call.heads), ("position", position, call.rows)):
            if not 0 <= value < count:
                raise InputError(f"there is no {name} {value}", hint=f"{name}s go from 0 to {count - 1}")
        row_S: Weights = call.row(position)[0, head].float().cpu().numpy()
        return row_S

    def weights(self, layer: int, head: int, kind: str | None = None) -> Weights:
        """Return one head's whole map [T, S], exactly (float32)."""
        call = self._call(layer, kind)
        if not 0 <= head < call.heads:
            raise InputError(f"there is no head {head}", hint=f"heads go from 0 to {call.heads - 1}")
        whole = np.zeros((call.rows, call.keys), np.float32)
        for tile in call.tiles():
            whole[tile.start : tile.end, : tile.seen] = tile.weights[0, head].float().cpu().numpy()
        return whole

    def arrays(self) -> dict[str, Weights]:
        """Return the maps of each kind as float16 [L, H, T, S], or pooled where they are; and the tokens."""
        found: dict[str, Weights] = {}
        for stack in self.stacks:
            found[f"{stack.kind}_weights"] = np.stack([self._layer(stack, i) for i in range(len(stack.layers))])
            found[f"{stack.kind}_layers"] = np.array(stack.layers)
            found[f"{stack.kind}_heads"] = np.array(stack.heads)
            found[f"{stack.kind}_queries"] = np.array(stack.queries)
            found[f"{stack.kind}_keys"] = np.array(stack.keys)
            found[f"{stack.kind}_received"] = np.array(stack.received)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return the statistics of each head, a row each."""
        return [dataclasses.asdict(head) for stack in self.stacks for head in stack.scores]

    def _layer(self, stack: Stack, index: int) -> Weights:
        layer = stack.layers[index]
        if stack.maps.pool > 1 or (stack.kind, layer) not in self.calls:
            return (stack.maps.layer(index) / np.float32(255)).astype(np.float16)
        return np.stack([self.weights(layer, head, stack.kind) for head in stack.heads]).astype(np.float16)

    def _call(self, layer: int, kind: str | None) -> Call:
        kind = kind or self.stacks[0].kind
        if (kind, layer) not in self.calls:
            known = [str(number) for name, number in self.calls if name == kind]
            kept = (
                f"exact rows are kept of layers {', '.join(known)}"
                if known
                else f"kinds: {[s.kind for s in self.stacks]}"
            )
            raise InputError(f"there is no layer {layer} of {kind} attention here", hint=kept)
        return self.calls[kind, layer]


def attention(
    text: str,
    model: ModelLike = DEFAULT,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    neurons: Sequence[tuple[int, int]] | None = None,
    target: str | None = None,
    continuation: Sequence[int] | None = None,
    truncate: str | None = None,
    link: tuple[str, str] | None = None,
) -> AttentionMaps:
    """Run a text through a model and keep the attention weights of every head, or of chosen `layers` and `heads`.

    Any model on transformers' attention interface, unchanged: it computes with sdpa. Maps of up to 150 million weights
    are whole; larger ones, and those of 4,096 tokens or more, are pooled. `neurons` are heads (layer, head) whose
    queries and keys go into the record; `target` is the decoder's text of an encoder-decoder; `continuation` are ids
    that follow the text, as a model generated them. `link` names two words of the text: the page opens at the head
    that looks most from the first to the second; without it at the clearest link between two words. Raises
    `MissingText`, `InputError`, `PromptTooLong`, `AttentionHidden` or another `ModelError`.

    >>> maps = attention("No, I am your father")
    >>> maps.stacks[0].maps.rows, len(maps.stacks[0].scores)
    (6, 270)
    >>> float(maps.row(18, 6, 3).sum().round(4))
    1.0
    """
    try:
        reading = read(text, model, target=target, continuation=list(continuation or []), truncate=truncate)
    except PromptTooLong as error:
        raise _too_long(error, text, model) from error
    shape, each = _shape(reading)
    heads = None if heads is None else list(dict.fromkeys(heads))
    chosen = {kind: _chosen(kind, *size, layers, heads) for kind, size in shape.items()}
    pool = _pool(reading, chosen)
    wanted = None if neurons is None else [_neuron(place, shape) for place in neurons]
    length = max(len(reading.ids), len(reading.target_ids or []))
    keep = _kept(sorted({layer for some, _ in chosen.values() for layer in some}), each * length, wanted)
    cells = sum(len(some) * len(width) for some, width in chosen.values()) * (length / pool) ** 2
    _check_memory(reading, cells + each * length * (len(keep) + ACTIVATIONS))
    maps = Maps("uint8", pool=pool, layers=layers, heads=heads)
    statistics = Statistics(torch.tensor([reading.ids], device=reading.model.device), maps.add)
    calls = Calls(keep)

    seen: dict[tuple[str, int], _Seen] = {}

    def observe(call: Call) -> torch.Tensor:
        calls(call)
        output = statistics(call)
        rows = statistics.rows.pop()  # at 8,192 tokens a layer's rows take 3 MB
        received_S = rows.received[0][chosen[call.kind][1]].double().mean(0).cpu()
        seen[call.kind, call.layer] = _Seen(describe(rows), received_S, rows.looks_ahead)
        return output

    with watch(reading.model, observe):
        reading.run()
    stacks = [_stack(reading, kind, chosen[kind], maps, seen, calls, pool) for kind in shape]
    focus = _focus(reading, stacks[0], calls, link)
    places = _telling(stacks[0], pool, keep, focus) if wanted is None else wanted
    return AttentionMaps(
        model=reading.model.name,
        text=text,
        generated=len(continuation or []),
        stacks=stacks,
        neurons=[_pack_neuron(calls.calls[stacks[0].kind, layer], layer, head) for layer, head in places],
        focus=focus,
        calls=calls.calls,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Seen:
    heads: list[Head]
    received: torch.Tensor
    looks_ahead: bool


def _shape(reading: Reading) -> tuple[dict[str, tuple[int, int]], int]:
    """Return layers and heads of each kind of attention, and the bytes of a token's queries and keys in one layer.

    From a run over one token, before the whole text is.
    """
    short = dataclasses.replace(reading, ids=reading.ids[:1], target_ids=reading.target_ids and reading.target_ids[:1])
    sizes = []
    with watch(reading.model, lambda call: sizes.append((call.query.numel() + call.key.numel()) * 4)) as seen:
        short.run()
    return seen.shape, max(sizes)


def _chosen(
    kind: str, depth: int, width: int, layers: Sequence[int] | None, heads: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    for name, given, count in (("layer", layers, depth), ("head", heads, width)):
        for number in given or ():
            if not 0 <= number < count:
                raise InputError(f"there is no {name} {number}", hint=f"{kind} attention has {name}s 0 to {count - 1}")
    return sorted(set(range(depth) if layers is None else layers)), list(range(width) if heads is None else heads)


def _neuron(place: tuple[int, int], shape: dict[str, tuple[int, int]]) -> tuple[int, int]:
    kind, (depth, width) = next(iter(shape.items()))
    layer, head = place
    if not (0 <= layer < depth and 0 <= head < width):
        raise InputError(
            f"there is no head {layer}.{head}",
            hint=f"{kind} attention has layers 0 to {depth - 1} and heads 0 to {width - 1}, for example 0.0",
        )
    return layer, head


def _pool(reading: Reading, chosen: dict[str, tuple[list[int], list[int]]]) -> int:
    weights, longest = 0.0, 1
    for kind, (layers, heads) in chosen.items():
        rows, keys = (len(ids) for ids in reading.ids_of(kind))
        weights += len(layers) * len(heads) * rows * keys / (2 if kind in ("self", "decoder") else 1)
        longest = max(longest, rows, keys)
    if weights <= WHOLE and longest < LONG:
        return 1
    return min(ROWS, int(2 ** max(1, math.ceil(math.log2(longest / CELLS)))))


def _kept(layers: list[int], each: int, wanted: list[tuple[int, int]] | None) -> list[int]:
    """Return the layers whose queries and keys are kept, `each` bytes: as many as fit, evenly, and those asked for."""
    fit = max(1, int(KEPT / each))
    step = -(-len(layers) // fit)
    return sorted({*layers[step // 2 :: step], *(layer for layer, _ in wanted or [])})


def _check_memory(reading: Reading, needed: float) -> None:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if reading.model.device.type == "cpu" and needed > max(free, 1e9):
        raise InputError(
            f"{len(reading.ids):,} tokens would need about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            hint="--layers chooses some, --truncate left|right cuts the text, and `cutaway heads` needs no maps",
        )


def _too_long(error: PromptTooLong, text: str, model: ModelLike) -> PromptTooLong:
    from cutaway.models.loading import shared

    loaded = shared(model, "any")
    config, count = loaded.config.get_text_config(), len(loaded.tokenizer.encode(text).ids)
    heads = getattr(config, "num_hidden_layers", 1) * getattr(config, "num_attention_heads", 1)
    return PromptTooLong(
        f"{error.message}; whole maps of all of it, {heads:,} heads, would take {heads * count**2 / 1e9:,.1f} GB",
        hint=error.hint,
    )


def _stack(
    reading: Reading,
    kind: str,
    chosen: tuple[list[int], list[int]],
    maps: Maps,
    seen: dict[tuple[str, int], _Seen],
    calls: Calls,
    pool: int,
) -> Stack:
    layers, heads = chosen
    depth = {layer: found for (name, layer), found in seen.items() if name == kind}
    queries, keys = reading.ids_of(kind)
    causal = kind != "cross" and not depth[layers[0]].looks_ahead
    kept = [maps.maps.pop((kind, layer))[0][0].cpu().numpy() for layer in layers]
    every = len(layers) == len(depth) and len(set(heads)) == len(depth[layers[0]].heads)
    whole = every and len(queries) <= ROLLED and pool == 1 and kind != "cross"
    rolled = None
    if whole and all((kind, layer) in calls.calls for layer in layers):
        matrix = rollout([calls.calls[kind, layer] for layer in layers])
        rolled = pack_maps([matrix[None].float().cpu().numpy()], causal=causal)
    return Stack(
        kind=kind,
        causal=causal,
        layers=layers,
        heads=heads,
        queries=reading.pieces(queries),
        keys=reading.pieces(keys),
        query_words=reading.words(queries),
        key_words=reading.words(keys),
        maps=pack_maps(kept, causal=causal, pool=pool),
        scores=[depth[layer].heads[head] for layer in layers for head in heads],
        received=_received([depth[layer].received for layer in layers], causal, len(queries)),
        rollout=rolled,
    )


def _received(layers: list[torch.Tensor], causal: bool, length: int) -> list[float]:
    seen_by = torch.arange(length, 0, -1) if causal else torch.tensor(length)
    return [float(f"{value:.5g}") for value in (torch.stack(layers).mean(0) / seen_by).tolist()]


def _focus(reading: Reading, stack: Stack, calls: Calls, link: tuple[str, str] | None) -> Focus | None:
    if link is not None and stack.maps.pool > 1:
        raise InputError(
            f"two of {len(stack.queries):,} tokens can't be told apart: the maps are pooled",
            hint="--layers chooses some layers, --truncate left|right cuts the text",
        )
    if stack.maps.pool > 1 or (link is None and len(stack.queries) > SEARCHED):
        return None
    maps = ((layer, stack.heads, stack.maps.layer(at)) for at, layer in enumerate(stack.layers))
    ids, special = reading.ids_of(stack.kind)[0], reading.model.tokenizer.special_ids
    outside = {at for at, token in enumerate(ids) if token in special}
    words = (stack.query_words, stack.key_words)
    found = find_focus(maps, (stack.queries, stack.keys), words, outside, link)
    call = None if found is None else calls.calls.get((stack.kind, found.layer))
    if found is None or call is None:
        return found
    row_S = call.row(found.query)[0, found.head].float().cpu()  # exact, not to a byte
    return dataclasses.replace(found, weight=float(row_S[found.key]), first=float(row_S[0]))


def _telling(stack: Stack, pool: int, keep: list[int], focus: Focus | None) -> list[tuple[int, int]]:
    """Choose heads worth a look inside: the one in focus and the clearest of each kind; fewer for a longer text."""
    length = len(stack.queries)
    count = 3 if pool > 1 else 4 if length <= 64 else 1
    best: dict[str, Head] = {}
    for head in stack.scores:
        if head.layer in keep and head.role not in ("first token", "mixed", "broad", "local"):
            known = best.get(head.role)
            if known is None or head.certainty > known.certainty:
                best[head.role] = head
    order = ["induction", "previous token", "duplicate token", "next token", "same token"]
    found = [best[role] for role in order if role in best] or [head for head in stack.scores if head.layer in keep][:1]
    first = [(focus.layer, focus.head)] if focus is not None and focus.layer in keep else []
    return list(dict.fromkeys([*first, *((head.layer, head.head) for head in found)]))[: count + len(first)]


def _pack_neuron(call: Call, layer: int, head: int) -> Neuron:
    share = call.heads // call.key.shape[1]
    bias = None
    if call.bias is not None:
        lowest = torch.finfo(call.bias.dtype).min / 2
        kept = torch.where(call.bias > lowest, call.bias, torch.zeros(())).expand(1, call.heads, -1, call.keys)
        bias = pack_array(kept[0, head].expand(call.rows, -1).half().cpu().numpy()) if bool(kept.any()) else None
    return Neuron(
        stack=0,
        layer=layer,
        head=head,
        scale=call.scale,
        softcap=call.softcap,
        sink=None if call.sink is None else float(call.sink.flatten()[head]),
        window=_window(call),
        queries=pack_array(call.query[0, head].half().cpu().numpy()),
        keys=pack_array(call.key[0, head // share].half().cpu().numpy()),
        bias=bias,
    )


def _window(call: Call) -> int | None:
    """Return how many keys the last row of a causal call sees, where that is fewer than all of them."""
    if call.looks_ahead or call.visible is None:
        return None
    seen = int(call.visible[0, 0, -1].sum())
    return seen if seen < call.keys else None

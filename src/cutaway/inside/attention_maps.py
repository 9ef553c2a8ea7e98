"""`attention`: the weights of every head on one text, compact enough for a page; exact rows on request.

Axis letters: L layers, H heads, T queries, S keys, K head width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from cutaway.array_codec import pack_array, pack_maps
from cutaway.errors import InputError, PromptTooLong, at_least
from cutaway.inside.attention_limits import (
    attention_shape,
    check_head,
    check_memory,
    check_places,
    layers_to_keep,
    pool_size,
    too_long,
)
from cutaway.inside.attention_result import AttentionMaps, Neuron, Stack
from cutaway.inside.attention_rollout import rollout
from cutaway.inside.capture import Call, watch
from cutaway.inside.forward import Reading, read
from cutaway.inside.head_roles import Head, describe
from cutaway.inside.head_statistics import Statistics
from cutaway.inside.opening_view import Focus, find_focus
from cutaway.inside.recording import Calls, Maps
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import ModelLike

SEARCHED = 256  # up to so many tokens, the clearest link is searched for
ROLLED = 1024  # up to so many tokens, the rollout matrix is computed


def attention(
    text: str,
    model: ModelLike = DEFAULT,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    neurons: Sequence[tuple[int, int]] | None = None,
    target: str | None = None,
    continuation: Sequence[int] | None = None,
    max_new_tokens: int = 0,
    truncate: str | None = None,
    link: tuple[str, str] | None = None,
) -> AttentionMaps:
    """Run a text through a model and keep the attention weights of every head, or of chosen `layers` and `heads`.

    Works for any model that uses transformers' attention interface; the model computes with sdpa as usual. Maps are
    pooled if they have more than 150 million weights or the text has 4,096 tokens or more.

    `neurons` are heads (layer, head) whose queries and keys go into the record. `target` is the text that the decoder
    of an encoder-decoder reads. `continuation` are ids that follow the text, as `generate` returns them; with
    `max_new_tokens` a causal model writes up to so many more, greedily. `link` names
    two words of the text: the page opens at the head that gives most weight from the first to the second. Without
    `link` it opens at the clearest link between two words. Raises `MissingText`, `InputError`, `PromptTooLong`,
    `AttentionHidden` or another `ModelError`.

    >>> maps = attention("No, I am your father")
    >>> maps.stacks[0].maps.rows, len(maps.stacks[0].scores)
    (6, 270)
    >>> float(maps.row(18, 6, 3).sum().round(4))
    1.0
    """
    at_least(0, max_new_tokens=max_new_tokens)
    loaded = shared(model, "causal" if max_new_tokens else "any")
    given = list(continuation or [])
    try:
        reading = read(
            text, loaded, target=target, continuation=given, max_new_tokens=max_new_tokens, truncate=truncate
        )
    except PromptTooLong as error:
        raise too_long(error, text, loaded) from error
    shape, each = attention_shape(reading)
    heads = None if heads is None else list(dict.fromkeys(heads))
    chosen = {kind: check_places(kind, *size, layers, heads) for kind, size in shape.items()}
    pool = pool_size(reading, chosen)
    wanted = None if neurons is None else [check_head(place, shape) for place in neurons]
    length = max(len(reading.ids), len(reading.target_ids or []))
    keep = layers_to_keep(sorted({layer for some, _ in chosen.values() for layer in some}), each * length, wanted)
    cells = sum(len(some) * len(width) for some, width in chosen.values()) * (length / pool) ** 2
    check_memory(reading, cells, each * length, len(keep))
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
        generated=reading.added,
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
            f"`link` needs full maps, but the maps of {len(stack.queries):,} tokens were pooled to save memory",
            hint="choose fewer `layers`, or give a shorter text",
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
    row_S = call.row(found.query)[0, found.head].float().cpu()  # exact; the maps hold bytes
    return dataclasses.replace(found, weight=float(row_S[found.key]), first=float(row_S[0]))


def _telling(stack: Stack, pool: int, keep: list[int], focus: Focus | None) -> list[tuple[int, int]]:
    """Choose the heads of the neuron view: the one in focus and the clearest of each role."""
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
    """Return how many keys the last row of a causal call sees, or None if it sees all of them."""
    if call.looks_ahead or call.visible is None:
        return None
    seen = int(call.visible[0, 0, -1].sum())
    return seen if seen < call.keys else None

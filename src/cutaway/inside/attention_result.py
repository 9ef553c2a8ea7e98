"""The result of `attention`: every head's weights on one text, and exact rows on request.

Axis letters: L layers, H heads, T queries, S keys, K head width.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from cutaway.array_codec import PackedArray, PackedMaps, Weights
from cutaway.errors import InputError
from cutaway.inside.capture import Call
from cutaway.inside.head_roles import Head
from cutaway.inside.opening_view import Focus
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class Stack:
    """The maps of one kind of attention; `scores` and `received` are exact even if the maps are pooled.

    `received` [S] is the attention that each token gets, averaged over the chosen heads and layers and over the
    positions that may see it. `rollout` says how much of each token reaches each position through all heads of all
    layers (None if some are left out).
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
    """The queries [T, K] and keys [S, K] of one head, after the rotary embedding.

    A weight is the softmax over the keys of softcap(scale × q·k) + bias. `sink` is one more logit, whose weight goes to
    no token. `window` is how many keys a query sees, up to its own.
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
    """Attention weights of one text: row t says how much position t attends to each position, and sums to 1.

    `focus` is where the page opens (None for a long text). The model wrote the last `generated` tokens. `row` and
    `weights` compute exact numbers from the queries and keys in `calls`, which are not part of the JSON.
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

        Raises `InputError` for a layer, head or position out of range.
        """
        call = self._call(layer, kind)
        for name, value, count in (("head", head, call.heads), ("position", position, call.rows)):
            if not 0 <= value < count:
                raise InputError(f"{name} is {value}", hint=f"{name}s go from 0 to {count - 1}")
        row_S: Weights = call.row(position)[0, head].float().cpu().numpy()
        return row_S

    def weights(self, layer: int, head: int, kind: str | None = None) -> Weights:
        """Return one head's whole map [T, S], exactly (float32)."""
        call = self._call(layer, kind)
        if not 0 <= head < call.heads:
            raise InputError(f"`head` is {head}", hint=f"heads go from 0 to {call.heads - 1}")
        whole = np.zeros((call.rows, call.keys), np.float32)
        for tile in call.tiles():
            whole[tile.start : tile.end, : tile.seen] = tile.weights[0, head].float().cpu().numpy()
        return whole

    def arrays(self) -> dict[str, Weights]:
        """Return the maps of each kind as float16 [L, H, T, S], pooled if those of the record are, and the tokens."""
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
        """Return one row for each head, with its statistics."""
        return [dataclasses.asdict(head) for stack in self.stacks for head in stack.scores]

    def _layer(self, stack: Stack, index: int) -> Weights:
        layer = stack.layers[index]
        if stack.maps.pool > 1 or (stack.kind, layer) not in self._only_in_memory("calls"):
            return (stack.maps.layer(index) / np.float32(255)).astype(np.float16)
        return np.stack([self.weights(layer, head, stack.kind) for head in stack.heads]).astype(np.float16)

    def _call(self, layer: int, kind: str | None) -> Call:
        kind = kind or self.stacks[0].kind
        calls: dict[tuple[str, int], Call] = self._only_in_memory("calls")
        if (kind, layer) not in calls:
            known = [str(number) for name, number in calls if name == kind]
            kept = (
                f"it contains exact rows of layers {', '.join(known)}"
                if known
                else f"kind is one of {', '.join(s.kind for s in self.stacks)}"
            )
            raise InputError(f"this result does not contain layer {layer} of {kind} attention", hint=kept)
        return calls[kind, layer]

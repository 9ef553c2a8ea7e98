"""The weights of a model laid out for a step, and the numbers that a step is given.

Matrices become blocks of 16 outputs (see `instructions.py`): outputs are filled up with zeros to a multiple of 64,
inputs to a multiple of 32. Axis letters: N outputs, K inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.generation.cpu.layout import BF16, F32, GROUP_BYTES, INT4, INT8
from cutaway.generation.cpu.shape import Shape
from cutaway.models.prepared import Divergence

Array = npt.NDArray[Any]

KINDS = {"exact": (F32, F32), "near": (BF16, BF16), "turbo": (INT4, INT8)}  # of the layers; of embedding and head
_LAYER = (
    "qkv", "qkv.bias", "out", "out.bias", "up", "up.bias", "down", "down.bias", "norm1", "norm1.bias", "norm2",
    "norm2.bias", "post1", "post2", "q_norm", "k_norm",
)  # fmt: skip


def filled(n: int, multiple: int) -> int:
    """Return n, or the next multiple above it."""
    return n + -n % multiple


def packed(w_NK: Array, kind: int) -> Array:
    """Lay a float32 matrix out for a step, as bytes."""
    N, K = w_NK.shape
    if N % 64 or K % 32:
        whole = np.zeros((filled(N, 64), filled(K, 32)), np.float32)
        whole[:N, :K] = w_NK
        w_NK = whole
    N, K = w_NK.shape
    blocks = w_NK.reshape(N // 16, 16, K)
    if kind == F32:
        return np.ascontiguousarray(blocks.transpose(0, 2, 1), np.float32).reshape(-1).view(np.uint8)
    if kind == BF16:
        pairs = bfloat16(w_NK).reshape(N // 16, 16, K // 2, 2)
        return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3)).reshape(-1).view(np.uint8)
    groups = np.ascontiguousarray(blocks.reshape(N // 16, 16, K // 32, 32).transpose(0, 2, 3, 1))  # …, 32, 16
    if kind == INT8:
        steps = (np.abs(groups).max(2) / np.float32(127)).astype(np.float16)
        numbers = np.rint(groups / _safe(steps)[:, :, None]).clip(-127, 127).astype(np.int8)
        return _joined(steps, numbers)
    steps, offsets, found = _four_bits(groups)
    return _joined(steps, offsets, found[:, :, 0::2] | found[:, :, 1::2] << 4)


def _safe(steps: Array) -> Array:
    steps = steps.astype(np.float32)
    return np.where(steps == 0, np.float32(1), steps)


def _four_bits(groups: Array) -> tuple[Array, Array, Array]:
    """Return steps, offsets and numbers from 0 to 15 of least squared error, if the largest has number 15, 14, … or 8.

    So weights that come from a file with 4 bits in groups of 32 are found again, whatever numbers a group uses.
    """
    low, high = groups.min(2), groups.max(2)
    offsets = low.astype(np.float16)
    best = np.full(low.shape, np.inf, np.float32)
    steps = np.zeros(low.shape, np.float16)
    for most in range(15, 7, -1):
        tried = ((high - offsets.astype(np.float32)) / np.float32(most)).astype(np.float16)
        wrong = ((_restored(groups, tried, offsets) - groups) ** 2).sum(2)
        better = wrong < best * np.float32(0.5)  # a finer grid wins by chance; the grid of a file by far
        best, steps = np.where(better, wrong, best), np.where(better, tried, steps)
    return steps, offsets, _numbers(groups, steps, offsets)


def _numbers(groups: Array, steps: Array, offsets: Array) -> Array:
    return (
        np.rint((groups - offsets.astype(np.float32)[:, :, None]) / _safe(steps)[:, :, None])
        .clip(0, 15)
        .astype(np.uint8)
    )


def _restored(groups: Array, steps: Array, offsets: Array) -> Array:
    numbers = _numbers(groups, steps, offsets).astype(np.float32)
    return numbers * steps.astype(np.float32)[:, :, None] + offsets.astype(np.float32)[:, :, None]


def _joined(*parts: Array) -> Array:
    flat = [np.ascontiguousarray(part).view(np.uint8).reshape(*part.shape[:2], -1) for part in parts]
    return np.concatenate(flat, -1).reshape(-1)


def unpacked(bytes_: Array, kind: int, N: int, K: int) -> Array:
    """Return the float32 matrix that a step multiplies by: the reference for its products."""
    NN, KK = filled(N, 64), filled(K, 32)
    if kind == F32:
        w = bytes_.view(np.float32).reshape(NN // 16, KK, 16).transpose(0, 2, 1)
    elif kind == BF16:
        pairs = bytes_.view(np.uint16).astype(np.uint32).reshape(NN // 16, KK // 2, 16, 2).transpose(0, 2, 1, 3)
        w = (pairs << 16).view(np.float32)
    else:
        rows = bytes_.reshape(NN // 16, KK // 32, -1)
        steps = rows[..., :32].copy().view(np.float16).astype(np.float32)[:, :, None]
        if kind == INT8:
            w = rows[..., 32:].view(np.int8).astype(np.float32).reshape(NN // 16, KK // 32, 32, 16) * steps
        else:
            offsets = rows[..., 32:64].copy().view(np.float16).astype(np.float32)[:, :, None]
            both = rows[..., 64:].reshape(NN // 16, KK // 32, 16, 16)
            numbers = np.stack([both & 15, both >> 4], 3).reshape(NN // 16, KK // 32, 32, 16)
            w = (numbers.astype(np.float32).astype(np.float64) * steps + offsets).astype(np.float32)
        w = w.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(w.reshape(NN, KK)[:N, :K])


def bfloat16(x: Array) -> Array:
    """Return the bits of the nearest bfloat16 numbers."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def lay_out(shape: Shape, parts: Iterable[tuple[str, Any]], tier: str) -> dict[str, Array]:
    """Return the parts of a model as a step reads them: matrices packed, vectors in float32, filled up with zeros."""
    body, ends = KINDS[tier]
    found = {}
    for name, given in parts:
        part = np.asarray(given, np.float32)
        if name == "positions":
            found[name] = np.array(part, order="C")  # a copy: the module's own weights may change
        elif part.ndim == 2:
            rows = _interleaved(part) if name.endswith(".up") and shape.activation < 2 else part
            found[name] = packed(rows, ends if name in {"embed", "head"} else body)
        elif name.endswith(".bias") and not name.startswith("norm") and ".norm" not in name:
            rows = _interleaved(part) if name.endswith(".up.bias") and shape.activation < 2 else part
            found[name] = np.zeros(filled(len(rows), 64), np.float32)
            found[name][: len(rows)] = rows
        else:
            found[name] = np.array(part, order="C")
    return found


def _interleaved(rows: Array) -> Array:
    """Order gates and values as 16 gates, 16 values, and so on, each filled up to a multiple of 32."""
    halves = np.zeros((2, filled(len(rows) // 2, 32), *rows.shape[1:]), np.float32)
    halves[:, : len(rows) // 2] = rows.reshape(2, len(rows) // 2, *rows.shape[1:])
    return halves.reshape(2, -1, 16, *rows.shape[1:]).swapaxes(0, 1).reshape(-1, *rows.shape[1:])


def _check_sizes(shape: Shape, parts: Mapping[str, Array], body: int, ends: int) -> None:
    """Raise `ValueError` if a part that every model has is missing, or has another size than a step reads."""
    D, heads, inner = shape.width, shape.heads * shape.head_width, filled(shape.inner, 32)

    def size(kind: int, outputs: int, inputs: int) -> int:
        return filled(outputs, 64) // 16 * filled(inputs, 32) // 32 * GROUP_BYTES[kind]

    expected = {"embed": size(ends, shape.vocabulary, D), "norm": 4 * D}
    layer = {
        "qkv": size(body, heads + 2 * shape.key_heads * shape.head_width, D), "out": size(body, D, heads),
        "up": size(body, 2 * inner if shape.activation < 2 else shape.inner, D), "down": size(body, D, inner),
        "norm1": 4 * D, "norm2": 4 * D,
    }  # fmt: skip
    expected |= {f"{i}.{name}": bytes_ for i in range(shape.layers) for name, bytes_ in layer.items()}
    for name, bytes_ in expected.items():
        if name not in parts or parts[name].nbytes != bytes_:
            raise ValueError(f"the weights have no {name} of {bytes_} bytes")


class Weights:
    """What a step reads of a model: its parts, which must stay in memory, and the arrays of their addresses."""

    def __init__(
        self, shape: Shape, parts: Mapping[str, Array], tier: str, divergence: Divergence | None = None
    ) -> None:
        self.shape, self.parts, self.tier, self.divergence = shape, parts, tier, divergence
        body, ends = KINDS[tier]
        _check_sizes(shape, parts, body, ends)
        self.rounded = body == BF16  # whether a linear layer reads bfloat16

        def address(name: str) -> int:
            return parts[name].ctypes.data if name in parts else 0

        self.layers = np.zeros((shape.layers, 20), np.int64)
        for i in range(shape.layers):
            self.layers[i, :16] = [address(f"{i}.{name}") for name in _LAYER]
            self.layers[i, 17] = shape.windows[i]
        head = address("head") or address("embed")
        frequencies = parts.get("frequencies.0", np.zeros(0))
        self.model = np.array(
            [
                shape.layers, shape.width, shape.heads, shape.key_heads, shape.head_width, shape.inner,
                filled(shape.vocabulary, 64), body, ends, ends, shape.layer_norm, shape.activation, len(frequencies),
                *map(_bits, (shape.epsilon, shape.attention_scale, shape.attention_cap, shape.embed_scale)),
                address("embed"), address("positions"), head, address("norm"), address("norm.bias"), 0,
                address("head.bias"),
            ],
            np.int64,
        )  # fmt: skip

    def rotations(self, positions: int) -> list[Array | None]:
        """Return for each table of frequencies the cosines and the sines of so many positions."""
        found: list[Array | None] = []
        for number, scale in enumerate(self.shape.rotation_scales):
            frequencies = self.parts[f"frequencies.{number}"]
            angles = (np.arange(positions, dtype=np.float32)[:, None] * frequencies).astype(np.float64)
            found.append((np.concatenate([np.cos(angles), np.sin(angles)], -1) * scale).astype(np.float32))
        return found


def _bits(x: float) -> int:
    return int(np.float32(x).view(np.int32))

"""Products of a few rows with a laid-out matrix, for every kind of weight, and how functions are compiled.

Each sum runs over its terms in one order, whatever is computed beside it: so a row has the same bits in any batch.
Axis letters: R rows, N outputs, K inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding
from numba import njit, types

from cutaway.generation.cpu.instructions import bytes_, floats, from_bits, from_half, product, shorts
from cutaway.generation.cpu.layout import BF16, F32, GROUP_BYTES, INT4, INT8

f32 = np.float32
_TYPES = {"i": types.int64, "f": types.float32, "x": types.Array(types.float32, 1, "C"), "h": types.uint16}


def kernel(arguments: str, returns: str = "", **options: Any) -> Any:
    """Compile a function of whole numbers (i), float32 numbers (f) and arrays of them (x), for these types only."""
    returned = _TYPES[returns] if returns else types.void
    signature = returned(*(_TYPES[letter] for letter in arguments))
    return njit(signature, nogil=True, error_model="numpy", _nrt=False, **options)


_DOT = bool(binding.get_host_cpu_features().get("avx512bf16"))

_f1x4, _f2x4, _f3x4, _f4x4, _f12x2, _f1x2, _f2x2, _f3x2, _f4x2 = (
    product(r, n, F32) for r, n in ((1, 4), (2, 4), (3, 4), (4, 4), (12, 2), (1, 2), (2, 2), (3, 2), (4, 2))
)
_b1x4, _b2x4, _b3x4, _b4x4, _b12x2, _b1x2, _b2x2, _b3x2, _b4x2 = (
    product(r, n, BF16, _DOT) for r, n in ((1, 4), (2, 4), (3, 4), (4, 4), (12, 2), (1, 2), (2, 2), (3, 2), (4, 2))
)
_e1x4, _e1x2, _e4x2 = (product(r, n, INT8) for r, n in ((1, 4), (1, 2), (4, 2)))
_q1x4, _q1x2, _q4x2 = (product(r, n, INT4) for r, n in ((1, 4), (1, 2), (4, 2)))


def _tile_of(p12x2: Any, fours: tuple[Any, ...], twos: tuple[Any, ...], kind: int) -> Any:
    """Make the product of R rows and some blocks of 16 outputs, an even number."""
    p1x4, p2x4, p3x4, p4x4 = fours
    p1x2, p2x2, p3x2, p4x2 = twos
    size = GROUP_BYTES[kind]

    @kernel("iiiiiiii")
    def tile(w: int, x: int, out: int, K: int, x_step: int, out_step: int, R: int, blocks: int) -> None:
        block = K * size // 32
        for n in range(0, blocks, 4):
            four = n + 4 <= blocks
            wn, on = w + n * block, out + n * 64
            r = 0
            while R - r >= 12:
                p12x2(wn, x + r * x_step, on + r * out_step, K, x_step, out_step)
                if four:
                    p12x2(wn + 2 * block, x + r * x_step, on + r * out_step + 128, K, x_step, out_step)
                r += 12
            while r < R:
                xr, o, left = x + r * x_step, on + r * out_step, R - r
                if four:
                    if left >= 4:
                        p4x4(wn, xr, o, K, x_step, out_step)
                    elif left == 3:
                        p3x4(wn, xr, o, K, x_step, out_step)
                    elif left == 2:
                        p2x4(wn, xr, o, K, x_step, out_step)
                    else:
                        p1x4(wn, xr, o, K, x_step, out_step)
                elif left >= 4:
                    p4x2(wn, xr, o, K, x_step, out_step)
                elif left == 3:
                    p3x2(wn, xr, o, K, x_step, out_step)
                elif left == 2:
                    p2x2(wn, xr, o, K, x_step, out_step)
                else:
                    p1x2(wn, xr, o, K, x_step, out_step)
                r += min(left, 4)

    return tile


tile_f32 = _tile_of(_f12x2, (_f1x4, _f2x4, _f3x4, _f4x4), (_f1x2, _f2x2, _f3x2, _f4x2), F32)
_tile_bf16 = _tile_of(_b12x2, (_b1x4, _b2x4, _b3x4, _b4x4), (_b1x2, _b2x2, _b3x2, _b4x2), BF16)


def _tile_of_whole_numbers(p1x4: Any, p1x2: Any, p4x2: Any, kind: int) -> Any:
    size = GROUP_BYTES[kind]

    @kernel("iiiiiiii")
    def tile(w: int, x: int, out: int, K: int, x_step: int, out_step: int, R: int, blocks: int) -> None:
        block = K * size // 32
        for n in range(0, blocks, 4):
            four = n + 4 <= blocks
            wn, on = w + n * block, out + n * 64
            r = 0
            while r < R:
                at, o = x + r * x_step, on + r * out_step
                if R - r >= 4:
                    p4x2(wn, at, o, K, x_step, out_step)
                    if four:
                        p4x2(wn + 2 * block, at, o + 128, K, x_step, out_step)
                    r += 4
                else:
                    if four:
                        p1x4(wn, at, o, K, x_step, out_step)
                    else:
                        p1x2(wn, at, o, K, x_step, out_step)
                    r += 1

    return tile


_tile_int8 = _tile_of_whole_numbers(_e1x4, _e1x2, _e4x2, INT8)
_tile_int4 = _tile_of_whole_numbers(_q1x4, _q1x2, _q4x2, INT4)


@kernel("ii", "i")
def block_bytes(kind: int, K: int) -> int:
    """Return the bytes of 16 outputs."""
    return K * GROUP_BYTES[kind] // 32


@kernel("iiiiiiiii")
def tile(kind: int, w: int, x: int, out: int, K: int, x_step: int, out_step: int, R: int, blocks: int) -> None:
    if kind == F32:
        tile_f32(w, x, out, K, x_step, out_step, R, blocks)
    elif kind == BF16:
        _tile_bf16(w, x, out, K, x_step, out_step, R, blocks)
    elif kind == INT8:
        _tile_int8(w, x, out, K, x_step, out_step, R, blocks)
    else:
        _tile_int4(w, x, out, K, x_step, out_step, R, blocks)


@kernel("iiiiii")
def weights_of(kind: int, w: int, K: int, row: int, out: int, n: int) -> None:
    """Write the n inputs' weights of one output."""
    written = floats(out, n)
    base = w + row // 16 * block_bytes(kind, K)
    lane = row % 16
    if kind == F32:
        for k in range(n):
            written[k] = floats(base + k * 64, 16)[lane]
    elif kind == BF16:
        for k in range(n):
            pair = shorts(base + k // 2 * 64, 32)
            written[k] = from_bits(np.int32(np.int32(pair[2 * lane + k % 2]) << np.int32(16)))
    elif kind == INT8:
        for k in range(n):
            group = base + k // 32 * GROUP_BYTES[INT8]
            written[k] = f32(f32(bytes_(group + 32 + k % 32 * 16, 16)[lane]) * from_half(shorts(group, 16)[lane]))
    else:
        for k in range(n):
            group = base + k // 32 * GROUP_BYTES[INT4]
            both = np.int32(bytes_(group + 64 + k % 32 // 2 * 16, 16)[lane])
            number = (both >> np.int32(4)) & np.int32(15) if k % 2 else both & np.int32(15)
            step, offset = from_half(shorts(group, 16)[lane]), from_half(shorts(group + 32, 16)[lane])
            written[k] = f32(offset + f32(f32(number) * step))

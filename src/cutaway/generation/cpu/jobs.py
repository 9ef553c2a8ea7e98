"""The jobs of a step besides attention. Threads take pieces of a job by a counter that they share, and meet at its end.

Axis letters: R rows (tokens of any texts), D width, N outputs of a linear layer, K its inputs.
"""

from __future__ import annotations

import sys

import numpy as np
from numba import types

from cutaway.generation.cpu.arithmetic import exact_gelu, exp, gelu, norm, store
from cutaway.generation.cpu.instructions import bytes_, fetch_add, floats, longs, shared
from cutaway.generation.cpu.layout import BF16
from cutaway.generation.cpu.products import block_bytes, kernel, tile, weights_of

f32 = np.float32
yield_ = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


@kernel("iii")
def meet(job: int, did: int, pieces: int) -> None:
    """Wait until all pieces of a job are done, whoever does them: a thread that has none is not waited for."""
    fetch_add(job + 8, did)
    spins = 0
    while shared(job + 8) < pieces:
        spins += 1
        if spins > 500:
            yield_()


@kernel("iiiiiiiiiiii", "i")
def linear(
    job: int, kind: int, w: int, bias: int, x: int, x_step: int, K: int, out: int, out_step: int, N: int, R: int,
    blocks: int,
) -> int:  # fmt: skip
    """Take pieces of so many blocks of 16 outputs until none is left; return how many were done here."""
    did = 0
    size, pieces = block_bytes(kind, K) * blocks, N // 16 // blocks
    while True:
        p = fetch_add(job, 1)
        if p >= pieces:
            return did
        did += 1
        at = out + p * blocks * 64
        tile(kind, w + p * size, x, at, K, x_step, out_step, R, blocks)
        if bias:
            added = floats(bias + p * blocks * 64, blocks * 16)
            for r in range(R):
                written = floats(at + r * out_step, blocks * 16)
                for n in range(blocks * 16):
                    written[n] += added[n]


@kernel("iiiifiiiiii", "i")
def embed(
    job: int, kind: int, table: int, K: int, scale: float, places: int, ids: int, positions: int, x: int, D: int, R: int
) -> int:
    """Write each token's embedding, and add that of its position if the model has a table of them."""
    did = 0
    while True:
        r = fetch_add(job, 1)
        if r >= R:
            return did
        did += 1
        own = floats(x + r * D * 4, D)
        weights_of(kind, table, K, longs(ids, R)[r], x + r * D * 4, D)
        if scale != f32(1):
            for d in range(D):
                own[d] *= scale
        if places:
            place = floats(places + longs(positions, R)[r] * D * 4, D)
            for d in range(D):
                own[d] += place[d]


@kernel("iiiiiiiiiifiiii", "i")
def add(
    job: int, x: int, new: int, new_step: int, D: int, R: int, layer: int, after: int, weight: int, bias: int,
    epsilon: float, kind: int, out: int, out_step: int, room: int,
) -> int:  # fmt: skip
    """Add what a layer found (0: nothing) to each row, through a norm of its own if it has one; then the next norm."""
    did = 0
    while True:
        r = fetch_add(job, 1)
        if r >= R:
            return did
        did += 1
        own = floats(x + r * D * 4, D)
        if new:
            if after:
                norm(0, new + r * new_step, D, after, 0, epsilon, new + r * new_step)
            found = floats(new + r * new_step, D)
            for d in range(D):
                own[d] += found[d]
        norm(layer, x + r * D * 4, D, weight, bias, epsilon, room)
        store(kind, out + r * out_step, room, D)


@kernel("iiiiiiiiiiiiii", "i")
def gate(
    job: int, kind: int, w: int, bias: int, x: int, x_step: int, D: int, wide: int, wide_step: int, N: int, R: int,
    activation: int, out: int, out_step: int,
) -> int:  # fmt: skip
    """The first half of a feed-forward layer in pieces of 64 outputs, and its activation.

    A gated layer has 16 gates, then 16 values, and so on (0: SiLU, 1: GELU by tanh). Without a gate 2 is GELU by tanh,
    3 the exact one.
    """
    did = 0
    size = 2 if kind == BF16 else 4
    while True:
        p = fetch_add(job, 1)
        if p >= N // 64:
            return did
        did += 1
        at = wide + p * 256
        tile(kind, w + p * 4 * block_bytes(kind, D), x, at, D, x_step, wide_step, R, 4)
        for r in range(R):
            found = floats(at + r * wide_step, 64)
            if bias:
                added = floats(bias + p * 256, 64)
                for n in range(64):
                    found[n] += added[n]
            if activation >= 2:
                for n in range(64):
                    found[n] = gelu(found[n]) if activation == 2 else exact_gelu(found[n])
                store(kind, out + r * out_step + p * 64 * size, at + r * wide_step, 64)
            else:
                for b in range(2):
                    for n in range(16):
                        g, v = found[32 * b + n], found[32 * b + 16 + n]
                        if activation == 0:
                            found[16 * b + n] = f32(g / f32(f32(1) + exp(min(-g, f32(87)))) * v)
                        else:
                            found[16 * b + n] = f32(gelu(g) * v)
                store(kind, out + r * out_step + p * 32 * size, at + r * wide_step, 32)


@kernel("iiiiiiii", "i")
def move(job: int, x: int, x_step: int, size: int, rows: int, n: int, out: int, out_step: int) -> int:
    """Bring the chosen rows together."""
    did = 0
    while True:
        t = fetch_add(job, 1)
        if t >= n:
            return did
        did += 1
        given, written = bytes_(x + longs(rows, n)[t] * x_step, size), bytes_(out + t * out_step, size)
        for i in range(size):
            written[i] = given[i]

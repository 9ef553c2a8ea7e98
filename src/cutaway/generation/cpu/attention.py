"""Attention over a cache of keys and values, and what is put into the cache.

Axis letters: R rows (tokens of any texts), K head width, J key heads, G queries of a key head, M queries that are
computed together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.generation.cpu.arithmetic import FAST, exp, norm, store, tanh
from cutaway.generation.cpu.instructions import bytes_, fetch_add, floats, longs, plain_product
from cutaway.generation.cpu.layout import BF16, TOGETHER
from cutaway.generation.cpu.products import kernel, tile_f32

f32 = np.float32

_v1x4, _v2x4, _v3x4, _v4x4, _v1x1, _v4x1 = (
    plain_product(r, n) for r, n in ((1, 4), (2, 4), (3, 4), (4, 4), (1, 1), (4, 1))
)


@kernel("iiiiiiiiifiiiiiiiif", "i")
def turn(
    job: int, wide: int, wide_step: int, J: int, G: int, K: int, R: int, q_norm: int, k_norm: int, epsilon: float,
    turns: int, pairs: int, positions: int, slots: int, keys: int, values: int, room: int, padded: int, scale: float,
) -> int:  # fmt: skip
    """Turn queries and keys by their positions, and put keys and values where they belong in the cache.

    Keys lie as [slot][J][room / 16][K][16], values as [slot][J][room][padded K]; `turns` holds for each position the
    cosines and the sines of so many pairs: number i of a head goes with number i + pairs (Su et al. 2021).
    """
    did = 0
    while True:
        t = fetch_add(job, 1)
        if t >= R * J:
            return did
        did += 1
        r, j = t // J, t % J
        at, slot = longs(positions, R)[r], longs(slots, R)[r]
        start = wide + r * wide_step + j * (G + 2) * K * 4
        cosines, sines = floats(turns + at * pairs * 8, pairs), floats(turns + at * pairs * 8 + pairs * 4, pairs)
        for g in range(G + 1):
            own = floats(start + g * K * 4, K)
            weight = q_norm if g < G else k_norm
            if weight:
                norm(0, start + g * K * 4, K, weight, 0, epsilon, start + g * K * 4)
            if turns:
                for i in range(pairs):
                    a, b = own[i], own[i + pairs]
                    own[i] = f32(f32(a * cosines[i]) - f32(b * sines[i]))
                    own[i + pairs] = f32(f32(b * cosines[i]) + f32(a * sines[i]))
            if g < G:
                for d in range(K):
                    own[d] *= scale
        key, value = floats(start + G * K * 4, K), floats(start + (G + 1) * K * 4, K)
        block = floats(keys + ((slot * J + j) * room + at // 16 * 16) * K * 4, K * 16)
        for d in range(K):
            block[d * 16 + at % 16] = key[d]
        kept = floats(values + ((slot * J + j) * room + at) * padded * 4, padded)
        for d in range(K):
            kept[d] = value[d]
        for d in range(K, padded):
            kept[d] = f32(0)


@kernel("xf", fastmath={"contract"})
def _exps(s: Any, top: float) -> None:
    for n in range(len(s)):
        s[n] = exp(f32(s[n] - top))


@kernel("x", "f", fastmath=FAST)
def _total(s: Any) -> float:
    total = f32(0)
    for n in range(len(s)):
        total += s[n]
    return total


@kernel("x", "f", fastmath=FAST)
def _largest(s: Any) -> float:
    top = s[0]
    for n in range(1, len(s)):
        top = max(top, s[n])
    return top


@kernel("iiiiiii")
def _mix(values: int, padded: int, s: int, s_step: int, n: int, out: int, M: int) -> None:
    m = 0
    while m < M:
        left = M - m
        sm, om = s + m * s_step, out + m * padded * 4
        for d in range(0, padded // 16, 4):
            v, o = values + d * 64, om + d * 64
            if d + 4 <= padded // 16:
                if left >= 4:
                    _v4x4(v, sm, o, n, padded * 4, s_step, padded * 4)
                elif left == 3:
                    _v3x4(v, sm, o, n, padded * 4, s_step, padded * 4)
                elif left == 2:
                    _v2x4(v, sm, o, n, padded * 4, s_step, padded * 4)
                else:
                    _v1x4(v, sm, o, n, padded * 4, s_step, padded * 4)
            else:
                for one in range(padded // 16 - d):
                    if left >= 4:
                        _v4x1(v + one * 64, sm, o + one * 64, n, padded * 4, s_step, padded * 4)
                    else:
                        for i in range(left):
                            at = i * padded * 4 + one * 64
                            _v1x1(v + one * 64, sm + i * s_step, o + at, n, padded * 4, s_step, padded * 4)
        m += min(left, 4)


@kernel("iiiiiiiiiiiiiiiifiiii", "i")
def attend(
    job: int, wide: int, wide_step: int, J: int, G: int, K: int, chunks: int, C: int, positions: int, slots: int,
    R: int, keys: int, values: int, room: int, padded: int, window: int, cap: float, scratch: int, kind: int, out: int,
    out_step: int,
) -> int:  # fmt: skip
    """Attend from tokens that follow each other in a text to its positions up to their own, one key head at a time.

    `chunks` holds C times the first row and the number of rows. What a token sees beyond its own position, or before
    its window, counts with the weight 0: it changes no sum.
    """
    did = 0
    size = 2 if kind == BF16 else 4
    q = scratch
    mixed = q + TOGETHER * K * 4
    s, s_step = mixed + TOGETHER * padded * 4, room * 4
    while True:
        t = fetch_add(job, 1)
        if t >= C * J:
            return did
        did += 1
        chunk, j = t // J, t % J
        first, rows = longs(chunks, 2 * C)[2 * chunk], longs(chunks, 2 * C)[2 * chunk + 1]
        slot, at = longs(slots, R)[first], longs(positions, R)[first]
        begin = max(0, at - window + 1) if window else 0
        end = at + rows
        kept = (slot * J + j) * room
        block = begin // 32 * 2
        blocks = (end + 31) // 32 * 2 - block
        for low in range(0, rows * G, TOGETHER):  # more than TOGETHER only if a key head has more queries
            M = min(TOGETHER, rows * G - low)
            for m in range(M):
                i, g = (low + m) // G, (low + m) % G
                given = floats(wide + (first + i) * wide_step + (j * (G + 2) + g) * K * 4, K)
                query = floats(q + m * K * 4, K)
                for d in range(K):
                    query[d] = given[d]
            tile_f32(keys + (kept + block * 16) * K * 4, q, s + block * 64, K, K * 4, s_step, M, blocks)
            for m in range(M):
                own = at + (low + m) // G
                start = max(0, own - window + 1) if window else 0
                scores = floats(s + m * s_step + start * 4, own + 1 - start)
                if cap > f32(0):
                    for n in range(len(scores)):
                        scores[n] = f32(cap * tanh(f32(scores[n] / cap)))
                _exps(scores, _largest(scores))
                before = floats(s + m * s_step + begin * 4, start - begin)
                behind = floats(s + m * s_step + (own + 1) * 4, end - own - 1)
                for n in range(len(before)):
                    before[n] = f32(0)
                for n in range(len(behind)):
                    behind[n] = f32(0)
            _mix(values + (kept + begin) * padded * 4, padded, s + begin * 4, s_step, end - begin, mixed, M)
            for m in range(M):
                i, g = (low + m) // G, (low + m) % G
                own = at + i
                start = max(0, own - window + 1) if window else 0
                share = f32(f32(1) / _total(floats(s + m * s_step + start * 4, own + 1 - start)))
                found = floats(mixed + m * padded * 4, K)
                for d in range(K):
                    found[d] *= share
                store(kind, out + (first + i) * out_step + (j * G + g) * K * size, mixed + m * padded * 4, K)
        if j == J - 1:  # what fills the inputs up to a multiple of 32 has the weight 0, which NaN would survive
            for i in range(rows):
                end_of = out + (first + i) * out_step + J * G * K * size
                filler = bytes_(end_of, -(J * G * K) % 32 * size)
                for n in range(len(filler)):
                    filler[n] = 0

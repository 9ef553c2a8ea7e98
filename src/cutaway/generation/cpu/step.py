"""A whole step of a decoder as one function: any tokens of any texts in, their logits out.

Every thread calls it with the same arguments; the work of each job is handed out in pieces by a counter that threads
share. Decoding, prompts and guesses are the same to it: what is computed for a token depends on its own text alone.
"""

from __future__ import annotations

import numpy as np

from cutaway.generation.cpu.attention import attend, turn
from cutaway.generation.cpu.instructions import from_bits, longs
from cutaway.generation.cpu.jobs import add, embed, gate, linear, meet, move
from cutaway.generation.cpu.layout import BF16
from cutaway.generation.cpu.products import kernel

# A job's two counters (pieces taken, pieces done) have 64 bytes, a line of the processor's cache.


@kernel("ii")
def step(me: int, call: int) -> None:
    """Run one step; `me` is the thread's number, `call` the address of what `Decoder` and `Weights` fill in."""
    a = longs(call, 21)
    model, job, R, ids, slots, positions, chunks, C, taken, T = (
        a[0],
        a[1],
        a[2],
        a[3],
        a[4],
        a[5],
        a[6],
        a[7],
        a[8],
        a[9],
    )
    room, x, normed, normed_step, active, active_step = a[10], a[11], a[12], a[13], a[14], a[15]
    wide, wide_step, scratch, scratch_step, logits = a[16], a[17], a[18], a[19], a[20]
    m = longs(model, 24)
    L, D, H, J, K, inner, V, kind = m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]
    layer_norm, activation, pairs, table = m[10], m[11], m[12], m[22]
    epsilon, scale, cap = (from_bits(np.int32(m[13])), from_bits(np.int32(m[14])), from_bits(np.int32(m[15])))
    G, padded = H // J, (K + 15) // 16 * 16
    D32, HK32, I32 = (D + 31) // 32 * 32, (H * K + 31) // 32 * 32, (inner + 31) // 32 * 32
    qkv_rows, D64 = ((H + 2 * J) * K + 63) // 64 * 64, (D + 63) // 64 * 64
    up_rows = 2 * I32 if activation < 2 else (inner + 63) // 64 * 64
    narrow = 4 if D64 >= 1024 else 2  # blocks a piece of the narrow layers, so that there are enough pieces
    mine = scratch + me * scratch_step
    meet(job, embed(job, m[8], m[17], D32, from_bits(np.int32(m[16])), m[18], ids, positions, x, D, R), R)
    job += 64
    first = longs(table, 20)
    meet(job, add(job, x, 0, 0, D, R, layer_norm, 0, first[8], first[9], epsilon, kind, normed, normed_step, mine), R)
    for i in range(L):
        w = longs(table + i * 160, 20)
        job += 64
        meet(
            job,
            linear(job, kind, w[0], w[1], normed, normed_step, D32, wide, wide_step, qkv_rows, R, 4),
            qkv_rows // 64,
        )
        job += 64
        did = turn(
            job, wide, wide_step, J, G, K, R, w[14], w[15], epsilon, w[16], pairs, positions, slots, w[18], w[19], room,
            padded, scale,
        )  # fmt: skip
        meet(job, did, R * J)
        job += 64
        did = attend(
            job, wide, wide_step, J, G, K, chunks, C, positions, slots, R, w[18], w[19], room, padded, w[17], cap, mine,
            kind, active, active_step,
        )  # fmt: skip
        meet(job, did, C * J)
        job += 64
        pieces = D64 // 16 // narrow
        meet(job, linear(job, kind, w[2], w[3], active, active_step, HK32, wide, wide_step, D64, R, narrow), pieces)
        job += 64
        did = add(
            job, x, wide, wide_step, D, R, layer_norm, w[12], w[10], w[11], epsilon, kind, normed, normed_step, mine
        )
        meet(job, did, R)
        job += 64
        did = gate(
            job,
            kind,
            w[4],
            w[5],
            normed,
            normed_step,
            D32,
            wide,
            wide_step,
            up_rows,
            R,
            activation,
            active,
            active_step,
        )
        meet(job, did, up_rows // 64)
        job += 64
        meet(job, linear(job, kind, w[6], w[7], active, active_step, I32, wide, wide_step, D64, R, narrow), pieces)
        job += 64
        following = longs(table + (i + 1) * 160, 20)
        weight, bias = (following[8], following[9]) if i + 1 < L else (m[20], m[21])
        did = add(
            job, x, wide, wide_step, D, R, layer_norm, w[13], weight, bias, epsilon, kind, normed, normed_step, mine
        )
        meet(job, did, R)
    job += 64
    size = D32 * (2 if kind == BF16 else 4)
    meet(job, move(job, normed, normed_step, size, taken, T, active, active_step), T)
    job += 64
    meet(job, linear(job, m[9], m[19], m[23], active, active_step, D32, logits, V * 4, V, T, 4), V // 64)

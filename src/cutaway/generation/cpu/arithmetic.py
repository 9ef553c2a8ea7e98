"""Functions of numbers and of rows of numbers: exponentials, activations, rounding, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from cutaway.generation.cpu.instructions import bits, floats, from_bits, shorts
from cutaway.generation.cpu.layout import BF16
from cutaway.generation.cpu.products import kernel

f32 = np.float32
FAST = {"reassoc", "contract", "nsz", "arcp"}  # a sum may go in lanes: they depend on its length alone


@kernel("f", "f")
def exp(x: float) -> float:
    """e^x for x up to 88, with a relative error of 2e-7: 2^n by the bits, 2^fraction by a polynomial."""
    x = max(f32(x * f32(1.4426950408889634)), f32(-126))
    t = f32(x + f32(12582912.0))  # rounds to a whole number, in the lowest bits
    f = f32(x - f32(t - f32(12582912.0)))
    p = f32(1.339887440e-3)
    p = f32(p * f + f32(9.618437357e-3))
    p = f32(p * f + f32(5.550332548e-2))
    p = f32(p * f + f32(2.402264791e-1))
    p = f32(p * f + f32(6.931472028e-1))
    p = f32(p * f + f32(1.0))
    return from_bits(np.int32(bits(p) + ((bits(t) - np.int32(0x4B400000)) << np.int32(23))))


@kernel("f", "f")
def tanh(x: float) -> float:
    x = min(max(x, f32(-15)), f32(15))
    return f32(f32(1) - f32(2) / f32(exp(f32(x + x)) + f32(1)))


@kernel("f", "f")
def gelu(x: float) -> float:
    """GELU as GPT-2 has it (Hendrycks and Gimpel 2016)."""
    inner = f32(f32(0.7978845608028654) * f32(x + f32(f32(0.044715) * f32(x * f32(x * x)))))
    return f32(f32(0.5) * f32(x * f32(f32(1) + tanh(inner))))


@kernel("f", "f")
def exact_gelu(x: float) -> float:
    """GELU by the error function, with an error of 2e-7 |x| (Abramowitz and Stegun 1964, formula 7.1.26)."""
    z = f32(abs(x) * f32(0.7071067811865476))
    t = f32(f32(1) / f32(f32(1) + f32(f32(0.3275911) * z)))
    p = f32(f32(f32(1.061405429) * t) - f32(1.453152027))
    p = f32(f32(p * t) + f32(1.421413741))
    p = f32(f32(p * t) - f32(0.284496736))
    p = f32(f32(p * t) + f32(0.254829592))
    tail = f32(f32(p * t) * exp(f32(-f32(z * z))))  # 1 - erf(z)
    return f32(f32(0.5) * f32(x * (f32(f32(2) - tail) if x > f32(0) else tail)))


@kernel("f", "h")
def half(x: float) -> int:
    """Return the bits of the nearest bfloat16."""
    u = np.uint32(bits(x))
    return np.uint16((u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@kernel("iiii")
def store(kind: int, out: int, x: int, n: int) -> None:
    """Write n numbers as a linear layer of that kind reads them: bfloat16 for BF16, else float32."""
    given = floats(x, n)
    if kind == BF16:
        rounded = shorts(out, n)
        for i in range(n):
            rounded[i] = half(given[i])
    else:
        written = floats(out, n)
        for i in range(n):
            written[i] = given[i]


@kernel("x", "f", fastmath=FAST)
def _mean_square(x: Any) -> float:
    total = f32(0)
    for d in range(len(x)):
        total += x[d] * x[d]
    return f32(total / f32(len(x)))


@kernel("x", "f", fastmath=FAST)
def _mean(x: Any) -> float:
    total = f32(0)
    for d in range(len(x)):
        total += x[d]
    return f32(total / f32(len(x)))


@kernel("iiiiifi")
def norm(layer: int, x: int, n: int, weight: int, bias: int, epsilon: float, out: int) -> None:
    """Write the RMS norm (Zhang and Sennrich 2019) or the layer norm of n numbers; out may be x."""
    given, w, written = floats(x, n), floats(weight, n), floats(out, n)
    if layer:
        b, mean = floats(bias, n), _mean(given)
        for d in range(n):
            written[d] = given[d] - mean
        scale = f32(1) / np.sqrt(f32(_mean_square(written) + epsilon))
        for d in range(n):
            written[d] = f32(f32(written[d] * scale) * w[d]) + b[d]
    else:
        scale = f32(1) / np.sqrt(f32(_mean_square(given) + epsilon))
        for d in range(n):
            written[d] = f32(f32(given[d] * scale) * w[d])

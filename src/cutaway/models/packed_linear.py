"""Linear layers whose weights are laid out for fast generation on a CPU, in three tiers.

`exact` keeps float32. `near` keeps bfloat16 weights and multiplies bfloat16 by bfloat16 into float32 sums. `turbo`
keeps 4-bit weights in groups of 32 for a few rows at a time, and goes the way of `near` for many.

oneDNN's packed kernels give a row the same bits beside some numbers of other rows and not beside others, and which ones
depends on the shape and on the processor. It is tried, and rows are handed over in pieces of a number that held. That
makes other bits rare; it does not rule them out. Kernels that this processor or build of torch lacks are tried first
and left for plain ones. Axis letters: R rows, K inputs, N outputs, G groups.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PackedLinear", "PlainLinear", "fast_bfloat16", "in_file", "make", "swap"]

PACK_AFTER = 12  # calls: about what packing costs, in calls saved
FEW_ROWS = 8  # up to so many rows the 4-bit kernel is the faster
GROUP = 32
# Rows come in multiples of 4, some twice: kernels are made, and kept, for each number of rows that occurs; from 4 on
# sums have one order; and it is the number for which a weight passes by the fastest.
UNIT = 4
MOST = (64, 32, 16, 8)  # rows that may go together, the first that holds
TRIED = (64, 48, 36, 32, 24, 16, 8, 4)


class PackedLinear(nn.Module):
    """y_RN = x_RK · weight_NKᵀ + bias_N."""

    unit = 1  # rows are best given in multiples of this
    mapped = False  # whether the weight given lies in a file: once it is packed, its memory can go

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight_NK.shape
        self.bias: Tensor | None = None if bias_N is None else bias_N.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """Multiply rows of any leading shape; float32."""
        return self.rows(x.reshape(-1, self.in_features)).float().view(*x.shape[:-1], self.out_features)

    def rows(self, x_RK: Tensor) -> Tensor:
        """Multiply rows; what comes out is float32, or bfloat16 where the sums were rounded to it."""
        y_RN = self.steady(x_RK)
        return y_RN if self.bias is None else y_RN + self.bias

    def text(self, x_TK: Tensor) -> Tensor:
        """Multiply the positions of one text, which nothing else is ever beside."""
        return self.rows(x_TK)

    def steady(self, x_RK: Tensor) -> Tensor:
        """Return x_RK · weightᵀ; a row has the same numbers whatever rows are beside it, up to rounding."""
        return self.product(x_RK)

    def product(self, x_RK: Tensor) -> Tensor:
        """Return x_RK · weightᵀ by one call of a kernel."""
        raise NotImplementedError


class PlainLinear(PackedLinear):
    """float32 as torch does it: nothing is copied, nothing packed, and bits may depend on the number of rows."""

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None = None) -> None:
        super().__init__(weight_NK, bias_N)
        self.weight = weight_NK.detach().float()

    def product(self, x_RK: Tensor) -> Tensor:
        """Multiply."""
        return functional.linear(x_RK, self.weight)


class SteadyLinear(PackedLinear):
    """A layer on oneDNN's kernels, which takes its rows in pieces of as many as keep their bits."""

    unit = UNIT

    def text(self, x_TK: Tensor) -> Tensor:
        """Multiply the positions of one text; many by one call, and packed, since plain ones may have other bits."""
        if len(x_TK) <= MOST[0]:
            return self.rows(x_TK)
        self.pack()
        y_TN = self.product(x_TK)
        return y_TN if self.bias is None else y_TN + self.bias

    def steady(self, x_RK: Tensor) -> Tensor:
        """Multiply, with rows twice up to the next multiple of 4, and many in pieces."""
        R = len(x_RK)
        if R % UNIT:
            whole = R + -R % UNIT
            filled_RK = x_RK.expand(whole, -1).contiguous() if R == 1 else x_RK[torch.arange(whole) % R]
            return self.steady(filled_RK)[:R]
        if R == UNIT or (most := self.most()) >= R:
            return self.product(x_RK)
        return torch.cat([self.product(piece_RK) for piece_RK in torch.split(x_RK, most)])

    def most(self) -> int:
        """Return how many rows may go together; tried once for each shape."""
        dtype = torch.bfloat16 if isinstance(self, NearLinear) else torch.float32
        return _tried_most(dtype, self.in_features, self.out_features, torch.get_num_threads())

    def pack(self) -> None:
        """Lay the weight out for its kernel, where that is still to be done."""


@functools.cache
def _tried_most(dtype: torch.dtype, inputs: int, outputs: int, _threads: int) -> int:
    """Return the largest number of `MOST` up to which a row has the same bits beside any number of others."""
    # Large numbers that cancel, among small ones: another order of summation is another result, even when rounded.
    chance = torch.Generator().manual_seed(0)
    large_Rk = torch.randn(MOST[0], inputs // 4, generator=chance) * 2.0**20
    small_Rk = torch.randn(MOST[0], inputs - 2 * (inputs // 4), generator=chance)
    x_RK = torch.cat([large_Rk, -large_Rk, small_Rk], dim=1)
    x_RK = x_RK.gather(1, torch.rand(x_RK.shape, generator=chance).argsort(1)).to(dtype)
    kind = NearLinear if dtype == torch.bfloat16 else ExactLinear
    plain, packed = (kind(torch.ones(outputs, inputs, dtype=torch.bfloat16)) for _ in range(2))
    packed.pack()
    for most in MOST:
        expected_RN = packed.product(x_RK[-most:])
        if all(
            torch.equal(linear.product(x_RK[-R:]), expected_RN[-R:])
            for linear in (plain, packed)
            for R in TRIED
            if most >= R
        ):
            return most
    return UNIT


class ExactLinear(SteadyLinear):
    """float32, packed."""

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None = None) -> None:
        super().__init__(weight_NK, bias_N)
        self.packed = _pack(weight_NK.detach().float())

    def product(self, x_RK: Tensor) -> Tensor:
        """Multiply."""
        return _packed_linear(x_RK, self.packed)


class NearLinear(SteadyLinear):
    """bfloat16, packed after some calls: for as many rows as go together the plain kernel gives the same bits."""

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None = None) -> None:
        super().__init__(weight_NK, bias_N)
        self.weight: Tensor | None = weight_NK.detach().bfloat16()
        self.packed: Tensor | None = None
        self.calls = 0 if _can_pack(torch.bfloat16) else -(2**62)

    def steady(self, x_RK: Tensor) -> Tensor:
        """Multiply in bfloat16; sums are float32 and rounded once at the end."""
        return super().steady(x_RK.bfloat16())  # once, not piece by piece

    def product(self, x_RK: Tensor) -> Tensor:
        """Multiply rows by one call."""
        x_RK = x_RK.bfloat16()
        if self.weight is None:
            return _packed_linear(x_RK, self.packed)
        self.calls += 1
        if self.calls <= PACK_AFTER:
            return functional.linear(x_RK, self.weight)
        self.pack()
        return _packed_linear(x_RK, self.packed)

    def pack(self) -> None:
        """Lay the weight out; the plain one goes."""
        if self.weight is not None and _can_pack(torch.bfloat16):
            self.packed = _pack(self.weight)
            if self.mapped:
                _forget_pages(self.weight)
            self.weight = None


class TurboLinear(NearLinear):
    """4-bit weights with a scale and a zero for every 32 of a row, for up to 8 rows; bfloat16 beyond."""

    unit = 1

    def __init__(self, weight_NK: Tensor, bias_N: Tensor | None = None) -> None:
        super().__init__(weight_NK, bias_N)
        self.quarter, self.scales = quantise4(weight_NK)

    def steady(self, x_RK: Tensor) -> Tensor:
        """Multiply by the 4-bit weights, or for many rows by the bfloat16 ones."""
        if len(x_RK) > FEW_ROWS:
            return super().steady(x_RK)
        x_RK = x_RK.bfloat16().contiguous()
        y_RN: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x_RK, self.quarter, GROUP, self.scales)
        return y_RN


def quantise4(weight_NK: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights as 16 even steps from the least to the largest of each group of 32, and scales and zeros_GN2.

    A 4-bit file quantised the same way (GGUF's Q4_1) comes back as it was, but for the rounding of scales to bfloat16.
    """
    N, K = weight_NK.shape
    groups_NGg = weight_NK.float().view(N, K // GROUP, GROUP)
    least, largest = groups_NGg.amin(-1, keepdim=True), groups_NGg.amax(-1, keepdim=True)
    scale = ((largest - least) / 15).clamp_min(1e-9)
    steps_NK = ((groups_NGg - least) / scale).round().clamp(0, 15).to(torch.int32).view(N, K)
    scales_GN2 = torch.cat([scale, least + 8 * scale], dim=-1).transpose(0, 1).contiguous().bfloat16()
    return torch.ops.aten._convert_weight_to_int4pack_for_cpu(steps_NK, 1), scales_GN2


def make(tier: str) -> Callable[[Tensor, Tensor | None], PackedLinear]:
    """Return what builds a linear layer of the tier; a turbo that can't be falls back to near, near to exact."""

    def build(weight_NK: Tensor, bias_N: Tensor | None = None) -> PackedLinear:
        if tier == "turbo" and weight_NK.shape[1] % GROUP == 0 and weight_NK.shape[0] % 64 == 0 and has_int4():
            return TurboLinear(weight_NK, bias_N)
        if tier in {"turbo", "near"} and fast_bfloat16():
            return NearLinear(weight_NK, bias_N)
        return (ExactLinear if _can_pack(torch.float32) else PlainLinear)(weight_NK, bias_N)

    return build


def swap(module: nn.Module, build: Callable[[Tensor, Tensor | None], PackedLinear]) -> nn.Module:
    """Put packed layers in the place of every `Linear` and `Conv1D` of a module, in place, and return it."""
    child: Any
    for name, child in list(module.named_children()):
        if type(child) is nn.Linear:
            setattr(module, name, build(child.weight, child.bias))
        elif type(child).__name__ == "Conv1D" and hasattr(child, "nf"):
            setattr(module, name, build(child.weight.t(), child.bias))
        else:
            swap(child, build)
    return module


@functools.cache
def fast_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 by itself; elsewhere it is emulated, and slower than float32."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names) and _can_pack(torch.bfloat16)


@functools.cache
def has_int4() -> bool:
    """Say whether the 4-bit kernel is there and right."""
    try:
        weight_NK = torch.linspace(-1, 1, 64 * GROUP).view(64, GROUP)
        packed, scales = quantise4(weight_NK)
        found = torch.ops.aten._weight_int4pack_mm_for_cpu(torch.eye(GROUP).bfloat16(), packed, GROUP, scales)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return bool((found.float() - weight_NK.t()).abs().max() < 0.05)


@functools.cache
def _can_pack(dtype: torch.dtype) -> bool:
    try:
        weight_NK = torch.linspace(-1, 1, 64 * 32, dtype=dtype).view(64, 32)
        found = _packed_linear(torch.eye(32, dtype=dtype), _pack(weight_NK))
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return bool((found.float() - weight_NK.t().float()).abs().max() < 1e-5)


def _pack(weight_NK: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight_NK.contiguous(), FEW_ROWS)
    return packed


def in_file(tensor: Tensor) -> bool:
    """Say whether a tensor's memory is a mapped file; False where the system does not tell."""
    maps = Path("/proc/self/maps")
    for line in maps.read_text().splitlines() if maps.exists() else ():
        span, *_, name = line.split(maxsplit=5)
        start, end = (int(address, 16) for address in span.split("-"))
        if start <= tensor.data_ptr() < end:
            return name.startswith("/") and tensor.data_ptr() + tensor.nbytes <= end
    return False


def _forget_pages(mapped: Tensor) -> None:
    """Let the system take back the memory of a tensor in a mapped file: it is read again where it is needed."""
    start = -(-mapped.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    size = (mapped.data_ptr() + mapped.nbytes - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if size > 0:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.MADV_DONTNEED)


_pointwise = torch.ops.mkldnn._linear_pointwise.default


def _packed_linear(x_RK: Tensor, packed: Tensor | None) -> Tensor:
    y_RN: Tensor = _pointwise(x_RK, packed, None, "none", [], "")
    return y_RN

"""Vector and memory instructions for numba functions: what numba has no words for, written as LLVM instructions.

Functions compiled with these take plain addresses, so that their machine code needs nothing of Python when it is
loaded again (see `compiled.py`). The products work on 16 outputs at a time; LLVM splits them for narrower processors.
Axis letters: R rows, N outputs of a linear layer, K its inputs.

A matrix lies as [N / 16][K …][16], so that what is loaded at once belongs to 16 outputs. Each kind of weight:

| kind | bytes of 16 outputs × 32 inputs                                                              |
|------|----------------------------------------------------------------------------------------------|
| F32  | [32][16] float32                                                                             |
| BF16 | [16][16][2] bfloat16: pairs of inputs                                                        |
| INT8 | [16] float16 steps, then [32][16] int8: weight = step · number                               |
| INT4 | [16] float16 steps, [16] float16 offsets, [16][16] bytes: weight = offset + step · number     |

A byte of INT4 holds the numbers of two inputs, the first in its low half.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from cutaway.generation.cpu.layout import BF16, F32, GROUP_BYTES, INT4, INT8

AHEAD = 4096  # bytes from what is computed with to what is fetched into the processor's cache

_F, _I8, _I16, _I32, _I64 = ir.FloatType(), ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_VF, _VI, _VB8, _VH = (ir.VectorType(t, 16) for t in (_F, _I32, _I8, ir.HalfType()))


class _BFloat(ir.types.Type):
    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash("bfloat")


_VB = ir.VectorType(_BFloat(), 32)


def _constant(value: int) -> Any:
    return ir.Constant(_I64, value)


def _splat(b: Any, scalar: Any, vector: Any) -> Any:
    one = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(one, ir.Constant(vector, ir.Undefined), ir.Constant(_VI, [0] * 16))


def _load(b: Any, address: Any, offset: Any, kind: Any, align: int = 4) -> Any:
    return b.load(b.inttoptr(b.add(address, offset), kind.as_pointer()), align=align)


def _prefetch(b: Any, address: Any) -> None:
    """Fetch a line into the second cache, if there is memory at the address; otherwise nothing happens."""
    pointer = _I8.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32])
    called = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    b.call(called, [b.inttoptr(address, pointer), ir.Constant(_I32, 0), ir.Constant(_I32, 2), ir.Constant(_I32, 1)])


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    called = cgutils.get_or_insert_function(b.module, ir.FunctionType(_VF, [_VF] * 3), "llvm.fma.v16f32")
    return b.call(called, [x, y, z])


def _pair(b: Any, sums: Any, w: Any, x: Any, dot: bool) -> Any:
    """sums + w0 · x0 + w1 · x1 in each lane, for pairs of bfloat16."""
    if dot:
        name, kind = "llvm.x86.avx512bf16.dpbf16ps.512", ir.FunctionType(_VF, [_VF, _VB, _VB])
        return b.call(
            cgutils.get_or_insert_function(b.module, kind, name), [sums, b.bitcast(w, _VB), b.bitcast(x, _VB)]
        )
    upper = ir.Constant(_VI, [0xFFFF0000] * 16)
    w0, x0 = (b.bitcast(b.shl(v, ir.Constant(_VI, [16] * 16)), _VF) for v in (w, x))
    w1, x1 = (b.bitcast(b.and_(v, upper), _VF) for v in (w, x))
    return _fma(b, w1, x1, _fma(b, w0, x0, sums))


def _numbers(b: Any, kind: int, start: Any, k: int) -> list[Any]:
    """Load the numbers of 16 outputs in a group, as float32: those of inputs k and k + 1."""
    if kind == INT8:
        read = [_load(b, start, _constant(32 + 16 * (k + i)), _VB8, 1) for i in (0, 1)]
        return [b.sitofp(b.sext(v, _VI), _VF) for v in read]
    both = b.zext(_load(b, start, _constant(64 + 8 * k), _VB8, 1), _VI)
    halves = (b.and_(both, ir.Constant(_VI, [15] * 16)), b.lshr(both, ir.Constant(_VI, [4] * 16)))
    return [b.sitofp(v, _VF) for v in halves]


def _total(b: Any, x: Any, place: Any) -> Any:
    """Sum 32 numbers of x, in every lane."""
    total = b.fadd(_load(b, x, place, _VF), _load(b, x, b.add(place, _constant(64)), _VF))
    for half in (8, 4, 2, 1):
        turned = ir.Constant(_VI, [(i + half) % 16 for i in range(16)])
        total = b.fadd(total, b.shuffle_vector(total, ir.Constant(_VF, ir.Undefined), turned))
    return total


def _grouped(b: Any, kind: int, starts: list[Any], x: Any, places: list[Any], sums: list[list[Any]]) -> list[list[Any]]:
    """Add a group of 32 inputs: step · Σ number · x (+ offset · Σ x)."""
    inner = [[ir.Constant(_VF, [0.0] * 16) for _ in starts] for _ in places]
    for k in range(0, 32, 2):
        numbers = [_numbers(b, kind, start, k) for start in starts]
        for r, place in enumerate(places):
            for i in (0, 1):
                one = _splat(b, _load(b, x, b.add(place, _constant(4 * (k + i))), _F), _VF)
                inner[r] = [_fma(b, number[i], one, s) for number, s in zip(numbers, inner[r], strict=True)]
    for n, start in enumerate(starts):
        step = b.fpext(_load(b, start, _constant(0), _VH, 2), _VF)
        for r in range(len(places)):
            sums[r][n] = _fma(b, step, inner[r][n], sums[r][n])
    if kind == INT4:
        totals = [_total(b, x, place) for place in places]
        for n, start in enumerate(starts):
            offset = b.fpext(_load(b, start, _constant(32), _VH, 2), _VF)
            for r, total in enumerate(totals):
                sums[r][n] = _fma(b, offset, total, sums[r][n])
    return sums


def product(rows: int, blocks: int, kind: int, dot: bool = False) -> Any:
    """Make out[r, n] = Σ_k x[r, k] · w[n, k] for so many rows and blocks of 16 outputs.

    The function takes the addresses w, x and out, the number of inputs K (any for F32, else a multiple of 32), and
    the bytes from row to row of x and of out. Each sum runs over k in one order, whatever the number of rows and
    blocks.
    """
    turn = {F32: 1, BF16: 2}.get(kind, 32)  # inputs a turn of the loop
    wide = 2 if kind == BF16 else 4  # bytes of a number of x

    @intrinsic  # type: ignore[untyped-decorator]
    def multiply(typing: Any, w: Any, x: Any, out: Any, k: Any, x_step: Any, out_step: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            w, x, out, k, x_step, out_step = args
            block_bytes = b.sdiv(b.mul(k, _constant(GROUP_BYTES[kind])), _constant(32))
            bases = [b.add(w, b.mul(block_bytes, _constant(n))) for n in range(blocks)]

            def body(at: Any, sums: list[list[Any]]) -> list[list[Any]]:
                offset = b.mul(at, _constant(GROUP_BYTES[kind] * turn // 32))
                starts = [b.add(base, offset) for base in bases]
                places = [b.add(b.mul(x_step, _constant(r)), b.mul(at, _constant(turn * wide))) for r in range(rows)]
                if kind in {INT8, INT4}:
                    return _grouped(b, kind, starts, x, places, sums)
                vector, scalar = (_VF, _F) if kind == F32 else (_VI, _I32)
                loaded = [_load(b, start, _constant(0), vector) for start in starts]
                if rows >= 4:  # with fewer, memory is read without a break anyway
                    for start in starts:
                        _prefetch(b, b.add(start, _constant(AHEAD)))
                for r, place in enumerate(places):
                    one = _splat(b, _load(b, x, place, scalar), vector)
                    sums[r] = [
                        _fma(b, w, one, s) if kind == F32 else _pair(b, s, w, one, dot)
                        for s, w in zip(sums[r], loaded, strict=True)
                    ]
                return sums

            _sum_up(b, rows, blocks, b.sdiv(k, _constant(turn)), body, out, out_step)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), generate

    return multiply


def _sum_up(b: Any, rows: int, blocks: int, turns: Any, body: Any, out: Any, out_step: Any) -> None:
    """Run a body that adds to rows × blocks vectors of sums at least once, and write the sums to out."""
    entry, loop, end = b.block, b.append_basic_block("sum"), b.append_basic_block("end")
    zero = ir.Constant(_VF, [0.0] * 16)
    b.branch(loop)
    b.position_at_end(loop)
    at = b.phi(_I64)
    at.add_incoming(_constant(0), entry)
    sums = [[b.phi(_VF) for _ in range(blocks)] for _ in range(rows)]
    new = body(at, [list(row) for row in sums])
    following = b.add(at, _constant(1))
    at.add_incoming(following, loop)
    for before, after in zip(sums, new, strict=True):
        for phi, value in zip(before, after, strict=True):
            phi.add_incoming(zero, entry)
            phi.add_incoming(value, loop)
    b.cbranch(b.icmp_signed("<", following, turns), loop, end)
    b.position_at_end(end)
    for r in range(rows):
        for n in range(blocks):
            place = b.add(out, b.add(b.mul(out_step, _constant(r)), _constant(64 * n)))
            b.store(new[r][n], b.inttoptr(place, _VF.as_pointer()), align=4)


def plain_product(rows: int, blocks: int) -> Any:
    """Make out[r, n] = Σ_k x[r, k] · w[k, n] in float32 for so many rows and blocks of 16 outputs.

    The function takes the addresses w, x and out, the number K of terms, and the bytes from k to k of w, from row to
    row of x and from row to row of out.
    """

    @intrinsic  # type: ignore[untyped-decorator]
    def multiply(typing: Any, w: Any, x: Any, out: Any, k: Any, w_step: Any, x_step: Any, out_step: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            w, x, out, k, w_step, x_step, out_step = args

            def body(at: Any, sums: list[list[Any]]) -> list[list[Any]]:
                start = b.mul(at, w_step)
                loaded = [_load(b, w, b.add(start, _constant(64 * n)), _VF) for n in range(blocks)]
                places = [b.add(b.mul(x_step, _constant(r)), b.mul(at, _constant(4))) for r in range(rows)]
                ones = [_splat(b, _load(b, x, place, _F), _VF) for place in places]
                return [
                    [_fma(b, v, one, s) for s, v in zip(row, loaded, strict=True)]
                    for one, row in zip(ones, sums, strict=True)
                ]

            _sum_up(b, rows, blocks, k, body, out, out_step)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7), generate

    return multiply


def _view(element: Any, kind: Any) -> Any:
    """Make a function (address, n) → array of n numbers that lie there."""
    array = types.Array(element, 1, "C")
    size = kind.width // 8 if isinstance(kind, ir.IntType) else 4

    @intrinsic  # type: ignore[untyped-decorator]
    def view(typing: Any, address: Any, n: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            made = context.make_array(array)(context, b)
            context.populate_array(
                made,
                data=b.inttoptr(args[0], kind.as_pointer()),
                shape=cgutils.pack_array(b, [args[1]]),
                strides=cgutils.pack_array(b, [_constant(size)]),
                itemsize=_constant(size),
                meminfo=None,
            )
            return made._getvalue()

        return array(types.int64, types.int64), generate

    return view


floats, shorts, longs, bytes_ = (
    _view(types.float32, _F), _view(types.uint16, _I16), _view(types.int64, _I64), _view(types.int8, _I8),
)  # fmt: skip


@intrinsic  # type: ignore[untyped-decorator]
def bits(typing: Any, x: Any) -> Any:
    """Return the bits of a float32 as int32."""
    return types.int32(types.float32), lambda context, b, signature, args: b.bitcast(args[0], _I32)


@intrinsic  # type: ignore[untyped-decorator]
def from_bits(typing: Any, x: Any) -> Any:
    """Return the float32 that has these bits."""
    return types.float32(types.int32), lambda context, b, signature, args: b.bitcast(args[0], _F)


@intrinsic  # type: ignore[untyped-decorator]
def from_half(typing: Any, x: Any) -> Any:
    """Return the float32 of a float16 given by its bits."""

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        return b.fpext(b.bitcast(args[0], ir.HalfType()), _F)

    return types.float32(types.uint16), generate


@intrinsic  # type: ignore[untyped-decorator]
def fetch_add(typing: Any, address: Any, value: Any) -> Any:
    """Add to an int64 that threads share, and return what it was before."""

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        return b.atomic_rmw("add", b.inttoptr(args[0], _I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def shared(typing: Any, address: Any) -> Any:
    """Read an int64 that threads share."""

    def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
        return b.load_atomic(b.inttoptr(args[0], _I64.as_pointer()), "acquire", 8)

    return types.int64(types.int64), generate

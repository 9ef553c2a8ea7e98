"""What is decided once, at the start of a run, by timing a micro-batch: threads, precision and attention.

Threads of torch wait for each other many times in a step. On a busy machine a second thread can make a step many times
slower, so a larger model is timed before it is trained. A small one is trained on one thread in float32, because a
second would save a third of the time at best, and so that its losses do not depend on how busy the machine is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any, Final

import torch

from cutaway.training import plain_attention
from cutaway.training.batches import Batch
from cutaway.training.objectives import losses_of
from cutaway.training.settings import LoopSettings

SMALL: Final = 4e9
"""Micro-batches of fewer operations are not timed."""

_WORTH: Final = 0.9  # something else is taken if a step then takes at most this share of the time
_TIMED: Final = 3
_SHORT: Final = 256  # tokens; longer rows are never faster with plain attention


@dataclasses.dataclass(frozen=True)
class Decided:
    """How the steps of a run are computed: CPU threads of each process, precision, attention, rows of a micro-batch."""

    threads: int
    precision: str
    attention: str
    micro_batch: int


def decide(module: Any, batch: Batch, loop: LoopSettings, micro_batch: int) -> Decided:
    """Choose what the settings leave open, by timing steps of this batch that do not change the model."""
    on_cpu = loop.device == "cpu"
    available = torch.get_num_threads()
    width = batch.inputs["input_ids"].shape[1]
    operations = 6.0 * module.num_parameters() * batch.inputs["input_ids"].numel()
    small = operations < SMALL
    precision = "float32" if loop.precision == "auto" and (small or not on_cpu) else loop.precision
    if loop.precision == "auto" and loop.device.startswith("cuda"):
        precision = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    attention = "sdpa" if loop.attention == "auto" and (small or not on_cpu or width > _SHORT) else loop.attention
    counts = (
        [loop.threads] if loop.threads else [1] if small and on_cpu else _counts(available) if on_cpu else [available]
    )
    first = Decided(counts[0], "float32" if precision == "auto" else precision,
                    _usable(module, batch, "sdpa" if attention == "auto" else attention), micro_batch)  # fmt: skip
    tries: list[list[Decided]] = [[dataclasses.replace(first, threads=count) for count in counts[1:]]]
    chosen, best = first, math.inf
    if len(counts) > 1 or "auto" in (precision, attention):
        best = _seconds(module, batch, first)
        for candidate in tries[0]:
            chosen, best = _better(module, batch, chosen, candidate, best)
        if precision == "auto":
            chosen, best = _better(module, batch, chosen, dataclasses.replace(chosen, precision="bfloat16"), best)
        if attention == "auto" and chosen.attention == "sdpa":
            chosen, best = _better(module, batch, chosen, dataclasses.replace(chosen, attention="plain"), best)
    set_attention(module, chosen.attention)
    return chosen


@contextlib.contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """Let torch use so many threads inside the block, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast(device: str, precision: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a model computes its losses."""
    return torch.autocast(device.partition(":")[0], dtype=torch.bfloat16, enabled=precision == "bfloat16")


def set_attention(module: Any, name: str) -> None:
    """Let a model compute its attention in this way: "sdpa", "eager" or "plain"."""
    if name == "plain":
        plain_attention.register()
    module.set_attn_implementation(plain_attention.NAME if name == "plain" else name)


@torch.no_grad()
def _usable(module: Any, batch: Batch, attention: str) -> str:
    """Return the attention; "eager" if the model's class can't take it, or if plain attention is not what it computes.

    A class may do more to its scores than plain attention knows of, and torch's attention must be given as much.
    """
    try:
        set_attention(module, attention)
        if attention == "plain":
            losses = losses_of(module, batch)
            set_attention(module, "eager")
            if not torch.allclose(losses, losses_of(module, batch), rtol=1e-3, atol=1e-4):
                return "eager"
            set_attention(module, attention)
    except (ValueError, ImportError):
        return "eager"
    return attention


def _better(module: Any, batch: Batch, chosen: Decided, candidate: Decided, best: float) -> tuple[Decided, float]:
    if _usable(module, batch, candidate.attention) != candidate.attention:
        return chosen, best
    taken = _seconds(module, batch, candidate)
    return (candidate, taken) if taken <= _WORTH * best else (chosen, best)


def _seconds(module: Any, batch: Batch, candidate: Decided) -> float:
    """Return the seconds of a micro-batch, forward and backward: the shortest of a few."""
    set_attention(module, candidate.attention)
    best = math.inf
    with threads_set(candidate.threads):
        for _ in range(_TIMED):
            began = time.perf_counter()
            with autocast(module.device.type, candidate.precision):
                loss = losses_of(module, batch).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            module.zero_grad(set_to_none=True)
            best = min(best, time.perf_counter() - began)
    return best


def _counts(available: int) -> list[int]:
    return [*(2**i for i in range(available.bit_length()) if 2**i < available), available]

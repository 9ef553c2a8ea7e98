"""Compare exact statistics, stored maps and eager attention with plain sdpa, in time and memory.

    python benchmarks/capture.py                     # ratios at 512 and 2,048 tokens, in one process, taken in turns
    python benchmarks/capture.py --long 8192         # overview of all heads at one length, and exact rows
    python benchmarks/capture.py --long 16384        # the same on random weights of the same shape
    python benchmarks/capture.py --bertviz           # bytes and seconds of its model view, if it is installed

Prints one JSON object per line. Memory is the peak above the memory at the start, in MB (Linux).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers

import cutaway
from cutaway.inside import Maps, Statistics, watch
from cutaway.inside.head_roles import describe
from cutaway.models.text_model import Model

ROUNDS = 5


def text_of(model: Model, size: int) -> tuple[str, list[int]]:
    text = Path(__file__).parents[1].joinpath("LICENSE").read_text() * (1 + size // 1500)
    encoding = model.tokenizer.backend.encode(text)
    return text[: encoding.offsets[size - 1][1]], encoding.ids[:size]


def status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1e3


def peak(run: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds, the peak in MB above the memory at the start, and the result."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, status("VmHWM") - before, result


def ratios(model: Model, size: int) -> dict[str, Any]:
    ids = torch.tensor([text_of(model, size)[1]])
    forward = lambda: model.module(ids, use_cache=False)  # noqa: E731
    headless = lambda: model.module.base_model(ids, use_cache=False)  # noqa: E731

    def watched(observer: Any, run: Callable[[], Any]) -> Any:
        with watch(model, observer):
            return run()

    def eager() -> Any:
        model.module.set_attn_implementation("eager")
        try:
            return model.module(ids, use_cache=False, output_attentions=True).attentions
        finally:
            model.module.set_attn_implementation("sdpa")

    def described() -> Any:
        statistics, heads = Statistics(ids), []

        def observe(call: Any) -> torch.Tensor:  # as `heads` does
            output = statistics(call)
            heads.extend(describe(statistics.rows.pop()))
            return output

        return observe

    modes: dict[str, Callable[[], Any]] = {
        "sdpa": forward,
        "statistics": lambda: watched(described(), forward),
        "sdpa without the head": headless,
        "statistics without the head": lambda: watched(described(), headless),
        "maps uint8": lambda: watched(Maps("uint8"), forward),
        "maps float16": lambda: watched(Maps("float16"), forward),
    }
    if size <= 1024:  # 270 maps of 2,048 tokens as float32 are 4.5 GB
        modes["eager output_attentions"] = eager
    seconds: dict[str, list[float]] = {name: [] for name in modes}
    memory: dict[str, float] = dict.fromkeys(modes, 0.0)
    for name, run in modes.items():
        run()
        memory[name] = peak(run)[1]
    for _ in range(ROUNDS if size <= 1024 else 3):
        for name, run in modes.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    plain = {name: "sdpa without the head" if name.endswith("head") else "sdpa" for name in modes}
    return {
        "tokens": size,
        "seconds": {name: round(min(values), 3) for name, values in seconds.items()},
        "ratio": {name: round(min(seconds[name]) / min(seconds[plain[name]]), 3) for name in modes},
        "median_ratio": {
            name: round(median(a / b for a, b in zip(seconds[name], seconds[plain[name]], strict=True)), 3)
            for name in modes
        },
        "memory_mb": {name: round(value) for name, value in memory.items()},
    }


def long(model: Model, size: int) -> dict[str, Any]:
    if model.context is not None and size > model.context:
        config = type(model.config).from_dict(model.config.to_dict() | {"max_position_embeddings": size})
        torch.manual_seed(0)
        model = Model(
            "random weights", None, transformers.AutoModelForCausalLM.from_config(config).eval(), model.tokenizer
        )
    text, _ = text_of(model, size)
    cutaway.attention("warm up", model)
    took, above, maps = peak(lambda: cutaway.attention(text, model))
    kept = [layer for _, layer in maps.calls]
    rows = []
    for layer in (kept[0], kept[len(kept) // 2], kept[-1]):
        for position in (100, size // 2, size - 1):
            start = time.perf_counter()
            maps.row(layer, 6, position)
            rows.append(time.perf_counter() - start)
    took_heads, above_heads, _ = peak(lambda: cutaway.heads(text, model)) if size <= 8192 else (0.0, 0.0, None)
    return {
        "model": model.name, "tokens": size, "pool": maps.stacks[0].maps.pool, "seconds": round(took, 1),
        "memory_mb": round(above), "layers_kept": len(kept), "slowest_row_ms": round(max(rows) * 1e3, 1),
        "page_mb": round(len(cutaway.views.page([maps.to_dict()]).encode()) / 1e6, 1),
        "heads_seconds": round(took_heads, 1), "heads_memory_mb": round(above_heads),
    }  # fmt: skip


def bertviz(model: Model, size: int) -> dict[str, Any]:
    try:
        from bertviz import model_view
    except ImportError as error:
        return {"bertviz": f"not installed: {error}"}
    text, ids = text_of(model, size)
    start = time.perf_counter()
    page = cutaway.views.page([cutaway.attention(text, model).to_dict()])
    ours = time.perf_counter() - start
    start = time.perf_counter()
    model.module.set_attn_implementation("eager")
    with torch.inference_mode():
        attentions = model.module(torch.tensor([ids]), output_attentions=True).attentions
    theirs = model_view(attentions, [model.tokenizer.piece(i) for i in ids], html_action="return").data
    other = time.perf_counter() - start
    model.module.set_attn_implementation("sdpa")
    return {
        "tokens": size, "page_mb": round(len(page.encode()) / 1e6, 2), "seconds": round(ours, 2),
        "bertviz_mb": round(len(theirs.encode()) / 1e6, 1), "bertviz_seconds": round(other, 2),
        "times_smaller": round(len(theirs.encode()) / len(page.encode()), 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tokens", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--long", type=int)
    parser.add_argument("--bertviz", action="store_true")
    options = parser.parse_args()
    model = cutaway.load(options.model)
    with torch.inference_mode():
        if options.long:
            print(json.dumps(long(model, options.long)))
        elif options.bertviz:
            for size in (64, 128):
                print(json.dumps(bertviz(model, size)), flush=True)
        else:
            for size in options.tokens:
                print(json.dumps(ratios(model, size)), flush=True)


if __name__ == "__main__":
    main()

"""The measurements of `generate.py`, the same for every contender: one process each, driven by JSON lines.

    python generate_measures.py CONTENDER '{"model": …}'    # started by generate.py, answers on stdout

A contender has `continued(prompts, new)` (greedy ids, which do not stop at an end token), `sweep(prompts, settings,
samples, new, part)` (whose `scale` is the size of the whole sweep over the part that ran) and, if the engine allows it,
`logits(ids_BT, given)`. This module imports neither torch nor cutaway, so it also runs in an environment that has only
an optional engine. Axis letters: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

CONTENDERS = {
    "exact": ("generate_ours", "Ours"),
    "near": ("generate_ours", "Ours"),
    "turbo": ("generate_ours", "Ours"),
    "transformers fp32": ("generate_ours", "Transformers"),
    "transformers bf16": ("generate_ours", "Transformers"),
    "pipeline loop fp32": ("generate_ours", "PipelineLoop"),
    "pipeline loop bf16": ("generate_ours", "PipelineLoop"),
    "llama.cpp": ("generate_engines", "LlamaCpp"),
    "llama.cpp Q8_0": ("generate_engines", "LlamaCpp"),
    "llama.cpp BF16": ("generate_engines", "LlamaCpp"),
    "openvino": ("generate_engines", "OpenVino"),
    "openvino Q8_0": ("generate_engines", "OpenVino"),
    "openvino F16": ("generate_engines", "OpenVino"),
    "ctranslate2": ("generate_engines", "CTranslate2"),
}


# On a busy machine the processor time of one thread is more reliable than wall-clock time.
CLOCK = time.process_time if os.environ.get("GENERATE_CLOCK") == "cpu" else time.perf_counter


def texts(contender: Any, scratch: Path) -> dict[str, Any]:
    """Write the ids that every contender gets: real English, cut to each length."""
    here = Path(__file__).parent
    english = contender.encode(here.joinpath("generate_text.txt").read_text())
    more = contender.encode(here.parent.joinpath("LICENSE").read_text())
    ids = english + more
    ragged = [4 + 7 * i % 37 for i in range(50)]
    material = {
        "speed": [ids[24 * i : 24 * i + 32] for i in range(64)],
        "prefill": (ids * 4)[:2048],
        "greedy": [ids[40 * i : 40 * i + 16] for i in range(20)],
        "ragged": [ids[31 * i : 31 * i + size] for i, size in enumerate(ragged)],
        "alone": [english[:257]],
        "rows": [english[20 * i : 20 * i + 25] for i in range(32)],
        "sweep": [contender.encode(prompt) for prompt in SWEEP_PROMPTS],
        "ends": contender.ends,
    }
    scratch.joinpath("material.json").write_text(json.dumps(material))
    return {"english": len(english), "tokens": len(ids)}


# The homework's sweep: 4 prompts × 8 settings × 2 samples × 64 tokens.
SWEEP_PROMPTS = [
    "The capital of France is",
    "Once upon a time there was a small robot who",
    "In molecular biology, proteins are",
    "def fibonacci(n):\n    ",
]
SWEEP_SETTINGS = [
    {"temperature": t, "top_k": k, "top_p": p, "repetition_penalty": r}
    for t, k, p, r in [
        (0.5, 50, 0.9, 1.0), (0.7, 50, 0.9, 1.0), (1.0, 50, 0.9, 1.0), (1.3, 50, 0.9, 1.0),
        (0.7, 10, 1.0, 1.0), (0.7, 0, 0.8, 1.0), (1.0, 0, 1.0, 1.2), (1.0, 40, 0.95, 1.1),
    ]
]  # fmt: skip
SAMPLES, SWEEP_TOKENS = 2, 64


def decode(contender: Any, scratch: Path, rows: int, new: int) -> dict[str, Any]:
    """Return the steady speed: the time of `new` tokens per row minus that of one token, without prefill and set-up."""
    asked = contender.rows(rows)  # a pipeline in a loop has the same speed for any number of rows
    prompts = _material(scratch)["speed"][:asked]
    first, all_ = _seconds(contender.continued, prompts, 1), _seconds(contender.continued, prompts, new)
    if all_ <= first:
        return {"error": "too noisy: more tokens took less time"}
    return {"tokens_per_second": asked * (new - 1) / (all_ - first), "rows_run": asked}


def prefill(contender: Any, scratch: Path, tokens: int) -> dict[str, Any]:
    ids = _material(scratch)["prefill"][:tokens]
    return {"tokens_per_second": len(ids) / _seconds(contender.continued, [ids], 1)}


def sweep(contender: Any, scratch: Path, part: float) -> dict[str, Any]:
    prompts = _material(scratch)["sweep"]
    start = CLOCK()
    ran: dict[str, Any] = contender.sweep(prompts, SWEEP_SETTINGS, SAMPLES, SWEEP_TOKENS, part)
    return ran | {"seconds": (CLOCK() - start) * ran.get("scale", 1.0)}


def memory(contender: Any, scratch: Path) -> dict[str, Any]:
    """Return the peak resident memory of this process after decoding 64 rows, including mapped weights."""
    contender.continued(_material(scratch)["speed"][:64], 64)
    lines = Path("/proc/self/status").read_text().splitlines()  # this program's peak; ru_maxrss includes its parent's
    return {
        "peak_mb": int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6,
        "weights_mb": contender.weight_bytes / 1e6,
    }


def weights(contender: Any, scratch: Path) -> dict[str, Any]:
    return {"weights_mb": contender.weight_bytes / 1e6}


def greedy(contender: Any, scratch: Path, prompts: int, new: int) -> dict[str, Any]:
    return {"ids": contender.continued(_material(scratch)["greedy"][:prompts], new)}


def reference(contender: Any, scratch: Path, positions: int) -> dict[str, Any]:
    """Store the reference logits for the comparison."""
    material = _material(scratch)
    for name in ("alone", "rows"):
        ids_BT = np.array(material[name])[:, : 9 + positions]
        np.save(scratch / f"{name}.npy", contender.logits(ids_BT, 8))
    return {}


def divergence(contender: Any, scratch: Path, positions: int) -> dict[str, Any]:
    """Mean KL(fp32 ‖ contender), nats, over positions of real text: one row, and 32 rows side by side."""
    found: dict[str, Any] = {}
    for name in ("alone", "rows"):
        ids_BT = np.array(_material(scratch)[name])[:, : 9 + positions]
        if name == "rows" and not contender.batches_logits:
            continue
        expected_BTV, got_BTV = np.load(scratch / f"{name}.npy"), contender.logits(ids_BT, 8)
        pairs = zip(expected_BTV.reshape(-1, got_BTV.shape[-1]), got_BTV.reshape(-1, got_BTV.shape[-1]), strict=True)
        each = np.array([_divergence(expected_V, got_V) for expected_V, got_V in pairs])
        found[name] = {"mean": each.mean(), "largest": each.max(), "positions": len(each)}
    return found


def _divergence(expected_V: np.ndarray, got_V: np.ndarray) -> float:
    p_V, q_V = (logits_V - np.logaddexp.reduce(logits_V) for logits_V in (expected_V.astype("f8"), got_V.astype("f8")))
    return float((np.exp(p_V) * (p_V - q_V)).sum())


def _seconds(run: Any, *arguments: Any) -> float:
    start = CLOCK()
    run(*arguments)
    return CLOCK() - start


def _material(scratch: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(scratch.joinpath("material.json").read_text())
    return found


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keeps a library's prints out of the answers
    name, place = sys.argv[1], SimpleNamespace(**json.loads(sys.argv[2]))
    start = time.perf_counter()

    def answer(**record: Any) -> None:
        print(json.dumps(record, default=float), file=answers, flush=True)

    try:
        module, class_ = CONTENDERS[name]
        contender = getattr(importlib.import_module(module), class_)(name, place)
    except ImportError as error:
        answer(missing=f"not installed: {error.name or error}")
        return
    except Exception as error:
        answer(missing=f"can't be started: {type(error).__name__}: {error}")
        return
    answer(ready=time.perf_counter() - start)
    for line in sys.stdin:
        question = json.loads(line)
        measure = question.pop("do")
        run = globals().get(measure) or getattr(contender, measure)
        try:
            answer(**(run(contender, Path(place.scratch), **question) if measure in globals() else run(**question)))
        except Exception as error:
            answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

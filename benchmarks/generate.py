"""Generation, measured in one run: cutaway's tiers beside transformers, llama.cpp, OpenVINO and CTranslate2.

    python benchmarks/generate.py                                  # everything; about 15 minutes on two quiet cores
    python benchmarks/generate.py --quick --only rows,sweep        # a first look
    python benchmarks/generate.py --contenders near,openvino --python-engines ../engines/bin/python --json out.json

Each contender runs in its own process, and they take turns: a ratio is the median over rounds. An engine that is not
installed (here, or in the environment of --python-engines) gets a row that says so.

Sections: rows, prefill, sweep, start, memory, kl, greedy, floor, mixed, sampler, identity, lookup.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from generate_run import CONTENDERS, REFERENCE, TIERS, Child, Run
from generate_table import report

SECTIONS = (
    "rows",
    "prefill",
    "sweep",
    "start",
    "memory",
    "kl",
    "greedy",
    "floor",
    "mixed",
    "sampler",
    "identity",
    "lookup",
)
PROMPT = "The capital of France is"
PIPELINE = """
import sys, transformers
pipe = transformers.pipeline("text-generation", model=sys.argv[1], dtype="float32")
print(pipe(sys.argv[2], max_new_tokens=1, do_sample=False)[0]["generated_text"], flush=True)
"""
FROM_GGUF = """
import os, sys, transformers
folder, file = os.path.split(sys.argv[1])
tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file)
pipe = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
print(pipe(sys.argv[2], max_new_tokens=1, do_sample=False)[0]["generated_text"], flush=True)
"""


def rows(run: Run) -> dict[str, Any]:
    sizes = {1: 24, 8: 16, 32: 8, 64: 8} if run.quick else {1: 64, 8: 48, 32: 32, 64: 24}
    run.each("decode", rows=2, new=16)  # warm-up
    rounds = 1 if run.quick else 5
    return {str(n): run.turns("decode", "tokens_per_second", rounds, rows=n, new=new) for n, new in sizes.items()}


def prefill(run: Run) -> dict[str, Any]:
    rounds = 1 if run.quick else 3
    return {str(n): run.turns("prefill", "tokens_per_second", rounds, tokens=n) for n in (512, 2048)}


def sweep(run: Run) -> dict[str, Any]:
    found = run.turns("sweep", "seconds", 1 if run.quick else 3, part=0.25 if run.quick else 0.5)
    for base, key in (("pipeline loop fp32", "times_loop"), ("transformers bf16", "times_batched")):
        for name in found:
            if "seconds" in found[name] and "seconds" in found.get(base, {}):
                found[name][key] = found[base]["seconds"] / found[name]["seconds"]
    return found


def start(run: Run) -> dict[str, Any]:
    ask = [PROMPT, "--max-new-tokens", "1"]
    commands = {
        "cutaway generate": [sys.executable, "-m", "cutaway", "generate", *ask, "-m", run.model],
        "transformers pipeline": [sys.executable, "-c", PIPELINE, run.folder, PROMPT],
    }
    rounds = 2 if run.quick else 5
    taken: dict[str, list[Any]] = {name: [] for name in commands}
    for _ in range(rounds + 1):  # the first round warms the file cache
        for name, command in commands.items():
            taken[name].append(run.first_token(command))
    found: dict[str, Any] = {name: _middle(times[1:]) for name, times in taken.items()}
    if run.gguf.is_file() and not run.quick:
        command = [sys.executable, "-c", FROM_GGUF, str(run.gguf), PROMPT]
        found["transformers pipeline from the GGUF"] = _middle([run.first_token(command)])
    return found


def memory(run: Run) -> dict[str, Any]:
    config = json.loads(Path(run.folder, "config.json").read_text())
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    # Keys and values of 64 rows × 96 positions, float32: at most 16 tokens and 64 new ones, in blocks of 32.
    cache = 2 * 4 * 64 * 96 * config["num_hidden_layers"] * config["num_key_value_heads"] * width
    found = {}
    for name in run.ready:
        if name.startswith("pipeline"):
            continue
        child = Child(name, run)  # a fresh process: it does nothing else
        found[name] = child.ask("memory") | {"cache_mb": cache / 1e6}
        child.close()
    return found


def kl(run: Run) -> dict[str, Any]:
    positions = 48 if run.quick else 248
    if REFERENCE not in run.ready:
        return {}
    run.ready[REFERENCE].ask("reference", positions=positions)
    others = [name for name in run.ready if name != REFERENCE and not name.startswith("pipeline")]
    return run.each("divergence", others, positions=positions)


def greedy(run: Run) -> dict[str, Any]:
    prompts, new = (20, 32) if run.quick else (20, 128)
    answers = run.each("greedy", [n for n in run.ready if not n.startswith("pipeline")], prompts=prompts, new=new)
    ends = set(json.loads((run.scratch / "material.json").read_text())["ends"])
    expected = [_until(ids, ends) for ids in answers.get(REFERENCE, {}).get("ids", [])]
    found = {}
    for name, answer in answers.items():
        if "ids" not in answer or name == REFERENCE:
            continue
        pairs = [(want, got[: len(want)]) for want, got in zip(expected, answer["ids"], strict=True)]
        agreed = [
            next((i for i, (a, b) in enumerate(zip(*pair, strict=False)) if a != b), len(pair[0])) for pair in pairs
        ]
        found[name] = {
            "same": sum(want == got for want, got in pairs), "prompts": len(pairs), "new": new,
            "agreed_tokens": sum(agreed), "tokens": sum(len(want) for want, _ in pairs),
        }  # fmt: skip
    return found


def floor(run: Run) -> dict[str, Any]:
    if REFERENCE not in run.ready:
        return {}
    bandwidth = run.ready[REFERENCE].ask("bandwidth")["gb_per_second"]
    found: dict[str, Any] = {"gb_per_second": bandwidth, "contenders": {}}
    speeds = run.turns("decode", "tokens_per_second", 1 if run.quick else 3, rows=1, new=24 if run.quick else 64)
    weights = run.each("weights")
    for name, speed in speeds.items():
        if "tokens_per_second" in speed and "weights_mb" in weights.get(name, {}):
            most = bandwidth * 1e3 / weights[name]["weights_mb"]
            found["contenders"][name] = {
                "weights_mb": weights[name]["weights_mb"], "most": most, "share": speed["tokens_per_second"] / most
            }  # fmt: skip
    return found


def mixed(run: Run) -> dict[str, Any]:
    return run.each("retiring", TIERS, rows=16 if run.quick else 64, rounds=1 if run.quick else 3)


def sampler(run: Run) -> dict[str, Any]:
    return run.each("sampler", TIERS, rows=64, steps=4 if run.quick else 24)


def identity(run: Run) -> dict[str, Any]:
    return run.each("identity", TIERS, prompts=6 if run.quick else 50, new=8 if run.quick else 32)


def _until(ids: list[int], ends: set[int]) -> list[int]:
    return ids[: next((i for i, id_ in enumerate(ids) if id_ in ends), len(ids))]


def _middle(times: list[Any]) -> Any:
    return {"seconds": median(times)} if all(isinstance(t, float) for t in times) else {"error": str(times[-1])}


def lookup(run: Run) -> dict[str, Any]:
    return run.each("lookup", TIERS, new=24 if run.quick else 96, rounds=1 if run.quick else 3)


MEASURES: dict[str, Callable[[Run], dict[str, Any]]] = {
    "rows": rows, "prefill": prefill, "sweep": sweep, "start": start, "memory": memory, "kl": kl, "greedy": greedy,
    "floor": floor, "mixed": mixed, "sampler": sampler, "identity": identity, "lookup": lookup,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: a quick check")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(SECTIONS))
    parser.add_argument("--contenders", type=lambda text: text.split(","), default=list(CONTENDERS))
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--gguf", type=Path, help="the model's GGUF file, if it is not in the wheel")
    parser.add_argument("--python-engines", help="the Python interpreter that has the optional engines")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0, help="so many other processes compute all the time")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time for speeds: with --threads 1, if the machine is busy"
    )
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which a contender is stopped")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    if unknown := set(options.only) - set(SECTIONS) | set(options.contenders) - set(CONTENDERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(options.busy)]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(options, Path(folder))
        try:
            source = run.ready.get(REFERENCE) or Child(REFERENCE, run)
            source.ask("texts")
            for section in SECTIONS:
                if section in options.only:
                    run.found[section] = MEASURES[section](run)
                    if options.json:
                        options.json.write_text(json.dumps(run.found, indent=1))
        finally:
            for process in (*(child.process for child in run.children.values()), *others):
                process.kill()
                process.wait()
        run.found["missing"] = {name: c.first["missing"] for name, c in run.children.items() if "missing" in c.first}
    if options.json:
        options.json.write_text(json.dumps(run.found, indent=1))
    print(report(run.found, options))


if __name__ == "__main__":
    main()

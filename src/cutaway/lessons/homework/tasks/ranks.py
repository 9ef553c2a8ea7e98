"""Ranks: a job script to read, and a plan of the run for one and for twice as many devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import (
    WAYS,
    Choice,
    Given,
    Number,
    Once,
    Pairs,
    Record,
    Records,
    Task,
    again_by,
    moved,
)
from cutaway.random_streams import stream

_FILES: Final = {"plan.json": 1, "twice.json": 2}
_CONTEXT: Final = 1024


def _given(seed: int) -> Given:
    random = stream(seed, "job")
    nodes, each = int(random.choice((2, 3, 4, 6))), int(random.choice((4, 6, 8)))
    micro, times = int(random.choice((2, 4, 8))), int(random.choice((2, 4)))
    return {
        "scheduler": str(random.choice(("PBS", "Slurm"))), "nodes": nodes, "each": each, "micro": micro,
        "batch": nodes * each * micro * times, "tokens": int(random.integers(20, 200)) * 10_000_000,
        "node": int(random.integers(1, nodes)), "local": int(random.integers(each)),
    }  # fmt: skip


def _text(given: Given) -> str:
    nodes, each = given["nodes"], given["each"]
    head = (
        f"#PBS -l select={nodes}:ngpus={each}\n#PBS -l walltime=01:00:00\n\nmpiexec -n {nodes * each} --ppn {each}"
        if given["scheduler"] == "PBS"
        else f"#SBATCH --nodes={nodes}\n#SBATCH --ntasks-per-node={each}\n#SBATCH --gpus-per-node={each}\n"
        "#SBATCH --time=01:00:00\n\nsrun"
    )
    return f"""Somebody left this job script ({given["scheduler"]}):

```
#!/bin/bash
{head} \\
    cutaway train corpus/ --batch-size {given["batch"]} --micro-batch {given["micro"]} --context {_CONTEXT}
```

Each process computes on one GPU, and each step reads {given["batch"]} rows in all. A process computes
{given["micro"]} rows at once, and adds up the gradients until its share of the step is done. Ranks count from 0,
node by node. The corpus has {given["tokens"]:,} tokens, which are read once.

Answer the questions by hand; `rank` asks for the process with local rank {given["local"]} on node
{given["node"]}, where nodes count from 0, too. Then plan the run for these devices and for twice as many. Guess before
you look: how much faster is it, and why not exactly twice?"""


def _plan_of(given: Given, times: int) -> dict[str, Any]:
    return {
        "device": "a100-40gb", "count": given["nodes"] * given["each"] * times, "per_node": given["each"],
        "batch_size": given["batch"], "context": _CONTEXT, "tokens": given["tokens"],
    }  # fmt: skip


def _files(given: Given) -> dict[str, str]:
    def options(times: int) -> str:
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in _plan_of(given, times).items())

    return {name: f"cutaway plan small {options(times)} -o {name}" for name, times in _FILES.items()}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    from cutaway.training.plan import plan

    asked = _plan_of(given, _FILES[name])
    must = {key: asked[key] for key in ("device", "count", "batch_size", "context", "tokens")}
    command = _files(given)[name]
    return again_by(name, records, "plan", command, must, lambda: once(plan, "small", **asked).to_dict())


def _seconds(records: Records, name: str) -> float:
    return float(records[name][0]["total_seconds"])


def _world(given: Given) -> int:
    return int(given["nodes"] * given["each"])


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in _FILES:
        for key in ("total_seconds", "step_seconds", "communication_seconds", "tokens_per_second", "steps"):
            found[f"{key} in {name}"] = float(records[name][0][key])
        found[f"peak memory (GB) in {name}"] = records[name][0]["peak_bytes"] / 1e9
    return found


TASK = Task(
    name="ranks",
    title="Who computes what",
    notebook=9,
    minutes=25,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "time",
            "With twice as many devices, the time of the run (`total_seconds`) …?",
            tuple(WAYS),
            lambda _, records: moved(_seconds(records, "plan.json"), _seconds(records, "twice.json"),
                                     0.01 * _seconds(records, "plan.json")),
            Direction(
                r"(?:twice|more|double)\s(?:as\smany\s)?(?:the\s)?(?:number\sof\s)?(?:devices|gpus|ranks|processes)"
                r"|(?:devices|gpus|ranks)",
                r"(?:half|fewer|less)\s(?:as\smany\s)?(?:the\s)?(?:number\sof\s)?(?:devices|gpus|ranks|processes)",
                r"time|duration|seconds|hours",
                WAYS,
                "With twice as many devices, the time of the run {way}.",
            ),
        ),
    ),
    numbers=(
        Number("world_size", "How many processes (ranks) does the job have in all?", "ranks",
               lambda given, _: _world(given), 0.0),
        Number("rank", "The global rank of the process with the local rank and the node of the text above.", "rank",
               lambda given, _: given["node"] * given["each"] + given["local"], 0.0),
        Number("accumulation", "How many times does a process compute rows before each update of the weights?",
               "times", lambda given, _: given["batch"] / (_world(given) * given["micro"]), 0.0),
        Number("steps", "How many steps does it take to read the corpus once? Round up.", "steps",
               lambda given, _: math.ceil(given["tokens"] / (given["batch"] * _CONTEXT)), 0.0),
    ),
    words=50,
)  # fmt: skip

"""Hold `cutaway plan` against real training runs on a CPU: the peak memory of a process, measured and planned.

    python benchmarks/plan.py

Each case trains a model for two steps in a process of its own. Measured is how much its largest resident size
(`ru_maxrss`) grew over the size before the run, after a small run had loaded all libraries. It is measured twice: with
glibc's allocator told to give back what is freed (blocks of 64 kB and more are mapped), which is what the tensors take,
and as it is by default, which adds the gaps between them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CASES = [
    # arch, size, rows of a step, rows at once, context, characters, optimizer, precision
    ("gpt2", "nano", 64, 64, 256, 60, "adamw", "float32"),
    ("llama", "micro", 32, 32, 256, 60, "adamw", "float32"),
    ("llama", "micro", 16, 16, 256, 4000, "muon", "float32"),
    ("gpt2", "mini", 16, 4, 256, 60, "muon", "float32"),
    ("llama", "mini", 8, 8, 512, 2000, "adamw", "bfloat16"),
    ("gpt2", "small", 4, 4, 256, 60, "adamw", "float32"),
    ("gpt2", "small", 4, 2, 256, 60, "muon", "float32"),
    ("llama", "small", 2, 2, 512, 2000, "muon", "float32"),
]
SHORTEST = 20_000  # characters, so that there is a text to hold out


def child(number: int) -> None:
    """Train for two steps and print the bytes by which the process grew."""
    import dataclasses
    import resource

    import cutaway
    from cutaway.training import SIZES

    arch, size, rows, micro_batch, context, letters, optimizer, precision = CASES[number]
    options = {
        "arch": arch, "optimizer": optimizer, "precision": precision, "attention": "sdpa", "samples": 0,
        "threads": 1, "as_text": True, "steps": 2,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        drawn = np.random.default_rng(0).integers(letters, size=max(SHORTEST, 40 * context, 10 * letters))
        text.write_text("".join(chr(0x4E00 + number) for number in drawn), encoding="utf-8")
        cutaway.train(text, layers=1, heads=1, width=16, context=16, batch_size=2, **options)
        before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        shape = dataclasses.asdict(SIZES[size])
        cutaway.train(text, **shape, context=context, batch_size=rows, micro_batch=micro_batch, **options)
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before))


def measured(number: int, **environment: str) -> int:
    words = [sys.executable, __file__, str(number)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return int(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    import cutaway

    print("model         rows  at once  context  vocabulary                      planned  measured (ratio)  with gaps")
    for number, (arch, size, rows, micro_batch, context, letters, optimizer, precision) in enumerate(CASES):
        planned = cutaway.plan(
            size,
            arch=arch,
            vocab_size=letters + 4,
            batch_size=rows,
            micro_batch=micro_batch,
            context=context,
            optimizer=optimizer,
            precision=precision,
            gradient_checkpointing=False,
        ).peak_bytes
        tight = measured(number, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")
        loose = measured(number)
        print(
            f"{arch + ' ' + size:13} {rows:4} {micro_batch:8} {context:8} {letters + 4:11,}  {optimizer:5}  "
            f"{precision:8}  {planned / 1e6:6,.0f} MB {tight / 1e6:6,.0f} MB ({planned / tight:.2f})  "
            f"{loose / 1e6:6,.0f} MB ({planned / loose:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(int(sys.argv[1]))
    else:
        main()

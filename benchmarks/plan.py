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
    # arch, size, rows of a step, context, characters
    ("gpt2", "nano", 64, 256, 60),
    ("gpt2", "micro", 32, 256, 60),
    ("llama", "micro", 32, 256, 60),
    ("llama", "micro", 16, 256, 4000),
    ("gpt2", "mini", 16, 256, 60),
    ("llama", "mini", 8, 512, 2000),
    ("gpt2", "small", 4, 256, 60),
    ("llama", "small", 2, 512, 2000),
]


def child(arch: str, size: str, rows: int, context: int, letters: int) -> None:
    """Train for two steps and print the bytes by which the process grew."""
    import dataclasses
    import inspect
    import resource

    import cutaway
    from cutaway.training import SIZES

    known = inspect.signature(cutaway.train).parameters
    options = {"optimizer": "adamw", "precision": "float32", "attention": "sdpa", "samples": 0}
    options = {name: value for name, value in options.items() if name in known}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "text.txt")
        drawn = np.random.default_rng(0).integers(letters, size=60 * context + 10 * letters)
        text.write_text("".join(chr(0x4E00 + number) for number in drawn), encoding="utf-8")
        cutaway.train(text, arch=arch, steps=2, threads=1, as_text=True, context=16, batch_size=2, **options)
        before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        cutaway.train(
            text,
            arch=arch,
            **dataclasses.asdict(SIZES[size]),
            context=context,
            batch_size=rows,
            steps=2,
            threads=1,
            as_text=True,
            **options,
        )
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before))


def measured(case: tuple[str, str, int, int, int], **environment: str) -> int:
    words = [sys.executable, __file__, *map(str, case)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return int(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    import cutaway

    print("model         rows  context  vocabulary   planned  measured (ratio)  with gaps (ratio)")
    for case in CASES:
        arch, size, rows, context, letters = case
        planned = cutaway.plan(
            size,
            arch=arch,
            vocab_size=letters + 2,
            batch_size=rows,
            micro_batch=rows,
            context=context,
            optimizer="adamw",
            gradient_checkpointing=False,
        ).peak_bytes
        tight = measured(case, MALLOC_MMAP_THRESHOLD_="65536", MALLOC_TRIM_THRESHOLD_="65536")
        loose = measured(case)
        print(
            f"{arch + ' ' + size:13} {rows:4} {context:8} {letters + 2:11,} {planned / 1e6:6,.0f} MB "
            f"{tight / 1e6:6,.0f} MB ({planned / tight:.2f})  {loose / 1e6:6,.0f} MB ({planned / loose:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main()

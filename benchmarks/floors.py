"""Train on sources of known entropy, and compare with the lowest loss that any model can have.

    python benchmarks/floors.py                       # all of them, some minutes each
    python benchmarks/floors.py built-in:markov-dna   # one

A model passes if its loss on 256 rows that it was not trained on is within 0.02 bits per symbol of the exact surprisal
of the same rows. A loss below that by more than three standard errors fails, too: the model saw what it must not see.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from typing import Any

import numpy as np
import torch

from cutaway.training import Settings, TrainingRun
from cutaway.training.objectives import losses_of
from cutaway.training.run import batcher_of

NEAR = 0.02  # bits per symbol
RECIPES: dict[str, dict[str, Any]] = {
    "built-in:markov-dna": {"steps": 600, "batch_size": 8, "learning_rate": 4e-3},
    "built-in:hidden-markov": {"steps": 600, "batch_size": 8, "learning_rate": 4e-3},
    "built-in:codons": {"steps": 1200, "batch_size": 16, "learning_rate": 6e-3},
    "built-in:three-wells": {"steps": 600, "batch_size": 8, "learning_rate": 4e-3},
}
"""What reaches the floor of each source, with a GPT-2 of the size nano on rows of 128 symbols.

The rates are below the usual one, at which the loss of a source with few symbols jumps.
"""


@dataclasses.dataclass(frozen=True)
class Gap:
    """How far a model is above the floor, in bits per symbol: the mean over rows, and its standard error."""

    bits: float
    error: float

    def check(self) -> None:
        """Raise `AssertionError` if the model is too far from the floor, or below it."""
        assert self.bits > -3 * self.error, f"{self.bits:.4f} ± {self.error:.4f} bits: below the floor, so it must leak"
        assert self.bits <= NEAR, f"{self.bits:.4f} bits above the floor; {NEAR} are allowed"


@torch.no_grad()
def gap(run: TrainingRun, count: int = 256) -> Gap:
    """Compare a trained model with its source on rows that no step read."""
    rows, batcher, apart = run.data.rows.held_out(count), batcher_of(run), []
    for row in rows:
        loss = float(losses_of(run.model.module, batcher.batch([row], 0, [0])).mean())
        floor = run.data.exact_loss([row])
        assert floor is not None
        apart.append((loss - floor) / math.log(2))
    return Gap(float(np.mean(apart)), float(np.std(apart, ddof=1) / math.sqrt(len(apart))))


def main() -> None:
    """Train on each source and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="SOURCE", default=list(RECIPES))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print("source                   floor    loss   above it ± error (bits per symbol)   steps  CPU s   s")
    for name in options.sources:
        began, used = time.perf_counter(), time.process_time()
        run = TrainingRun(Settings.of(data=name, samples=0, threads=options.threads, **RECIPES[name]))
        result = run.train()
        seconds, used = time.perf_counter() - began, time.process_time() - used
        found = gap(run)
        floor = (result.floor or 0.0) / math.log(2)
        print(
            f"{name:24} {floor:.4f}  {floor + found.bits:.4f}  {found.bits:7.4f} ± {found.error:.4f}  "
            f"{result.steps:26,}  {used:5.0f}  {seconds:3.0f}", flush=True,
        )  # fmt: skip
        found.check()


if __name__ == "__main__":
    main()

"""The training loop: rows in, a trained model and a record of every step out.

The same loop runs on one process and on a thousand. A step depends on its number, the seed and the weights alone: its
rows are a pure function of (seed, step, place), and its gradient is summed in an order-free way (see `processes`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import signal
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import torch

from cutaway.errors import TrainingError
from cutaway.random_streams import seed32
from cutaway.shards import Row
from cutaway.training.batches import Batch, Batcher
from cutaway.training.objectives import losses_of
from cutaway.training.processes import Gradients, Processes
from cutaway.training.records import StepRecord, ValidationRecord
from cutaway.training.schedule import Clock, learning_rate
from cutaway.training.settings import LoopSettings
from cutaway.training.stop_signals import TIME_IS_UP
from cutaway.training.trials import Decided, autocast

LN2: Final = math.log(2)
_AT_ONCE: Final = 1e6  # more than there are ranks: one Ctrl-C counts more than all warnings of a scheduler


class Rows(Protocol):
    """What the loop needs from its data; `RecordRows` and `SourceRows` have it."""

    def row(self, seed: int, index: int) -> Row:
        """Return row `index` of the run (from 0, over all epochs): a pure function."""

    def held_out(self, count: int) -> list[Row]:
        """Return the rows to validate on, at most `count`; no training row has a part of them."""


@dataclasses.dataclass
class Job:
    """Everything that the loop works with.

    `peak` is the highest learning rate; `warmup` in steps and `warmup_place` are those of `learning_rate`.
    `sorted_rows` says that the rows of a step are divided into micro-batches by length, so that little is padded.
    `stop` is asked after every step for a signal to end; `stopped` is the one that ended the loop, the same on all
    ranks. `floor` is the exact loss of the source on the held-out rows.
    """

    module: Any
    optimizers: list[torch.optim.Optimizer]
    rows: Rows
    batcher: Batcher
    settings: LoopSettings
    decided: Decided
    processes: Processes
    clock: Clock
    peak: float
    warmup: int
    warmup_place: float
    sorted_rows: bool
    held_out: list[Row]
    floor: float | None = None
    counts_symbols: bool = True
    tokens: int = 0
    symbols: int = 0
    stop: Callable[[], int] = lambda: 0
    stopped: int = 0


def fit(job: Job, first: int = 1) -> Iterator[StepRecord | ValidationRecord]:
    """Train a model in place from step `first` on; yield a record of every step and of every validation.

    The model is validated before step 1, after every `validate_every` steps and after the last. Raises `TrainingError`,
    which names the step, if a loss or a gradient becomes NaN or infinite; the weights then stay as they were before it.
    """
    loop = job.settings
    gradients = Gradients(job.module, job.processes)
    if first == 1:
        yield validate(job, 0)
    for step in itertools.count(first):
        began = time.perf_counter()
        place = _agreed_place(job, step)
        rate = learning_rate(
            step, place, peak=job.peak, warmup=job.warmup, schedule=loop.schedule, warmup_place=job.warmup_place
        )
        for group in (group for optimizer in job.optimizers for group in optimizer.param_groups):
            group["lr"] = rate
        job.module.train()
        batches = step_batches(job, step)
        # Any constant will do: the sum is divided by the true number of predictions when all ranks know it.
        nominal = float(loop.batch_size)
        sums = [0.0] * 5
        share = job.processes.share(len(batches))
        for turn, (number, counts) in enumerate(share, 1):
            batch, checksum = batches[number]()
            with _dropped_out(job, step, number):
                with autocast(loop.device, job.decided.precision):
                    losses = losses_of(job.module, batch)
                gradients.add(losses.sum() / nominal, counts=counts, last=turn == len(share))
            if counts:
                nats = float(losses.detach().double().sum())
                sums = _added(sums, (nats, batch.predictions, batch.symbols, checksum, 0))
        asked = job.stop()
        sums[4] = 0.0 if not asked else 1.0 if asked == TIME_IS_UP else _AT_ONCE
        nats, predictions, symbols, checksum_, stop = job.processes.sums(sums, job.module.device)
        loss = nats / max(predictions, 1)  # rows of special tokens alone predict nothing
        norm = gradients.norm(nominal / max(predictions, 1))
        for name, value in (("loss", nats), ("gradient's norm", norm)):
            check_finite(name, value, step, job.peak)
        gradients.clip(norm, loop.clip)
        for optimizer in job.optimizers:
            optimizer.step()
        gradients.clear()
        job.tokens, job.symbols = job.tokens + int(predictions), job.symbols + int(symbols)
        taken = time.perf_counter() - began
        yield StepRecord(
            step, loss, rate, norm, job.tokens, job.symbols, place, int(checksum_), job.clock.elapsed,
            predictions / taken,
        )  # fmt: skip
        last = place >= 1
        if step % loop.validate_every == 0 or last:
            yield validate(job, step)
        job.stopped = 0 if last or not stop else TIME_IS_UP if stop < _AT_ONCE else signal.SIGINT
        if last or job.stopped:
            break
    job.module.eval()


@torch.no_grad()
def validate(job: Job, step: int) -> ValidationRecord:
    """Return the mean loss on the held-out rows."""
    job.module.eval()
    rows = sorted(enumerate(job.held_out), key=lambda numbered: -len(numbered[1].ids))
    parts = _parts(rows, job.decided.micro_batch)
    sums = [0.0] * 3
    for number, counts in job.processes.share(len(parts)):
        batch = job.batcher.batch([row for _, row in parts[number]], 0, [-1 - i for i, _ in parts[number]])
        with autocast(job.settings.device, job.decided.precision):
            losses = losses_of(job.module, batch)
        if counts:
            sums = _added(sums, (float(losses.double().sum()), batch.predictions, batch.symbols))
    nats, predictions, symbols = job.processes.sums(sums, job.module.device)
    check_finite("loss on held-out rows", nats, step, job.peak)
    bits = nats / LN2 / symbols if job.counts_symbols and symbols else None
    return ValidationRecord(step, nats / max(predictions, 1), bits, job.floor)


def step_batches(job: Job, step: int) -> list[Callable[[], tuple[Batch, int]]]:
    """Return the micro-batches of a step, each as a function that makes it and a checksum of its rows."""
    size, seed = job.settings.batch_size, job.settings.seed
    indices = list(range((step - 1) * size, step * size))
    if job.sorted_rows:
        rows = {index: job.rows.row(seed, index) for index in indices}
        indices.sort(key=lambda index: (-len(rows[index].ids), index))
    else:
        rows = {}

    def make(part: Sequence[int]) -> tuple[Batch, int]:
        chosen = [rows[index] if index in rows else job.rows.row(seed, index) for index in part]
        return job.batcher.batch(chosen, seed, part), sum(zlib.crc32(row.ids.tobytes()) for row in chosen)

    return [lambda part=part: make(part) for part in _parts(indices, job.decided.micro_batch)]  # type: ignore[misc]


@contextlib.contextmanager
def _dropped_out(job: Job, step: int, number: int) -> Iterator[None]:
    """Let dropout depend on seed, step and micro-batch alone; torch's global random state stays as it is."""
    cuda = [torch.cuda.current_device()] if job.module.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed32(job.settings.seed, "dropout", step, number))
        yield


def check_finite(name: str, value: float, step: int, peak: float) -> None:
    """Raise `TrainingError` for a value that is NaN or infinite."""
    if not math.isfinite(value):
        raise TrainingError(
            f"the {name} is {value} at step {step}",
            hint=f"lower `learning_rate` (it is {peak:g}) or raise `warmup`, in a new folder",
        )


def _agreed_place(job: Job, step: int) -> float:
    """Return the place of a step by the clock of the first rank."""
    place = job.clock.place(step)
    if job.processes.size == 1 or job.clock.seconds is None:
        return place
    return job.processes.sums([place if job.processes.first else 0.0], job.module.device)[0]


def _added(sums: Sequence[float], more: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(sums, more, strict=True)]


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]

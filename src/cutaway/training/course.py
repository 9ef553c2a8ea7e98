"""One course of a run: from its start, or its last checkpoint, to its end or interruption.

It feeds the records of the loop to the run's folder, saves checkpoints and lets the model write samples.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Final

import torch

from cutaway.errors import counted
from cutaway.log import get_logger
from cutaway.progress import step
from cutaway.tokens.codec import Codec
from cutaway.training.checkpoints import Checkpoints
from cutaway.training.loop import Job, fit, validate
from cutaway.training.new_model import whole_module
from cutaway.training.optimizers import local_of
from cutaway.training.records import Record, SampleRecord, StepRecord, ValidationRecord
from cutaway.training.run_folder import RunFolder
from cutaway.training.settings import Settings
from cutaway.training.writing import WRITERS, samples

_ENDED_EARLY: Final = "no better loss"
_SAY_EVERY: Final = 10.0  # seconds
_SAVE_EVERY: Final = 20.0  # seconds
_END: Final = "the end"

_logger = get_logger(__name__)


@dataclasses.dataclass
class Best:
    """The lowest validation loss so far, and how many validations came after it."""

    loss: float = math.inf
    step: int = 0
    waited: int = 0

    def take(self, record: ValidationRecord) -> None:
        """Take in the next validation."""
        if record.loss < self.loss:
            self.loss, self.step, self.waited = record.loss, record.step, 0
        else:
            self.waited += 1


class Course:
    """The records of a course, and what drives it; every rank has one, the first one writes and speaks."""

    def __init__(self, job: Job, settings: Settings, codec: Codec, folder: RunFolder | None) -> None:
        self.job, self._settings, self._codec, self._folder = job, settings, codec, folder
        self.heard_by: list[Callable[[Record], object]] = []  # called on the first rank
        self.metrics: list[StepRecord] = []
        self.validation: list[ValidationRecord] = []
        self.samples: list[SampleRecord] = []
        self.best = Best()
        self.resumed_at: int | None = None
        self.stopped = _END
        self.done = 0  # steps
        directory = None if folder is None else folder.directory
        self._kept = None if directory is None else Checkpoints(directory, job.processes, settings.loop.keep)
        self._saved, self._saved_at = 0, 0.0  # the step and the second of the last checkpoint
        self._place = 0.0
        self._best_weights: list[torch.Tensor] | None = None  # this rank's, if the run may end early
        self._said_at = -math.inf

    def run(self, opening: str) -> None:
        """Train to the end. Raises `KeyboardInterrupt`, after a checkpoint, if the run was asked to stop."""
        job = self.job
        start = self.done = self._saved = self._resume()
        if start and (job.clock.place(start) >= 1 or self._waited_enough()):
            if not self.validation:  # its file is lost
                self._add(validate(job, start))
            self._take_best()
            self._say(f"the run is complete after {counted(start, 'step')}")
            return
        self._say(f"going on after {counted(start, 'step')}: {opening}" if start else opening)
        job.clock = dataclasses.replace(job.clock)  # its time begins now
        try:
            self._train(start)
            self._save(self.done, now=True)
            self._take_best()
        except Exception:
            if self._kept is not None:
                self._kept.finish()
            raise
        if job.stopped:
            again = "" if self._folder is None else f"; the same command goes on from {self._folder.directory}"
            self._say(f"stopped after {counted(self.done, 'step')}{again}")
            raise KeyboardInterrupt(job.stopped)

    def _train(self, start: int) -> None:
        """Train after step `start`."""
        job, loop = self.job, self._settings.loop
        with step("training", job.clock.steps, before=start) as shown:
            for record in fit(job, start + 1):
                self._add(record)
                done = self.done = record.step
                if isinstance(record, StepRecord):
                    self._place = record.place
                    shown.reach(
                        done, None if loop.minutes is None else max(done, round(done / max(record.place, 1e-6)))
                    )
                    # A step that is validated is saved after that, so that a checkpoint never comes before its records.
                    if self._is_due(done) and done % loop.validate_every and record.place < 1:
                        self._save(done)
                else:
                    self._validated(record)
                    if self.stopped != _END:
                        break

    def _is_due(self, number: int) -> bool:
        every = self._settings.loop.save_every
        return every is not None and number > 0 and number % every == 0

    def _validated(self, record: ValidationRecord) -> None:
        loop = self._settings.loop
        self.best.take(record)
        self._write(record.step)
        elapsed = self._elapsed()
        if elapsed - self._said_at >= _SAY_EVERY:
            self._said_at = elapsed
            self._say(f"after {counted(record.step, 'step')}: {told(record)}")
        better = loop.patience is not None and self.best.step == record.step
        if better:
            self._best_weights = self._weights()
        late = loop.save_every is None and record.step > 0 and elapsed - self._saved_at >= _SAVE_EVERY
        if late or self._is_due(record.step) or (better and record.step):
            self._saved_at = elapsed
            self._save(record.step)
        self._waited_enough()

    def _waited_enough(self) -> bool:
        patience = self._settings.loop.patience
        if patience is None or self.best.waited < patience:
            return False
        self.stopped = f"{_ENDED_EARLY} in {counted(patience, 'validation')}"
        return True

    def _weights(self) -> list[torch.Tensor]:
        """Return a copy of the trained weights that this rank holds."""
        trained = (parameter for parameter in self.job.module.parameters() if parameter.requires_grad)
        return [local_of(parameter.detach()).clone() for parameter in trained]

    def _take_best(self) -> None:
        """Go back to the weights of the best validation if no better one came for so long that the run ended."""
        if not self.stopped.startswith(_ENDED_EARLY):
            return
        if self._best_weights is not None:
            trained = (parameter for parameter in self.job.module.parameters() if parameter.requires_grad)
            with torch.no_grad():
                for parameter, best in zip(trained, self._best_weights, strict=True):
                    local_of(parameter).copy_(best)
        elif self._kept is not None and (checkpoint := self._kept.at(self.best.step)) is not None:
            self._kept.load(checkpoint, self.job.module, self.job.optimizers)

    def _elapsed(self) -> float:
        """Return the time trained by the clock of the first rank."""
        return self.job.processes.sums([self.job.clock.elapsed if self.job.processes.first else 0.0])[0]

    def _resume(self) -> int:
        """Load the newest complete checkpoint, if there is one; return after how many steps it was saved."""
        job, folder, kept = self.job, self._folder, self._kept
        if folder is None or kept is None:
            return 0
        newest = kept.newest()
        seen = folder.seen
        start = newest.step if newest is not None else 0
        if newest is not None:
            if self._settings.loop.patience is not None:
                self._best_weights = self._weights()  # the first ones: no checkpoint has them
            kept.load(newest, job.module, job.optimizers)
            self.resumed_at, self._place = start, newest.place
            before = {name: [line for number, line in sorted(lines.items()) if number <= start]
                      for name, lines in seen.items()}  # fmt: skip
            self.metrics = [StepRecord(**line) for line in before["metrics.jsonl"]]
            self.validation = [ValidationRecord(**line) for line in before["validation.jsonl"]]
            self.samples = [SampleRecord(line["step"], tuple(line["texts"])) for line in before["samples.jsonl"]]
            job.tokens, job.symbols = newest.tokens, newest.symbols
            if len(self.metrics) < start:
                self._say(f"metrics.jsonl has lost the records of {counted(start - len(self.metrics), 'step')}")
        for record in self.validation:
            self.best.take(record)
        if self.best.step:
            self._best_weights = None
        # What the clock decided is repeated, unless the run has another length now: then its places are other ones.
        if folder.longer:
            folder.drop_after(start)
        places = {number: line["place"] for number, line in seen["metrics.jsonl"].items() if number > start}
        if newest is not None and not folder.longer and job.clock.seconds is not None:
            places[start] = newest.place
        job.clock = dataclasses.replace(
            job.clock, recorded=places, before=newest.seconds if newest is not None else 0.0
        )
        self._saved_at = job.clock.before
        return start

    def _add(self, record: Record) -> None:
        kinds: dict[type, tuple[list[Any], str]] = {
            StepRecord: (self.metrics, "metrics.jsonl"),
            ValidationRecord: (self.validation, "validation.jsonl"),
            SampleRecord: (self.samples, "samples.jsonl"),
        }
        records, name = kinds[type(record)]
        records.append(record)
        if self._folder is not None:
            self._folder.add(name, dataclasses.asdict(record))
        if self.job.processes.first:
            for heard in self.heard_by:
                heard(record)

    def _write(self, number: int) -> None:
        """Let the model write some samples; on several ranks the first one does, from a whole copy."""
        job, loop, objective = self.job, self._settings.loop, self._settings.model.objective
        if not loop.samples or objective not in WRITERS:
            return
        module = whole_module(job.module, job.processes, objective)
        if module is not None:
            texts = samples(module, self._codec, objective, loop.samples, loop.seed, job.held_out)
            self._add(SampleRecord(number, texts))

    def _save(self, number: int, *, now: bool = False) -> None:
        """Save the state after a step, unless it was saved already; with `now` wait until it is on the disk."""
        if self._kept is None:
            return
        if number != self._saved:
            self._saved, job = number, self.job
            self._kept.save(
                job.module, job.optimizers, step=number, seconds=job.clock.elapsed, tokens=job.tokens,
                symbols=job.symbols, place=self._place, best_step=self.best.step,
            )  # fmt: skip
        if now:
            self._kept.wait()

    def _say(self, sentence: str) -> None:
        if self.job.processes.first:
            _logger.info(sentence)


def told(record: ValidationRecord) -> str:
    """Say a validation in words."""
    floor = "" if record.floor is None else f" (the source itself: {record.floor:.4f})"
    bits = "" if record.bits_per_symbol is None else f", {record.bits_per_symbol:.4f} bits per symbol"
    return f"loss {record.loss:.4f} nats per prediction on held-out rows{floor}{bits}"

"""`train`: train a model and record how; the same call again goes on with a run that was cut off.

`TrainingRun` does the same in steps, so that you can look at the model before and after:

    run = TrainingRun(Settings.of(steps=300))
    run.model           # untrained: a cutaway.models.Model, which every verb takes
    result = run.train()
    run.model           # the same object, trained
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers

from cutaway._version import __version__
from cutaway.errors import InputError, TrainingError, counted
from cutaway.log import get_logger
from cutaway.models import Model, save
from cutaway.models.context_limit import first_position
from cutaway.models.saving import MODEL_FILES
from cutaway.progress import duration
from cutaway.ranks import find_ranks
from cutaway.shards import RecordRows, Row
from cutaway.tokens.codec import Codec
from cutaway.training.batches import Batcher
from cutaway.training.course import Course, told
from cutaway.training.event_files import EventFile, events_wanted
from cutaway.training.guesses import guesses
from cutaway.training.isolation import check_isolated
from cutaway.training.loop import Job, step_batches
from cutaway.training.lora import is_adapted
from cutaway.training.new_model import build, config_of, set_padding, size_of, whole_module
from cutaway.training.objectives import Scale
from cutaway.training.opening import opening
from cutaway.training.optimizers import optimizers_of
from cutaway.training.processes import Processes, shard
from cutaway.training.rank_watch import watched
from cutaway.training.records import Record, StepRecord
from cutaway.training.result import Training
from cutaway.training.run_card import card
from cutaway.training.run_data import DEFAULT_CONTEXT, RunData, read_data
from cutaway.training.run_folder import RunFolder, locked
from cutaway.training.run_length import planned_steps
from cutaway.training.run_page import RunPage
from cutaway.training.run_result import result_of
from cutaway.training.run_tokenizer import word_starts
from cutaway.training.save_adapted import save_adapted
from cutaway.training.schedule import WARMUP_PLACE, Clock
from cutaway.training.settings import Settings
from cutaway.training.starting_model import content_digest, context_for
from cutaway.training.starting_run import begin, usual_rate
from cutaway.training.stop_signals import stop_asked
from cutaway.training.trials import Decided, decide, set_attention, threads_set
from cutaway.training.words_read import keep_words

_HELD_OUT: Final = {False: 64, True: 256}  # rows; the key says whether a row is a single record

_logger = get_logger(__name__)


class TrainingRun:
    """A model, its data and its settings; `train` trains the model once.

    `model` is a `cutaway.models.Model`, which every verb takes; it is trained in place. Its first weights depend only
    on the settings: torch's global random state is neither used nor changed. `launcher` started the processes; it goes
    into `run.json`. The functions in `heard_by` are called with every record (on several ranks by the first one).

    Raises `InputError` if the data can't be read or are too short, or if there is no such device.
    """

    def __init__(self, settings: Settings | None = None, *, launcher: str | None = None) -> None:
        self.settings = settings = settings or Settings()
        self._launcher = launcher
        _check_device(settings.loop.device)
        start = settings.model.start
        usual = settings.model.context or DEFAULT_CONTEXT
        self.context = usual if start is None else context_for(settings.model, usual)
        self.data: RunData = read_data(settings, self.context)
        self.source = settings.data.source
        self.floor, self.floor_label = self.data.floor, self.data.floor_label
        if start is None:
            classes = self.data.classes(settings.data.label_column)
            config = config_of(settings.model, self.data.tokenizer, self.context, **classes)
            module = build(config, settings.model.objective, settings.loop.seed)
            name = f"{Path(self.source).name.partition('.')[0]}-{config.model_type}"
            self.model = Model(name, None, module, self.data.tokenizer)
            self.data = self.data.for_head(module)
        else:
            self.model, self.data = begin(settings, self.data, self.context)
            module = self.model.module
        set_padding(module, self.data.tokenizer)
        self.parameters = sum(parameter.numel() for parameter in module.parameters())
        self.steps = planned_steps(settings, self.data)
        self._trained = False
        self.heard_by: list[Callable[[Record], object]] = []
        self.decided: Decided | None = None  # how steps are computed, once it is decided
        self.processes = 1
        self._record: dict[str, Any] = {}  # what `run.json` says, once it is decided

    def train(
        self,
        *,
        output: str | os.PathLike[str] | None = None,
        on_step: Callable[[StepRecord], object] | None = None,
        tensorboard: bool | None = None,
    ) -> Training:
        """Train the model and return the result; see `cutaway.train`.

        Raises `TrainingError` also if this run was trained before, and `KeyboardInterrupt` after a checkpoint was saved
        if the run was asked to stop.
        """
        if self._trained:
            raise TrainingError("this run was trained before", hint="make a new TrainingRun")
        self._trained = True
        tensorboard = events_wanted(tensorboard, output)
        processes = Processes.joined()
        directory = None if output is None else Path(output)
        with contextlib.ExitStack() as stack:
            if directory is not None:
                stack.enter_context(locked(directory, writes=processes.first))
            job = self._job(processes)
            folder = None if directory is None else RunFolder(directory, writes=processes.first)
            self._decide(job, folder)
            if folder is not None:
                folder.open()
                stack.callback(folder.close)
            loop = self.settings.loop
            if loop.gradient_checkpointing:
                job.module.gradient_checkpointing_enable({"use_reentrant": False})
            job.module.to(loop.device)
            shard(job.module, processes, loop.device)
            if loop.compile:
                job.module.compile(dynamic=True)
            job.optimizers = optimizers_of(job.module, loop.optimizer, rate=job.peak, weight_decay=loop.weight_decay)
            course = Course(job, self.settings, Codec.of(self.data.tokenizer), folder)
            page = None
            if directory is not None and processes.first:
                page = RunPage(directory, lambda stopped: self._so_far(course, directory, stopped))
                course.heard_by.append(lambda _: page.look())
                if tensorboard:
                    events = EventFile(directory)
                    stack.callback(events.close)
                    course.heard_by.append(events.add)
            course.heard_by += self.heard_by
            if on_step is not None:
                course.heard_by.append(lambda record: on_step(record) if isinstance(record, StepRecord) else None)
            stack.enter_context(threads_set(job.decided.threads))
            job.stop = stack.enter_context(stop_asked(speaks=processes.first))
            with contextlib.nullcontext() if page is None else page.kept():
                course.run(opening(self.model, self.settings, job, self.context, self.steps))
                result = self._finished(course, directory)
            if page is not None:
                page.complete(result)
            return result

    def _job(self, processes: Processes) -> Job:
        loop, config = self.settings.loop, self.model.config
        width: int = getattr(config, "hidden_size", 0) or getattr(config, "d_model", 64)
        held_out = self.data.rows.held_out(_HELD_OUT[self.data.single])
        # One micro-batch for each process that the run began with.
        micro = min(loop.batch_size, loop.micro_batch or -(-loop.batch_size // processes.size))
        return Job(
            module=self.model.module, optimizers=[], rows=self.data.rows, batcher=batcher_of(self), settings=loop,
            decided=Decided(loop.threads or 1, "float32", "sdpa", micro), processes=processes,
            clock=Clock(self.steps, None if loop.minutes is None else 60 * loop.minutes),
            peak=loop.learning_rate or usual_rate(self.settings, width),
            warmup=loop.warmup if loop.warmup is not None else (self.steps // 20 if self.steps else 100),
            warmup_place=math.inf if loop.warmup is not None else WARMUP_PLACE,
            sorted_rows=self.data.single, held_out=held_out, floor=self.data.exact_loss(held_out),
            counts_symbols=self.settings.model.objective == "causal",
        )  # fmt: skip

    def _packed(self) -> Iterator[Row]:
        """Yield the rows of the first epoch, if any of them has several pieces."""
        rows = self.data.rows
        if isinstance(rows, RecordRows) and rows.counts["pieces"] > rows.counts["rows"]:
            yield from (rows.row(self.settings.loop.seed, index) for index in range(rows.per_epoch))

    def _decide(self, job: Job, folder: RunFolder | None) -> None:
        """Decide by timing on the first rank; a run that goes on keeps all but the threads of what it began with."""

        def made() -> dict[str, Any]:
            check_isolated(job.module, self._packed(), self.settings.model.objective)
            batch, _ = step_batches(job, 1)[0]()
            now = job.decided = decide(job.module, batch, job.settings, job.decided.micro_batch)
            record = self._facts(job)
            kept = record if folder is None else folder.begin(record)
            return kept | {"decided": kept["decided"] | {"threads": now.threads}}

        self._record = job.processes.from_first(made)
        self.decided = job.decided = Decided(**self._record["decided"])
        self.processes = job.processes.size
        set_attention(job.module, job.decided.attention)

    def _facts(self, job: Job) -> dict[str, Any]:
        """Return what `run.json` says."""
        versions = {"cutaway": __version__, "torch": torch.__version__, "transformers": transformers.__version__,
                    "python": platform.python_version()}  # fmt: skip
        return {
            "schema": "cutaway.run/1", "settings": self.settings.flat(), "data": self.data.record,
            "start": content_digest(self.model.path), **self.data.classes(self.settings.data.label_column),
            "decided": dataclasses.asdict(job.decided), "name": self.model.name,
            "architecture": self.model.config.model_type, "parameters": self.parameters,
            "trained_parameters": sum(p.numel() for p in job.module.parameters() if p.requires_grad),
            "vocab_size": size_of(self.data.tokenizer), "context": self.context, "planned_steps": self.steps,
            "peak_learning_rate": job.peak, "floor": self.floor, "floor_label": self.floor_label,
            "baselines": guesses(job), "ranks": job.processes.size, "launcher": self._launcher,
            "versions": versions,
        }  # fmt: skip

    def _so_far(self, course: Course, directory: Path | None, stopped: str) -> Training:
        """Return the result of what is done."""
        result = result_of(
            self._record, directory, course.metrics, course.validation, course.samples, stopped=stopped,
            resumed_at=course.resumed_at,
        )  # fmt: skip
        if course.metrics:
            return result
        clock = course.job.clock  # their file is lost, or there was no step yet
        return dataclasses.replace(result, steps=course.done, tokens_seen=course.job.tokens, seconds=clock.before)

    def _finished(self, course: Course, directory: Path | None) -> Training:
        job, last = course.job, course.validation[-1]
        result = self._so_far(course, directory, course.stopped)
        module = whole_module(job.module, job.processes, self.settings.model.objective)
        if module is not None:
            _logger.info(f"trained for {counted(result.steps, 'step')} in {duration(result.seconds)}: {told(last)}")
            set_padding(module, self.data.tokenizer)
            if job.decided.attention == "plain":
                set_attention(module, "sdpa")
            self.model = dataclasses.replace(self.model, module=module.eval())
            if self.data.scale is not None:
                Scale(*self.data.scale).undo(module)
            if directory is not None:
                text = card(result, self.settings)
                if is_adapted(module):
                    save_adapted(self.model, directory, text)
                else:
                    save(self.model, directory, card_text=text, replace=MODEL_FILES)
                keep_words(self.data.shards, self.data.tokenizer, self.data.record.get("alphabet", ""), directory)
                _logger.info(f"saved in {directory}")
        job.processes.wait()
        return result


def train(data: Any = "built-in", *, output: str | os.PathLike[str] | None = None,
          on_step: Callable[[StepRecord], object] | None = None, tensorboard: bool | None = None,
          **settings: Any) -> Training:  # fmt: skip
    """Train a model from scratch on any kind of sequence, and save it.

    `data` is "built-in", sentences whose entropy is known exactly (or another built-in source), or one or more files.
    The settings are the fields of `DataSettings` (what is read), `ModelSettings` (what model, to do what) and
    `LoopSettings` (how long, and how). Losses and floors are in nats per prediction.

    The folder `output` gets its records line by line, checkpoints and, at the end, the model, its tokenizer and a card;
    plain transformers loads it. If the run is cut off, the same call goes on from the last complete checkpoint, at any
    number of processes. `page.html` in it shows the run while it goes on and afterwards, and TensorBoard's event files
    are written if TensorBoard is installed, or as `tensorboard` says. `on_step` is called with every `StepRecord`. The
    same settings give the same losses on the same machine with the same number of threads.

    Raises `InputError` for a setting out of range, data that can't be read or a folder of another run;
    `TrainingError` if the loss becomes NaN or infinite; `OutputError` if the folder can't be written.

    Example:
        >>> result = train(steps=3)
        >>> result.final_loss > result.final_floor  # both in nats per character
        True
    """
    return train_with(Settings.of(data=data, **settings), output=output, on_step=on_step, tensorboard=tensorboard)


def train_with(
    settings: Settings,
    *,
    output: str | os.PathLike[str] | None = None,
    on_step: Callable[[StepRecord], object] | None = None,
    tensorboard: bool | None = None,
    on_ready: Callable[[TrainingRun], object] | None = None,
) -> Training:
    """Train with these settings, together with the other ranks of the job that this process belongs to.

    `on_ready` is called with the run before it is trained. Raises what `train` raises, and `TrainingError` that names
    the rank if one fails or dies.
    """
    ranks = find_ranks()
    if ranks.size > 1 and output is None:
        raise InputError("a run on several processes needs a folder", hint="give `output`")
    tensorboard = events_wanted(tensorboard, output)
    on_gpu = settings.loop.device.startswith("cuda")
    if on_gpu and ranks.size > 1:
        # Slurm may show only one GPU to each process.
        device = f"cuda:{ranks.local_rank % max(1, torch.cuda.device_count())}"
        settings = dataclasses.replace(settings, loop=dataclasses.replace(settings.loop, device=device))
        _check_device(device)
        torch.cuda.set_device(device)
    with watched(ranks, backend="cpu:gloo,cuda:nccl" if on_gpu else "gloo"):
        run = TrainingRun(settings, launcher=ranks.launcher)
        if on_ready is not None:
            on_ready(run)
        return run.train(output=output, on_step=on_step, tensorboard=tensorboard)


def batcher_of(run: TrainingRun) -> Batcher:
    """Return what makes the batches of a run's objective."""
    model, tokenizer = run.settings.model, run.data.tokenizer
    pad = run.model.config.pad_token_id  # by which a model that gives labels finds the last token
    pad = tokenizer.special_id("pad") if pad is None else pad
    starts = word_starts(tokenizer) if model.objective == "masked" else None
    return Batcher(
        objective=model.objective,
        pad=0 if pad is None else pad,
        mask=tokenizer.special_id("mask"),
        start=getattr(run.model.config, "decoder_start_token_id", None),
        mask_share=model.mask_share,
        mask_rule=model.mask_rule,
        begins_word=None if starts is None else np.array(starts),
        unit=(Codec.of(tokenizer).kmers or ("", 1))[1],
        vocabulary=size_of(tokenizer),
        specials=tokenizer.special_ids,
        labels=run.data.targets,
        first_position=first_position(run.model.config),
    )


def _check_device(name: str) -> None:
    try:
        torch.empty(0, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"this machine has no device {name!r}: {reason}", hint="leave `device` out to train on the CPU"
        ) from error

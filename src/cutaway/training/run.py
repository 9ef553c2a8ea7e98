"""`train`: train a small model from scratch and record how.

`TrainingRun` does the same in steps, so that you can look at the model before and after:

    run = TrainingRun(Settings(steps=300))
    run.model           # untrained: a cutaway.models.Model, which every verb takes
    result = run.train()
    run.model           # the same object, trained
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
import transformers

from cutaway.errors import InputError, TrainingError, counted
from cutaway.folders import check_new_folder
from cutaway.log import get_logger
from cutaway.models import Model, save
from cutaway.progress import duration, step
from cutaway.random_streams import seed32
from cutaway.sequences import SENTENCES
from cutaway.training.character_vocabulary import END, character_tokenizer
from cutaway.training.config import BUILT_IN, Settings, configuration
from cutaway.training.loop import StepRecord, ValidationRecord, fit, learning_rate
from cutaway.training.pace import measured, threads_set
from cutaway.training.result import Training
from cutaway.training.rows import Rows, SourceRows, TextRows
from cutaway.training.run_folder import card, made, record_files

_SAY_EVERY: Final = 10.0  # seconds

_logger = get_logger(__name__)


class TrainingRun:
    """A model, its rows and its settings; `train` trains the model once.

    `model` is a `cutaway.models.Model`, which every verb takes; it is trained in place. Its first weights depend only
    on the settings: torch's global random state is neither used nor changed. `text` is what `settings.read_text()`
    returned, if you called it already.

    Raises `InputError` if the data can't be read or are too short, or if there is no such device.
    """

    def __init__(self, settings: Settings | None = None, text: str | None = None) -> None:
        self.settings = settings = settings or Settings()
        device = _device(settings.device)
        text = settings.read_text() if text is None else text
        self.source = os.fspath(settings.data)
        self.rows: Rows
        if text is None:
            tokenizer = character_tokenizer([SENTENCES.alphabet])
            self.rows = SourceRows(SENTENCES, tokenizer, settings.context)
            self.floor: float | None = SENTENCES.nats_per_character
            self.floor_label = "exact entropy of the source"
        else:
            tokenizer = character_tokenizer([text])
            self.rows = TextRows.of(text, tokenizer, settings.context, settings.data)
            self.floor, self.floor_label = None, "the entropy of a file is not known"
        name = f"{Path(self.source).stem}-{settings.arch}"
        vocabulary = tokenizer.vocabulary
        config = configuration(settings, vocab_size=len(vocabulary), end=vocabulary[END])
        # Drawn on the CPU, then moved, so that every device starts from the same weights.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed32(settings.seed, "weights"))
            build: Any = transformers.AutoModelForCausalLM.from_config  # untyped upstream
            module = build(config, attn_implementation="sdpa")
        # Lets transformers' `generate` take several texts; in the configuration it would ask for a mask at every call.
        module.generation_config.pad_token_id = vocabulary[END]
        self.model = Model(name, None, module.float().to(device).eval(), tokenizer)
        self._trained = False

    @property
    def parameters(self) -> int:
        """How many weights are trained; tied ones count once."""
        return sum(parameter.numel() for parameter in self.model.module.parameters())

    def train(
        self,
        *,
        output: str | os.PathLike[str] | None = None,
        on_step: Callable[[StepRecord], object] | None = None,
    ) -> Training:
        """Train the model and return the result; see `cutaway.train`.

        Raises `TrainingError` also if this run was trained before.
        """
        if self._trained:
            raise TrainingError("this run was trained before", hint="make a new TrainingRun")
        directory = None if output is None else made(check_new_folder(output))
        self._trained = True
        metrics: list[StepRecord] = []
        validation: list[ValidationRecord] = []
        started = said = time.perf_counter()
        settings, threads = _paced(self.model.module, self.rows, self.settings)
        _logger.info(
            f"training {self.model.name}: {self.parameters:,} parameters, {counted(settings.steps, 'step')} of "
            f"{settings.batch_size} rows of {settings.context} tokens, {counted(threads, 'thread')}"
        )
        with threads_set(threads), record_files(directory) as write, step("training", settings.steps) as shown:
            for record in fit(self.model.module, self.rows, settings):
                write(record)
                if isinstance(record, StepRecord):
                    metrics.append(record)
                    shown.advance()
                    if on_step is not None:
                        on_step(record)
                else:
                    validation.append(record)
                    if time.perf_counter() - said >= _SAY_EVERY:
                        said = time.perf_counter()
                        _logger.info(f"after {counted(record.step, 'step')}: {_loss(record)}")
        seconds = time.perf_counter() - started
        hurried_at = next((record.step for record in metrics if _hurried(record, settings)), None)
        _logger.info(f"trained for {counted(len(metrics), 'step')} in {duration(seconds)}: {_loss(validation[-1])}")
        if len(metrics) < settings.steps:
            _logger.info(f"time ran out after {len(metrics):,} of {settings.steps:,} planned steps")
        training = Training(
            name=self.model.name if directory is None else directory.resolve().name,
            source=self.source,
            directory=None if directory is None else str(directory),
            architecture=settings.arch,
            parameters=self.parameters,
            context=settings.context,
            batch_size=settings.batch_size,
            steps=len(metrics),
            threads=threads,
            hurried_at=hurried_at,
            tokens_seen=metrics[-1].tokens,
            seconds=seconds,
            floor=self.floor,
            floor_label=self.floor_label,
            metrics=tuple(metrics),
            validation=tuple(validation),
            final_loss=validation[-1].loss,
            final_floor=validation[-1].floor,
        )
        if directory is not None:
            save(self.model, directory, card_text=card(training, settings))
            _logger.info(f"saved in {directory}")
        return training


def train(
    data: str | os.PathLike[str] = BUILT_IN,
    *,
    arch: str = Settings.arch,
    layers: int = Settings.layers,
    heads: int = Settings.heads,
    width: int = Settings.width,
    context: int = Settings.context,
    batch_size: int = Settings.batch_size,
    steps: int = Settings.steps,
    seconds: float | None = Settings.seconds,
    learning_rate: float = Settings.learning_rate,
    warmup: int | None = Settings.warmup,
    weight_decay: float = Settings.weight_decay,
    seed: int = Settings.seed,
    validate_every: int = Settings.validate_every,
    output: str | os.PathLike[str] | None = None,
    device: str = Settings.device,
    as_text: bool = Settings.as_text,
    threads: int | None = Settings.threads,
    on_step: Callable[[StepRecord], object] | None = None,
) -> Training:
    """Train a small causal language model of characters from scratch.

    `data` is "built-in", sentences whose entropy is known exactly, or the path of a UTF-8 text. A file of records
    (FASTA, SMILES, CSV, …) is refused, unless `as_text` says to take its characters as they are. `arch` is "gpt2" or
    "llama". Each of the `steps` trains on `batch_size` rows of `context` tokens. With `seconds` the run makes as many
    steps as fit in that time, at most `steps`. Losses and floors are in nats per token.

    The folder `output` gets `metrics.jsonl` and `validation.jsonl` line by line and, at the end, the model, its
    tokenizer and a card; plain transformers loads it. `on_step` is called with every `StepRecord`. The same seed gives
    the same losses on the same machine with the same number of `threads`. By default a small model takes one thread,
    a larger one as many as help; the result says how many.

    Raises `InputError` for a setting out of range, data that can't be read or an output folder that isn't empty;
    `TrainingError` if the loss becomes NaN or infinite; `OutputError` if the folder can't be written.

    Example:
        >>> result = train(steps=3)
        >>> result.final_loss > result.final_floor  # both in nats per character
        True
    """
    settings = Settings(
        data=data,
        arch=arch,
        layers=layers,
        heads=heads,
        width=width,
        context=context,
        batch_size=batch_size,
        steps=steps,
        seconds=seconds,
        learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=weight_decay,
        seed=seed,
        validate_every=validate_every,
        device=device,
        threads=threads,
        as_text=as_text,
    )
    return TrainingRun(settings).train(output=output, on_step=on_step)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"this machine has no device {name!r}: {reason}", hint="leave `device` out to train on the CPU"
        ) from error
    return device


def _paced(module: Any, rows: Rows, settings: Settings) -> tuple[Settings, int]:
    """Measure the pace; return the settings with the steps that fit and the seconds that are left, and the threads."""
    began = time.perf_counter()
    pace = measured(module, rows, settings)
    if settings.seconds is None:
        return settings, pace.threads
    left = max(settings.seconds - (time.perf_counter() - began), 1e-3)
    warmup = None if settings.warmup is None else min(settings.warmup, pace.steps)
    return dataclasses.replace(settings, steps=pace.steps, seconds=left, warmup=warmup), pace.threads


def _hurried(record: StepRecord, settings: Settings) -> bool:
    rate = learning_rate(record.step, peak=settings.learning_rate, warmup=settings.warmup_steps, steps=settings.steps)
    return record.learning_rate != rate


def _loss(record: ValidationRecord) -> str:
    floor = "" if record.floor is None else f" (the source itself: {record.floor:.4f})"
    return f"loss {record.loss:.4f} nats per token on held-out rows{floor}"

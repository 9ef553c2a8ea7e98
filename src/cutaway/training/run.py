"""`train`: a model from nothing, and what there is to know about how it came to be.

`Run` is the same in pieces, for whoever wants to look at the model before and after:

    run = Run(Settings(steps=300))
    run.model           # freshly initialised: a cutaway.models.Model, ready for any verb
    result = run.train()
    run.model           # the same object, trained
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
import transformers

from cutaway.errors import InputError, TrainingError
from cutaway.log import get_logger
from cutaway.models import Model, save
from cutaway.result import Result
from cutaway.sequences import SENTENCES, read_text
from cutaway.training.config import BUILT_IN, Settings, configuration
from cutaway.training.folder import card, empty_directory, record_files
from cutaway.training.loop import StepRecord, ValidationRecord, fit
from cutaway.training.rows import Rows, SourceRows, TextRows
from cutaway.training.vocabulary import END, character_tokenizer

__all__ = ["Run", "Training", "train"]

_LOG_EVERY: Final = 50

_logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True, repr=False)
class Training(Result):
    """How a model was trained. Losses and floors are in nats per token.

    `floor` is the entropy rate of the source, and `final_floor` the source's exact loss on the validation rows: the
    number that `final_loss` can be held against. Both are None for a file. `seconds` is the time the loop took,
    validation included. `metrics` has a record for every step, `validation` one for every validation.
    """

    schema: ClassVar[str] = "training"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    name: str
    source: str
    directory: str | None
    architecture: str
    parameters: int
    context: int
    batch_size: int
    tokens_seen: int
    seconds: float
    floor: float | None
    floor_label: str
    metrics: tuple[StepRecord, ...]
    validation: tuple[ValidationRecord, ...]
    final_loss: float
    final_floor: float | None

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a step; where the held-out rows were looked at, with their loss and the source's own."""
        checks = {check.step: check for check in self.validation}
        rows = {step.step: dataclasses.asdict(step) for step in self.metrics}
        for step, check in checks.items():
            rows.setdefault(step, {"step": step}).update(validation_loss=check.loss, floor=check.floor)
        return [rows[step] for step in sorted(rows)]


class Run:
    """A model, its rows and its settings: built here, trained once by `train`.

    `model` is a `cutaway.models.Model` that every verb takes: untrained at first, trained in place. The weights depend
    only on the settings; the state of torch's own random numbers is neither used nor changed.

    Raises `InputError` where the data can't be read or are too short, or there is no such device.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings = settings or Settings()
        device = _device(settings.device)
        self.source = os.fspath(settings.data)
        self.rows: Rows
        if settings.data == BUILT_IN:
            tokenizer = character_tokenizer([SENTENCES.alphabet])
            self.rows = SourceRows(SENTENCES, tokenizer, settings.context)
            self.floor: float | None = SENTENCES.nats_per_character
            self.floor_label = "exact entropy of the source"
        else:
            text = read_text(settings.data)
            tokenizer = character_tokenizer([text])
            self.rows = TextRows.of(text, tokenizer, settings.context, settings.data)
            self.floor, self.floor_label = None, "the entropy of a file is not known"
        name = f"{Path(self.source).stem}-{settings.arch}"
        vocabulary = tokenizer.vocabulary
        config = configuration(settings, vocab_size=len(vocabulary), end=vocabulary[END])
        # Drawn on the CPU and moved: the same numbers whatever the device.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            build: Any = transformers.AutoModelForCausalLM.from_config  # untyped upstream
            module = build(config, attn_implementation="sdpa")
        # For transformers' own `generate` on several texts; in the configuration it would ask for a mask at every call.
        module.generation_config.pad_token_id = vocabulary[END]
        self.model = Model(name, None, module.float().to(device).eval(), tokenizer)
        self._trained = False

    @property
    def parameters(self) -> int:
        """How many numbers are trained; tied ones count once."""
        return sum(parameter.numel() for parameter in self.model.module.parameters())

    def train(
        self,
        *,
        output: str | os.PathLike[str] | None = None,
        on_step: Callable[[StepRecord], object] | None = None,
    ) -> Training:
        """Train the model and return the record of it; see `cutaway.train`.

        Raises `TrainingError` also where this run has been trained already: a second pass would be another run.
        """
        if self._trained:
            raise TrainingError("this run has been trained already", hint="build a new Run to train from the start")
        directory = None if output is None else empty_directory(output)
        self._trained = True
        settings, metrics, validation = self.settings, [], []
        _logger.info(
            f"{self.model.name}: {self.parameters:,} parameters, {settings.steps:,} steps of "
            f"{settings.batch_size} rows of {settings.context} tokens"
        )
        started = time.perf_counter()
        with record_files(directory) as write:
            for record in fit(self.model.module, self.rows, settings):
                write(record)
                if isinstance(record, StepRecord):
                    metrics.append(record)
                    _log_step(record, settings)
                    if on_step is not None:
                        on_step(record)
                else:
                    validation.append(record)
                    _log_validation(record)
        seconds = time.perf_counter() - started
        training = Training(
            name=self.model.name if directory is None else directory.resolve().name,
            source=self.source,
            directory=None if directory is None else str(directory),
            architecture=settings.arch,
            parameters=self.parameters,
            context=settings.context,
            batch_size=settings.batch_size,
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
    learning_rate: float = Settings.learning_rate,
    warmup: int | None = Settings.warmup,
    weight_decay: float = Settings.weight_decay,
    seed: int = Settings.seed,
    validate_every: int = Settings.validate_every,
    output: str | os.PathLike[str] | None = None,
    device: str = Settings.device,
    on_step: Callable[[StepRecord], object] | None = None,
) -> Training:
    """Train a small causal language model of characters from nothing.

    `data` is "built-in", sentences whose entropy is known exactly, or the path of a UTF-8 text. `arch` is "gpt2" or
    "llama", with L layers of H heads, width D and a context of T positions; each of the `steps` sees `batch_size` rows
    of T tokens. Losses and floors are in nats per token. With `output`, the folder gets `metrics.jsonl` and
    `validation.jsonl` line by line and, at the end, the model, its tokenizer and a card, which plain transformers
    loads. `on_step` is called with every `StepRecord`. The same seed gives the same losses on the same machine.

    Raises `InputError` for settings that can't be, data that can't be read and an output folder that isn't empty;
    `TrainingError` where the loss stops being a number; `OutputError` where the folder can't be written.

    Example:
        >>> result = train(steps=3)
        >>> result.final_loss > result.final_floor  # what is left to learn, in nats per character
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
        learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=weight_decay,
        seed=seed,
        validate_every=validate_every,
        device=device,
    )
    return Run(settings).train(output=output, on_step=on_step)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"no device {name!r} here: {reason}", hint="leave it out to train on the CPU") from error
    return device


def _log_step(record: StepRecord, settings: Settings) -> None:
    if record.step % _LOG_EVERY == 0 or record.step in {1, settings.steps}:
        _logger.info(
            f"step {record.step}/{settings.steps}: loss {record.loss:.4f} nats/token, "
            f"learning rate {record.learning_rate:.2e}, gradient {record.gradient_norm:.2f}"
        )


def _log_validation(record: ValidationRecord) -> None:
    floor = "" if record.floor is None else f", floor {record.floor:.4f}"
    _logger.info(f"validation after {record.step} steps: loss {record.loss:.4f} nats/token{floor}")

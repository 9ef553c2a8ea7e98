"""The settings of a run in three groups: what is read, what model is trained, and how.

A name that `train` takes belongs to one group; `Settings.of` sorts them.
"""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from cutaway.errors import InputError, counted
from cutaway.models.config_outline import check_device
from cutaway.random_streams import check_seed
from cutaway.training.model_sizes import SIZES, check_heads, check_objective

BUILT_IN: Final = "built-in"
ARCHITECTURES: Final = ("gpt2", "llama", "bert", "t5")
DEFAULT_ARCH: Final = {"causal": "gpt2", "masked": "bert", "seq2seq": "t5", "classes": "bert", "numbers": "bert"}
"""The architecture for each objective, unless one is given."""
OBJECTIVES: Final = ("causal", "masked", "seq2seq", "classes", "numbers")
OPTIMIZERS: Final = ("muon", "adamw")
LONG: Final = ("split", "cut", "refuse")
ROWS: Final = ("packed", "single")
SCHEDULES: Final = ("wsd", "cosine")
MASK_RULES: Final = ("all", "80/10/10")
PRECISIONS: Final = ("auto", "float32", "bfloat16")
ATTENTIONS: Final = ("auto", "plain", "sdpa", "eager")


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """What is read.

    `data` is "built-in" (or one of its names: see `cutaway.sequences.known_source`), or the paths of files. The names
    from `alphabet` to `rename_duplicates` are those of `cutaway.sequences.read_records`. `tokenizer` is a kind ("char",
    "codon", "bpe:4096"), a folder, or a model's name; by default characters of a text, and what fits another alphabet.
    A share `held_out` of the records is not trained on, and neither are their near-duplicates, unless
    `keep_near_duplicates` says that nobody is to look for these.
    """

    data: str | os.PathLike[str] | tuple[str | os.PathLike[str], ...] = BUILT_IN
    alphabet: str | None = None
    format: str | None = None
    column: str | tuple[str, ...] | None = None
    label_column: str | None = None
    target_column: str | None = None
    skip_bad: bool = False
    rename_duplicates: bool = False
    keep_duplicates: bool = False
    keep_near_duplicates: bool = False
    tokenizer: str | os.PathLike[str] | None = None
    held_out: float = 0.05
    as_text: bool = False

    def check(self) -> None:
        """Raise `InputError` for a setting out of range."""
        if not 0 < self.held_out < 1:
            raise InputError(f"`held_out` is {self.held_out}", hint="it must be above 0 and below 1; 0.05 is usual")

    def check_files(self) -> None:
        """Raise `InputError` for a file that is not there."""
        for path in self.paths:
            if path != "-" and not Path(path).exists():
                raise InputError(f"there is no file {path!r}", hint="check the name and the folder you are in")

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are read; none for a built-in source."""
        data = (self.data,) if isinstance(self.data, str | os.PathLike) else self.data
        names = tuple(os.fspath(one) for one in data)
        return () if names[:1] == (BUILT_IN,) or names[0].startswith(BUILT_IN + ":") else names

    @property
    def source(self) -> str:
        """How the data are called in sentences: the built-in source or the names of the files."""
        if not self.paths:
            return os.fspath(self.data)  # type: ignore[arg-type]
        return ", ".join(self.paths[:3]) + (f" and {len(self.paths) - 3:,} more" if len(self.paths) > 3 else "")


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """What model is trained, and to do what.

    `objective`: causal (the next token), masked (hidden tokens), seq2seq (the text of `target_column`), classes (the
    label) or numbers (the label as a number). `size` is nano, micro, mini or small; `layers`, `heads` and `width`
    replace parts of it. `config` is a Hugging Face configuration whose shape is taken instead. `start` is a model whose
    weights are trained further, with its own tokenizer: whole; with `freeze` not its embeddings and first layers; with
    `lora` only adapters of that rank, beside all linear layers of its blocks or those named in `lora_targets`.
    """

    objective: str = "causal"
    arch: str | None = None
    size: str = "nano"
    layers: int | None = None
    heads: int | None = None
    width: int | None = None
    context: int | None = None
    config: str | os.PathLike[str] | None = None
    start: str | os.PathLike[str] | None = None
    lora: int | None = None
    lora_targets: tuple[str, ...] = ()
    freeze: int = 0
    dropout: float = 0.0
    mask_share: float = 0.15
    mask_rule: str = "all"

    def check(self) -> None:
        """Raise `InputError` for a setting out of range."""
        _one_of("objective", self.objective, OBJECTIVES)
        _one_of("mask_rule", self.mask_rule, MASK_RULES)
        if self.arch is not None:
            _one_of("arch", self.arch, ARCHITECTURES)
        for name in ("layers", "heads", "width", "context", "lora"):
            if (value := getattr(self, name)) is not None:
                _at_least(1, name, value)
        _at_least(0, "freeze", self.freeze)
        for name in ("lora", "freeze") if self.start is None else ("arch", "layers", "heads", "width", "config"):
            if getattr(self, name):
                with_ = (
                    "needs a model to start from" if self.start is None else f"can't change the shape of {self.start}"
                )
                raise InputError(f"`{name}` {with_}", hint=f"leave `{name}` out")
        if self.lora_targets and self.lora is None:
            raise InputError("`lora_targets` needs a rank", hint="give `lora`, for example 8")
        for name in ("dropout", "mask_share"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"`{name}` is {getattr(self, name)}", hint="it must be 0 or above, and below 1")
        if self.config is None and self.start is None:
            arch = self.arch or DEFAULT_ARCH[self.objective]
            check_objective(arch, self.objective)
            _one_of("size", self.size, tuple(SIZES))
            check_heads(arch, self.heads or SIZES[self.size].heads, self.width or SIZES[self.size].width)


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """How long and how the model is trained.

    A step reads `batch_size` rows, in pieces of `micro_batch` (by default all at once, or a rank's share). The gradient
    is the sum over the pieces, so a step is the same on any number of ranks. The length is one of `steps`, `tokens` and
    `epochs`, or `minutes`, or what ends first. `warmup` is in steps, by default a twentieth. After `patience`
    validations without a better loss a run ends, with the best weights. Checkpoints are saved every `save_every` steps,
    by default at validations that are at least 20 s apart; the last `keep` and the best stay.
    """

    rows: str | None = None
    long: str = "split"
    batch_size: int = 8
    micro_batch: int | None = None
    steps: int | None = None
    tokens: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    optimizer: str = "muon"
    learning_rate: float | None = None
    warmup: int | None = None
    schedule: str = "wsd"
    weight_decay: float = 0.1
    clip: float = 1.0
    precision: str = "auto"
    attention: str = "auto"
    compile: bool = False
    gradient_checkpointing: bool = False
    validate_every: int = 50
    patience: int | None = None
    save_every: int | None = None
    keep: int = 2
    samples: int = 2
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None

    def check(self) -> None:
        """Raise `InputError` for a setting out of range."""
        if self.rows is not None:
            _one_of("rows", self.rows, ROWS)
        for name, choices in (
            ("long", LONG), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS),
            ("attention", ATTENTIONS),
        ):  # fmt: skip
            _one_of(name, getattr(self, name), choices)
        for name in ("batch_size", "validate_every", "keep"):
            _at_least(1, name, getattr(self, name))
        for name in ("micro_batch", "steps", "tokens", "patience", "save_every", "threads"):
            if (value := getattr(self, name)) is not None:
                _at_least(1, name, value)
        _at_least(0, "samples", self.samples)
        lengths = [name for name in ("steps", "tokens", "epochs") if getattr(self, name) is not None]
        if len(lengths) > 1:
            raise InputError(
                f"`{lengths[0]}` and `{lengths[1]}` both say how long to train", hint=f"leave `{lengths[1]}` out"
            )
        for name in ("epochs", "minutes", "learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"`{name}` is {value}; it must be above 0 and finite", hint=f"leave `{name}` out")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(
                f"`weight_decay` is {self.weight_decay}", hint="it must be 0 or more, and finite; 0.1 is usual"
            )
        if self.warmup is not None:
            _at_least(0, "warmup", self.warmup)
            if self.steps is not None and self.warmup > self.steps:
                raise InputError(
                    f"`warmup` is {counted(self.warmup, 'step')}, more than the whole run, which has {self.steps}",
                    hint="warm up for a twentieth of the steps, or leave `warmup` out",
                )
        check_seed(self.seed)
        check_device(self.device)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes.

    >>> Settings.of(steps=20, width=32).loop.steps
    20
    """

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    loop: LoopSettings = LoopSettings()

    def __post_init__(self) -> None:
        for group in (self.data, self.model, self.loop):
            group.check()
        if self.model.start is not None and self.data.tokenizer is not None:
            raise InputError(
                f"{os.fspath(self.model.start)} has a tokenizer of its own, and can't learn from another one's tokens",
                hint="leave `tokenizer` out",
            )

    @classmethod
    def of(cls, **settings: Any) -> Settings:
        """Return the settings of these names, each from the group that has it. Raises `InputError` if one is wrong."""
        left = {name: _plain(value) for name, value in settings.items()}
        groups = []
        for group in (DataSettings, ModelSettings, LoopSettings):
            names = {field.name for field in dataclasses.fields(group)} & left.keys()
            groups.append(group(**{name: left.pop(name) for name in names}))
        if left:
            raise TypeError(f"there is no setting {next(iter(left))!r}")
        return cls(*groups)  # type: ignore[arg-type]

    def flat(self) -> dict[str, Any]:
        """Return all settings by name, as JSON can hold them."""
        groups = (self.data, self.model, self.loop)
        return {name: _json(value) for group in groups for name, value in dataclasses.asdict(group).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return tuple(value) if isinstance(value, list) else value


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return os.fspath(value) if isinstance(value, Path) else value


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"there is no {name} {value!r}", hint=f"choose from {', '.join(choices)}")


def _at_least(least: int, name: str, value: int) -> None:
    # Python counts a bool as an int.
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"`{name}` is {value!r}; it must be a whole number, {least} or above")

"""The settings of a run, checked before anything is built, and the transformers configuration they stand for.

`L` layers, `H` heads, `D` width, `T` positions, `V` vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
import os
from typing import TYPE_CHECKING, Final

import numpy as np

from cutaway.errors import InputError, counted
from cutaway.models.config_outline import check_device
from cutaway.random_streams import check_seed
from cutaway.sequences.format_detection import read_plain_text

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

ARCHITECTURES: Final = ("gpt2", "llama")
BUILT_IN: Final = "built-in"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes; the same settings give the same losses on the same machine.

    `data` is "built-in" (sentences whose entropy is known exactly) or the path of a UTF-8 text; one that holds records
    is refused unless `as_text`. `learning_rate` is the peak; `warmup` is in steps, by default a tenth of all.

    With `seconds` the run makes as many steps as fit in that time, at most `steps`; how many depends on the machine and
    its load. `threads` is the number of CPU threads: by default one for a small model, and for a larger one as many as
    make a step faster now. Losses can differ in their last digits between numbers of threads. Raises `InputError` for a
    setting out of range.
    """

    data: str | os.PathLike[str] = BUILT_IN
    arch: str = "gpt2"
    layers: int = 4
    heads: int = 4
    width: int = 64
    context: int = 128
    batch_size: int = 8
    steps: int = 500
    seconds: float | None = None
    learning_rate: float = 8e-3
    warmup: int | None = None
    weight_decay: float = 0.1
    seed: int = 0
    validate_every: int = 50
    device: str = "cpu"
    threads: int | None = None
    as_text: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if isinstance(value := getattr(self, field.name), np.generic):
                object.__setattr__(self, field.name, value.item())
        if self.arch not in ARCHITECTURES:
            raise InputError(f"there is no architecture {self.arch!r}", hint=f"choose {' or '.join(ARCHITECTURES)}")
        for name in ("layers", "heads", "width", "context", "batch_size", "steps", "validate_every"):
            _at_least(1, name, getattr(self, name))
        object.__setattr__(self, "seed", check_seed(self.seed))
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"`learning_rate` is {self.learning_rate}; it must be above 0 and finite", hint="try 8e-3")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(
                f"`weight_decay` is {self.weight_decay}", hint="it must be 0 or more, and finite; 0.1 is usual"
            )
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise InputError(
                f"`seconds` is {self.seconds}; it must be above 0 and finite", hint="leave it out to make all the steps"
            )
        if self.threads is not None:
            _at_least(1, "threads", self.threads)
        if self.warmup is not None:
            _at_least(0, "warmup", self.warmup)
        if self.warmup_steps > self.steps:
            raise InputError(
                f"`warmup` is {counted(self.warmup_steps, 'step')}, more than the whole run, which has {self.steps}",
                hint="warm up for a tenth of the steps, or leave `warmup` out",
            )
        if self.width % self.heads:
            raise InputError(
                f"`width` is {self.width}, which can't be divided among {self.heads} heads",
                hint=f"take a multiple of {self.heads}: `width={self.heads * max(1, self.width // self.heads)}`",
            )
        if self.arch == "llama" and (self.width // self.heads) % 2:
            raise InputError(
                f"`width` is {self.width}, {self.width // self.heads} for each head; llama needs an even number",
                hint=f"take a `width` that is a multiple of {2 * self.heads}",
            )
        check_device(self.device)

    def read_text(self) -> str | None:
        """Return the text of the file `data`, or None for the built-in source.

        Raises `InputError` if the file can't be read, or if it holds records and `as_text` does not allow them.
        """
        return None if self.data == BUILT_IN else read_plain_text(self.data, as_text=self.as_text)

    @property
    def warmup_steps(self) -> int:
        """How many steps the learning rate takes to reach its peak."""
        return self.steps // 10 if self.warmup is None else self.warmup


def configuration(settings: Settings, *, vocab_size: int, end: int = 0) -> PreTrainedConfig:
    """Return the transformers configuration of a new model: L layers of H heads, width D, T positions, V tokens.

    There is no dropout, because a run this short does not see a row twice. Input and output embeddings are tied. `end`
    is the id of the token with which texts begin and end.

    Example:
        >>> configuration(Settings(layers=2), vocab_size=30).n_layer
        2
    """
    from transformers import GPT2Config, LlamaConfig

    # GPT-2's 0.02 belongs to its width of 768. A narrow model that starts with such small weights learns too slowly.
    spread = 0.02 * math.sqrt(768 / settings.width)
    if settings.arch == "gpt2":
        return GPT2Config(
            vocab_size=vocab_size,
            n_layer=settings.layers,
            n_head=settings.heads,
            n_embd=settings.width,
            n_positions=settings.context,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            # The same function as GPT-2's gelu_new, but one kernel instead of eight.
            activation_function="gelu_pytorch_tanh",
            initializer_range=spread,
            bos_token_id=end,
            eos_token_id=end,
        )
    return LlamaConfig(
        vocab_size=vocab_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        hidden_size=settings.width,
        # A gated layer has three matrices, a plain one two: with 8/3 of the width it costs as much as that with 4.
        intermediate_size=math.ceil(8 * settings.width / 3 / 8) * 8,
        max_position_embeddings=settings.context,
        tie_word_embeddings=True,
        initializer_range=spread,
        bos_token_id=end,
        eos_token_id=end,
    )


def _at_least(least: int, name: str, value: int) -> None:
    # Python counts a bool as an int.
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"`{name}` is {value!r}; it must be a whole number, {least} or above")

"""The model of a run: new weights in a shape of our choice, or those of a model that is trained further."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
import transformers

from cutaway.random_streams import seed32
from cutaway.tokens import Tokenizer
from cutaway.training.lora import adapted_like
from cutaway.training.model_sizes import SIZES, configuration, model_class, shaped_like
from cutaway.training.processes import Processes, whole_state
from cutaway.training.settings import DEFAULT_ARCH, ModelSettings


def config_of(
    model: ModelSettings, tokenizer: Tokenizer, context: int, *, labels: Sequence[str] = (), many: bool = False
) -> Any:
    """Return the configuration of a new model: by size and architecture, or shaped like `model.config`.

    Raises `InputError` for numbers out of range and for an objective that the architecture can't be trained for.
    """
    ids: dict[str, int | None] = {role: tokenizer.special_id(role) for role in ("bos", "eos", "pad", "mask")}
    shared: dict[str, Any] = {
        "context": context, "vocab_size": size_of(tokenizer), "objective": model.objective, "labels": labels,
        "many": many, **ids,
    }  # fmt: skip
    if model.config is not None:
        return shaped_like(model.config, dropout=model.dropout, **shared)
    arch = model.arch or DEFAULT_ARCH[model.objective]
    size = dataclasses.asdict(SIZES[model.size])
    given = {name: value for name in size if (value := getattr(model, name)) is not None}
    return configuration(arch, **(size | given), dropout=model.dropout, **shared)


def build(config: Any, objective: str, seed: int) -> Any:
    """Return a new module in float32 on the CPU; its weights depend on the configuration and the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed32(seed, "weights"))
        make: Any = model_class(objective).from_config  # untyped upstream
        try:
            module = make(config, attn_implementation="sdpa")
        except ValueError:  # the class has no sdpa, which the configuration now asks for
            module = make(config, attn_implementation="eager")
    return module.float().eval()


def size_of(tokenizer: Tokenizer) -> int:
    """Return the number of rows that the embedding needs: one more than the largest id."""
    return max(tokenizer.vocabulary.values()) + 1


def set_padding(module: Any, tokenizer: Tokenizer) -> None:
    """Let transformers' `generate` take several texts; in the configuration it would ask for a mask at every call."""
    generation: transformers.GenerationConfig | None = getattr(module, "generation_config", None)
    if generation is not None:
        generation.pad_token_id = tokenizer.special_id("pad")


def whole_module(module: Any, processes: Processes, objective: str) -> Any:
    """Return a model that may be sharded as one module on the first rank, and None elsewhere; every rank must call it.

    Alone it is the module itself.
    """
    if processes.size == 1:
        return module
    state = whole_state(module)
    if not processes.first:
        return None
    whole = adapted_like(build(module.config, objective, 0), module)
    whole.load_state_dict(state)
    return whole

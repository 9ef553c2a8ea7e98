"""A model that is trained further: a copy of its own in float32, with a new head if the objective needs one."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from cutaway.errors import InputError, WrongKind, counted
from cutaway.log import get_logger
from cutaway.models import load
from cutaway.models.configuration import read_configuration
from cutaway.models.context_limit import context_of
from cutaway.tokens import Tokenizer
from cutaway.training.lora import blocks_of
from cutaway.training.model_sizes import check_fits, set_dropout, task_settings
from cutaway.training.new_model import build
from cutaway.training.settings import ModelSettings

_BLOCK: Final = 1 << 22
_logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class StartingModel:
    """A model to train further: its module, its folder, and the names of the parameters that are new."""

    name: str
    path: Path | None
    module: Any
    new: tuple[str, ...]


def starting_model(
    model: ModelSettings, tokenizer: Tokenizer, *, labels: Sequence[str] = (), many: bool = False, seed: int = 0
) -> StartingModel:
    """Return a copy of the model `model.start` for the objective, in float32 on the CPU; nobody else has it.

    A head that the model does not have, or that is for other labels, is new: its weights depend on the seed alone. The
    embeddings and the first `model.freeze` layers are not trained.

    Raises a `ModelError` if the model can't be loaded, and `InputError` if it can't be trained for the objective.
    """
    name = os.fspath(model.start or "")
    read, _, _ = read_configuration(name)
    check_fits(name, read, model.objective)
    if model.objective == "masked" and tokenizer.special_id("mask") is None:
        raise InputError(f"the tokenizer of {name} has no mask token, which the objective 'masked' needs",
                         hint="take another model, or the objective 'causal'")  # fmt: skip
    source = load(name, "any")
    config = copy.deepcopy(source.config)
    _set_task(config, model, tokenizer, labels, many)
    module = build(config, model.objective, seed)
    head = _same_head(source.module, module, labels, model.objective)
    new = _take_weights(module, source.module, name, head=head)
    if getattr(module, "generation_config", None) and getattr(source.module, "generation_config", None):
        module.generation_config = copy.deepcopy(source.module.generation_config)
    freeze(module, model.freeze, name)
    if new:
        parts = ", ".join(sorted({part.rpartition(".")[0] for part in new}))
        _logger.info(f"{name} has no head for {model.objective}, so this part begins with random weights: {parts}")
    return StartingModel(name, source.path, module, tuple(new))


def context_for(model: ModelSettings, usual: int) -> int:
    """Return how many tokens a row has: as many as are asked for (or usual), and at most what the model can read."""
    config, name, _ = read_configuration(os.fspath(model.start or ""))
    limit = context_of(config)
    asked = model.context or usual
    if limit is None or asked <= limit:
        return asked
    if model.context is not None:
        _logger.warning(f"{name} reads at most {limit:,} tokens, so the context is {limit:,} and not {asked:,}")
    return limit


def freeze(module: Any, count: int, name: str) -> None:
    """Leave the embeddings and the first `count` layers as they are. Raises `InputError` if there are fewer layers."""
    if not count:
        return
    layers = first_layers(module)
    if count > len(layers):
        raise InputError(f"`freeze` is {count}, and {name} has {counted(len(layers), 'layer')}", hint="lower it")
    inside = {id(parameter) for layer in blocks_of(module) for parameter in layer.parameters()}
    for part in module.base_model.modules():
        if isinstance(part, torch.nn.Embedding) or "embeddings" in type(part).__name__.lower():
            for parameter in part.parameters():
                if id(parameter) not in inside:
                    parameter.requires_grad_(False)
    for layer in layers[:count]:
        layer.requires_grad_(False)


def first_layers(module: Any) -> list[Any]:
    """Return the layers that read the input, in order: all of a model, or those of the encoder if it also writes."""
    layers = blocks_of(module)
    if not getattr(module.config, "is_encoder_decoder", False):
        return layers
    encoder = {id(part) for part in module.get_encoder().modules()}
    return [layer for layer in layers if id(layer) in encoder]


def content_digest(path: Path | None) -> str | None:
    """Return a checksum of the weights in a model's folder."""
    if path is None:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted([*path.glob("*.safetensors"), *path.glob("pytorch_model*.bin")]):
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _set_task(config: Any, model: ModelSettings, tokenizer: Tokenizer, labels: Sequence[str], many: bool) -> None:
    """Let a configuration describe the model that is trained: its head, its dropout, and the class that loads it."""
    for key, value in task_settings(model.objective, labels, many).items():
        setattr(config, key, value)
    config.architectures = None
    set_dropout(config, model.dropout)
    if model.objective in ("classes", "numbers") and getattr(config, "pad_token_id", None) is None:
        # A decoder looks for the last token of a row that is not padding.
        pad = tokenizer.special_id("pad")
        config.pad_token_id = tokenizer.special_id("eos") if pad is None else pad


def _same_head(source: Any, module: Any, labels: Sequence[str], objective: str) -> bool:
    """Return whether the source's head is for the same labels."""
    if objective == "classes" and type(source) is type(module):
        named = [source.config.id2label[number] for number in sorted(source.config.id2label)]
        return named == list(labels) and source.config.problem_type in (None, module.config.problem_type)
    if objective == "numbers" and type(source) is type(module):
        return bool(source.config.num_labels == module.config.num_labels == 1)
    return objective not in ("classes", "numbers")


def _take_weights(module: Any, source: Any, name: str, *, head: bool) -> list[str]:
    """Copy the source's weights, with or without its head; return the names of the parameters that it does not have."""
    inner = module.base_model_prefix
    prefix = f"{inner}." if hasattr(module, inner) else ""
    outer = prefix if prefix and not hasattr(source, inner) else ""  # the source is a base model without a head
    own = module.state_dict()
    chosen = {
        key: value
        for key, value in ((f"{outer}{key}", value) for key, value in source.state_dict().items())
        if key in own and own[key].shape == value.shape and (head or key.startswith(prefix))
    }
    module.load_state_dict(chosen, strict=False)
    module.tie_weights()
    taken = {id(parameter) for key, parameter in module.named_parameters(remove_duplicate=False) if key in chosen}
    left = [key for key, parameter in module.named_parameters() if id(parameter) not in taken]
    inside = {id(parameter) for layer in blocks_of(module) for parameter in layer.parameters()}
    inside.add(id(module.get_input_embeddings().weight))
    if lost := [key for key in left if id(module.get_parameter(key)) in inside]:
        raise WrongKind(
            f"{name} has no weights for {lost[0]} of a {type(module).__name__}",
            hint="choose a model of the same architecture",
        )
    return left

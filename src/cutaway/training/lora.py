"""LoRA: small matrices beside the frozen ones of a model (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

The adapters are made, saved and read by PEFT, in its format.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from transformers.pytorch_utils import Conv1D

from cutaway.errors import InputError
from cutaway.extras import library
from cutaway.random_streams import seed32
from cutaway.training.adapter_folder import WEIGHTS
from cutaway.training.processes import layers_of

TASKS: Final = {"causal": "CAUSAL_LM", "seq2seq": "SEQ_2_SEQ_LM", "classes": "SEQ_CLS", "numbers": "SEQ_CLS"}
"""PEFT's name of each objective; it has none for masked models."""

PREFIX: Final = "base_model.model."  # of every name in PEFT's files
_NAME: Final = "default"  # of the adapter inside the module


def peft() -> Any:
    """Return the library. Raises `InputError` if it is not installed."""
    return library("peft", "LoRA needs the library peft", extra="train")


def add_lora(
    module: Any, rank: int, *, objective: str, targets: Sequence[str] = (), dropout: float = 0.0, seed: int = 0,
    new: Sequence[str] = (), base: str | os.PathLike[str] | None = None,
) -> None:  # fmt: skip
    """Put adapters of this rank beside the linear layers of a model's blocks, in place; only they are trained then.

    `targets` names some of those layers ("q_proj", "v_proj"). The head of labels, and what else is `new`, is trained
    whole. Blocks that are frozen get no adapters. Raises `InputError` if there is no such layer.
    """
    open_blocks = [block for block in blocks_of(module) if any(p.requires_grad for p in block.parameters())]
    inside = {id(part) for block in open_blocks for part in block.modules()}
    linear = [
        name for name, part in module.named_modules()
        if id(part) in inside and isinstance(part, torch.nn.Linear | Conv1D)
    ]  # fmt: skip
    known = sorted({name.rpartition(".")[2] for name in linear})
    if unknown := [name for name in targets if name not in known]:
        raise InputError(
            f"there is no linear layer {unknown[0]!r} in the blocks of the model", hint=f"it has {', '.join(known)}"
        )
    chosen = [name for name in linear if not targets or name.rpartition(".")[2] in targets]
    if not chosen:
        raise InputError("no layer is left for LoRA", hint="lower `freeze`")
    heads = []
    if objective in ("classes", "numbers"):
        inner = module.base_model_prefix
        outside = [
            name for name, part in module.named_children() if name != inner and any(True for _ in part.parameters())
        ]
        heads = [*outside, *sorted({name.rpartition(".")[0] for name in new if name.startswith(f"{inner}.")})]
    elif new:
        raise InputError(
            f"the model has no head for {objective}: {new[0]} would begin with random weights, which LoRA can't train",
            hint="leave `lora` out",
        )
    config = peft().LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=chosen, modules_to_save=heads or None,
        fan_in_fan_out=any(isinstance(module.get_submodule(name), Conv1D) for name in chosen),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed32(seed, "lora"))
        _inject(module, config)
    config.task_type = TASKS.get(objective)
    config.base_model_name_or_path = None if base is None else os.fspath(base)  # PEFT has put its own guess there


def is_adapted(module: Any) -> bool:
    """Return whether a module has adapters in it."""
    return bool(getattr(module, "peft_config", None))


def adapted_like(plain: Any, module: Any) -> Any:
    """Put adapters into a plain module as another one has them; return it."""
    if is_adapted(module):
        config = module.peft_config[_NAME]
        task, base = config.task_type, config.base_model_name_or_path
        config.task_type = None
        _inject(plain, config)
        config.task_type, config.base_model_name_or_path = task, base
    return plain


def _inject(module: Any, config: Any) -> None:
    """Let PEFT put its layers into a module. The wrapper that it returns is not needed."""
    with quiet_peft():
        peft().get_peft_model(module, config)


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Leave out what transformers says about functions that PEFT calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def save_adapter(module: Any, folder: Path) -> None:
    """Write the adapters of a module, and the heads trained with them, as PEFT does."""
    state = peft().get_peft_model_state_dict(module, adapter_name=_NAME)
    # Copies, because parts of one tensor can't be written.
    tensors = {f"{PREFIX}{name}": tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)
    config = module.peft_config[_NAME]
    trained, config.inference_mode = config.inference_mode, True
    config.save_pretrained(str(folder))
    config.inference_mode = trained


def blocks_of(module: Any) -> list[Any]:
    """Return the layers of a model in order; for a class that does not name them, the members of its lists."""
    return layers_of(module) or [
        layer
        for part in module.base_model.modules()
        if isinstance(part, torch.nn.ModuleList) and len({type(one) for one in part}) == 1
        for layer in part
        if any(True for _ in layer.parameters())
    ]

"""`merge`: LoRA adapters and their model → one ordinary model.

The sum is made in float32: in bfloat16 most of a small change is lost to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from cutaway.errors import CorruptFile, InputError, ModelError, UnknownModel
from cutaway.models import Model, Saved, save
from cutaway.models.config_outline import outline
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.models.tokenizer_files import quiet_transformers
from cutaway.training.adapter_folder import WEIGHTS, adapter_config
from cutaway.training.finetuning_settings import usual_objective
from cutaway.training.lora import PREFIX, TASKS, peft, quiet_peft
from cutaway.training.run_card import loading
from cutaway.training.run_folder import read_record
from cutaway.training.settings import ModelSettings
from cutaway.training.starting_model import starting_model

DTYPES: Final = ("float32", "bfloat16", "float16")
_CLOSE: Final = 1e-3  # of the largest logit; the merged weights are rounded once more


def merge(
    adapter: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    dtype: str = "float32",
) -> Saved:
    """Add LoRA adapters to the weights of their model, and save the sum as a model that plain transformers loads.

    `adapter` is a folder in PEFT's format, for example that of a run with `lora`. `base` replaces the model that it
    names, if that was moved. The sum is made in float32 and saved as `dtype`.

    Raises `InputError` if the folder has no adapters, a `ModelError` if their model can't be loaded or does not fit,
    and `OutputError` if `directory` is taken.

    >>> merge("my-run", "my-model").max_abs_difference  # doctest: +SKIP
    0.0
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is not supported", hint=f"use {', '.join(DTYPES)}")
    folder = Path(adapter)
    config, state = adapter_config(folder), _weights(folder)
    named = base if base is not None else _base_of(folder, config)
    record = read_record(folder) or {}
    objective = record.get("settings", {}).get("objective") or _objective(named, config)
    labels = _labels(objective, record, state)
    has_tokenizer = (folder / "tokenizer.json").is_file()
    tokenizer = load_tokenizer(folder if has_tokenizer else named)
    model = ModelSettings(objective=objective, start=named)
    start = starting_model(model, tokenizer, labels=labels, many=bool(record.get("many")))
    if lacking := [name for name in start.new if f"{PREFIX}{name}" not in state]:
        raise _misfit(folder, named, f"neither of them has the weights of {lacking[0]}")
    module = _merged(start.module, folder, state, named)
    if dtype != "float32":
        module = module.to(getattr(torch, dtype))
        module.config.dtype = getattr(torch, dtype)
    name = Path(adapter).resolve().name
    text = f"# {Path(directory).name}\n\n{Path(named).name} with the LoRA adapters {name} added to its weights.\n\n"
    path = folder if has_tokenizer else start.path
    return save(Model(name, path, module, tokenizer), directory, card_text=f"{text}{loading(objective)}\n")


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CorruptFile(
            f"can't read the adapters in {str(folder)!r}: {error}", hint="copy or save the folder again"
        ) from error


def _base_of(folder: Path, config: dict[str, Any]) -> str:
    started: str | None = (read_record(folder) or {}).get("settings", {}).get("start")
    named: str | None = config.get("base_model_name_or_path")
    if named is None or (started is not None and not Path(named).exists()):
        named = started
    if not named:
        raise UnknownModel(f"the adapters in {str(folder)!r} do not name their model", hint="name it with `base`")
    return named


def _objective(named: str | os.PathLike[str], config: dict[str, Any]) -> str:
    known = {task: objective for objective, task in reversed(TASKS.items())}
    return known.get(config.get("task_type") or "") or usual_objective(outline(named))


def _labels(objective: str, record: dict[str, Any], state: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of the labels; for adapters of another program there are only numbers."""
    if objective not in ("classes", "numbers"):
        return []
    if found := record.get("labels"):
        return list(found)
    if objective == "numbers":
        return ["number"]
    heads = [tensor for name, tensor in state.items() if name.endswith((".score.weight", "classifier.weight"))]
    heads += [tensor for name, tensor in state.items() if name.endswith("classifier.out_proj.weight")]
    count = heads[-1].shape[0] if heads else 2
    return [f"LABEL_{number}" for number in range(count)]


@torch.no_grad()
def _merged(module: Any, folder: Path, state: dict[str, torch.Tensor], base: str | os.PathLike[str]) -> Any:
    rows = max((t.shape[0] for n, t in state.items() if _is_embedding(n)), default=0)
    if rows and rows != module.get_input_embeddings().num_embeddings:  # tokens were added before the training
        module.resize_token_embeddings(rows, mean_resizing=False)
    ids_1T = torch.arange(min(8, module.get_input_embeddings().num_embeddings))[None]
    given = {"input_ids": ids_1T}
    if getattr(module.config, "is_encoder_decoder", False):
        given["decoder_input_ids"] = ids_1T
    try:
        with quiet_transformers(), quiet_peft():
            adapted = peft().PeftModel.from_pretrained(module, str(folder)).eval()
    except (RuntimeError, ValueError, KeyError) as error:
        said = next(
            (line.strip() for line in str(error).splitlines() if "size mismatch" in line), str(error).splitlines()[0]
        )
        raise _misfit(folder, base, said) from error
    _check_all_used(adapted, state, folder, base)
    before = adapted(**given).logits
    merged = adapted.merge_and_unload(safe_merge=True)
    _untie(merged)
    after = merged(**given).logits
    if float((after - before).abs().max()) > _CLOSE * float(before.abs().max()):
        raise ModelError(
            f"merging {str(folder)!r} into {os.fspath(base)} changes what the model says", hint="use it with peft"
        )
    return merged


def _misfit(folder: Path, base: str | os.PathLike[str], why: str) -> ModelError:
    return ModelError(
        f"the adapters in {str(folder)!r} do not fit {os.fspath(base)}: {why}",
        hint="name the model that they are for with `base`",
    )


def _is_embedding(name: str) -> bool:
    return name.endswith(("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "shared.weight"))


def _check_all_used(adapted: Any, state: dict[str, torch.Tensor], folder: Path, base: str | os.PathLike[str]) -> None:
    """Raise `ModelError` if a tensor of the file is not in the model: PEFT leaves out what it can't place."""
    present = set(_names(adapted))
    for name in state:
        if name not in present:
            raise _misfit(folder, base, f"it has no place for {name}")


def _names(adapted: Any) -> Iterator[str]:
    for name in adapted.state_dict():
        yield name
        for inner in (".modules_to_save.default", ".default", ".base_layer"):
            yield name.replace(inner, "")


def _untie(module: Any) -> None:
    """Let the configuration say so if input and output embeddings are no longer one matrix."""
    table, head = module.get_input_embeddings(), module.get_output_embeddings()
    if head is not None and module.config.tie_word_embeddings and table.weight is not head.weight:
        module.config.tie_word_embeddings = False

"""A model's transformers configuration, whatever way the model is named; its weights are not needed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import transformers

from cutaway.errors import CorruptFile, UnknownModel, UnsafeFile, UnsupportedArchitecture
from cutaway.extras import pip_install
from cutaway.models.shelf import SHELF
from cutaway.models.sources import resolve
from cutaway.models.text_model import Model


def read_configuration(model: Any, revision: str | None = None) -> tuple[Any, str, str]:
    """Return a model's configuration, its name, and what was read.

    `model` is a name, a folder, a `config.json`, a model type, a configuration or a loaded model. A model type alone
    (`gpt2`, `llama`, `bert`) gives transformers' default of that type. Raises a `ModelError`.

    >>> read_configuration("gpt2")[0].n_embd
    768
    """
    if isinstance(model, Model):
        return model.config, model.name, f"the configuration of {model.name}"
    if isinstance(model, transformers.PretrainedConfig):
        return model, model.model_type, "a configuration object"
    name = os.fspath(model)
    if name not in SHELF and not Path(name).exists() and name in transformers.CONFIG_MAPPING:
        return transformers.CONFIG_MAPPING[name](), name, f"transformers' default {name} configuration"
    path = resolve(name, "config", revision)
    if name in SHELF and SHELF[name].kind == "tokenizer":
        raise UnknownModel(
            f"{name} is a vocabulary without a model", hint="cutaway architecture gpt2 shows GPT-2 itself"
        )
    try:
        config = transformers.AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        if "trust_remote_code" in str(error):
            raise UnsafeFile(
                f"{name} comes with Python code, which would run to build its module tree",
                hint="read that code first; then cutaway generate --trust-remote-code runs it",
            ) from error
        raise UnsupportedArchitecture(
            f"transformers {transformers.__version__} does not know the architecture of {name}: {_type_in(path)}",
            hint=f"a newer transformers may know it: {pip_install()} -U transformers",
        ) from error
    except (OSError, json.JSONDecodeError, AttributeError, TypeError) as error:
        raise CorruptFile(
            f"can't read the configuration of {name}: {str(error).splitlines()[0]}",
            hint="config.json must be a transformers configuration with a model_type",
        ) from error
    return config, name, f"{name if Path(name).is_file() else f'config.json of {name}'}"


def _type_in(path: Path) -> str:
    return str(json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type", "none named"))

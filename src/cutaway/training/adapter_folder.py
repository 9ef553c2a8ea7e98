"""A folder of LoRA adapters in PEFT's format, without its weights: enough to say what can't be merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cutaway.errors import CorruptFile, InputError

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
FILES: Final = (CONFIG, WEIGHTS)


def adapter_config(folder: Path) -> dict[str, Any]:
    """Return what `adapter_config.json` says.

    Raises `InputError` if the folder has no adapters, or others than LoRA, and `CorruptFile` if the file is damaged.
    """
    if not (folder / CONFIG).is_file():
        hint = f"name a folder with {CONFIG}"
        if (folder / "run.json").is_file():
            hint = "finish the run first: the same command goes on"
        if (folder / "config.json").is_file():
            hint = "it is a model already"
        raise InputError(f"{str(folder)!r} has no adapters", hint=hint)
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind = config.get("peft_type")
    except (OSError, ValueError, AttributeError) as error:
        raise CorruptFile(f"can't read {str(folder / CONFIG)!r}: {error}", hint="copy or save it again") from error
    if kind != "LORA":
        raise InputError(f"the adapters in {str(folder)!r} are {kind}, not LoRA", hint="use them with the library peft")
    return config

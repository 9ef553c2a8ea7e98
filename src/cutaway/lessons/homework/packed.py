"""A small model's folder as one record: it is handed in within the page, and unpacked to be loaded, not run.

Only the files that plain weights need are taken; code never is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError

_FILES: Final = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
_MOST: Final = 1_000_000  # bytes of all files
_LARGEST: Final = 20_000  # of a number in the configuration: a model of more is not a small one
_SCHEMA: Final = "cutaway.folder/1"


def pack(folder: Path) -> dict[str, Any]:
    """Return the files of a model, encoded, and the results (.json of cutaway) beside them.

    Raises `InputError` if they are too large.
    """
    paths = [folder / name for name in _FILES if (folder / name).is_file()]
    if sum(path.stat().st_size for path in paths) > _MOST:
        raise InputError(f"the model is larger than {_MOST // 10**6} MB; train a smaller one")
    files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in paths}
    results = {}
    for path in sorted(folder.glob("*.json")):
        if path.name not in _FILES and path.stat().st_size <= _MOST:
            found = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(found, dict) and str(found.get("schema", "")).startswith("cutaway."):
                results[path.name] = found
    return {"schema": _SCHEMA, "files": files, "results": results}


def unpack(files: dict[str, str], folder: Path) -> None:
    """Write the files of a record into a folder. Raises `InputError` for what is not a small plain model."""
    for name, text in files.items():
        if name not in _FILES or len(text) > 2 * _MOST:
            raise InputError(f"{name[:40]!r} does not belong to a small model")
        (folder / name).write_bytes(base64.b64decode(text, validate=True))
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the model has no configuration", hint="train it again") from error
    large = [value for value in _numbers(config) if abs(value) > _LARGEST]
    if large or config.get("auto_map") or config.get("num_hidden_layers", config.get("n_layer", 0)) > 24:
        raise InputError("the configuration is not that of a small model", hint="train one with cutaway train")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, (int, float)):
        yield value

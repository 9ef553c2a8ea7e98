"""Weights laid out once for a start without transformers: one file a model, memory-mapped, beside the cache.

`write` is called when a fused forward has been checked against its transformers model; `read` hands it back as long as
no file of the model has changed. The file is ordinary safetensors: bfloat16 matrices under the names of `shapes.py`,
and what was measured in its metadata.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from cutaway._version import __version__
from cutaway.errors import CorruptFile
from cutaway.log import get_logger
from cutaway.models import cache
from cutaway.models.tokenizer_files import read_tokenizer
from cutaway.tokens import Tokenizer

if TYPE_CHECKING:  # `models info` asks how far a tier is off, and needs no torch for it
    from torch import Tensor

    from cutaway.models.shapes import Shape
    from cutaway.models.text_model import TextModel

__all__ = ["Converted", "Divergence", "divergence_of", "forget", "read", "write"]

FORMAT = 5  # of the file: one of another format is written again


@dataclasses.dataclass(frozen=True)
class Divergence:
    """How far a tier is from float32, measured over a few positions of a text; all in nats.

    `mean` is the mean KL divergence of the next token's distribution (Kullback and Leibler 1951); `largest` is the
    largest difference of a log-probability, of all tokens that float32 gives at least 1 %.
    """

    mean: float
    largest: float


@dataclasses.dataclass(frozen=True)
class Converted:
    """What is known of a model without transformers: enough to read a prompt, run it, and write text."""

    name: str
    path: Path
    tokenizer: Tokenizer
    context: int | None
    end_ids: frozenset[int]
    shape: Shape
    parts: Mapping[str, Tensor]
    divergence: Mapping[str, Divergence]  # of each tier


def _file(path: Path) -> Path:
    return (
        cache.home()
        / "converted"
        / f"{hashlib.sha256(os.fspath(path.resolve()).encode()).hexdigest()[:16]}.safetensors"
    )


def _key(stamp: object) -> str:
    return hashlib.sha256(f"{FORMAT} {__version__} {stamp}".encode()).hexdigest()


def write(
    model: TextModel, stamp: object, shape: Shape, parts: Mapping[str, Tensor], divergence: Mapping[str, Divergence]
) -> None:
    """Keep the weights of a checked model; where the disk does not allow it, say so and go on without.

    The model is as its folder has it, and `stamp` is the folder's (`cache.stamp`) from before it was read.
    """
    if model.path is None:
        return
    known = {
        "key": _key(stamp),
        "shape": dataclasses.asdict(shape),
        "context": model.context,
        "end_ids": sorted(model.end_ids),
        "divergence": {tier: dataclasses.asdict(far) for tier, far in divergence.items()},
    }
    # Vectors stay as they are: they are few, and norms want their digits.
    halves = {name: part.bfloat16().contiguous() if part.dim() == 2 else part.float() for name, part in parts.items()}
    from safetensors.torch import save_file

    target = _file(model.path)
    aside = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with cache.plain_os_errors():
            save_file(halves, aside, metadata={"cutaway": json.dumps(known)})
        aside.replace(target)
    except OSError as error:
        aside.unlink(missing_ok=True)
        get_logger(__name__).warning(
            "can't write to the cache, so %s starts slowly each time: %s", model.name, error.strerror or error
        )


def read(name: str, path: Path) -> Converted | None:
    """Return the kept weights of a model's folder, memory-mapped, or None where there are none or they are out of date.

    Raises `CorruptFile` where the model's tokenizer can't be read.
    """
    from cutaway.models.shapes import Shape

    file = _file(path)
    try:
        with safe_open(file, "pt") as opened:
            known = json.loads(opened.metadata()["cutaway"])
            if known["key"] != _key(cache.stamp(path)):
                return None
            parts = {part: opened.get_tensor(part) for part in opened.keys()}  # noqa: SIM118  it is no mapping
        tokenizer = read_tokenizer(path, name)
        rows = int(known["shape"]["vocabulary"])
        tokenizer.rows = lambda: rows
    except CorruptFile:
        raise
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None  # not there, or not whole: it will be written again
    return Converted(
        name,
        path,
        tokenizer,
        known["context"],
        frozenset(known["end_ids"]),
        Shape(**known["shape"]),
        parts,
        {tier: Divergence(**far) for tier, far in known["divergence"].items()},
    )


def divergence_of(path: Path) -> dict[str, Divergence]:
    """Return how far each tier of a folder's model is from float32; empty where that is not measured yet."""
    try:
        with safe_open(_file(path), "np") as opened:
            known = json.loads(opened.metadata()["cutaway"])
        if known["key"] != _key(cache.stamp(path)):
            return {}
        return {tier: Divergence(**far) for tier, far in known["divergence"].items()}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}


def forget(path: Path) -> int:
    """Remove what is kept of a model's folder and return the bytes set free."""
    file = _file(path)
    size = file.stat().st_size if file.is_file() else 0
    file.unlink(missing_ok=True)
    return size

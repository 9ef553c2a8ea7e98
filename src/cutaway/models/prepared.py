"""Models laid out once for a start without torch: one file for a model and tier, mapped into memory, in the cache.

`write` keeps the weights of a model that was checked against transformers; `read` gives them back as long as no file
of the model has changed. The file is ordinary safetensors; what was measured is in its metadata.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cutaway._version import __version__
from cutaway.log import get_logger
from cutaway.models import cache
from cutaway.models.text_model import TextModel
from cutaway.models.tokenizer_files import read_tokenizer
from cutaway.tokens import Tokenizer

if TYPE_CHECKING:  # `models info` asks how far a tier is off, and needs no arrays for it
    import numpy.typing as npt

FORMAT = 6  # of the file: one of another format is written again

Parts = Mapping[str, "npt.NDArray[Any]"]


@dataclasses.dataclass(frozen=True)
class Divergence:
    """How far a tier is from float32, measured over a few positions of a text; all in nats.

    `mean` is the mean KL divergence of the next token's distribution (Kullback and Leibler 1951); `largest` is the
    largest difference of a log-probability, of all tokens that float32 gives at least 1 %.
    """

    mean: float
    largest: float


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is known of a model without torch: enough to read a prompt, run it, and write text."""

    name: str
    path: Path
    tokenizer: Tokenizer
    context: int | None
    end_ids: frozenset[int]
    shape: Mapping[str, Any]
    parts: Parts
    divergence: Mapping[str, Divergence]  # of each tier


def _file(path: Path, tier: str) -> Path:
    name = hashlib.sha256(os.fspath(path.resolve()).encode()).hexdigest()[:16]
    return cache.home() / "prepared" / f"{name}.{tier}.safetensors"


def _key(stamp: object) -> str:
    return hashlib.sha256(f"{FORMAT} {__version__} {stamp}".encode()).hexdigest()


def write(
    model: TextModel, stamp: object, tier: str, shape: Mapping[str, Any], parts: Parts,
    divergence: Mapping[str, Divergence],
) -> None:  # fmt: skip
    """Keep the parts of a checked model; if the disk does not allow it, say so and go on without.

    The model is as its folder has it, and `stamp` is the folder's (`cache.stamp`) from before it was read.
    """
    if model.path is None:
        return
    known = {
        "key": _key(stamp),
        "shape": dict(shape),
        "context": model.context,
        "end_ids": sorted(model.end_ids),
        "divergence": {name: dataclasses.asdict(far) for name, far in divergence.items()},
    }
    target = _file(model.path, tier)
    aside = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _save(aside, known, parts)
        aside.replace(target)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        get_logger(__name__).warning(
            "%s starts slowly each time: can't write to the cache (%s)",
            model.name,
            "the disk is full" if full else error.strerror or error,
        )
    finally:  # also after an interruption
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def _save(file: Path, known: Mapping[str, Any], parts: Parts) -> None:
    """Write safetensors, each part at a multiple of 64 bytes: a line of the processor's cache."""
    names = {"uint8": "U8", "float32": "F32"}
    head: dict[str, Any] = {"__metadata__": {"cutaway": json.dumps(known)}}
    at = 0
    for name, part in parts.items():
        if filler := -at % 64:  # the format allows no holes
            head[f"filler.{at}"] = {"dtype": "U8", "shape": [filler], "data_offsets": [at, at + filler]}
            at += filler
        head[name] = {"dtype": names[part.dtype.name], "shape": part.shape, "data_offsets": [at, at + part.nbytes]}
        at += part.nbytes
    text = json.dumps(head).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for part in parts.values():
            stream.write(b"\0" * (-stream.tell() % 64))
            stream.write(part.data.cast("B"))


_BAD = (OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError)  # what a damaged file may raise


def _head(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return what is known, what the file holds, and where its numbers begin. Raises one of `_BAD`."""
    size = os.fstat(stream.fileno()).st_size
    length = int.from_bytes(stream.read(8), "little")
    if length > min(size, 1 << 27):
        raise ValueError("not a file of prepared weights")
    head = json.loads(stream.read(length))
    known = json.loads(head.pop("__metadata__")["cutaway"])
    for entry in head.values():
        begin, end = entry["data_offsets"]
        numbers = math.prod(entry["shape"]) * {"U8": 1, "F32": 4}[entry["dtype"]]
        if not 0 <= begin <= end <= size - 8 - length or end - begin != numbers:
            raise ValueError("the file is cut off, or its parts are not where it says")
        if entry["dtype"] == "F32" and begin % 64:
            raise ValueError("numbers do not begin at a multiple of 64 bytes")
    return known, head, 8 + length


def read(name: str, path: Path, tier: str) -> Prepared | None:
    """Return a model's weights in a tier, mapped from the file, or None if there are none or they are out of date.

    Raises `CorruptFile` if the model's tokenizer can't be read.
    """
    import numpy as np

    try:
        with _file(path, tier).open("rb") as stream:
            known, head, start = _head(stream)
            if known["key"] != _key(cache.stamp(path)):
                return None
            whole = np.memmap(stream, np.uint8, "r")
        parts = {
            part: whole[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            .view(np.float32 if entry["dtype"] == "F32" else np.uint8)
            .reshape(entry["shape"])
            for part, entry in head.items()
            if not part.startswith("filler.")
        }
        divergence = {tier: Divergence(**far) for tier, far in known["divergence"].items()}
        rows, context, ends = int(known["shape"]["vocabulary"]), known["context"], frozenset(known["end_ids"])
    except _BAD:
        return None  # not there, or not whole: it will be written again
    tokenizer = read_tokenizer(path, name)
    tokenizer.rows = lambda: rows
    return Prepared(name, path, tokenizer, context, ends, known["shape"], parts, divergence)


def divergence_of(path: Path) -> dict[str, Divergence]:
    """Return how far each tier of a folder's model is from float32; empty if that is not measured yet."""
    for tier in ("near", "turbo", "exact"):
        try:
            with _file(path, tier).open("rb") as stream:
                known = _head(stream)[0]
            if known["key"] == _key(cache.stamp(path)):
                return {name: Divergence(**far) for name, far in known["divergence"].items()}
        except _BAD:
            continue
    return {}


def forget(path: Path) -> int:
    """Remove what is kept of a model's folder and return the bytes set free."""
    freed = 0
    for file in (_file(path, tier) for tier in ("exact", "near", "turbo")):
        freed += file.stat().st_size if file.is_file() else 0
        file.unlink(missing_ok=True)
    return freed

"""`open_shards`: tokenized records as they lie on disk, with their counts and their held-out split."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.shards.labels import Labels
from cutaway.shards.shard_folder import INDEX, REQUEST
from cutaway.shards.token_files import TokenFiles

IntArray = NDArray[np.int64]

_VERIFIED: Final = 1 << 28


@dataclasses.dataclass(frozen=True, eq=False)
class Shards:
    """N tokenized records, mapped from disk.

    - `counts`: "records", "tokens", "symbols" and "duplicates" (records that another one repeats), "skipped", and each
      rule that the readers counted;
    - `lengths` and `symbols`: the tokens and the original symbols (letters, or numbers of a series) of each record;
    - `clusters`: the number of the cluster of near-duplicates of each record;
    - `train` and `held_out`: spans (record, start, end) in tokens, ascending, shape (N, 3). A record that repeats
      another one, or has no token, is in neither;
    - `labels`: the labels of all records, or None;
    - `targets`: the target ids of each record (sequence to sequence), or None;
    - `leak`: the share of held-out records that have a near-duplicate in the part to train on, if one splits plainly
      "by record", and as split here, "by cluster";
    - `about`: how the shards were made; `digest`: a hash of all that they are made from and hold.
    """

    folder: Path
    counts: dict[str, int]
    lengths: IntArray
    symbols: IntArray
    clusters: IntArray
    train: IntArray
    held_out: IntArray
    labels: Labels | None
    targets: TokenFiles | None
    leak: dict[str, float]
    about: dict[str, Any]
    digest: str
    _tokens: TokenFiles

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return f"Shards({str(self.folder)!r}: {len(self):,} records, {self.counts['tokens']:,} tokens)"

    def ids(self, record: int) -> NDArray[Any]:
        """Return the tokens of a record, without special tokens, as they lie on disk (uint8, uint16 or uint32)."""
        return self._tokens.ids(record)


def open_shards(folder: str | os.PathLike[str], *, verify: bool | None = None) -> Shards:
    """Open a folder that `prepare_shards` wrote; nothing is read before it is needed.

    The sizes of all files are checked; with `verify` the content, too (by default if it is less than 256 MB). Raises
    `InputError` if the folder is not one of shards, is incomplete, or has a file that is missing, cut or damaged.

    >>> open_shards("nowhere")
    Traceback (most recent call last):
    cutaway.errors.InputError: 'nowhere' holds no shards
    prepare them first with `prepare_shards`
    """
    path = Path(folder)
    index = _index(path)
    sizes = {name: file["bytes"] for name, file in index["files"].items()}
    for name, size in sizes.items():
        _check_size(path, name, size)
    if verify or (verify is None and sum(sizes.values()) < _VERIFIED):
        for name, file in index["files"].items():
            if hash_of(path / name) != file["hash"]:
                raise _damaged(path, name, "its content has changed")
    arrays = {
        name.removesuffix(".npy"): np.load(path / name, mmap_mode="r") for name in index["files"] if name[-4:] == ".npy"
    }
    labels = None
    if "labels" in arrays:
        labels = Labels(index["labels"]["kind"], tuple(index["labels"]["names"]), arrays["labels"])

    def tokens(kind: str, starts: IntArray) -> TokenFiles:
        names = [name for name in index["files"] if name.startswith(f"{kind}-")]
        dtype = np.dtype(index["dtype"])
        return TokenFiles(
            [path / name for name in names], [sizes[name] // dtype.itemsize for name in names], dtype, starts
        )

    return Shards(
        folder=path,
        counts=index["counts"],
        lengths=arrays["lengths"],
        symbols=arrays["symbols"],
        clusters=arrays["clusters"],
        train=arrays["train"],
        held_out=arrays["held_out"],
        labels=labels,
        targets=tokens("targets", arrays["target_starts"]) if "target_starts" in arrays else None,
        leak=index["leak"],
        about=index["about"],
        digest=index["digest"],
        _tokens=tokens("tokens", arrays["starts"]),
    )


def hash_of(file: Path) -> str:
    """Return the hash of a file's content."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _index(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((path / INDEX).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        if (path / INDEX).exists():
            raise _damaged(path, INDEX, "it can't be read") from error
        if (path / REQUEST).exists():
            why = f"the shards in {str(path)!r} are incomplete"
            raise InputError(why, hint="call `prepare_shards` again: it goes on where it stopped") from error
        raise InputError(f"{str(path)!r} holds no shards", hint="prepare them first with `prepare_shards`") from error


def _check_size(path: Path, name: str, size: int) -> None:
    try:
        found = (path / name).stat().st_size
    except OSError as error:
        raise _damaged(path, name, "it is missing") from error
    if found != size:
        raise _damaged(path, name, f"it has {found:,} bytes instead of {size:,}")


def _damaged(path: Path, name: str, why: str) -> InputError:
    return InputError(
        f"the shard file {str(path / name)!r} is damaged: {why}",
        hint=f"remove the folder {str(path)!r} and prepare it again",
    )

"""The end of preparing shards: what can be known only when all records are there."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.shards.duplicates import first_of_each
from cutaway.shards.labels import Labels, labels_of
from cutaway.shards.opened import hash_of
from cutaway.shards.shard_folder import INDEX, WORK, ShardWriter, write_array, write_json
from cutaway.shards.split import split

IntArray = NDArray[np.int64]


def finish(writer: ShardWriter, counts: dict[str, int], request: dict[str, Any]) -> None:
    """Find duplicates, split, write the arrays of all records and then the index, and remove what was for resuming."""
    lengths = np.concatenate(list(writer.entries("lengths")))
    symbols = np.concatenate(list(writer.entries("symbols")))
    hashes = np.concatenate(list(writer.entries("hashes")))
    arrays: dict[str, NDArray[Any]] = {"lengths": lengths, "symbols": symbols, "starts": _starts(lengths)}
    usable = lengths > 0
    if request["target_column"] is not None:
        target_lengths = np.concatenate(list(writer.entries("target_lengths")))
        arrays |= {"target_lengths": target_lengths, "target_starts": _starts(target_lengths)}
        usable &= target_lengths > 0
    labels = None
    if request["label_column"] is not None:
        labels = labels_of(writer.labels, len(lengths), request["label_kind"])
        arrays["labels"] = labels.values
    first = first_of_each(hashes)
    repeated = usable & (first != np.arange(len(first)))
    kept = usable if request["keep_duplicates"] else usable & ~repeated
    clusters = first
    train, held_out = split(
        lengths,
        clusters,
        hashes[:, 0],
        kept,
        request["held_out"],
        whole=labels is not None or request["target_column"] is not None,
        classes=labels.values if labels is not None and labels.kind == "classes" else None,
    )
    arrays |= {"clusters": clusters, "train": train, "held_out": held_out}
    for name, array in arrays.items():
        write_array(writer.folder / f"{name}.npy", array)
    counts = {
        **counts,
        "records": len(lengths),
        "skipped": counts.get("skipped", 0),
        "tokens": int(lengths.sum()),
        "symbols": int(symbols.sum()),
        "duplicates": int(repeated.sum()),
        "records without a token": int((~usable).sum()),
    }
    _write_index(writer, sorted(arrays), counts, labels, request)
    shutil.rmtree(writer.folder / WORK, ignore_errors=True)


def _starts(lengths: IntArray) -> IntArray:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _write_index(
    writer: ShardWriter, arrays: list[str], counts: dict[str, int], labels: Labels | None, request: dict[str, Any]
) -> None:
    files = {}
    for state in writer.states:
        for file in state["files"].values():
            files[file["name"]] = {"bytes": file["tokens"] * writer.dtype.itemsize, "hash": file["hash"]}
    for name in arrays:
        file = writer.folder / f"{name}.npy"
        files[file.name] = {"bytes": file.stat().st_size, "hash": hash_of(file)}
    index: dict[str, Any] = {
        "dtype": writer.dtype.str,
        "counts": dict(sorted(counts.items())),
        "labels": None if labels is None else {"kind": labels.kind, "names": list(labels.names)},
        "leak": {},
        "about": request,
        "files": files,
    }
    digest = hashlib.blake2b(json.dumps(index, sort_keys=True).encode(), digest_size=16).hexdigest()
    write_json(writer.folder / INDEX, {"digest": digest, **index})

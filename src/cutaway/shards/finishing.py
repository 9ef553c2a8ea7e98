"""The end of preparing shards: what can be known only when all records are there."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.progress import step
from cutaway.shards.clusters import Clusters, clusters_of
from cutaway.shards.duplicates import first_of_each
from cutaway.shards.labels import Labels, labels_of
from cutaway.shards.opened import hash_of
from cutaway.shards.shard_folder import INDEX, WORK, ShardWriter, write_array, write_json
from cutaway.shards.signatures import gram_length, signatures
from cutaway.shards.split import leaks, split

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
    clusters = _clusters(writer, arrays["starts"], hashes[:, 0])
    train, held_out = split(
        lengths,
        clusters.numbers,
        hashes[:, 0],
        kept,
        request["held_out"],
        whole=labels is not None or request["target_column"] is not None,
        classes=labels.values if labels is not None and labels.kind == "classes" else None,
    )
    leak = leaks(clusters.numbers, clusters.crossing, hashes[:, 0], train, held_out)
    arrays |= {"clusters": clusters.numbers, "train": train, "held_out": held_out}
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
        "clusters": len(np.unique(clusters.numbers[kept])),
    }
    about = {"request": request, "near_duplicates": {"n": clusters.length, "identity": clusters.identity}}
    _write_index(writer, sorted(arrays), counts, labels, leak, about)
    shutil.rmtree(writer.folder / WORK, ignore_errors=True)


def _clusters(writer: ShardWriter, starts: IntArray, contents: NDArray[np.uint64]) -> Clusters:
    """Find clusters of near-duplicates; the signatures that a killed run left are used."""
    length = gram_length(sum(writer.entries("frequencies"), start=np.zeros(1, dtype=np.int64)))
    files = writer.token_files("tokens", starts)
    begin = 0
    with step("signatures of the records", total=len(writer.states)) as progress:
        for number, state in enumerate(writer.states):
            end = begin + state["records"]
            if not writer.has_signatures(number):
                writer.write_signatures(number, signatures(files, begin, end, contents, length))
            begin = end
            progress.advance()
    return clusters_of(files, first_of_each(contents), contents, writer.bin, length)


def _starts(lengths: IntArray) -> IntArray:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def _write_index(
    writer: ShardWriter,
    arrays: list[str],
    counts: dict[str, int],
    labels: Labels | None,
    leak: dict[str, float],
    about: dict[str, Any],
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
        "leak": leak,
        "about": about,
        "files": files,
    }
    digest = hashlib.blake2b(json.dumps(index, sort_keys=True).encode(), digest_size=16).hexdigest()
    write_json(writer.folder / INDEX, {"digest": digest, **index})

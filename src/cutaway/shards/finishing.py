"""The end of preparing shards: what can be known only when all records are there."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.progress import step
from cutaway.shards.clusters import Clusters, clusters_of, equal_records
from cutaway.shards.duplicates import first_of_each
from cutaway.shards.labels import Labels, labels_of
from cutaway.shards.opened import hash_of
from cutaway.shards.shard_folder import INDEX, ShardWriter, write_array, write_json, write_spans
from cutaway.shards.signatures import gram_length, signatures
from cutaway.shards.split import leaks, split

IntArray = NDArray[np.int64]


def finish(writer: ShardWriter, counts: dict[str, int], request: dict[str, Any]) -> None:
    """Find duplicates, split, write the arrays of all records and then the index."""
    targets, labels = request["target_column"] is not None, None
    lengths = writer.entry("lengths")
    starts = _starts(lengths)
    usable = lengths > 0
    if targets:
        target_lengths = writer.entry("target_lengths")
        usable &= target_lengths > 0
        write_array(writer.folder / "target_starts.npy", _starts(target_lengths))
    if request["label_column"] is not None:
        labels = labels_of(writer.labels, len(lengths), request["label_kind"])
        write_array(writer.folder / "labels.npy", labels.values)
    hashes = writer.entry("hashes")
    repeated = usable & (first_of_each(hashes) != np.arange(len(hashes), dtype=np.int32))
    kept = usable if request["keep_duplicates"] else usable & ~repeated
    contents = hashes[:, 0].copy()
    del hashes, lengths  # millions of records: what the next step does not need is freed
    near = not request["keep_near_duplicates"]
    clusters = _clusters(writer, starts, contents) if near else equal_records(contents)
    write_array(writer.folder / "clusters.npy", clusters.numbers)
    write_array(writer.folder / "starts.npy", starts)
    lengths = np.diff(starts)
    del starts
    held_out = split(
        lengths,
        clusters.numbers,
        contents,
        kept,
        request["held_out"],
        whole=targets or labels is not None,
        classes=labels.values if labels is not None and labels.kind == "classes" else None,
    )
    leak = leaks(lengths, held_out, clusters.numbers, clusters.partners, contents, kept) if near else {}
    del contents
    write_spans(writer.folder / "train.npy", kept & (held_out > 0), lambda at: (0, held_out[at]))
    write_spans(
        writer.folder / "held_out.npy",
        kept & (held_out < lengths),
        lambda at: (held_out[at], lengths[at]),
    )
    write_array(writer.folder / "lengths.npy", lengths)
    symbols = writer.entry("symbols")
    write_array(writer.folder / "symbols.npy", symbols)
    in_use = np.zeros(len(lengths), dtype=bool)
    in_use[clusters.numbers[kept]] = True
    counts = {
        **counts,
        "records": len(lengths),
        "skipped": counts.get("skipped", 0),
        "tokens": int(lengths.sum()),
        "symbols": int(symbols.sum()),
        "duplicates": int(repeated.sum()),
        "records without a token": int((~usable).sum()),
        "clusters": int(np.count_nonzero(in_use)),
    }
    arrays = ["clusters", "held_out", "lengths", "starts", "symbols", "train"]
    arrays += ["target_starts"] * targets + ["labels"] * (labels is not None)
    about = {"request": request, "near_duplicates": {"n": clusters.length, "identity": clusters.identity}}
    _write_index(writer, sorted(arrays), counts, labels, leak, about)


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

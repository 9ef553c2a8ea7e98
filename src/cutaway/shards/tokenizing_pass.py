"""The streaming pass: records → ids, symbols, labels and hashes, shard after shard."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, MissingText
from cutaway.progress import step
from cutaway.shards.batch_ids import BatchIds
from cutaway.shards.shard_folder import ShardWriter, writing
from cutaway.shards.source_files import Reading
from cutaway.tokens.codec import Codec
from cutaway.tokens.selfies import selfies_text

IntArray = NDArray[np.int64]

_RECORDS: Final = 4096
_MOST_RECORDS: Final = 1 << 18  # in a shard
_SYMBOLS: Final = 1 << 20


def write_all(
    writer: ShardWriter, reading: Reading, codec: Codec, batch_ids: BatchIds, request: dict[str, Any]
) -> dict[str, int]:
    """Tokenize all records that are not in complete shards; return what the readers and the tokenizer counted."""
    counts = Counter[str]()
    sequences = reading.sequences(selfies_text if codec.selfies else None, counts)
    with step("tokenizing") as progress:
        for _ in itertools.islice(sequences, writer.read):  # those that an earlier call tokenized
            pass
        for batch in _batches(sequences, min(_SYMBOLS, request["shard_tokens"])):
            progress.advance(len(batch))
            _add(writer, batch, codec, batch_ids, request)
            batch.clear()  # before the next one is read: it may be a chromosome
            if writer.tokens >= request["shard_tokens"] or writer.added >= _MOST_RECORDS:
                with writing(writer.folder):
                    writer.end_shard()
    with writing(writer.folder):
        if writer.is_open:
            writer.end_shard()
    for state in writer.states:
        counts.update(state["counts"])
    if not writer.records:
        raise MissingText("no record has a token", hint="check the files and the tokenizer")
    return dict(counts)


_Item = tuple[Any, str | None, str]


def _batches(sequences: Iterator[_Item], symbols: int) -> Iterator[list[_Item]]:
    batch, size = list[_Item](), 0
    for item in sequences:
        batch.append(item)
        size += symbols_of(item[0])
        del item
        if len(batch) == _RECORDS or size >= symbols:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def symbols_of(sequence: Any) -> int:
    """Return the letters of a text, or the numbers of a series."""
    return len(sequence) if isinstance(sequence, str) else sum(map(len, sequence))


def _add(writer: ShardWriter, batch: list[_Item], codec: Codec, batch_ids: BatchIds, request: dict[str, Any]) -> None:
    found = _tokenized(batch, codec, batch_ids, request)
    with writing(writer.folder):
        writer.add(**found, read=len(batch))


def _tokenized(batch: list[_Item], codec: Codec, batch_ids: BatchIds, request: dict[str, Any]) -> dict[str, Any]:
    """Return tokens, targets, symbols, labels and hashes of the records that can be used, and counts."""
    counts = Counter[str]()
    column = request["label_column"] or request["target_column"]
    if column is not None:
        what = "label" if request["label_column"] else "target"
        lacking = next((where for _, said, where in batch if said is None or not said.strip()), None)
        if lacking is not None and not request["skip_bad"]:
            hint = "add it, or leave such records out with `skip_bad=True`"
            raise InputError(f"{lacking} has no {what} in {column!r}", hint=hint)
        usable = [item for item in batch if item[1] is not None and item[1].strip()]
        counts[f"records without a {what} left out"] = len(batch) - len(usable)
        batch = usable
    ids, lengths = batch_ids.encode([sequence for sequence, _, _ in batch])
    targets = None
    if request["target_column"] is not None:
        targets = batch_ids.encode_texts([said for _, said, _ in batch if said is not None])
    symbols = np.fromiter((symbols_of(sequence) for sequence, _, _ in batch), np.int64, len(batch))
    labels = [said for _, said, _ in batch if said is not None] if request["label_column"] is not None else []
    unknown = codec.tokenizer.special_id("unk")
    counts["unknown tokens"] = 0 if unknown is None else int(np.count_nonzero(ids == unknown))
    return {
        "tokens": (ids, lengths),
        "targets": targets,
        "symbols": symbols,
        "labels": labels,
        "hashes": _hashes(ids, lengths, targets, labels),
        "counts": {rule: count for rule, count in counts.items() if count},
    }


def _hashes(
    ids: NDArray[Any], lengths: IntArray, targets: tuple[NDArray[Any], IntArray] | None, labels: list[str]
) -> NDArray[np.uint64]:
    """Return for each record 64 bits of a hash of its tokens, and 64 of its tokens with its target or label."""
    found, ends = bytearray(), np.cumsum(lengths).tolist()
    beside = labels
    if targets is not None:
        target_data, target_ends = targets[0].tobytes(), (np.cumsum(targets[1]) * ids.itemsize).tolist()
        beside = [target_data[a:b].hex() for a, b in itertools.pairwise([0, *target_ends])]
    for number, (start, end) in enumerate(itertools.pairwise([0, *ends])):
        digest = hashlib.blake2b(ids[start:end].data, digest_size=16)
        found += digest.digest()
        if beside:
            digest.update(beside[number].encode())
            found[-8:] = digest.digest()[8:]
    return np.frombuffer(bytes(found), "<u8").reshape(-1, 2)

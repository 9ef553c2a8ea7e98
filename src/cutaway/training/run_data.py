"""The data of a run: from files or a source to rows, tokenizer, labels and what is known about them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import filelock
import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.models.cache import folder
from cutaway.sequences import SENTENCES, known_source, read_plain_text, read_records
from cutaway.sequences.readers import suffix_format
from cutaway.shards import Labels, RecordRows, Row, Shards, prepare_shards
from cutaway.shards.preparing import tokenizer_digest
from cutaway.tokens import Tokenizer
from cutaway.training.loop import Rows
from cutaway.training.objectives import head_of
from cutaway.training.rows import SourceRows
from cutaway.training.run_alphabet import alphabet_of
from cutaway.training.run_tokenizer import character_tokenizer, make_tokenizer, ready_made
from cutaway.training.settings import Settings
from cutaway.training.starting_tokenizer import check_alphabet, check_known, own_frame

_BLOCK: Final = 1 << 22
DEFAULT_CONTEXT: Final = 128


@dataclasses.dataclass(frozen=True)
class RunData:
    """What a run reads.

    `per_epoch` is the number of rows of an epoch, None for a source that never ends, and `tokens_per_row` their mean
    number of tokens. `floor` is the entropy of a source in nats per character. `record` goes into `run.json`: it is
    equal for equal data. `single` says that each row is one record, so that rows differ in length. `targets` has what
    is to be predicted for each record: a class, a 1 for each label, or a number standardised by `scale` (mean, spread).
    """

    rows: Rows
    tokenizer: Tokenizer
    shards: Shards | None
    per_epoch: int | None
    tokens_per_row: float
    record: dict[str, Any]
    floor: float | None
    floor_label: str
    single: bool
    labels: Labels | None = None
    targets: NDArray[Any] | None = None
    scale: tuple[float, float] | None = None

    def classes(self, label_column: str | None) -> dict[str, Any]:
        """Return the names of the labels, and whether a record can have several of them."""
        if self.labels is None:
            return {"labels": (), "many": False}
        names = self.labels.names or (label_column or "number",)
        return {"labels": names, "many": self.labels.kind == "many"}

    def for_head(self, module: Any) -> RunData:
        """Return data whose numbers a model can learn: without a bias its head can't add a mean afterwards."""
        if self.scale is None or self.targets is None or head_of(module).bias is not None:
            return self
        (mean, spread), level = self.scale, math.hypot(*self.scale)
        targets = (self.targets * spread + mean) / level
        return dataclasses.replace(self, targets=targets.astype(np.float32), scale=(0.0, level))

    def exact_loss(self, rows: Sequence[Row]) -> float | None:
        """Return the exact nats per predicted token of the source on these rows, or None if it is unknown."""
        return self.rows.floor(rows) if isinstance(self.rows, SourceRows) else None


def read_data(settings: Settings, context: int) -> RunData:
    """Read the data of a run for rows of at most `context` tokens; files are tokenized once and kept in the cache."""
    data = settings.data
    if not data.paths:
        source = SENTENCES if data.source == "built-in" else known_source(data.source)
        if settings.model.objective != "causal":
            raise InputError(
                f"{data.source!r} is for the objective causal", hint="leave `objective` out, or give files"
            )
        tokenizer = character_tokenizer([source.alphabet])
        rows = SourceRows(source, tokenizer, context)
        return RunData(
            rows, tokenizer, None, None, float(context), {"source": data.source}, source.nats_per_character,
            "exact entropy of the source", False,
        )  # fmt: skip
    paths = [path if Path(path).is_file() or not _is_pipe(path) else _kept_pipe(path) for path in data.paths]
    alphabet = alphabet_of(settings, paths)
    format_ = "txt" if data.as_text else data.format
    whole_text = alphabet == "text" and data.column is None and all(_is_text(path, format_) for path in paths)
    if whole_text:
        for path in paths:
            read_plain_text(path, as_text=data.as_text)
    shards, tokenizer, digest = _shards(settings, paths, alphabet, format_, whole_text)
    layout = settings.loop.rows or _layout(settings, shards, context)
    # The last token of a causal row is only predicted, so there is room for one more than the model reads.
    room = context + 1 if settings.model.objective == "causal" else context
    if settings.model.start is not None:
        check_known(os.fspath(settings.model.start), shards)
    # A model that reads rows, and does not write them, is to get what its own tokenizer makes of a text.
    frame = None if settings.model.start is None or settings.model.objective == "causal" else own_frame(tokenizer)
    of_records = RecordRows(shards, tokenizer, room, long=settings.loop.long, layout=layout, frame=frame)
    targets, scale = _targets(settings.model.objective, shards)
    per_row = float((shards.train[:, 2] - shards.train[:, 1]).sum()) / of_records.per_epoch
    split = {part: _size(getattr(shards, part)) for part in ("train", "held_out")}
    record = {
        "source": data.source, "shards": digest, "alphabet": alphabet, "counts": dict(shards.counts), **split,
        "leak": dict(shards.leak), "layout": layout, "rows": dict(of_records.counts),
    }  # fmt: skip
    return RunData(
        of_records, tokenizer, shards, of_records.per_epoch, per_row, record, None,
        "the entropy of a file is not known", layout == "single", shards.labels, targets, scale,
    )  # fmt: skip


def _size(spans: NDArray[np.int64]) -> dict[str, int]:
    """Return how many records a part of the data has, and how many tokens."""
    return {"records": len(np.unique(spans[:, 0])), "tokens": int((spans[:, 2] - spans[:, 1]).sum())}


def shards_folder(digest: str) -> Path:
    """Return where the ids of some data are kept: a folder of the cache."""
    return folder(digest, "shards")


def _shards(
    settings: Settings, paths: list[str], alphabet: str, format_: str | None, whole_text: bool
) -> tuple[Shards, Tokenizer, str]:
    data, model = settings.data, settings.model
    chosen = {
        name: value for name, value in settings.flat().items()
        if name in ("column", "label_column", "target_column", "skip_bad", "rename_duplicates",
                    "keep_duplicates", "keep_near_duplicates", "held_out", "tokenizer", "objective")
    }  # fmt: skip
    found = ready_made(model.start or data.tokenizer, alphabet)
    if found is not None:
        chosen["tokenizer"] = tokenizer_digest(found)
        if model.start is not None:
            check_alphabet(os.fspath(model.start), found, alphabet)
    key = {
        "files": [_content(path) for path in paths],
        "alphabet": alphabet,
        "format": format_,
        "whole": whole_text,
        **chosen,
    }
    digest = hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=16).hexdigest()
    place = shards_folder(digest)
    place.mkdir(parents=True, exist_ok=True)

    def sequences() -> Iterator[Any]:
        if whole_text:
            yield from (read_plain_text(path, as_text=data.as_text) for path in paths)
            return
        for record in read_records(
            paths, alphabet, format=format_, column=data.column, skip_bad=data.skip_bad,
            label_column=data.target_column, rename_duplicates=data.rename_duplicates,
        ):  # fmt: skip
            yield record.sequence
            if data.target_column is not None and record.label is not None:
                yield record.label

    # One process makes it; the others, of this run or of another on the same data, wait here and find it complete.
    with filelock.FileLock(f"{place}.lock"):
        from cutaway.tokens.saving import save_tokenizer

        if found is not None:
            tokenizer = found
        elif (place / "tokenizer").is_dir():
            tokenizer = Tokenizer.from_directory(place / "tokenizer")
        else:
            tokenizer = make_tokenizer(data.tokenizer, alphabet, model.objective, sequences)
            save_tokenizer(tokenizer, place / "tokenizer")
        shards = prepare_shards(
            paths, place / "ids", tokenizer, alphabet=alphabet, format=format_, column=data.column,
            label_column=data.label_column, target_column=data.target_column, skip_bad=data.skip_bad,
            rename_duplicates=data.rename_duplicates, keep_duplicates=data.keep_duplicates,
            keep_near_duplicates=data.keep_near_duplicates, held_out=data.held_out, whole_text=whole_text,
            label_kind="numbers" if model.objective == "numbers" else None,
        )  # fmt: skip
    return shards, tokenizer, digest


def _targets(objective: str, shards: Shards) -> tuple[NDArray[Any] | None, tuple[float, float] | None]:
    """Return what is to be predicted for each record, and how numbers were standardised (by those trained on)."""
    if objective not in ("classes", "numbers"):
        return None, None
    if shards.labels is None:
        raise InputError(f"the objective {objective!r} needs labels", hint="say where they are with `label_column`")
    if (shards.labels.kind == "numbers") != (objective == "numbers"):
        other = "numbers" if shards.labels.kind == "numbers" else "classes"
        raise InputError(f"the labels are {shards.labels.kind}, not {objective}", hint=f"use `objective={other!r}`")
    values = shards.labels.values
    if objective == "classes":
        return values.astype(np.float32 if values.ndim == 2 else np.int64), None
    known = values[np.unique(shards.train[:, 0])]
    mean, spread = float(known.mean()), float(known.std()) or 1.0
    return ((values - mean) / spread).astype(np.float32), (mean, spread)


def _layout(settings: Settings, shards: Shards, context: int) -> str:
    """Return how rows are filled unless it is given: one short record a row, or several up to the context."""
    if settings.model.objective not in ("causal", "masked"):
        return "single"
    lengths = shards.lengths
    longest = int(lengths.max()) if len(lengths) else 0
    return "single" if len(lengths) > 1 and longest <= min(context, 128) else "packed"


def _is_text(path: str, format_: str | None) -> bool:
    return (format_ or suffix_format(path) or "txt") == "txt"


def _content(path: str) -> str:
    """Return a checksum of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_pipe(path: str) -> bool:
    return path == "-" or Path(path).is_fifo()


def _kept_pipe(path: str) -> str:
    """Write what comes through a pipe into a file of the cache, and return its path."""
    content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    name = hashlib.blake2b(content, digest_size=16).hexdigest()
    kept = folder(name, "pipes").with_suffix(".txt")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    return os.fspath(kept)

"""`prepare_shards`: files → tokenized records on disk; a call goes on where a killed one stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import filelock

from cutaway.errors import InputError, ModelError, OutputError
from cutaway.folders import check_new_folder
from cutaway.shards.batch_ids import BatchIds
from cutaway.shards.finishing import finish
from cutaway.shards.labels import KINDS
from cutaway.shards.opened import Shards, open_shards
from cutaway.shards.shard_folder import INDEX, REQUEST, WORK, ShardWriter, write_json, writing
from cutaway.shards.source_files import Reading, files_of, fingerprint
from cutaway.shards.tokenizing_pass import write_all
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

_LOCK: Final = ".lock"
_VERSION: Final = 1


def prepare_shards(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    tokenizer: Tokenizer,
    *,
    alphabet: str = "text",
    format: str | None = None,  # noqa: A002
    column: str | Sequence[str] | None = None,
    label_column: str | None = None,
    label_kind: str | None = None,
    target_column: str | None = None,
    skip_bad: bool = False,
    rename_duplicates: bool = False,
    keep_duplicates: bool = False,
    keep_near_duplicates: bool = False,
    held_out: float = 0.05,
    whole_text: bool | None = None,
    shard_tokens: int = 1 << 24,
) -> Shards:
    """Tokenize the records of files into a folder, split off a held-out part, and open the folder.

    A complete folder is opened at once; an incomplete one is continued, with no record lost or read twice.

    - `alphabet`, `format`, `column`, `skip_bad`, `rename_duplicates`: as in `cutaway.sequences.read_records`;
    - `label_column`: where the label of each record is; `label_kind`: "classes", "many" (several, separated by
      semicolons) or "numbers"; by default what the labels look like;
    - `target_column`: where the text is that a sequence-to-sequence model writes for each record;
    - `keep_duplicates`: train on a record as often as it occurs, and not once;
    - `keep_near_duplicates`: don't look for near-duplicates, which takes long for millions of records that are alike:
      single records are held out, not whole clusters, and the leak is not known;
    - `held_out`: the share of the tokens that is held out, from 0 (nothing) to below 1;
    - `whole_text`: whether a text file is one record; by default a .txt file is, and other files have many;
    - `shard_tokens`: a shard is closed when it has this many tokens.

    Raises what `read_records` raises, `InputError` for a record without label or target (with `skip_bad` it is left
    out), for labels that are all the same, for an empty split and for a folder made from something else (it says what
    differs), and `OutputError` if the folder is taken or can't be written.

    >>> from cutaway.tokens import characters
    >>> _ = Path("peptides.txt").write_text("MKV\\nMKVA\\nMKV\\n")
    >>> shards = prepare_shards("peptides.txt", "shards", characters(["MKVA"]), alphabet="protein", held_out=0)
    >>> shards.counts["records"], shards.counts["duplicates"], shards.ids(1).tolist()
    (3, 1, [4, 3, 5, 2])
    """
    if not 0 <= held_out < 1:
        raise InputError(f"`held_out` is {held_out}", hint="it must be from 0 to below 1, for example 0.05")
    if label_kind not in (None, *KINDS):
        raise InputError(f"`label_kind` is {label_kind!r}", hint=f"choose from {', '.join(KINDS)}")
    if shard_tokens < 1:
        raise InputError(f"`shard_tokens` is {shard_tokens}", hint="it must be 1 or above")
    if label_column is not None and target_column is not None:
        hint = "leave `label_column` or `target_column` out"
        raise InputError("a record has a label or a target, not both", hint=hint)
    columns = () if column is None else (column,) if isinstance(column, str) else tuple(column)
    reading = Reading(
        files=files_of(files),
        alphabet=alphabet,
        format=format,
        column=columns,
        label_column=label_column or target_column,
        skip_bad=skip_bad,
        rename_duplicates=rename_duplicates,
        whole_text=whole_text,
    )
    request = {
        "version": _VERSION,
        "files": [fingerprint(file) for file in reading.files],
        "tokenizer": tokenizer_digest(tokenizer),
        "alphabet": alphabet,
        "format": format,
        "column": list(columns),
        "label_column": label_column,
        "label_kind": label_kind,
        "target_column": target_column,
        "skip_bad": skip_bad,
        "rename_duplicates": rename_duplicates,
        "keep_duplicates": keep_duplicates,
        "keep_near_duplicates": keep_near_duplicates,
        "held_out": held_out,
        "whole_text": whole_text,
        "shard_tokens": shard_tokens,
    }
    path = Path(folder)
    if not (path / REQUEST).is_file() and not (path / INDEX).is_file():
        check_new_folder(path, beside={_LOCK, f"{REQUEST}.part"})
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        _begin(path, request)
        if not (path / INDEX).is_file():
            codec = Codec.of(tokenizer, alphabet)
            batch_ids = BatchIds(codec)
            with writing(path):
                writer = ShardWriter(
                    path,
                    batch_ids.dtype,
                    batch_ids.vocabulary,
                    targets=target_column is not None,
                    labels=label_column is not None,
                )
            try:
                counts = write_all(writer, reading, codec, batch_ids, request)
                with writing(path):
                    finish(writer, counts, request)
            except BaseException:
                writer.abandon()
                raise
        shutil.rmtree(path / WORK, ignore_errors=True)  # it was for resuming
        return open_shards(path)


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """Return a hash of all that decides the ids of a tokenizer."""
    try:
        backend = json.loads(tokenizer.backend.to_str())
    except ModelError:  # it is Python code
        backend = [tokenizer.kind, tokenizer.vocabulary]
    content = json.dumps([backend, tokenizer.config], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process writes this folder."""
    lock = filelock.FileLock(path / _LOCK)
    try:
        lock.acquire()
    except NotImplementedError:  # this file system has no locks
        yield
        return
    except OSError as error:
        raise OutputError(f"can't write to {str(path)!r}: {error.strerror}", hint="name another folder") from error
    try:
        yield
    finally:
        lock.release()


def _begin(path: Path, request: dict[str, Any]) -> None:
    """Write what the shards are made from, or compare it with what an earlier call wrote."""
    file = path / REQUEST
    if not file.is_file():
        with writing(path):
            write_json(file, request)
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"can't read {str(file)!r}: {error}", hint=f"remove the folder {str(path)!r}") from error
    for name, value in request.items():
        same = before.get(name, False) == value
        if name == "files":
            same = list(map(_content, before.get(name, []))) == list(map(_content, value))
        if not same:
            raise InputError(
                f"the shards in {str(path)!r} are made from something else: {_differs(name, before.get(name), value)}",
                hint="name another folder, or remove this one",
            )


def _differs(name: str, before: Any, now: Any) -> str:
    if name == "tokenizer":
        return "the tokenizer is another one"
    if name != "files":
        return f"`{name}` was {before!r} and is {now!r}"
    if len(before) != len(now):
        return f"{len(before):,} files instead of {len(now):,}"
    other = next(new["name"] for old, new in zip(before, now, strict=True) if _content(old) != _content(new))
    return f"the file {other!r} is another one, or has changed"


def _content(file: dict[str, Any]) -> tuple[int, str]:
    return file["bytes"], file["sample"]

"""The two parts of the data that a run of training was made on: its own split, or new text of its source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.errors import InputError
from cutaway.evaluation.examples import TRAIN_RECORDS, Example, Kept, Parts, cut_text
from cutaway.models import cache
from cutaway.models.text_model import TextModel
from cutaway.progress import step
from cutaway.random_streams import stream
from cutaway.sequences import SENTENCES, known_source
from cutaway.shards import Labels, Shards, open_shards
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

_SOURCE_RECORDS = 200  # records of a source that are measured on; three times as many for the baselines
_SLICE = 1_000_000  # tokens of one span that are read at most, if no more are asked for


def run_record(folder: Path | None) -> dict[str, Any] | None:
    """Return what `run.json` says of the data of a run; None if the folder is not one of a run."""
    try:
        return dict(json.loads((folder or Path()).joinpath("run.json").read_text(encoding="utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def learned_examples(data: dict[str, Any], model: TextModel, seed: int, train_symbols: int) -> list[Example]:
    """Return what a run was trained on, or a part of it if it is large; nothing if it is not in the cache any more."""
    try:
        if "shards" in data:
            return parts_of_run(data, model, 1, records=1, seed=seed, train_symbols=train_symbols).train
        return []
    except InputError:
        return []


def parts_of_run(
    data: dict[str, Any], model: TextModel, context: int, *, records: int, seed: int, train_symbols: int
) -> Parts:
    """Return the parts of a run. Raises `InputError` if its ids are not in the cache any more, or nothing is held out.

    A run of a known source is measured on new text of it, whose exact surprisal is known.
    """
    if "shards" not in data:
        return _of_source(str(data["source"]), context, records, seed)
    folder = cache.folder(str(data["shards"]), "shards") / "ids"
    try:
        shards = open_shards(folder)
    except InputError as error:
        raise InputError(
            f"the data of the run {model.name!r} is not in the cache any more: {error.message}",
            hint="give files as `data`, or call `train` with the data once more",
        ) from error
    if not len(shards.held_out):
        raise InputError(f"the run {model.name!r} held nothing out", hint="give files as `data`")
    alphabet = str(data["alphabet"])
    with step("reading the split of the run"):
        test, train = Kept(records, None, seed), Kept(TRAIN_RECORDS, train_symbols, seed)
        for part, spans in ((test, shards.held_out), (train, shards.train)):
            reader = _Spans(shards, model.tokenizer, alphabet, spans, max(_SLICE, train_symbols))
            for example in reader.examples(seed, records if part is test else TRAIN_RECORDS):
                part.add(example)
                if part is train and part.full:
                    break
    partial = bool((shards.held_out[:, 2] - shards.held_out[:, 1] < shards.lengths[shards.held_out[:, 0]]).any())
    share = shards.leak.get("by cluster")
    leak = "" if share is None or partial else f", {share:.1%} of the test records have a near-duplicate in the other"
    return Parts(
        test.examples(), train.examples(), len(shards.held_out), len(shards.train), 0, 0, alphabet,
        f"the split of the run itself{leak}", partial and alphabet != "series",
    )  # fmt: skip


class _Spans:
    """Spans of shards as examples; of one span so many tokens at most."""

    def __init__(self, shards: Shards, tokenizer: Tokenizer, alphabet: str, spans: Any, most: int) -> None:
        self._shards, self._spans, self._alphabet, self._most = shards, spans, alphabet, most
        self._codec = Codec.of(tokenizer, alphabet)

    def examples(self, seed: int, most: int) -> Iterator[Example]:
        """Yield the examples of at most so many spans, drawn evenly; long letters in pieces."""
        chosen = np.arange(len(self._spans))
        if len(chosen) > most:
            chosen = np.sort(stream(seed, "spans", len(chosen)).choice(len(chosen), most, replace=False))
        for number in stream(seed, "order of spans").permutation(chosen):
            yield from self._of(*map(int, self._spans[number]))

    def _of(self, record: int, start: int, end: int) -> Iterator[Example]:
        length, ids = int(self._shards.lengths[record]), self._shards.ids(record)
        whole, closed = start == 0, end == length
        label = _label(self._shards.labels, record)
        if self._shards.targets is not None:
            label = str(self._codec.decode(self._shards.targets.ids(record).tolist()))
        name, group = f"record {record + 1}", int(self._shards.clusters[record])
        if self._alphabet == "series":  # its scale is at its beginning: a part can't be decoded alone
            part = None if whole and closed else (start, end)
            yield Example(name, self._codec.decode(ids.tolist()), label, whole, closed, group=group, part=part)
            return
        if whole and closed and length <= self._most:
            yield Example(name, self._codec.decode(ids.tolist()), label, group=group)
            return
        shown = min(end, start + self._most)
        text = str(self._codec.decode(ids[start:shown].tolist()))
        yield from cut_text(name, text, closed=closed and shown == end, whole=whole)


def _label(labels: Labels | None, record: int) -> str | None:
    if labels is None:
        return None
    value = labels.values[record]
    if labels.kind == "classes":
        return labels.names[int(value)]
    if labels.kind == "many":
        return ";".join(name for name, there in zip(labels.names, value, strict=True) if there)
    return repr(float(value))


def _of_source(name: str, context: int, records: int, seed: int) -> Parts:
    source: Any = SENTENCES if name == "built-in" else known_source(name)
    count = min(records, _SOURCE_RECORDS)
    length = max(1, context - 1)  # the beginning token takes a place, and rows of training began with the source, too

    def drawn(part: str, number: int) -> Iterator[Example]:
        for i in range(number):
            text = source.sample(stream(seed, "evaluation", part, i), length)
            exact = np.asarray(source.surprisal(text), np.float64)
            yield Example(f"{part} {i + 1}", text, closed=False, exact=exact)

    alphabet = "dna" if set(source.alphabet) <= set("ACGT") else "text"
    test, train = list(drawn("test", count)), list(drawn("train", 3 * count))
    return Parts(
        test, train, count, 3 * count, 0, 0, alphabet, f"both are new text of the source {name!r}", False
    )  # fmt: skip

"""The two parts of the data: the test part, which is measured, and the train part, from which baselines learn.

Of many records those with the smallest hash are taken, so which ones does not depend on their order.
"""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cutaway.errors import InputError, counted
from cutaway.progress import step
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.readers import suffix_format
from cutaway.sequences.records import Paths, Record, read_records
from cutaway.sequences.text_files import read_text
from cutaway.tokens.alphabet_detection import alphabet_of, reads_smiles
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

TRAIN_RECORDS = 50_000
_FEW = 10  # records that can be divided into two parts
_CHUNK = 8190  # characters of a long text that are read as one; whole codons
_LETTERS = {"fasta", "fastq", "genbank"}


@dataclasses.dataclass(frozen=True)
class Example:
    """A record or a part of one. `whole`: it begins with the record's first symbol; `closed`: it ends with the last.

    `label` is a label, a number or a target text as it was read. `group` numbers its cluster of similar records;
    `exact` is the exact surprisal of its symbols (nats), if its source is known. `part` are the first and the last
    token (excluded) of a part of a series, which can't be written alone: `sequence` is the whole series.
    """

    id: str
    sequence: Any
    label: str | None = None
    whole: bool = True
    closed: bool = True
    group: int | None = None
    exact: Any = None
    part: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Parts:
    """Test and train examples, how many records there were of each, and how many test records are in the train part.

    `split` says in words how the two were divided; `text`: the examples are pieces of long texts.
    """

    test: list[Example]
    train: list[Example]
    test_of: int
    train_of: int
    shared: int
    skipped: int
    alphabet: str
    split: str
    text: bool


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files are read: the parameters of `read_records`."""

    alphabet: str
    format: str | None = None
    column: str | Sequence[str] | None = None
    label_column: str | None = None
    skip_bad: bool = False

    def records(self, files: Paths) -> Any:
        return read_records(
            files,
            self.alphabet,
            format=self.format,
            column=self.column or None,
            label_column=self.label_column,
            skip_bad=self.skip_bad,
            rename_duplicates=True,
        )


def alphabet_for(files: Sequence[str], tokenizer: Tokenizer, format: str | None) -> str:  # noqa: A002
    """Return the alphabet of files for a tokenizer: what it declares, or what its letters and the files suggest."""
    codec = Codec.of(tokenizer)
    if codec.kind == "codon":
        return "codon"
    if codec.alphabet in CHECKS:
        return str(codec.alphabet)
    kind = format or suffix_format(files[0])
    if kind in {"smi", "sdf"} or (reads_smiles(tokenizer) and kind not in _LETTERS):
        return "smiles"
    if kind in _LETTERS:
        first = next(iter(read_records(files[0], "text", format=format)))
        return alphabet_of(tokenizer, str(first.sequence)) or "text"
    return "text"


def parts_of_files(
    files: Sequence[str],
    train_files: Sequence[str],
    reading: Reading,
    *,
    held_out: float,
    records: int,
    seed: int,
    labelled: bool,
    train_symbols: int,
    learned: Sequence[Example] = (),
) -> Parts:
    """Return the parts of files. Without train files a share `held_out` of the records is the test part.

    The train part has at most `train_symbols`. With `learned`, which the model was trained on, all records are the
    test part. A plain text is one record, which is divided into pieces; one that is alone is cut: the end is the test
    part. Raises what `read_records` raises, and `InputError` if a part is empty.
    """
    test, train = Kept(records, None, seed), Kept(TRAIN_RECORDS, train_symbols, seed)
    text = _are_texts(files, reading, labelled)
    skipped, split, shared, seen = 0, "", set[int](), 0
    with step("reading records"):
        if text:
            _divide_texts(files, train_files, test, train, 1.0 if learned else held_out)
            for example in learned:
                train.add(example)
            split = "the train part is what the model was trained on" if learned else "the train part is another file"
            if not train_files and not learned:
                split = f"the last {held_out:.0%} of each text is the test part, the rest the train part"
        elif train_files or learned:
            found = reading.records(files)
            for record in found:
                test.add(_example(record))
            skipped = found.counts["skipped"]
            tested = {_hash(one.sequence) for one in test.examples()}
            for example in learned or map(_example, reading.records(train_files)):
                train.add(example)
                shared |= {_hash(example.sequence)} & tested
            seen = sum(_hash(one.sequence) in shared for one in test.examples())
            split = "the train part is what the model was trained on" if learned else "the train part is another file"
        else:
            found = reading.records(files)
            cut = held_out * 2**64
            for record in found:
                (test if _hash(record.sequence) < cut else train).add(_example(record))
            skipped = found.counts["skipped"]
            split = f"{held_out:.0%} of the records, chosen by a hash, are the test part"
            if test.of + train.of < _FEW and not labelled:
                test, train = _cut_each([*train.examples(), *test.examples()], held_out, records, seed, train_symbols)
                split = f"the last {held_out:.0%} of each record is the test part, the rest the train part"
    parts = Parts(test.examples(), train.examples(), test.of, train.of, seen, skipped, reading.alphabet, split, text)
    _check(parts, files, train_files, held_out)
    return parts


def symbols_in(example: Example) -> int:
    """Return how many letters or numbers an example has."""
    sequence = example.sequence
    if example.part is not None:
        return example.part[1] - example.part[0]
    return len(sequence) if isinstance(sequence, str) else sum(len(channel) for channel in sequence)


class Kept:
    """At most so many examples and symbols of a stream, those with the smallest hash of their number."""

    def __init__(self, records: int, symbols: int | None, seed: int) -> None:
        self.of = 0
        self._records, self._symbols, self._seed = records, symbols, seed
        self._heap: list[tuple[int, int, Example]] = []
        self._held = self._came = 0

    def add(self, example: Example) -> None:
        """Take an example in, and let go of those that are too many."""
        place = hashlib.blake2b(repr((self._seed, self.of)).encode(), digest_size=8).digest()
        heapq.heappush(self._heap, (-int.from_bytes(place, "big"), self.of, example))
        self.of += 1
        self._held += symbols_in(example)
        self._came += symbols_in(example)
        while len(self._heap) > 1 and (
            len(self._heap) > self._records or (self._symbols is not None and self._held > self._symbols)
        ):
            self._held -= symbols_in(heapq.heappop(self._heap)[2])

    @property
    def full(self) -> bool:
        """Whether more symbols than are kept have come."""
        return self._symbols is not None and self._came > self._symbols

    def examples(self) -> list[Example]:
        """Return the kept examples, the one with the smallest hash first."""
        return [example for *_, example in sorted(self._heap, key=lambda kept: -kept[0])]


def _example(record: Record) -> Example:
    return Example(record.id, record.sequence, record.label)


def _hash(sequence: Any) -> int:
    data = sequence.encode() if isinstance(sequence, str) else b"|".join(bytes(channel) for channel in sequence)
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _are_texts(files: Sequence[str], reading: Reading, labelled: bool) -> bool:
    kinds = {reading.format or suffix_format(os.fspath(file)) for file in files}
    return reading.alphabet == "text" and kinds == {"txt"} and not labelled and reading.format is None


def _divide_texts(files: Sequence[str], train_files: Sequence[str], test: Kept, train: Kept, held_out: float) -> None:
    for file in files:
        text = read_text(file)
        cut = 0 if train_files else round(len(text) * (1 - held_out))
        for example in cut_text(file, text[:cut], closed=False):
            train.add(example)
        for example in cut_text(file, text[cut:], closed=True, whole=cut == 0):
            test.add(example)
    for file in train_files:
        for example in cut_text(file, read_text(file), closed=True):
            train.add(example)


def cut_text(file: str, text: str, *, closed: bool, whole: bool = True) -> Iterator[Example]:
    """Yield the pieces of a text, cut after a line or a word if one ends near."""
    start = 0
    while start < len(text):
        stop = min(len(text), start + _CHUNK)
        if stop < len(text):
            near = max(text.rfind(mark, start + _CHUNK // 2, stop) for mark in ("\n", " "))
            stop = near + 1 if near > 0 else stop
        yield Example(f"{file}:{start}", text[start:stop], None, whole and start == 0, closed and stop == len(text))
        start = stop


def _cut_each(
    examples: Iterable[Example], held_out: float, records: int, seed: int, train_symbols: int
) -> tuple[Kept, Kept]:
    test, train = Kept(records, None, seed), Kept(TRAIN_RECORDS, train_symbols, seed)
    for one in examples:
        steps = len(one.sequence) if isinstance(one.sequence, str) else len(one.sequence[0])
        if 0 < (cut := round(steps * (1 - held_out))) < steps:
            train.add(dataclasses.replace(one, sequence=slice_of(one.sequence, 0, cut), closed=False))
            test.add(dataclasses.replace(one, sequence=slice_of(one.sequence, cut, steps), whole=False))
    return test, train


def slice_of(sequence: Any, start: int, stop: int) -> Any:
    if isinstance(sequence, str):
        return sequence[start:stop]
    return tuple(channel[start:stop] for channel in sequence)


def _check(parts: Parts, files: Sequence[str], train_files: Sequence[str], held_out: float) -> None:
    if parts.test and parts.train:
        return
    names = ", ".join(repr(file) for file in (files if not parts.test or not train_files else train_files)[:3])
    which = "test" if not parts.test else "train"
    raise InputError(
        f"the {which} part of {names} is empty: {counted(parts.test_of + parts.train_of, 'record')} in all, of which "
        f"{held_out:.0%} are held out",
        hint="give more records, another `held_out`, or the records to learn baselines from as `train`",
    )

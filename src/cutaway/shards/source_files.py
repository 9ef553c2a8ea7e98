"""Which files shards are made from, and the sequences in them: records, or whole texts."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.readers import suffix_format
from cutaway.sequences.records import read_records
from cutaway.sequences.text_files import opened, read_text

_BLOCKS: Final = 16
_BLOCK: Final = 1 << 16


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files are read: the parameters of `read_records`, and whether a text file is one record."""

    files: tuple[str, ...]
    alphabet: str
    format: str | None
    column: tuple[str, ...]
    label_column: str | None
    skip_bad: bool
    rename_duplicates: bool
    whole_text: bool | None

    def is_whole(self, file: str) -> bool:
        """Return whether a file is read as one text."""
        if self.alphabet != "text" or self.whole_text is False:
            return False
        return bool(self.whole_text) or (self.format or suffix_format(file)) == "txt"

    def sequences(
        self, check: Callable[[Any], object] | None, counts: Counter[str]
    ) -> Iterator[tuple[Any, str | None, str]]:
        """Yield each sequence, its label, and how errors call it; afterwards `counts` has what the readers counted."""
        for whole, names in itertools.groupby(self.files, self.is_whole):
            if whole:
                for name in names:
                    text, _ = CHECKS["text"](read_text(name))
                    counts["records"] += 1
                    yield text, None, f"the text {name!r}"
                continue
            records = read_records(
                list(names),
                self.alphabet,
                format=self.format,
                column=self.column or None,
                label_column=self.label_column,
                skip_bad=self.skip_bad,
                check=check,
                rename_duplicates=self.rename_duplicates,
            )
            for record in records:
                where = f"record {record.id!r} (line {record.line:,} of {record.file!r})"
                item = [(record.sequence, record.label, where)]
                del record  # a chromosome needs the memory
                yield item.pop()
            counts.update(records.counts)


def files_of(files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Return the names of files. Raises `InputError` if there is none, or standard input is among them."""
    names = tuple(os.fspath(file) for file in ([files] if isinstance(files, (str, os.PathLike)) else files))
    if not names:
        raise InputError("no file was given", hint="give the name of at least one")
    if "-" in names:
        raise InputError(
            "standard input can't be read twice, which a resumed run needs", hint="save it in a file: cat > FILE"
        )
    return names


def fingerprint(file: str) -> dict[str, Any]:
    """Return the size of a file and a hash of 16 blocks of it, to see whether it has changed."""
    digest = hashlib.blake2b(digest_size=16)
    with opened(file) as data:
        size = os.fstat(data.fileno()).st_size
        for block in range(_BLOCKS):
            data.seek(max(0, size - _BLOCK) * block // (_BLOCKS - 1))
            digest.update(data.read(_BLOCK))
    return {"name": Path(file).name, "bytes": size, "sample": digest.hexdigest()}

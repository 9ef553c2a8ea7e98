"""The files of a shard folder while it is written: each complete or absent, so that a killed run goes on.

request.json            what the shards are made from; written first
tokens-00000.bin …      token ids, one shard a file
targets-00000.bin …     the ids of targets, if there are some
work/part-00000/ …      what is known about the records of a shard; written after its tokens, removed at the end
*.npy                   about all records together; written after the last shard
shards.json             sizes, hashes and counts; written last: a folder with it is complete
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import cannot_write
from cutaway.shards.token_files import CHUNK, TokenFiles

REQUEST: Final = "request.json"
INDEX: Final = "shards.json"
WORK: Final = "work"
ENTRIES: Final = ("lengths", "symbols", "hashes")
_SIGNATURES: Final = "signatures.bin"
_SPANS: Final = 1 << 16


class ShardWriter:
    """Writes shards one after another; what a killed run left complete counts as written."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], vocabulary: int, *, targets: bool, labels: bool) -> None:
        self.folder, self.dtype, self._vocabulary = folder, dtype, vocabulary
        self._kinds = ("tokens", "targets") if targets else ("tokens",)
        self._labels = labels
        (folder / WORK).mkdir(exist_ok=True)
        for left in (*folder.glob("*.part"), *(folder / WORK).glob("*.part")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        self.states: list[dict[str, Any]] = []
        self._sizes: dict[str, int] = {}
        self._digests: dict[str, Any] = {}
        self._frequencies: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._read, self._counts = 0, Counter[str]()
        self._added = 0
        while (state := self.part(len(self.states)) / "state.json").is_file():
            self.states.append(json.loads(state.read_text(encoding="utf-8")))
        self._begin()

    @property
    def records(self) -> int:
        """How many records are in complete shards; `read` says how many were read for them."""
        return sum(state["records"] for state in self.states)

    @property
    def read(self) -> int:
        """How many records were read for the complete shards, those without a token included."""
        return sum(state["read"] for state in self.states)

    @property
    def tokens(self) -> int:
        """The tokens of the shard that is being written."""
        return self._sizes["tokens"]

    @property
    def added(self) -> int:
        """The records of the shard that is being written."""
        return self._added

    def part(self, number: int) -> Path:
        """Return the folder of what is known about the records of a shard."""
        return self.folder / WORK / f"part-{number:05}"

    def add(
        self,
        tokens: tuple[NDArray[Any], NDArray[np.int64]],
        targets: tuple[NDArray[Any], NDArray[np.int64]] | None,
        symbols: NDArray[np.int64],
        labels: list[str],
        hashes: NDArray[np.uint64],
        read: int,
        counts: dict[str, int],
    ) -> None:
        """Add records to the current shard."""
        for kind, pair in zip(self._kinds, (tokens, targets), strict=False):
            assert pair is not None  # noqa: S101 (the caller has targets if the folder has)
            ids, lengths = pair
            self._file(kind).write(ids.data)
            self._digests[kind].update(ids.data)
            self._sizes[kind] += len(ids)
            if kind == "tokens":
                for start in range(0, len(ids), CHUNK):
                    self._frequencies += np.bincount(ids[start : start + CHUNK], minlength=self._vocabulary)
            self._known["lengths" if kind == "tokens" else "target_lengths"].append(lengths)
        self._known["symbols"].append(symbols)
        self._known["hashes"].append(hashes)
        self._said.extend(labels)
        self._read += read
        self._added += len(symbols)
        self.is_open = True
        self._counts.update(counts)

    def end_shard(self) -> None:
        """Complete the current shard."""
        number = len(self.states)
        state: dict[str, Any] = {"read": self._read, "counts": dict(sorted(self._counts.items())), "files": {}}
        for kind in self._kinds:
            file = self._file(kind)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            name = f"{kind}-{number:05}.bin"
            Path(file.name).rename(self.folder / name)
            state["files"][kind] = {"name": name, "tokens": self._sizes[kind], "hash": self._digests[kind].hexdigest()}
        aside = self.part(number).with_suffix(".part")
        aside.mkdir()
        for name, arrays in self._known.items():
            array = np.concatenate(arrays) if arrays else np.empty(0, np.int64)
            np.save(aside / f"{name}.npy", array)
        np.save(aside / "frequencies.npy", self._frequencies)
        state["records"] = int(sum(map(len, self._known["lengths"])))
        if self._labels:
            (aside / "labels.json").write_text(json.dumps(self._said, ensure_ascii=False), encoding="utf-8")
        write_json(aside / "state.json", state)
        aside.rename(self.part(number))
        self.states.append(state)
        self._begin()

    def abandon(self) -> None:
        """Remove what is incomplete."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
            Path(file.name).unlink(missing_ok=True)
        for left in (self.folder / WORK).glob("*.part"):
            shutil.rmtree(left, ignore_errors=True)

    def token_files(self, kind: str, starts: NDArray[np.int64]) -> TokenFiles:
        """Return the tokens of all complete shards."""
        files = [state["files"][kind] for state in self.states]
        paths = [self.folder / file["name"] for file in files]
        return TokenFiles(paths, [file["tokens"] for file in files], self.dtype, starts)

    def entries(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield what is known about the records, shard by shard."""
        for number in range(len(self.states)):
            yield np.load(self.part(number) / f"{name}.npy")

    def entry(self, name: str) -> NDArray[Any]:
        """Return what is known about all records."""
        found, at = None, 0
        for part in self.entries(name):
            if found is None:
                found = np.empty((self.records, *part.shape[1:]), part.dtype)
            found[at : at + len(part)] = part
            at += len(part)
        return np.empty(0, dtype=np.int64) if found is None else found

    def write_signatures(self, number: int, signatures: NDArray[np.uint32]) -> None:
        """Write the signatures of the records of a shard, shape (bins, records)."""
        aside = self.part(number) / f"{_SIGNATURES}.part"
        signatures.tofile(aside)
        aside.rename(self.part(number) / _SIGNATURES)

    def has_signatures(self, number: int) -> bool:
        """Return whether the signatures of a shard are there."""
        return (self.part(number) / _SIGNATURES).is_file()

    def bin(self, number: int) -> NDArray[np.uint32]:
        """Return one bin of the signatures of all records."""
        found, at = np.empty(self.records, dtype=np.uint32), 0
        for part, state in enumerate(self.states):
            many = state["records"]
            file = self.part(part) / _SIGNATURES
            found[at : at + many] = np.fromfile(file, np.uint32, many, offset=number * many * 4)
            at += many
        return found

    def labels(self) -> Iterator[str]:
        """Yield what the files say as the label of each record."""
        for number in range(len(self.states)):
            yield from json.loads((self.part(number) / "labels.json").read_text(encoding="utf-8"))

    def _begin(self) -> None:
        self.is_open, self._added = False, 0
        self._files: dict[str, Any] = {}
        self._sizes = dict.fromkeys(self._kinds, 0)
        self._digests = {kind: hashlib.blake2b(digest_size=16) for kind in self._kinds}
        names = [*ENTRIES, "target_lengths"] if "targets" in self._kinds else ENTRIES
        self._known: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
        self._said: list[str] = []
        self._read, self._counts = 0, Counter[str]()
        self._frequencies = np.zeros(self._vocabulary, dtype=np.int64)

    def _file(self, kind: str) -> Any:
        if kind not in self._files:
            self._files[kind] = (self.folder / f"{kind}-{len(self.states):05}.bin.part").open("wb")
        return self._files[kind]


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file under a temporary name, then rename it."""
    aside = path.with_name(f"{path.name}.part")
    with aside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an .npy file under a temporary name, then rename it."""
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        np.save(file, array)
    aside.rename(path)


def write_spans(path: Path, used: NDArray[np.bool_], ends: Callable[[NDArray[np.int64]], tuple[Any, Any]]) -> None:
    """Write spans (record, start, end) of the records in use, as an .npy file; `ends` gives start and end of some."""
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        header = {"descr": "<i8", "fortran_order": False, "shape": (int(np.count_nonzero(used)), 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for begin in range(0, len(used), _SPANS):
            some = begin + np.flatnonzero(used[begin : begin + _SPANS])
            file.write(np.stack(np.broadcast_arrays(some, *ends(some)), axis=1).astype("<i8").tobytes())
    aside.rename(path)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into `OutputError`, or `DiskFull`, which say how to go on."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        hint = "make room or name a folder on another disk; the same call goes on where this one stopped"
        raise cannot_write(f"can't write the shards in {str(folder)!r}: {why}", error, hint=hint) from error

"""The folder of a run: its settings, its records line by line, and what a second start finds there.

- `run.json`: the settings, the data and what was decided when the run began; it makes the folder a run's folder.
- `metrics.jsonl`, `validation.jsonl`, `samples.jsonl`: one JSON object a line, only ever appended to.
- `page.html` shows the run; `events.out.tfevents.*` are for TensorBoard.
- `checkpoints/`: see `checkpoints`. At the end the model itself, its tokenizer and `README.md`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import filelock

from cutaway.errors import InputError, cannot_write
from cutaway.folders import check_folder_path, check_new_folder

RECORD: Final = "run.json"
FILES: Final = ("metrics.jsonl", "validation.jsonl", "samples.jsonl")
# What a second start of a run may change: its length, and what no loss depends on.
LENGTHS: Final = ("steps", "tokens", "epochs", "minutes")
MAY_CHANGE: Final = frozenset({*LENGTHS, "threads", "save_every", "keep", "patience", "samples", "device"})


class RunFolder:
    """The files of one run; on other ranks than the first nothing is written."""

    def __init__(self, directory: Path, *, writes: bool) -> None:
        self.directory, self._writes = directory, writes
        self.longer = False  # whether the run has another length than when it was here before
        self._files: dict[str, Any] = {}
        self.seen: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in FILES}

    def begin(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write `run.json`, or compare it with the one that is there; return what it says now.

        Raises `InputError` that names the settings that differ, or if the folder holds something else.
        """
        before = read_record(self.directory)
        if before is None:
            check_new_folder(self.directory, beside=(f"{RECORD}.lock", f"{RECORD}.part"))
        else:
            _compare(before, record, self.directory)
        now = {**record, "decided": (before or record)["decided"], "longer": _has_other_length(before, record)}
        self._record(now)
        return now

    def open(self) -> None:
        """Open the record files: take in what is there, and mend a line that was cut short."""
        self.longer = bool((read_record(self.directory) or {}).get("longer"))
        for name in FILES:
            path = self.directory / name
            whole = lines_of(path)
            self.seen[name] = {line["step"]: line for line in whole}
            if self._writes:
                with explained(self.directory):
                    if path.exists() and sum(len(_line(one)) for one in whole) != path.stat().st_size:
                        write_whole(path, b"".join(map(_line, whole)).decode())
                    # Line-buffered, so that the file has whole lines at any time, even after an interruption.
                    self._files[name] = path.open("a", encoding="utf-8", buffering=1)

    def drop_after(self, step: int) -> None:
        """Forget the records of later steps: they will be made anew, because the run has another length now."""
        for name in FILES:
            lines = [line for number, line in self.seen[name].items() if number <= step]
            if len(lines) < len(self.seen[name]):
                self.seen[name] = {line["step"]: line for line in lines}
                if self._writes:
                    self._files.pop(name).close()
                    with explained(self.directory):
                        write_whole(self.directory / name, b"".join(map(_line, lines)).decode())
                        self._files[name] = (self.directory / name).open("a", encoding="utf-8", buffering=1)
        if self._writes and (record := read_record(self.directory)) is not None:
            self._record({**record, "longer": False})

    def add(self, name: str, record: Mapping[str, Any]) -> None:
        """Append a record to a file, unless a line of its step is there already (a resume repeats some steps)."""
        if record["step"] in self.seen[name]:
            return
        self.seen[name][record["step"]] = dict(record)
        if self._writes:
            with explained(self.directory):
                self._files[name].write(_line(record).decode())

    def close(self) -> None:
        """Close the files. What could not be written was said when it was added."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        self._files = {}

    def _record(self, record: Mapping[str, Any]) -> None:
        with explained(self.directory):
            write_whole(self.directory / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def locked(directory: Path, *, writes: bool) -> Iterator[None]:
    """Hold the folder for one run.

    Raises `InputError` if another run is writing into it, and `OutputError` if it can't be a folder or written to.
    """
    if not writes:
        yield
        return
    check_folder_path(directory)
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(directory / f"{RECORD}.lock", timeout=0)
    with explained(directory):
        try:
            lock.acquire()
        except filelock.Timeout as error:  # which is an OSError, too
            raise InputError(
                f"another run is writing into {str(directory)!r}", hint="wait until it ends, or choose another `output`"
            ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()  # before the release: the name must not be taken from a run that comes next
        lock.release()
        with contextlib.suppress(OSError):  # it is empty if the run was refused
            directory.rmdir()


def is_run(directory: str | os.PathLike[str]) -> bool:
    """Return whether a folder is that of a run.

    >>> is_run("no-folder")
    False
    """
    try:
        return (Path(directory) / RECORD).is_file()
    except OSError:  # a name too long for a file
        return False


def read_record(directory: Path) -> dict[str, Any] | None:
    """Return what the `run.json` of a folder says, or None if there is none. Raises `InputError` if it is damaged."""
    try:
        text = (directory / RECORD).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        record: dict[str, Any] = json.loads(text)
        if record["schema"] != "cutaway.run/1":
            raise KeyError(f"its schema is {record['schema']!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{str(directory / RECORD)!r} can't be read: {error}", hint="choose another folder for `output`"
        ) from error
    return record


def write_whole(path: Path, text: str) -> None:
    """Write a file completely or not at all, even if the machine stops."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turn an `OSError` into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise cannot_write(
            f"can't write to {str(directory)!r}: {error.strerror or error}",
            error,
            hint="choose a folder that you may write to, on a disk with free space",
        ) from error


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], directory: Path) -> None:
    old, new = before["settings"], now["settings"]
    differ = [name for name in new if name not in MAY_CHANGE and old.get(name) != new[name]]
    if not differ and before["data"] != now["data"]:
        differ = ["data"]
        old, new = before, now
    if not differ and before.get("start") != now.get("start"):
        raise InputError(
            f"{str(directory)!r} holds a run that began with other weights of {new['start']}",
            hint="bring those weights back, or choose another folder for `output`",
        )
    if differ:
        first = differ[0]
        more = f" (and {', '.join(f'`{name}`' for name in differ[1:])})" if differ[1:] else ""
        was, is_ = ("other records", "these") if first == "data" and old is before else (old.get(first), new[first])
        raise InputError(
            f"{str(directory)!r} holds a run with other settings: `{first}` was {was!r}, and is {is_!r} now{more}",
            hint="repeat the same command to go on, or choose another folder for `output`",
        )


def _has_other_length(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    if before is None:
        return False
    # "longer" stays until the records of the other length are gone.
    return bool(before.get("longer")) or any(before["settings"].get(n) != now["settings"][n] for n in LENGTHS)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file, without lines that were cut short and without repeated steps."""
    if not path.exists():
        return []
    found: dict[int, dict[str, Any]] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            record = json.loads(line)
            found.setdefault(record["step"], record)
        except (ValueError, KeyError, TypeError):
            continue
    return list(found.values())


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False) + "\n").encode()

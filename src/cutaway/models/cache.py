"""The cache: one folder a model under CUTAWAY_HOME, each filled whole or not at all.

Two processes may ask for the same model at once: the first fills it behind a lock, the others wait and find it.
What is fetched lies in a folder beside, is checked, and is renamed into place; an interruption leaves nothing.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from cutaway.errors import CacheError
from cutaway.log import get_logger

RECORD = "cutaway.json"  # written last: a folder that has it is whole


def home() -> Path:
    """Return the folder that holds everything cutaway keeps: CUTAWAY_HOME, or a folder in the user's cache."""
    if own := os.environ.get("CUTAWAY_HOME"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cutaway"


def folder(key: str, room: str = "models") -> Path:
    """Return where the model (or what else a room of the cache holds) of that key lies, or would lie."""
    return home() / room / key


def record(key: str, room: str = "models") -> dict[str, Any] | None:
    """Return what is known of a cached model, or None where it is not (wholly) there."""
    if key != Path(key).name:  # a path, perhaps of the user's: no key of ours
        return None
    try:
        known = json.loads((folder(key, room) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or cut short by a machine that went down
        return None
    return known if isinstance(known, dict) else None


def is_current(key: str, conversion: int = 1, room: str = "models") -> bool:
    """Say whether a folder is there and was made by that version of its conversion, or by a newer one."""
    known = record(key, room)
    return known is not None and known.get("conversion", 1) >= conversion


def fill(key: str, make: Callable[[Path], dict[str, Any]], room: str = "models", *, conversion: int = 1) -> Path:
    """Return the folder of a model; if it is not there or out of date, let `make` fill it and return its record.

    `conversion` is the version that the folder has to be of. An older folder stays in place until the new one is whole.
    Raises `CacheError` if the disk is full or the cache can't be written.
    """
    target = folder(key, room)
    if is_current(key, conversion, room):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(target.with_name(f".{key}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            get_logger(__name__).info("another process is fetching %s: waiting for it", key)
            lock.acquire()
        try:
            if not is_current(key, conversion, room):
                _fill_locked(key, target, make, conversion)
        finally:
            lock.release()
    except OSError as error:
        raise _explain(error) from error
    return target


def _fill_locked(key: str, target: Path, make: Callable[[Path], dict[str, Any]], conversion: int) -> None:
    for leftover in target.parent.glob(f".{glob.escape(key)}.part-*"):  # of a process that was killed: we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{key}.part-"))
    try:
        known = make(aside) | ({"conversion": conversion} if conversion > 1 else {})
        (aside / RECORD).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        for file in (path for path in aside.rglob("*") if path.is_file()):
            file.chmod(0o644)  # some libraries write for the owner alone; a cache is there to be shared
        aside.chmod(0o755)
        if target.exists():  # not whole, or out of date
            shutil.rmtree(target)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def stamp(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes when a folder does: each file's name, size, and times of writing and of any change.

    The last one also tells a file that was copied over another together with its time of writing.
    """
    states = [(file.name, file.stat()) for file in path.iterdir() if file.exists()]
    return tuple(sorted((name, state.st_size, state.st_mtime_ns, state.st_ctime_ns) for name, state in states))


@contextlib.contextmanager
def plain_os_errors() -> Iterator[None]:
    """Raise as an `OSError` what safetensors and tokenizers say in words alone: "… (os error 28)"."""
    try:
        yield
    except Exception as error:
        said = re.search(r"\(os error (\d+)\)", str(error))
        if isinstance(error, OSError) or said is None:
            raise
        raise OSError(int(said[1]), os.strerror(int(said[1]))) from error


def _explain(error: OSError) -> CacheError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        free = shutil.disk_usage(next(p for p in (home(), *home().parents) if p.exists())).free
        return CacheError(
            f"the disk is full: the cache {str(home())!r} has {free / 1e6:,.0f} MB left",
            hint="free some space (cutaway models list, cutaway models rm NAME) or set CUTAWAY_HOME to a larger disk",
        )
    return CacheError(
        f"can't write the cache {str(home())!r}: {error.strerror or error}",
        hint="set CUTAWAY_HOME to a folder that you may write to",
    )

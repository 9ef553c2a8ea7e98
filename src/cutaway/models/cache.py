"""The cache: one folder for each model under CUTAWAY_HOME, filled completely or not at all.

If several processes ask for a model at once, one fills its folder under a lock, and the others wait. Files are fetched
into a temporary folder, which is checked and then renamed. An interruption leaves nothing.
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

RECORD = "cutaway.json"  # written last: a folder that has it is complete


def home() -> Path:
    """Return the folder of all files that cutaway keeps: CUTAWAY_HOME, or a folder in the user's cache."""
    if own := os.environ.get("CUTAWAY_HOME"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cutaway"


def folder(key: str, room: str = "models") -> Path:
    """Return the folder of a key in a room of the cache, whether it exists or not."""
    return home() / room / key


def record(key: str, room: str = "models") -> dict[str, Any] | None:
    """Return the record of a cached model, or None if the model is missing or incomplete."""
    if key != Path(key).name:  # a path, not a key
        return None
    try:
        known = json.loads((folder(key, room) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # missing, or truncated when the machine went down
        return None
    return known if isinstance(known, dict) else None


def is_current(key: str, conversion: int = 1, room: str = "models") -> bool:
    """Return whether a folder exists and was made by this version of its conversion or a newer one."""
    known = record(key, room)
    return known is not None and known.get("conversion", 1) >= conversion


def fill(key: str, make: Callable[[Path], dict[str, Any]], room: str = "models", *, conversion: int = 1) -> Path:
    """Return the folder of a model; if it is missing or out of date, `make` fills it and returns its record.

    `conversion` is the oldest version that the folder may have. An older folder stays in place until the new one is
    complete. Raises `CacheError` if the disk is full or the cache can't be written.
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
    for leftover in target.parent.glob(f".{glob.escape(key)}.part-*"):  # of a killed process, because we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{key}.part-"))
    try:
        known = make(aside) | ({"conversion": conversion} if conversion > 1 else {})
        (aside / RECORD).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        for file in (path for path in aside.rglob("*") if path.is_file()):
            file.chmod(0o644)  # some libraries make files readable for the owner only; others may share the cache
        aside.chmod(0o755)
        if target.exists():  # incomplete or out of date
            shutil.rmtree(target)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def stamp(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return a value that changes when a folder does: each file's name, size, mtime and ctime.

    The ctime also shows a file that was replaced by another with the same mtime.
    """
    states = [(file.name, file.stat()) for file in path.iterdir() if file.exists()]
    return tuple(sorted((name, state.st_size, state.st_mtime_ns, state.st_ctime_ns) for name, state in states))


@contextlib.contextmanager
def plain_os_errors() -> Iterator[None]:
    """Turn an error of safetensors or tokenizers that only says "… (os error 28)" into an `OSError`."""
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

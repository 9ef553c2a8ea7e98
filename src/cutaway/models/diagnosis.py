"""The function `doctor`: what this machine offers, and what to do about what is missing. It imports no torch."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar, Final

from cutaway._version import __version__
from cutaway.errors import InputError, counted, sized
from cutaway.extras import install_line, pip_install
from cutaway.models import cache
from cutaway.models.finding import Finding
from cutaway.models.machine import machine_findings, torch_build
from cutaway.models.reach import network_findings
from cutaway.ranks import expand_nodes, find_ranks, set_rendezvous
from cutaway.result import Result

_CLUSTER: Final = "ranks"
_LIBRARIES: Final = "libraries"
_STORAGE: Final = "storage"
_NEEDED: Final = ("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "numpy", "numba")
_FEW: Final = 5e9  # bytes


@dataclasses.dataclass(frozen=True, repr=False)
class Diagnosis(Result):
    """What `doctor` found, a line a thing, and how many of them are problems."""

    schema: ClassVar[str] = "doctor"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "findings"

    problems: int
    findings: list[Finding]


def doctor() -> Diagnosis:
    """Return what this machine offers: processors, GPUs, libraries, ranks, network, storage; with advice.

    Passwords in addresses are masked. The package index and the Hub are asked once, for at most 2.5 s; under
    `no_fetching` or HF_HUB_OFFLINE they are not asked.

    Example:
        >>> diagnosis = doctor()
        >>> next(one.name for one in diagnosis.findings if one.topic == "machine")
        'processors'
    """
    findings = [*machine_findings(), *_libraries(), *_ranks(), *network_findings(), *_storage()]
    return Diagnosis(sum(one.state == "problem" for one in findings), findings)


def _libraries() -> list[Finding]:
    versions = {name: _version(name) for name in _NEEDED}
    found = [Finding(_LIBRARIES, "cutaway", f"{__version__} on Python {platform.python_version()}")]
    for name, version in versions.items():
        if version is None:
            found.append(Finding(_LIBRARIES, name, "not installed", "problem", f"{pip_install()} {name}"))
    build = f" (built for {torch_build()})" if versions["torch"] else ""
    there = [f"{name} {version}{build if name == 'torch' else ''}" for name, version in versions.items() if version]
    found.append(Finding(_LIBRARIES, "needed", ", ".join(there)))
    for extra, names in _extras().items():
        installed = {name: _version(name) for name in names}
        missing = [name for name, version in installed.items() if version is None]
        value = ", ".join(f"{name} {version}" for name, version in installed.items() if version)
        value += f"{'; ' * bool(value)}not installed: {', '.join(missing)}" if missing else ""
        advice = f"if you need them: {install_line(extra)}" if missing else ""
        found.append(Finding(_LIBRARIES, f"extra {extra}", value, "note" if missing else "good", advice))
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extras() -> dict[str, list[str]]:
    """Return the packages of the extras that users install, as this installation declares them."""
    try:
        declared = importlib.metadata.requires("cutaway") or []
    except importlib.metadata.PackageNotFoundError:
        declared = []
    extras: dict[str, list[str]] = {"train": [], "science": []}
    for line in declared:
        marked = re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", line)
        if marked and marked[2] in extras:
            extras[marked[2]].append(marked[1])
    return {extra: names for extra, names in extras.items() if names}


def _ranks() -> list[Finding]:
    found = []
    try:
        ranks = find_ranks()
        if ranks.launcher is None:
            advice = "to use several processes here: cutaway train --procs N"
            found.append(Finding(_CLUSTER, "this process", "alone: no launcher's variables are set", advice=advice))
        else:
            environ = dict(os.environ)
            set_rendezvous(ranks, environ)
            value = f"{ranks} ({ranks.launcher}); they meet at {environ['MASTER_ADDR']}:{environ['MASTER_PORT']}"
            found.append(Finding(_CLUSTER, "this process", value))
    except InputError as error:
        found.append(Finding(_CLUSTER, "this process", error.message, "problem", error.hint or ""))
    for name, submit, job, nodes in (
        ("Slurm", "sbatch", "SLURM_JOB_ID", _slurm_nodes), ("PBS", "qsub", "PBS_JOBID", _pbs_nodes)
    ):  # fmt: skip
        inside, tool = os.environ.get(job), shutil.which(submit)
        if inside:
            found.append(Finding(_CLUSTER, name, f"inside job {inside}{nodes()}"))
        elif tool:
            advice = f"to submit a run: cutaway train --submit {name.lower()}"
            found.append(Finding(_CLUSTER, name, f"{submit} is here; this is not inside a job", advice=advice))
    launchers = [name for name in ("srun", "mpiexec", "mpirun") if shutil.which(name)]
    if not found[1:]:
        found.append(Finding(_CLUSTER, "scheduler", "none found (neither Slurm nor PBS)"))
    if launchers:
        found.append(Finding(_CLUSTER, "launchers", ", ".join(launchers)))
    return found


def _slurm_nodes() -> str:
    try:
        return f" on {counted(len(expand_nodes(os.environ['SLURM_JOB_NODELIST'])), 'node')}"
    except (KeyError, InputError):
        return ""


def _pbs_nodes() -> str:
    try:
        lines = Path(os.environ["PBS_NODEFILE"]).read_text(encoding="utf-8").split()
        return f" on {counted(len(set(lines)), 'node')}"
    except (KeyError, OSError):
        return ""


def _storage() -> list[Finding]:
    from huggingface_hub.constants import HF_HUB_CACHE

    home = cache.home()
    found = [_place("cache", home, "set CUTAWAY_HOME to a larger or a writable disk")]
    if Path(HF_HUB_CACHE).exists():
        found.append(_place("cache of the Hub", Path(HF_HUB_CACHE), "set HF_HOME to a larger or a writable disk"))
    found.append(_place("this folder", Path.cwd(), "save results elsewhere: -o PATH"))
    found.append(_place("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a larger or a writable disk"))
    return found


def _place(name: str, folder: Path, advice: str) -> Finding:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    value = f"{folder}: {sized(free)} free"
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding(_STORAGE, name, f"{value}, but it can't be written", "problem", advice)
    return Finding(_STORAGE, name, value, *(("note", advice) if free < _FEW else ()))

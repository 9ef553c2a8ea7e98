"""Optional libraries: import one from an extra, or say how to install it."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cutaway.errors import InputError


def library(module: str, why: str, instead: str = "", extra: str = "science") -> Any:
    """Return a module from an extra. Raises `InputError` if it is not installed.

    `why` says what needs which library; `instead` names an alternative for the hint.

    >>> library("json", "reading numbers needs json").loads("[1]")
    [1]
    """
    try:
        importlib.import_module(module.partition(".")[0])  # parts of a removed package may still be loaded
        return importlib.import_module(module)
    except ImportError as error:
        line = install_line(extra)
        hint = f"{line}{', or ' * bool(instead)}{instead}"
        raise InputError(f"{why}, which is not installed", hint=hint) from error


def install_line(extra: str) -> str:
    """Return the shell command that adds an extra to this installation, with the same interpreter and source.

    >>> install_line("science").endswith("[science]'")
    True
    """
    pip = pip_install()
    came_from = _direct_url()
    url = str(came_from.get("url", ""))
    if "dir_info" not in came_from:
        vcs = came_from.get("vcs_info") or {}
        place = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if {"vcs", "commit_id"} <= set(vcs) else url
        return f"{pip} {_quoted(f'cutaway[{extra}]' + (f' @ {place}' if place else ''))}"
    folder = Path(url2pathname(urlsplit(url).path))
    if not folder.is_dir():  # the clone was moved or removed
        return f"{pip} {_quoted(f'cutaway[{extra}]')}"
    constraints = folder / "constraints.txt"
    pinned = f" -c {shlex.quote(_short(constraints))}" if constraints.is_file() else ""
    editable = " -e" if (came_from["dir_info"] or {}).get("editable") else ""
    return f"{pip}{pinned}{editable} {_quoted(f'{_short(folder)}[{extra}]')}"


def pip_install() -> str:
    """Return `PYTHON -m pip install` for this interpreter; it works in an inactive environment, too.

    >>> pip_install().endswith(" -m pip install")
    True
    """
    return f"{shlex.quote(_short(sys.executable or 'python'))} -m pip install"


def _direct_url() -> dict[str, Any]:
    """Return pip's record of a package installed from a folder, a repository or a file (PEP 610)."""
    try:
        noted = importlib.metadata.distribution("cutaway").read_text("direct_url.json")
        found = json.loads(noted) if noted else {}
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _short(path: str | Path) -> str:
    """Return the path relative to the current folder if it lies inside it."""
    try:
        return str(Path(path).absolute().relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


def _quoted(requirement: str) -> str:
    return "'" + requirement.replace("'", "'\"'\"'") + "'"  # some shells treat brackets as patterns

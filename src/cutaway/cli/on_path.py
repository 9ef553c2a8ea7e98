"""Whether the shell finds `cutaway`, and the line that lets it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

_SCRIPTS = {"fish": "activate.fish", "csh": "activate.csh", "tcsh": "activate.csh"}


def line_for_the_shell() -> str | None:
    """Return the line after which the shell finds this installation's `cutaway`, or None if it does already."""
    folder = Path(sys.executable).absolute().parent  # not resolved: the Python of an environment is a link
    command = folder / "cutaway"
    found = shutil.which("cutaway")
    if not command.is_file() or (found is not None and Path(found).resolve() == command.resolve()):
        return None
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    script = _SCRIPTS.get(Path(os.environ.get("SHELL", "")).name, "activate")
    if (folder / script).is_file():
        return f"{'.' if script == 'activate' else 'source'} {shlex.quote(str(shown / script))}"
    return f"PATH={shlex.quote(str(folder))}:$PATH"

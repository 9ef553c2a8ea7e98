"""Runs a documented command line: in this process where it is a plain one, else through bash."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from cutaway.cli import main


def execute(line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "cutaway" and not set(words) & {"|", ">", "&&"}:
        try:
            main(words[1:])
        except SystemExit as end:
            assert not end.code, f"{line!r} ended with {end.code}"
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{line!r} ended with {done.returncode}: {done.stderr}"

"""Conversions run in a separate process, `python -m MODULE ARGUMENT…`; its errors are raised again in this one.

So a caller who only wants a tokenizer never imports torch, and the memory of a conversion is freed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cutaway import errors
from cutaway.errors import CorruptFile, CutawayError


def run(module: str, *arguments: str | Path, what: str) -> None:
    """Run a module of cutaway as a program and raise the error that it `report`s; other errors name `what`."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}  # a conversion reads files that are here and fetches nothing
    ran = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=environment
    )
    if ran.returncode == 0:
        return
    try:
        told = json.loads(ran.stdout)
    except ValueError:
        last = (ran.stderr.strip().splitlines() or ["it ended without a message"])[-1]
        raise CorruptFile(
            f"can't convert {what}: {last}", hint="the file may be damaged, or the memory too small; fetch it again"
        ) from None
    if told["error"] == "OSError":
        raise OSError(*told["message"])
    raise getattr(errors, told["error"])(told["message"], hint=told["hint"])


def report(work: Callable[[], None]) -> None:
    """Do the work; if it raises a `CutawayError` or an `OSError`, write that to stdout as JSON and exit with 1."""
    try:
        work()
    except CutawayError as failure:
        told: dict[str, object] = {"error": type(failure).__name__, "message": failure.message, "hint": failure.hint}
    except OSError as failure:
        told = {"error": "OSError", "message": [failure.errno, failure.strerror or str(failure)], "hint": None}
    else:
        return
    sys.stdout.write(json.dumps(told))
    sys.exit(1)

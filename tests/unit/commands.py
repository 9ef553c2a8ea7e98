"""The command line inside of a test's own process."""

from __future__ import annotations

from typing import Any

import pytest

from cutaway.cli import main


def run(capsys: Any, *args: Any) -> tuple[Any, str, str]:
    """Run a command; return its exit status, and what it wrote to stdout and stderr."""
    with pytest.raises(SystemExit) as done:
        main([str(arg) for arg in args])
        raise SystemExit(0)
    captured = capsys.readouterr()
    return done.value.code or 0, captured.out, captured.err

"""Libraries that not every installation has: the extra `science`."""

from __future__ import annotations

import importlib
from typing import Any

from cutaway.errors import InputError

__all__ = ["library"]


def library(module: str, why: str, instead: str = "") -> Any:
    """Return a module of the extra `science`. Raises `InputError` where it is not installed.

    `why` says what needs which library, `instead` what else can be done.

    >>> library("json", "reading numbers needs json").loads("[1]")
    [1]
    """
    try:
        importlib.import_module(module.partition(".")[0])  # of a package that is gone a part may still be loaded
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"{why}, which is not installed", hint=f"pip install 'cutaway[science]'{', or ' * bool(instead)}{instead}"
        ) from error

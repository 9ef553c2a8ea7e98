"""The error for a package that a model's files need and that is not installed."""

from __future__ import annotations

import re
import shlex

from cutaway.errors import MissingPackage

_SAID = (
    r"pip3? install (?:-{1,2}[\w-]+ )*['\"]?([A-Za-z][\w.-]*(?:\[[\w,]+\])?)",
    r"(?:requires|need to install|needs) (?:the |a |an )?[`']?([A-Za-z][\w.-]*[A-Za-z])",
    r"(?:valid|No module named) ['`]?([A-Za-z][\w.-]*[A-Za-z0-9])",
)
_PIP_NAMES = {"SentencePiece": "sentencepiece", "google": "protobuf", "sklearn": "scikit-learn", "HQQ": "hqq"}


def missing_package(name: str, error: BaseException) -> MissingPackage | None:
    """Return the error that names the package that the model `name` needs; None if no package is missing.

    >>> print(missing_package("m", ImportError("A GPTQ quantized model requires optimum (`pip install optimum`)")))
    m needs the package optimum, which is not installed
    ... -m pip install optimum
    """
    cause = _import_error(error)
    if cause is None:
        return None
    said = " ".join(str(cause).split())[:200]
    if said.startswith("cannot import name"):
        return MissingPackage(
            f"{name} needs other versions of the installed packages: {said}",
            hint="install the versions that the model's page asks for, for example in a new environment",
        )
    package = _package(cause)
    if package is None:
        return MissingPackage(f"{name} needs a package that is not installed: {said}", hint="install it with pip")
    from cutaway.extras import pip_install  # rarely needed

    hint = f"{pip_install()} {shlex.quote(package)}"
    return MissingPackage(f"{name} needs the package {package}, which is not installed", hint=hint)


def _import_error(error: BaseException) -> ImportError | None:
    """Return the failed import that `error` is or comes from; an import in its context counts only if it names it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError):
            return cause
        before = cause.__context__
        named = isinstance(before, ImportError) and (_package(before) or "?") in str(cause)
        cause = cause.__cause__ or (before if named else None)
    return None


def _package(error: BaseException) -> str | None:
    found = [match[1] for pattern in _SAID if (match := re.search(pattern, " ".join(str(error).split())))]
    if isinstance(error, ModuleNotFoundError) and error.name:
        found = [error.name.partition(".")[0]]
    return _PIP_NAMES.get(found[0], found[0]) if found else None

"""The base of every result: a frozen record that turns into JSON, a page, a file or a notebook cell.

A verb returns one `Result`; the command prints it, `--json` dumps `to_json()`, `-o` calls `save()`.
All of them read the same fields, so a number is the same number wherever it is shown.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import reprlib
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from cutaway.errors import InputError, OutputError

__all__ = ["Result", "check_target", "save_results", "write_text"]

_SUFFIXES = {".html", ".json", ".jsonl"}


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """A frozen record of what a verb found.

    Subclasses name their `schema` ("tokens" becomes `"schema": "cutaway.tokens/1"` in JSON) and are made with
    `repr=False`, so that they print short whatever they hold.
    """

    schema: ClassVar[str]
    # Set once by cutaway/__init__.py: results know that pages exist, not how they are drawn.
    page: ClassVar[Callable[[list[dict[str, Any]]], str]]
    notebook: ClassVar[Callable[[list[dict[str, Any]]], str]]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, `schema` first; numbers that JSON lacks become None."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def to_json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result as a page (.html) or as JSON (.json); the suffix chooses.

        Raises `InputError` for another suffix and `OutputError` where the path can't be written.
        """
        return save_results([self], path)

    def __repr__(self) -> str:
        short = reprlib.Repr()
        short.maxlevel, short.maxlist, short.maxtuple, short.maxdict = 2, 4, 4, 4
        short.maxstring, short.maxother = 72, 72
        fields = (
            f"{field.name}={short.repr(getattr(self, field.name))}" for field in dataclasses.fields(self) if field.repr
        )
        return f"{type(self).__name__}({', '.join(fields)})"

    def _repr_html_(self) -> str:
        return Result.notebook([self.to_dict()])


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise now what `save` would raise after the work is done: a suffix or a folder that will not do."""
    target = Path(path)
    if target.suffix not in _SUFFIXES:
        raise InputError(
            f"can't tell a format from {str(target)!r}",
            hint="end the name in .html (a page), .json or .jsonl (the numbers)",
        )
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode) and not target.is_dir():
            return
    except (OSError, ValueError) as error:  # a name too long for a file, a loop of links, a NUL in the name
        raise _cannot_write(target, getattr(error, "strerror", None) or str(error)) from error
    if target.is_dir() or not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        why = "it is a folder" if target.is_dir() else f"{str(target.parent)!r} is no folder that you may write to"
        raise _cannot_write(target, why)


def save_results(results: Iterable[Result], path: str | os.PathLike[str]) -> Path:
    """Write results to one file: `.html` is a page, `.json` one object, `.jsonl` a line a result."""
    check_target(path)
    target, records = Path(path), [result.to_dict() for result in results]
    if target.suffix == ".html":
        return write_text(target, Result.page(records))
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records]
    return write_text(target, "".join(line + "\n" for line in lines))


def write_text(path: Path, text: str) -> Path:
    """Write text whole or not at all: beside the target first, then renamed over it."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            # A device, a pipe: it can't be renamed over, and it keeps nothing that could be half-written.
            with path.open("wb") as stream:
                stream.write(data)
            return path
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(aside).chmod(0o666 & ~_umask())
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(path, error.strerror or str(error)) from error
    return path


def _cannot_write(path: Path, why: str) -> OutputError:
    shown = str(path) if len(str(path)) < 100 else f"{str(path)[:97]}..."
    hint = "give -o a file name in a folder that exists, that you may write to and that has room"
    return OutputError(f"can't write {shown!r}: {why}", hint=hint)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        public = [field.name for field in dataclasses.fields(value) if field.metadata.get("json", True)]
        fields = {name: _plain(getattr(value, name)) for name in public}
        return {"schema": f"cutaway.{value.schema}/1", **fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value

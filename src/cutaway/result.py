"""The base of every result: a frozen record that turns into JSON, a page, a figure, a table or a notebook cell.

A verb returns one `Result`; the command prints it, `--json` dumps `to_json()`, `-o` calls `save()`.
All of them read the same fields, so they all show the same numbers.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
import stat
import sys
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cutaway.errors import InputError, OutputError, cannot_write
from cutaway.value_text import shortened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST = 8  # of a list, so many results are printed

R = TypeVar("R", bound="Result")

_MEANINGS = {
    ".html": "a page",
    ".json": "the numbers",
    ".jsonl": "the numbers, a line a result",
    ".svg": "a figure",
    ".png": "a figure",
    ".csv": "a table",
    ".npz": "arrays",
    ".txt": "a line a record",
    ".fasta": "sequences",
    ".fa": "sequences",
    ".smi": "SMILES",
}


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """A frozen record of what a verb found.

    Subclasses name their `schema` ("tokens" becomes `"schema": "cutaway.tokens/1"` in JSON). They use `repr=False`, so
    that long values print short. `formats` are the suffixes they can be saved under: every result has a page and JSON;
    with `rows` also ".csv", with `arrays` also ".npz", and with a drawing in `views/figures` also ".svg" and ".png".
    """

    __slots__ = ()

    schema: ClassVar[str]
    formats: ClassVar[tuple[str, ...]] = (".html", ".json", ".jsonl")
    table: ClassVar[str] = ""  # the field whose entries are the rows, unless `rows` says otherwise
    # Set once by cutaway/__init__.py: this file does not know how pages and figures are drawn.
    page: ClassVar[Callable[[list[dict[str, Any]]], str]]
    notebook: ClassVar[Callable[[list[dict[str, Any]]], str | None]]
    figure: ClassVar[Callable[[list[dict[str, Any]], str], bytes]]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, `schema` first; NaN and infinity become None."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def to_json(self) -> str:
        """Return the fields as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def rows(self) -> list[dict[str, Any]]:
        """Return the result as a table: each row is a dictionary, its keys are the columns, None is an empty cell."""
        if not self.table:
            raise NotImplementedError(f"{type(self).__name__} is not a table")
        return [dataclasses.asdict(entry) for entry in getattr(self, self.table)]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the result's arrays by name."""
        raise NotImplementedError(f"{type(self).__name__} has no arrays")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result in the format of the suffix: a page (.html), JSON, a figure, a table or arrays.

        An existing file is replaced, whole or not at all. Raises `InputError` if the suffix is not in `formats`, and
        `OutputError` if the path can't be written.
        """
        return save_results([self], path)

    def _only_in_memory(self, name: str) -> Any:
        """Return a field that JSON does not hold. Raises `InputError` for a result that was read from a file."""
        if getattr(self, name) is None:
            raise InputError(
                "this result was read from a file, which does not hold its exact arrays",
                hint="compute it again, and save it as .npz to keep them",
            )
        return getattr(self, name)

    def __repr__(self) -> str:
        fields = (f"{name}={shortened(value)}" for name, value in self._shown())
        return f"{type(self).__name__}({', '.join(fields)})"

    def __str__(self) -> str:
        """Return the result for people: one line for each field, long values shortened."""
        shown = self._shown()
        width = max((len(name) for name, _ in shown), default=0)
        return "\n".join([type(self).__name__, *(f"  {name:{width}}  {shortened(value)}" for name, value in shown)])

    def _shown(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self) if field.repr]

    def _repr_html_(self) -> str | None:
        return Result.notebook([self.to_dict()])


class Results(list[R]):
    """A list of results, with the methods of a result.

    Example:
        >>> from cutaway import generate
        >>> responses = generate("Water boils at", num_return_sequences=2)
        >>> len(responses), responses[1].seed
        (2, 1)
    """

    def to_json(self) -> str:
        """Return the results as JSON lines, one line for each."""
        return "".join(result.to_json() + "\n" for result in self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the results to one file; see `save_results`."""
        return save_results(self, path)

    def __repr__(self) -> str:
        return "[" + ",\n ".join([*map(repr, self[:_MOST]), *_more(self)]) + "]"

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self[:_MOST]), *_more(self)])

    def _repr_html_(self) -> str | None:
        return Result.notebook([result.to_dict() for result in self]) if self else None


def check_target(path: str | os.PathLike[str], formats: Sequence[str] = Result.formats) -> None:
    """Raise now what `save` would raise after the work: the errors for a wrong suffix or a bad folder."""
    target = Path(path)
    if target.suffix not in formats:
        known = target.suffix in _MEANINGS
        wrong = f"this result can't be saved as {target.suffix}: {str(target)!r}" if known else None
        shown = [suffix for suffix in formats if suffix != ".jsonl" or ".json" not in formats]
        forms = [f"{suffix} ({_MEANINGS[suffix]})" for suffix in shown]
        others = ", ".join(forms[:-1])
        raise InputError(
            wrong or f"{str(target)!r} does not end in a known format",
            hint=f"end the name in {f'{others} or ' if others else ''}{forms[-1]}",
        )
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode) and not target.is_dir():
            return
    except (OSError, ValueError) as error:  # a name too long for a file, a loop of links, a NUL in the name
        raise _cannot_write(target, error) from error
    if target.is_dir() or not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        why = "it is a folder" if target.is_dir() else f"{str(target.parent)!r} is not a folder that you may write to"
        raise _cannot_write(target, OSError(why))


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether writing to the path would replace a file; a device, a pipe or stdout's file does not count."""
    return Path(path).is_file() and not _is_stream(Path(path))


def save_results(results: Iterable[Result], path: str | os.PathLike[str]) -> Path:
    """Write results of one kind to one file: a page, JSON, a figure, a table or arrays.

    A `.json` file holds one JSON value: the object of one result, or an array of several. A `.jsonl` file has one line
    for each result. Figures and arrays take one result; a table has the rows of all of them. The same results give the
    same bytes.
    """
    results, target = list(results), Path(path)
    check_target(path, results[0].formats if results else Result.formats)
    if target.suffix in {".svg", ".png", ".npz"} and len(results) != 1:
        raise InputError(f"a {target.suffix} file holds one result, not {len(results)}", hint="save them one by one")
    if target.suffix == ".csv":
        return write_text(target, _table([row for result in results for row in result.rows()]))
    if target.suffix == ".npz":
        return write_bytes(target, _archive(results[0].arrays()))
    records = [result.to_dict() for result in results]
    if target.suffix == ".html":
        return write_text(target, Result.page(records))
    if target.suffix in {".svg", ".png"}:
        return write_bytes(target, Result.figure(records, target.suffix))
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records]
    if target.suffix == ".json" and len(lines) != 1:
        return write_text(target, "[" + ",\n ".join(lines) + "]\n")
    return write_text(target, "".join(line + "\n" for line in lines))


def write_text(path: Path, text: str) -> Path:
    """Write text whole or not at all; lone surrogates, which UTF-8 can't encode, are written as escapes."""
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes whole or not at all: to a file beside the target, which is then renamed."""
    return write_chunks(path, [data])


def write_chunks(path: Path, chunks: Iterable[bytes]) -> Path:
    """Write bytes as they come, whole or not at all: if producing them fails, no file is left."""
    try:
        if path.exists() and _is_stream(path):
            # A stream can't be replaced by a renamed file.
            with path.open("wb") as stream:
                stream.writelines(chunks)
            return path
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.writelines(chunks)
            Path(aside).chmod(0o666 & ~_umask())
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot_write(path, error) from error
    return path


def _is_stream(path: Path) -> bool:
    """Return whether an existing path is a device, a pipe, or the file that stdout or stderr goes to."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return True
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and os.path.samestat(found, os.fstat(stream.fileno())):
                return True
        except (OSError, ValueError):  # closed
            continue
    return False


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    # None, and numbers that are not finite, are empty cells (null in JSON).
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _archive(arrays: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """Return what `numpy.savez_compressed` writes, but without the current time in the file."""
    import numpy as np

    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, the earliest date of the zip format
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return whole.getvalue()


def _cannot_write(path: Path, error: OSError | ValueError) -> OutputError:
    why = getattr(error, "strerror", None) or str(error)
    shown = str(path) if len(str(path)) < 100 else f"{str(path)[:97]}..."
    hint = "give a file name in a folder that exists, that you may write to and that has room"
    return cannot_write(f"can't write {shown!r}: {why}", error, hint=hint)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _more(results: Sequence[Result]) -> list[str]:
    return [f"… and {len(results) - _MOST:,} more"] if len(results) > _MOST else []


def _plain(value: Any) -> Any:
    numpy = sys.modules.get("numpy")  # if a value is a numpy number, numpy is imported
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, Result):
        public = [field.name for field in dataclasses.fields(value) if field.metadata.get("json", True)]
        fields = {name: _plain(getattr(value, name)) for name in public}
        return {"schema": f"cutaway.{value.schema}/1", **fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, array)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value

"""Output folders: checked before the work, so that no file of the user is overwritten, and written whole."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from cutaway.errors import OutputError, cannot_write


def check_new_folder(directory: str | os.PathLike[str], *, beside: Collection[str] = ()) -> Path:
    """Return the path of a folder that is new, is empty, or holds only files named in `beside` (`*` is any ending).

    Creates nothing. Raises `OutputError` if the path is a file or a folder with other files in it.
    """
    folder = check_folder_path(directory)
    try:
        taken = folder.is_dir() and any(
            not any(fnmatch.fnmatchcase(path.name, name) for name in beside) for path in folder.iterdir()
        )
    except OSError as error:
        raise _unwritable(folder, error) from error
    if taken:
        raise OutputError(f"{str(folder)!r} is not empty", hint="name a new folder, or remove this one first")
    return folder


def check_folder_path(directory: str | os.PathLike[str]) -> Path:
    """Return the path of a folder, new or not. Raises `OutputError` if the path, or what it lies in, is a file."""
    folder = Path(directory)
    if not os.fspath(directory):
        raise OutputError("the name of the folder is empty", hint="give one, for example my-model")
    try:
        for path in (folder, *folder.parents):
            if path.exists() and not path.is_dir():
                raise OutputError(f"{str(path)!r} is a file, not a folder", hint="give the name of a folder")
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error
    return folder


@contextlib.contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that becomes it when the block ends, so there is never half of it.

    If `target` is there, the files go into it, and files of the same name are replaced; config.json comes last, because
    it makes the folder a model. If the block fails, nothing is left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield aside
        aside.chmod(0o755)  # others may read it, too
        if not target.is_dir():
            aside.rename(target)
            return
        for path in sorted(aside.iterdir(), key=lambda path: path.name == "config.json"):
            path.replace(target / path.name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: Exception) -> OutputError:
    why = getattr(error, "strerror", None) or error
    return cannot_write(f"can't write to {str(folder)!r}: {why}", error, hint="name a folder that you may write to")

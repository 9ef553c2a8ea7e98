"""Output folders: checked before the work, so that no file of the user is overwritten."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Collection
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


def _unwritable(folder: Path, error: Exception) -> OutputError:
    why = getattr(error, "strerror", None) or error
    return cannot_write(f"can't write to {str(folder)!r}: {why}", error, hint="name a folder that you may write to")

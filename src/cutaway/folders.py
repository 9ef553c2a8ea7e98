"""Folders for what a command makes: checked before the work, so that nothing of the user's is written over."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from cutaway.errors import OutputError, cannot_write


def check_new_folder(directory: str | os.PathLike[str], *, beside: Collection[str] = ()) -> Path:
    """Return the path of a folder that is new, empty, or holds only files named in `beside`.

    Nothing is made yet. Raises `OutputError` if the name is that of a file or of a folder in use.
    """
    folder = Path(directory)
    if not os.fspath(directory):
        raise OutputError("the name of the folder is empty", hint="give one, for example my-model")
    try:
        if any(path.exists() and not path.is_dir() for path in (folder, *folder.parents)):
            raise OutputError(f"{str(folder)!r} is a file, or lies below one", hint="give the name of a folder")
        taken = folder.is_dir() and any(path.name not in beside for path in folder.iterdir())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        hint = "name a folder that you may write to"
        raise cannot_write(f"can't write to {str(folder)!r}: {why}", error, hint=hint) from error
    if taken:
        raise OutputError(f"{str(folder)!r} is not empty", hint="name a new folder, or remove this one first")
    return folder

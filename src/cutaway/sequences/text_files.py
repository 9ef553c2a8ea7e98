"""Read a whole text file; errors name the file, what is wrong with it, and where."""

from __future__ import annotations

import contextlib
import gzip
import os
import shlex
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cutaway.errors import InputError, MissingText

PACKED = {
    b"BZh": "bunzip2",
    b"\xfd7zXZ": "unxz",
    b"PK\x03\x04": "unzip (or save plain text in your word processor)",
    b"\x28\xb5\x2f\xfd": "unzstd",
}
"""The first bytes of files compressed otherwise than with gzip, and the command that decompresses each."""


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a UTF-8 file, gzipped or not, without a byte order mark; every line end becomes a newline.

    Raises `InputError` if the file does not exist, cannot be read or decompressed, or is not UTF-8 (the message names
    the byte), and its subclass `MissingText` if the file is empty.

    Example:
        >>> read_text("shakespeare.txt")  # doctest: +SKIP
    """
    name, data = os.fspath(path), read_bytes(path)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            why = "it is truncated" if isinstance(error, EOFError) else str(error)
            raise InputError(
                f"cannot decompress {name!r}: {why}", hint="download or compress it again; gzip -t FILE checks it"
            ) from error
    _no_other(name, data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name!r} is not UTF-8 text: byte {data[error.start]:#04x} at position {error.start} ({error.reason})",
            hint=f"save it as UTF-8, or convert it with: iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(name)} > FILE",
        ) from error
    # The mark is taken off after decoding, so that the position above counts from the start of the file.
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise MissingText(f"{name!r} is empty", hint="name a file with text")
    return text


def no_plain_text(name: str, beginning: bytes) -> tuple[str, str] | None:
    """Return what a file is instead of UTF-8 text, and what to do, by its first bytes; None if they look like text."""
    for magic, tool in PACKED.items():
        if beginning.startswith(magic):
            return "compressed, but not with gzip", f"decompress it first: {tool}"
    if beginning.startswith(b"{\\rtf"):
        return "RTF from a word processor, not plain text", "save it there as plain text (.txt)"
    if beginning[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "UTF-16, not UTF-8", f"convert it first: iconv -f UTF-16 -t UTF-8 {shlex.quote(name)} > FILE"
    return None


def _no_other(name: str, data: bytes) -> None:
    """Raise `InputError` if the data are compressed, UTF-16, or not text at all."""
    if other := no_plain_text(name, data):
        raise InputError(f"{name!r} is {other[0]}", hint=other[1])
    zero = data.find(b"\0")
    if zero >= 0:
        hint = "give a text file; UTF-16 becomes UTF-8 with: iconv -f UTF-16 -t UTF-8"
        raise InputError(f"{name!r} is not a text file: byte 0x00 at position {zero}", hint=hint)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file. Raises `InputError` if it does not exist or cannot be read."""
    with opened(path) as file:
        return file.read()


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file of bytes. Raises `InputError` if it does not exist or cannot be read, now or later."""
    name = os.fspath(path)
    try:
        with Path(name).open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(f"there is no file {name!r}", hint="check the name and the folder you are in") from error
    except IsADirectoryError as error:
        raise InputError(f"{name!r} is a directory", hint="name one text file in it") from error
    except OSError as error:
        raise InputError(
            f"cannot read {name!r}: {error.strerror or error}", hint="check that you may read the file"
        ) from error
    except ValueError as error:
        if "\0" not in name:
            raise
        raise InputError(f"cannot read {name!r}: {error}", hint="check the name") from error

"""The bytes of a file, unpacked where they are gzipped, in blocks of whole lines; whatever ends a line is a newline.

Memory is bounded by the longest line, and time by what the reader does with it.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cutaway.errors import BadSequence, MissingText
from cutaway.sequences.readers.request import Request
from cutaway.sequences.text_files import no_plain_text, opened

__all__ = ["blocks", "lines", "local", "text_lines"]

BLOCK = 1 << 20
_NEWLINE = ord("\n")


def blocks(request: Request) -> Iterator[bytes]:
    """Yield the file in blocks that begin and end with whole lines; the last one gets a newline where it has none.

    A byte order mark is taken off and counted, and so are line ends of several kinds. Raises `BadSequence` for UTF-16,
    for other binary files, and where a .gz is cut short or damaged, after all that was whole; `MissingText` for an
    empty file.
    """
    line, held, ends = 1, list[bytes](), set[bytes]()
    try:
        for block in _first_checked(request):
            zero = block.find(b"\0")
            if zero >= 0:
                block = block[:zero]
            ends |= _ends(block)
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            line += int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))  # a quarter of bytes.count's time
            whole = block.rfind(b"\n") + 1
            if whole:
                yield b"".join([*held, block[:whole]])
                held.clear()
            if whole < len(block):
                held.append(block[whole:])
            if zero >= 0:
                hint = "say with --format what it is; UTF-16 becomes text with: iconv -f UTF-16 -t UTF-8"
                raise request.bad("byte 0x00: this is no text", line, sum(map(len, held)) + 1, hint)
    except (EOFError, zlib.error) as error:
        why = (
            "the .gz ends before its end: it was cut short" if isinstance(error, EOFError) else f"damaged .gz: {error}"
        )
        hint = "fetch or pack it anew; gzip -t FILE checks it"
        raise request.bad(why, line, sum(map(len, held)) + 1, hint) from error
    if len(ends) > 1:
        request.counts["mixed line ends"] += 1
    if held:
        yield b"".join([*held, b"\n"])


def lines(request: Request) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number, from 1, without its end."""
    first = 1
    for block in blocks(request):
        found = block[:-1].split(b"\n")
        yield from enumerate(found, first)
        first += len(found)


def text_lines(request: Request) -> Iterator[tuple[int, str | BadSequence]]:
    """Yield each line as text, or as the error that it isn't UTF-8."""
    first = 1
    for block in blocks(request):
        found: list[str] | list[str | BadSequence]
        try:
            found = block[:-1].decode("utf-8").split("\n")
        except UnicodeDecodeError:
            found = [decoded(request, line, number) for number, line in enumerate(block[:-1].split(b"\n"), first)]
        yield from enumerate(found, first)
        first += len(found)


def decoded(request: Request, line: bytes, number: int) -> str | BadSequence:
    """Return a line as text, or as the error that says which byte is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode("utf-8")) + 1
        hint = f"save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(request.file)} > FILE"
        return request.bad(f"byte {line[error.start]:#04x} is not UTF-8", number, column, hint)


@contextlib.contextmanager
def local(request: Request) -> Iterator[str]:
    """Give the name of a file for a library that opens files itself; what is gzipped or piped is written to one."""
    if request.file != "-":
        with opened(request.file) as file:
            head = file.read(2)
        if not head:
            raise MissingText(f"{request.file!r} is empty")
        if head != b"\x1f\x8b":
            yield request.file
            return
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        name = Path(folder) / Path(request.file).name.removesuffix(".gz")
        with name.open("wb") as unpacked:
            try:
                for block in _unpacked(request):
                    unpacked.write(block)
            except (EOFError, zlib.error) as error:
                raise request.bad("the .gz is cut short or damaged", 1, hint="fetch or pack it anew") from error
        yield str(name)


def _first_checked(request: Request) -> Iterator[bytes]:
    """Yield blocks of which none ends between a carriage return and its newline, without a byte order mark."""
    first, held = True, b""
    for data in _unpacked(request):
        block = held + data if held else data
        if first:
            if other := no_plain_text(request.file, block):
                raise request.bad(f"it is {other[0]}", 1, hint=other[1])
            if block.startswith(b"\xef\xbb\xbf"):
                request.counts["byte order marks removed"] += 1
                block = block[3:]
            first = False
        held = b"\r" if block.endswith(b"\r") else b""
        yield block[:-1] if held else block
    if held:
        yield held


def _unpacked(request: Request) -> Iterator[bytes]:
    """Yield what the file holds; its first bytes say whether it is gzipped, whatever its name."""
    with _standard_input() if request.file == "-" else opened(request.file) as file:
        data = file.read(BLOCK)
        if not data:
            raise MissingText(f"{request.file!r} is empty")
        if data.startswith(b"\x1f\x8b"):
            yield from _inflated(file, data)
            return
        while data:
            yield data
            data = file.read(BLOCK)


@contextlib.contextmanager
def _standard_input() -> Iterator[BinaryIO]:
    if sys.stdin is None or sys.stdin.isatty() or not hasattr(sys.stdin, "buffer"):
        raise MissingText("nothing comes through a pipe", hint="name a file instead of '-', or write: cat FILE | …")
    yield sys.stdin.buffer


def _inflated(file: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Yield what is in the members of a gzip file, up to the last whole byte. Raises EOFError where one has no end."""
    inflate = zlib.decompressobj(wbits=31)
    while True:
        block = inflate.decompress(data, BLOCK)
        if block:
            yield block
        if inflate.eof:
            data = inflate.unused_data.lstrip(b"\0")  # zeros may fill up the last block of a tape
            while not data:
                more = file.read(BLOCK)
                if not more:
                    return
                data = more.lstrip(b"\0")
            inflate = zlib.decompressobj(wbits=31)
            continue
        data = inflate.unconsumed_tail
        if not data and len(block) < BLOCK:
            data = file.read(BLOCK)
            if not data:
                raise EOFError


def _ends(block: bytes) -> set[bytes]:
    """Return which line ends there are in a block."""
    if b"\r" not in block:
        return {b"\n"} if b"\n" in block else set()
    both = block.count(b"\r\n")
    kinds = ((b"\r\n", both), (b"\r", block.count(b"\r") - both), (b"\n", block.count(b"\n") - both))
    return {kind for kind, count in kinds if count}

"""Read a file in blocks of whole lines: gzip is decompressed, and every line end becomes a newline.

Memory is bounded by the longest line.
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

BLOCK = 1 << 20
_NEWLINE = ord("\n")


def blocks(request: Request) -> Iterator[bytes]:
    """Yield the file in blocks of whole lines; the last block gets a final newline if it lacks one.

    A byte order mark is removed and counted; mixed line ends are counted. Raises `BadSequence` for UTF-16 and other
    binary files. If a .gz is truncated or damaged, it raises `BadSequence` after the last good block. Raises
    `MissingText` for an empty file.
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
                hint = "name its format with `format`; UTF-16 becomes text with: iconv -f UTF-16 -t UTF-8"
                raise request.bad("byte 0x00: this is not a text file", line, sum(map(len, held)) + 1, hint)
    except (EOFError, zlib.error) as error:
        truncated = isinstance(error, EOFError)
        why = "the .gz file is truncated" if truncated else f"the .gz file is damaged: {error}"
        hint = "download or compress it again; gzip -t FILE checks it"
        raise request.bad(why, line, sum(map(len, held)) + 1, hint) from error
    if len(ends) > 1:
        request.counts["mixed line ends"] += 1
    if held:
        yield b"".join([*held, b"\n"])


def lines(request: Request) -> Iterator[tuple[int, bytes]]:
    """Yield each line without its line end, and its number from 1."""
    first = 1
    for block in blocks(request):
        found = block[:-1].split(b"\n")
        yield from enumerate(found, first)
        first += len(found)


def text_lines(request: Request) -> Iterator[tuple[int, str | BadSequence]]:
    """Yield each line as text, or as an error if it is not UTF-8, and its number from 1."""
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
    """Return a line as text, or an error that names the byte that is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode("utf-8")) + 1
        hint = f"save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(request.file)} > FILE"
        return request.bad(f"byte {line[error.start]:#04x} is not UTF-8", number, column, hint)


@contextlib.contextmanager
def local(request: Request) -> Iterator[str]:
    """Return a file name for a library that opens files itself; gzipped or piped data go to a temporary file."""
    if request.file != "-":
        with opened(request.file) as file:
            head = file.read(2)
        if not head:
            raise MissingText(f"{request.file!r} is empty", hint="name a file with records")
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
                why = "the .gz file is truncated or damaged"
                raise request.bad(why, 1, hint="download or compress it again") from error
        yield str(name)


def _first_checked(request: Request) -> Iterator[bytes]:
    """Yield blocks without a byte order mark; no block ends between a carriage return and its newline."""
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
    """Yield the content of the file. Whether it is gzipped is decided by its first bytes, not by its name."""
    with _standard_input() if request.file == "-" else opened(request.file) as file:
        data = file.read(BLOCK)
        if not data:
            raise MissingText(f"{request.file!r} is empty", hint="name a file with records")
        if data.startswith(b"\x1f\x8b"):
            yield from _inflated(file, data)
            return
        while data:
            yield data
            data = file.read(BLOCK)


@contextlib.contextmanager
def _standard_input() -> Iterator[BinaryIO]:
    if sys.stdin is None or sys.stdin.isatty() or not hasattr(sys.stdin, "buffer"):
        raise MissingText("'-' is standard input, but nothing is piped in", hint="write: cat FILE | cutaway …")
    yield sys.stdin.buffer


def _inflated(file: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Yield the content of a gzip file of one or more members. Raises EOFError if the last member is truncated."""
    inflate = zlib.decompressobj(wbits=31)
    while True:
        block = inflate.decompress(data, BLOCK)
        if block:
            yield block
        if inflate.eof:
            data = inflate.unused_data.lstrip(b"\0")  # tapes are padded with zeros
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
    """Return the kinds of line end in a block."""
    if b"\r" not in block:
        return {b"\n"} if b"\n" in block else set()
    both = block.count(b"\r\n")
    kinds = ((b"\r\n", both), (b"\r", block.count(b"\r") - both), (b"\n", block.count(b"\n") - both))
    return {kind for kind, count in kinds if count}

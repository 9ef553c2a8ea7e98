"""Read FASTA without Biopython, block by block; the lines of a record are joined by deleting their line ends."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import BadSequence
from cutaway.sequences.readers.line_blocks import blocks, decoded
from cutaway.sequences.readers.request import Raw, Request

_SPACE = b" \t\n\r\v\f"
_NEWLINE = ord("\n")
_LONG = 1 << 22
_COMMENT = re.compile(rb"^;.*\n", re.MULTILINE)


def read_fasta(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each record: its id is the first word of its header; its label, if requested, is the rest.

    A record's line is the line of its header. Lines that begin with ";" are comments: they are counted and left out.
    Text before the first header is an error. Memory is a few times the longest record.
    """
    line, told, source = 1, False, blocks(request)
    first = block = b""
    for block in source:  # until the first header
        at = 0 if block[:1] == b">" else block.find(b"\n>") + 1 or len(block)
        before, comments = _COMMENT.subn(b"", block[:at])
        if comments:
            request.counts["comment lines"] += comments
        if before.strip() and not told:
            told = True
            yield _headless(request, block[:at], line)
        line += block.count(b"\n", 0, at)
        if at < len(block):
            first = block[at:]
            break
    del block
    for text in _headed(first, source):
        header, _, body = text.partition(b"\n")
        del text  # a chromosome needs the memory
        letters = body.replace(b"\n", b"")
        ends = len(body) - len(letters) + 1
        if b";" in letters:
            kept, comments = _COMMENT.subn(b"", body)
            letters = kept.replace(b"\n", b"")
            if comments:
                request.counts["comment lines"] += comments
        ended = _line_ends(body) if len(body) > _LONG and len(letters) == len(body) - ends + 1 else None
        if b" " in letters or b"\t" in letters:
            ended = None
            spaced, letters = len(letters), letters.translate(None, _SPACE)
            request.counts["spaces inside removed"] += spaced - len(letters)
        if ended is not None:
            body = b""  # the places of its line ends are enough
        try:
            sequence, words = letters.decode("utf-8"), header.decode("utf-8").split(None, 1)
        except UnicodeDecodeError:
            yield not_utf8(request, b">" + header + b"\n" + body, line)
        else:
            del letters
            label = request.label(words[1].strip() if len(words) > 1 else None) if request.label_column else None
            place = functools.partial(in_body, body, line) if ended is None else functools.partial(in_line, ended, line)
            raw = [Raw(words[0] if words else None, sequence, label, line, place)]
            del sequence, body, place
            yield raw.pop()
        line += ends


def _headed(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each whole record without its ">"; the first block begins with ">"."""
    parts: list[bytes] = []
    begun = False
    for block in itertools.chain([first] if first else [], rest):
        line_begins = True
        for number, piece in enumerate(block.split(b">")):  # ">" is found much faster than "\n>"
            if number and line_begins:
                if begun:
                    whole = [b"".join(parts)]
                    parts.clear()
                    yield whole.pop()  # and keep nothing of it
                begun = True
            elif number:
                parts.append(b">")  # inside a line
            if piece:
                parts.append(piece)
                line_begins = piece[-1] == _NEWLINE
            else:
                line_begins = not number  # ">>" does not start a second header
    if begun:
        whole = [b"".join(parts)]
        parts.clear()
        yield whole.pop()


def _headless(request: Request, text: bytes, first: int) -> BadSequence:
    number, row = next(
        (number, row) for number, row in enumerate(text.split(b"\n"), first) if row.strip() and not row.startswith(b";")
    )
    hint = "add a line like >name before it, or read the file with `format='txt'`"
    why = "a FASTA record must begin with '>'"
    return request.bad(why, number, len(row) - len(row.lstrip()) + 1, hint)


def in_body(body: bytes, line: int, letter: int) -> str:
    """Return the place of a letter of the sequence in the lines below its header."""
    left = letter
    for number, row in enumerate(body.decode("utf-8").split("\n"), line + 1):
        if row.startswith(";"):
            continue
        places = [i for i, sign in enumerate(row, 1) if sign not in " \t\r\v\f"] if " " in row or "\t" in row else None
        width = len(row) if places is None else len(places)
        if left <= width:
            return f"line {number:,}, column {left if places is None else places[left - 1]:,}"
        left -= width
    return f"line {line:,}, column 1"  # the record has no letters


def _line_ends(body: bytes) -> NDArray[np.int64] | None:
    """Return the places of the line ends of a long record, or None if it has letters of several bytes."""
    if not body.isascii():
        return None
    codes = np.frombuffer(body, np.uint8)
    found = [start + np.flatnonzero(codes[start : start + _LONG] == _NEWLINE) for start in range(0, len(codes), _LONG)]
    return np.concatenate(found)


def in_line(ended: NDArray[np.int64], line: int, letter: int) -> str:
    """Return the place of a letter of the sequence, from where the lines below its header end."""
    letters_before = ended - np.arange(len(ended))  # that many letters are on the lines up to each end
    row = int(np.searchsorted(letters_before, letter))
    before = int(letters_before[row - 1]) if row else 0
    return f"line {line + 1 + row:,}, column {letter - before:,}"


def not_utf8(request: Request, text: bytes, line: int) -> BadSequence:
    """Return the error that names the byte that is not UTF-8 in a record that begins on this line."""
    for number, row in enumerate(text.split(b"\n"), line):
        error = decoded(request, row, number)
        if isinstance(error, BadSequence):
            return error
    raise AssertionError(f"{request.file!r} is valid UTF-8")

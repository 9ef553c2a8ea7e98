"""Read FASTQ without Biopython; sequences and qualities may be wrapped over lines, each in its own way."""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Iterator

from cutaway.errors import BadSequence, counted
from cutaway.sequences.readers.fasta import in_body, not_utf8
from cutaway.sequences.readers.line_blocks import lines
from cutaway.sequences.readers.request import Raw, Request

_SPACE = b" \t\n\r\v\f"
_MATE = re.compile(r"([12]):[YN]:")
_MEND = "fix it (is it truncated?), or skip it with `skip_bad=True`"

Line = tuple[int, bytes]


def read_fastq(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each record; its sequence and its qualities may each take several lines. Qualities are left out.

    The qualities end when there are as many as letters, because a line of them may begin with '@' or '+'. The next
    record must begin there, and the text after '+', if any, must repeat the header. Otherwise the record is bad, and
    reading continues at the first whole record below its '+'. If another bad record is found before that, it is a
    separate error.

    Two reads of a pair in one file ("name 1:N:0" and "name 2:N:0") are named name/1 and name/2.
    """
    source, back = lines(request), deque[Line | None]()

    def take() -> Line | None:
        return back.popleft() if back else next(source, None)

    searching = False  # after a bad record, a line that begins with '@' may be one of its qualities
    current = take()
    while current is not None:
        number, header = current
        if header[:1] != b"@":
            if header.strip() and not searching:
                yield request.bad("a FASTQ record must begin with '@'", number)
                searching = True
            elif not header.strip():
                request.counts["blank lines"] += not searching
            current = take()
            continue
        rows = list[bytes]()
        current = take()
        while current is not None and current[1][:1] not in (b"+", b"@"):
            rows.append(current[1])
            current = take()
        if current is None or current[1][:1] == b"@":
            if not searching:
                yield request.bad(_without_plus(current), number, hint=_MEND)
            continue
        body, plus = b"\n".join(rows), current
        letters, count, taken = body.translate(None, _SPACE), 0, list[Line]()
        current = take()
        while current is not None and count < len(letters):
            taken.append(current)
            count += len(current[1].strip())
            current = take()
        if not letters and current is not None and not current[1].strip():
            current = take()  # the empty line of qualities
        ended = current is None or current[1][:1] == b"@" or not current[1].strip()
        why, place = None, plus[0] + 1
        if count != len(letters) or not ended:
            why = _miscounted(len(letters), count, taken, current, ended)
        elif not _repeats(plus[1], header):
            why, place = "the line with '+' names another record", plus[0]
        if why:
            yield request.bad(why, place, hint=_MEND)
            back.extendleft(reversed([*taken, current]))
            current, searching = take(), True
            continue
        searching = False
        request.counts["qualities left out"] += 1
        try:
            sequence, words = letters.decode("utf-8"), header[1:].decode("utf-8").split(None, 1)
        except UnicodeDecodeError:
            yield not_utf8(request, header + b"\n" + body, number)
            continue
        name = words[0] if words else None
        rest = words[1] if len(words) > 1 else ""
        if name and (mate := _MATE.match(rest)):
            name = f"{name}/{mate[1]}"
        label = request.label(rest.strip()) if request.label_column else None
        yield Raw(name, sequence, label, number, functools.partial(in_body, body, number))


def _repeats(plus: bytes, header: bytes) -> bool:
    """Return whether the line with '+' is otherwise empty, as usual, or repeats the first word of the header."""
    words = plus[1:].split(None, 1)
    return not words or words[0] == (header[1:].split(None, 1) or [b""])[0]


def _without_plus(current: Line | None) -> str:
    if current is None:
        return "the file ends inside this record: there is no line with '+'"
    return f"this record has no line with '+' before line {current[0]:,}, which begins with '@'"


def _miscounted(letters: int, count: int, taken: list[Line], current: Line | None, ended: bool) -> str:
    """Return what is wrong with the number of qualities."""
    seen = 0
    for at, (_, row) in enumerate(taken):
        if at and row[:1] == b"@":
            return f"{_qualities(seen)} for {counted(letters, 'letter')}"
        seen += len(row.strip())
    if current is None and count < letters:
        return f"the file ends inside this record: {_qualities(count)} for {counted(letters, 'letter')}"
    if not ended and current is not None:
        return f"{_qualities(count + len(current[1].strip()))} or more for {counted(letters, 'letter')}"
    return f"{_qualities(count)} for {counted(letters, 'letter')}"


def _qualities(number: int) -> str:
    return counted(number, "quality", "qualities")

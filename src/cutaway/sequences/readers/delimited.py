"""Delimited text: which mark parts its cells, what quotes mean, and how reading goes on behind a row that is none."""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
import threading
from collections import deque
from collections.abc import Iterator

from cutaway.errors import BadSequence
from cutaway.sequences.readers.line_blocks import text_lines
from cutaway.sequences.readers.request import MEND, Request

__all__ = ["Delimited"]

MOST = 1 << 22
"""The most characters in a row that goes over several lines: a quote that never closes costs no more memory."""

_CLOSE = "close the quote in this line, or leave the line out with --skip-bad"
_OPEN = "unexpected end of data"  # what csv says where a quote is open at the end
_LOOKED_AT = 32
_LONGEST = (1 << 31) - 1
_MARKS = ",\t;"
_SEP = re.compile(r'"?sep=([^\w"])"?[,;\t]*')
_IN_QUOTES = re.compile(r'"[^"]*"')
_LIMIT = threading.Lock()


class Delimited:
    """A table of delimited text: the `mark` between its cells, the `names` in its head, and the rows below it.

    In a .tsv file the mark is a tab, and a quote a letter like any other unless every cell of the head is in quotes.
    Else the mark is the comma, tab or semicolon by which most of the first lines have as many cells as the head (the
    one with more cells where two do), or what a first line like "sep=;" says, which is counted and left out. A cell in
    quotes may go over lines. Where such a row turns out to be none, only its first line is bad.

    What becomes of a quote in a line that begins within it does not depend on where it was opened: each line ahead is
    looked at once, for all rows that may reach it, so that the time is proportional to the file.
    """

    quotes = True

    def __init__(self, request: Request) -> None:
        self.request = request
        self.names: list[str] = []
        self._lines = text_lines(request)
        self._ahead: deque[tuple[int, str | BadSequence]] = deque()
        self._within: deque[int] = deque()  # of the first lines ahead, which leave a quote open: the cells begun there
        self._size = self._cells = 0  # of these lines
        self._closing = 0, 0, ""
        self._look()
        self._line: deque[str] = deque()
        self._reader = csv.reader(iter(self._line.popleft, None), delimiter=self.mark, strict=True)
        for _, row in self._rows(None, None):
            if isinstance(row, BadSequence):
                raise row
            self.names = row
            break

    def rows(self, single: int | None = None) -> Iterator[tuple[int, list[str] | BadSequence]]:
        """Yield each row with the line it begins in, or what is wrong with it; cell `single` is of one line."""
        return self._rows(len(self.names), single)

    def _look(self) -> None:
        """Choose the mark and what quotes mean by the first lines, which are read again afterwards."""
        size = 0
        while len(self._ahead) < _LOOKED_AT and size < MOST and (found := next(self._lines, None)):
            self._ahead.append(found)
            size += len(found[1]) if isinstance(found[1], str) else 0
        sample = [text for _, text in self._ahead if isinstance(text, str) and text]
        said = _SEP.fullmatch(sample[0]) if sample else None
        if said:
            self.request.counts["sep= lines left out"] += 1
            self._ahead = deque(pair for pair in self._ahead if pair[1] is not sample[0])
            sample = sample[1:]
        if self.request.format == "tsv":
            self.mark = "\t"
            self.quotes = bool(sample) and all(map(_is_quoted, sample[0].split("\t")))
        else:
            self.mark = said[1] if said else _mark(sample)

    def _rows(self, width: int | None, single: int | None) -> Iterator[tuple[int, list[str] | BadSequence]]:
        mark, quotes, counts = self.mark, self.quotes, self.request.counts
        while found := self._next():
            number, text = found
            if isinstance(text, BadSequence):
                yield number, text
                continue
            if not text:
                counts["blank lines"] += 1
                continue
            row: list[str] | BadSequence
            if '"' not in text:
                row = text.split(mark)
            elif quotes:
                row = self._quoted(number, text, width, single)
            else:
                row = text.split(mark)
                if kept := sum(map(_is_quoted, row)):
                    counts["cells in quotes kept as they are"] += kept
            if width is not None and isinstance(row, list) and len(row) != width:
                row = self._ragged(len(row), width, number)
            yield number, row

    def _next(self) -> tuple[int, str | BadSequence] | None:
        if not self._ahead:
            return next(self._lines, None)
        number, text = self._ahead.popleft()
        if self._within and isinstance(text, str):
            self._size -= len(text) + 1
            self._cells -= self._within.popleft()
        return number, text

    def _quoted(self, number: int, text: str, width: int | None, single: int | None) -> list[str] | BadSequence:
        """Return the row that begins in a line with quotes; further lines of it are taken."""
        self._line.append(text)
        try:
            return next(self._reader)
        except IndexError:  # a quote is open at the end of the line
            return self._over_lines(number, text, width, single)
        except csv.Error as error:
            row = self._parsed(text) if "field limit" in str(error) else str(error)
        if row == _OPEN:
            return self._over_lines(number, text, width, single)
        return row if isinstance(row, list) else self._no_row(row, number)

    def _over_lines(self, number: int, text: str, width: int | None, single: int | None) -> list[str] | BadSequence:
        last, found = self._last()
        if isinstance(found, BadSequence):  # a line of it is not UTF-8
            return found
        if isinstance(found, str):
            return self._no_row(found, number, _CLOSE)
        cells = len(self._parsed(f'{text}"')) + self._cells + found
        if width is not None and cells != width:
            return self._ragged(cells, width, number, last)
        taken = len(self._within) + 1
        row = self._parsed(f"{text}\n", *(f"{more}\n" for _, more in itertools.islice(self._ahead, taken)))
        if not isinstance(row, list):
            return self._no_row(row, number, _CLOSE)
        if single is not None and "\n" in row[single]:
            why = f"a cell in quotes goes on to line {last:,}, and a sequence is of one line"
            return self.request.bad(why, number, self.names[single], _CLOSE)
        for _ in range(taken):
            self._ahead.popleft()
        self._within.clear()
        self._size = self._cells = 0
        return row

    def _last(self) -> tuple[int, int | str | BadSequence]:
        """Return the last line of a row whose quote is open before the lines ahead.

        With it come the cells that begin in it, or why there is no such row.
        """
        while True:
            if len(self._within) == len(self._ahead):
                if not (found := next(self._lines, None)):
                    return 0, "a quote opens a cell and never closes"
                self._ahead.append(found)
            number, text = self._ahead[len(self._within)]
            if isinstance(text, BadSequence):
                return number, text
            if self._size + len(text) + 1 > MOST:
                return number, f"a quote opens a cell that is more than {MOST:,} letters long"
            if self._closing[0] != number:
                self._closing = number, *self._in_quotes(text)
            _, cells, why = self._closing
            if why != _OPEN:
                return number, f"a quote opens a cell that goes on to line {number:,}: {why}" if why else cells
            self._within.append(cells)
            self._size += len(text) + 1
            self._cells += cells

    def _in_quotes(self, text: str) -> tuple[int, str]:
        """Return how many cells begin in a line within quotes, and what csv says against a row that ends with it."""
        if '"' not in text:
            return 0, _OPEN
        row = self._parsed(f'"{text}')
        if row == _OPEN:
            return len(self._parsed(f'"{text}"')) - 1, _OPEN
        return (len(row) - 1, "") if isinstance(row, list) else (0, row)

    def _parsed(self, *lines: str) -> list[str] | str:
        """Return the row that lines are, or what csv says against it."""
        try:
            return next(csv.reader(lines, delimiter=self.mark, strict=True))
        except csv.Error as error:
            if "field limit" not in str(error):
                return str(error)
        try:
            with _any_length():
                return next(csv.reader(lines, delimiter=self.mark, strict=True))
        except csv.Error as error:
            return str(error)

    def _no_row(self, why: str, number: int, hint: str = MEND) -> BadSequence:
        return self.request.bad(f"it is no row of a table ({why})", number, hint=hint)

    def _ragged(self, cells: int, width: int, number: int, last: int = 0) -> BadSequence:
        why = f"{cells} cell{'s' * (cells != 1)}, and the header has {width}"
        if last:
            why += f"; one of them goes on to line {last:,}"
        return self.request.bad(why, number, min(cells, width), _CLOSE if last else MEND)


def _mark(sample: list[str]) -> str:
    rows = _IN_QUOTES.sub("", "\n".join(sample)).split("\n")

    def fits(mark: str) -> tuple[int, int]:
        of_head = rows[0].count(mark)
        return sum(row.count(mark) == of_head for row in rows) if of_head else 0, of_head

    return max(_MARKS, key=fits)


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


@contextlib.contextmanager
def _any_length() -> Iterator[None]:
    """Let csv take cells of more than 131,072 letters, which a gene may have; its limit is the whole process's."""
    with _LIMIT:
        kept = csv.field_size_limit(_LONGEST)
        try:
            yield
        finally:
            csv.field_size_limit(kept)

"""Read delimited text: find the separator, interpret quotes, and continue after a bad row."""

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

MOST = 1 << 22
"""The most characters in a row that spans several lines; it bounds the memory that an unclosed quote costs."""

_CLOSE = "close the quote on this line, or skip the line with `skip_bad=True`"
_OPEN = "unexpected end of data"  # the error of csv if a quote is open at the end
_LOOKED_AT = 32
_LONGEST = (1 << 31) - 1
_MARKS = ",\t;"
_SEP = re.compile(r'"?sep=([^\w"])"?[,;\t]*')
_IN_QUOTES = re.compile(r'"[^"]*"')
_LIMIT = threading.Lock()


class Delimited:
    """A table of delimited text: the separator `mark`, the column `names` in the header, and the rows below it.

    In a .tsv file the separator is a tab, and a quote is an ordinary character unless every cell of the header is
    quoted. Otherwise the separator is the comma, tab or semicolon that gives most of the first lines as many cells as
    the header (of two equally good ones, the one with more cells). A first line like "sep=;" sets it, and is counted
    and left out. A quoted cell may span lines. If such a row is bad, only its first line is; reading continues with the
    next line, so that a stray quote costs one line and not the rest of the file.

    How a line that begins inside quotes continues does not depend on where the quote was opened. Each line ahead is
    therefore parsed once, for all rows that may reach it, and the time is proportional to the file.
    """

    quotes = True

    def __init__(self, request: Request) -> None:
        self.request = request
        self.names: list[str] = []
        self._lines = text_lines(request)
        self._ahead: deque[tuple[int, str | BadSequence]] = deque()
        self._within: deque[int] = deque()  # cells begun in each of the first lines ahead, which leave the quote open
        self._size = self._cells = 0  # characters and cells of these lines
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
        """Yield each row, or its error, with its first line; the cell in column `single` may not span lines."""
        return self._rows(len(self.names), single)

    def _look(self) -> None:
        """Choose the separator and the meaning of quotes from the first lines; these are read again later."""
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
        """Return the row that begins on a line with quotes; this consumes its further lines."""
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
        if isinstance(found, BadSequence):  # one of its lines is not UTF-8
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
            why = f"this quoted cell continues to line {last:,}, but a sequence must be on one line"
            return self.request.bad(why, number, self.names[single], _CLOSE)
        for _ in range(taken):
            self._ahead.popleft()
        self._within.clear()
        self._size = self._cells = 0
        return row

    def _last(self) -> tuple[int, int | str | BadSequence]:
        """Return the last line of a row whose quote is open before the lines ahead.

        The second value is the number of cells that begin on that line, or why there is no such row.
        """
        while True:
            if len(self._within) == len(self._ahead):
                if not (found := next(self._lines, None)):
                    return 0, "a quote is opened and never closed"
                self._ahead.append(found)
            number, text = self._ahead[len(self._within)]
            if isinstance(text, BadSequence):
                return number, text
            if self._size + len(text) + 1 > MOST:
                return number, f"a quote opens a cell of more than {MOST:,} characters"
            if self._closing[0] != number:
                self._closing = number, *self._in_quotes(text)
            _, cells, why = self._closing
            if why != _OPEN:
                return number, f"a quote opens a cell that continues to line {number:,}: {why}" if why else cells
            self._within.append(cells)
            self._size += len(text) + 1
            self._cells += cells

    def _in_quotes(self, text: str) -> tuple[int, str]:
        """Return how many cells begin on a line inside quotes, and the error of csv if a row ended with it."""
        if '"' not in text:
            return 0, _OPEN
        row = self._parsed(f'"{text}')
        if row == _OPEN:
            return len(self._parsed(f'"{text}"')) - 1, _OPEN
        return (len(row) - 1, "") if isinstance(row, list) else (0, row)

    def _parsed(self, *lines: str) -> list[str] | str:
        """Return the row that these lines are, or the error of csv."""
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
        return self.request.bad(f"this is not a row of a table ({why})", number, hint=hint)

    def _ragged(self, cells: int, width: int, number: int, last: int = 0) -> BadSequence:
        why = f"{cells} cell{'s' * (cells != 1)}, but the header has {width}"
        if last:
            why += f"; one of them continues to line {last:,}"
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
    """Let csv read cells of more than 131,072 characters, such as a gene; the limit applies to the whole process."""
    with _LIMIT:
        kept = csv.field_size_limit(_LONGEST)
        try:
            yield
        finally:
            csv.field_size_limit(kept)

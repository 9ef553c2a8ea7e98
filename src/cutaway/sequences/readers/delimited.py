"""Delimited text: which mark parts its cells, what quotes mean, and how reading goes on behind a row that is none."""

from __future__ import annotations

import contextlib
import csv
import re
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from cutaway.errors import BadSequence
from cutaway.sequences.readers.blocks import text_lines
from cutaway.sequences.readers.wanted import MEND, Wanted

__all__ = ["Delimited"]

MOST = 1 << 22
"""The most characters in a row that goes over several lines: a quote that never closes costs no more memory."""

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
    """

    quotes = True

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.names: list[str] = []
        self._lines = text_lines(wanted)
        self._again: deque[tuple[int, str | BadSequence]] = deque()
        self._most = MOST
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
        while len(self._again) < _LOOKED_AT and size < MOST and (found := next(self._lines, None)):
            self._again.append(found)
            size += len(found[1]) if isinstance(found[1], str) else 0
        sample = [text for _, text in self._again if isinstance(text, str) and text]
        said = _SEP.fullmatch(sample[0]) if sample else None
        if said:
            self.wanted.counts["sep= lines left out"] += 1
            self._again = deque(pair for pair in self._again if pair[1] is not sample[0])
            sample = sample[1:]
        if self.wanted.format == "tsv":
            self.mark = "\t"
            self.quotes = bool(sample) and all(map(_is_quoted, sample[0].split("\t")))
        else:
            self.mark = said[1] if said else _mark(sample)

    def _rows(self, width: int | None, single: int | None) -> Iterator[tuple[int, list[str] | BadSequence]]:
        mark, quotes, counts = self.mark, self.quotes, self.wanted.counts
        while found := self._next():
            number, text = found
            if isinstance(text, BadSequence):
                yield number, text
                continue
            if not text:
                counts["blank lines"] += 1
                continue
            row: list[str] | BadSequence
            held = [(number, text)]
            if '"' not in text:
                row = text.split(mark)
            elif quotes:
                row = self._quoted(held)
            else:
                row = text.split(mark)
                if kept := sum(map(_is_quoted, row)):
                    counts["cells in quotes kept as they are"] += kept
            if isinstance(row, list):
                if width is not None and len(row) != width:
                    row = self._ragged(row, held, width)
                elif single is not None and len(held) > 1 and "\n" in row[single]:
                    why = f"a cell in quotes goes on to line {held[-1][0]:,}, and a sequence is of one line"
                    row = self.wanted.bad(why, number, self.names[single], _hint(held))
            if isinstance(row, BadSequence):
                self._again.extendleft(reversed(held[1:]))
            yield number, row

    def _next(self) -> tuple[int, str | BadSequence] | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _quoted(self, held: list[Any]) -> list[str] | BadSequence:
        """Return the row that begins in the line held; further lines of it are held with it."""
        number, text = held[0]
        self._line.append(text)
        try:
            return next(self._reader)
        except IndexError:  # a quote is open at the end of the line
            pass
        except csv.Error as error:
            if "field limit" not in str(error):
                return self.wanted.bad(f"it is no row of a table ({error})", number)
        try:
            with _any_length():
                return next(csv.reader(self._more(held), delimiter=self.mark, strict=True))
        except BadSequence as error:  # a line of it is not UTF-8
            return error
        except csv.Error as error:
            last, why = held[-1][0], str(error)
            if "end of data" in why:
                why = "a quote opens a cell and never closes"
            elif "is more than" in why:
                self._most = max(self._most // 2, 1 << 12)  # a file of such lines is read to its end all the same
            else:
                why = f"a quote opens a cell that goes on to line {last:,}: {why}"
            return self.wanted.bad(f"it is no row of a table ({why})", number, hint=_hint(held))

    def _more(self, held: list[Any]) -> Iterator[str]:
        size = 0
        yield f"{held[0][1]}\n"
        while found := self._next():
            held.append(found)
            if isinstance(found[1], BadSequence):
                raise found[1]
            size += len(found[1])
            if size > self._most:
                raise csv.Error(f"a quote opens a cell that is more than {self._most:,} letters long")
            yield f"{found[1]}\n"

    def _ragged(self, row: list[str], held: list[Any], width: int) -> BadSequence:
        cells, (number, _) = len(row), held[0]
        why = f"{cells} cell{'s' * (cells != 1)}, where the header has {width}"
        if len(held) > 1:
            why += f"; one of them goes on to line {held[-1][0]:,}"
        return self.wanted.bad(why, number, min(cells, width), _hint(held))


def _hint(held: list[Any]) -> str:
    return "close the quote in this line, or leave the line out with --skip-bad" if len(held) > 1 else MEND


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

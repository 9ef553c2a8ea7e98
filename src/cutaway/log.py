"""Logging: one line for each record, the same text on a terminal, in a file, in a notebook and in what is made of it.

A line of it:

    2025-07-26 19:13:16.123456 I run:142 step 50/600: loss 0.512 nats/token

The fields are the local time to the microsecond, the level's first letter, `module:line`, and the message. Control
characters in a message are written as escapes, so a message can neither break its line nor overwrite another. Only a
traceback takes more lines: it follows its record in the same write, each line indented by four spaces.

The command asks for a short form on terminals (`short_form`), unless it was given `-v`. It has the time of day and the
message, wrapped to the terminal's width under its first word:

    19:13:16 step 50/600: loss 0.512 nats/token

A notebook compiles a cell under a random file name; the log shows it as `cell`, so that the text is the same from run
to run. No line is redrawn, because `\\r` garbles notebooks.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import textwrap
from datetime import datetime
from typing import Final

from cutaway.ranks import rank_for_log

_HANDLER_NAME: Final = "cutaway"
_NOTEBOOK_CELL: Final = re.compile(r"[\\/]ipykernel_\d+[\\/]\d+\.py$|^<ipython-input-")
# Whatever ends a line or moves the cursor, except tabs; and lone surrogates, which can't be encoded.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORDS: Final = {"W": "warning: ", "E": "error: ", "C": "error: "}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
_COLOURS: Final = {"D": "\x1b[36m", "I": "\x1b[32m", "W": "\x1b[33m", "E": "\x1b[31m", "C": "\x1b[1;31m"}


def get_logger(name: str, level: int | str | None = None) -> logging.Logger:
    """Return the logger of that name, which writes to the current `sys.stderr`.

    A new logger shows INFO and above on rank 0, and ERROR and above on the other ranks. If `level` is given, it holds
    on every rank until another is given. A second call for a name does not double its lines.

    Raises `ValueError` for a level that `logging` doesn't know.

    Example:
        >>> get_logger(__name__).info("loaded")   # 2025-07-26 19:13:16.123456 I cell:1 loaded
    """
    logger = logging.getLogger(name)
    logger.propagate = False
    # By name, not by class: when a notebook reloads this module the class is new, and the old handler stays.
    if all(handler.get_name() != _HANDLER_NAME for handler in logger.handlers):
        logger.addHandler(_LineHandler())
    if level is not None:
        logger.setLevel(level)
    elif logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO if rank_for_log() == 0 else logging.ERROR)
    return logger


_short_on_terminals = False


def short_form(wanted: bool) -> None:
    """From now on, write the short form on a terminal; `False` goes back to the one that is the same everywhere."""
    global _short_on_terminals
    _short_on_terminals = wanted


class _LineHandler(logging.Handler):
    """Writes each record with a single write, so that processes sharing a terminal don't cut each other's lines."""

    def __init__(self) -> None:
        super().__init__()
        self.set_name(_HANDLER_NAME)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # Looked up each time, because notebooks, tests and redirections replace it. Under pythonw it is None.
            stream = sys.stderr
            if stream is not None:
                form = _short if _short_on_terminals and _is_terminal(stream) else _line
                stream.write(form(record, colour=_takes_colour(stream)) + "\n")
                stream.flush()
        except Exception:  # logging's own rule: a record that can't be written must not end the program
            self.handleError(record)


def _line(record: logging.LogRecord, *, colour: bool) -> str:
    time = datetime.fromtimestamp(record.created).strftime("%Y-%m-%d %H:%M:%S.%f")
    letter = record.levelname[:1]
    module = "cell" if _NOTEBOOK_CELL.search(record.pathname) else record.module
    place = getattr(record, "place", "") or f"{module}:{record.lineno}"  # a helper may log for another module
    if colour:
        time, place = f"{_DIM}{time}{_PLAIN}", f"{_DIM}{place}{_PLAIN}"
        letter = f"{_COLOURS.get(letter, '')}{letter}{_PLAIN}"
    return "\n".join([f"{time} {letter} {place} {_escape(record.getMessage())}", *_trace(record)])


def _short(record: logging.LogRecord, *, colour: bool) -> str:
    time, letter = datetime.fromtimestamp(record.created).strftime("%H:%M:%S"), record.levelname[:1]
    word = _WORDS.get(letter, "")
    width = max(shutil.get_terminal_size().columns - len(time) - 1, 20)
    wrapped = textwrap.wrap(word + _escape(record.getMessage()), width, break_long_words=False, break_on_hyphens=False)
    first, *more = wrapped or [""]
    if colour:
        time = f"{_DIM}{time}{_PLAIN}"
        first = f"{_COLOURS[letter]}{word}{_PLAIN}{first.removeprefix(word)}" if word else first
    return "\n".join([f"{time} {first}", *(f"{'':9}{line}" for line in more), *_trace(record)])


def _trace(record: logging.LogRecord) -> list[str]:
    lines = []
    if record.exc_info:
        trace = logging.Formatter().formatException(record.exc_info)
        lines += [f"    {_escape(line)}" for line in trace.splitlines()]
    if record.stack_info:
        lines += [f"    {_escape(line)}" for line in record.stack_info.splitlines()]
    return lines


def _escape(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


def _takes_colour(stream: object) -> bool:
    return _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

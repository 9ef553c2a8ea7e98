"""Progress: a function reports its slow steps and how far they are; a front end that listens shows them.

    with step("training", total=500) as training:
        for batch in batches:
            ...
            training.advance()

Without a listener this costs nothing and shows nothing. The command line listens: with a bar on a terminal
(`cli/bars.py`), else with `Lines`. In a notebook `Lines` listens unless something else does.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cutaway.log import get_logger

_logger = get_logger(__name__)


@dataclasses.dataclass(eq=False)
class Step:
    """A slow step: what it does, how much of it is done, and how much there is to do (None if unknown).

    `before` was done already when the step began: an interrupted one goes on.
    """

    what: str
    total: float | None = None
    done: float = 0.0
    before: float = 0.0
    place: str = ""  # module:line of the caller, for the log
    began: float = dataclasses.field(default_factory=time.monotonic)

    def advance(self, by: float = 1) -> None:
        """Add to what is done."""
        self.done += by

    def reach(self, done: float, total: float | None = None) -> None:
        """Set how much is done in all, and the total if it is known now."""
        self.done, self.total = done, self.total if total is None else total

    @property
    def seconds(self) -> float:
        """How long the step has taken so far."""
        return time.monotonic() - self.began

    @property
    def share(self) -> float | None:
        """The share that is done, from 0 to 1, or None if unknown."""
        return min(self.done / self.total, 1.0) if self.total else None

    @property
    def left(self) -> float | None:
        """The seconds left if the rest goes as fast as what is done, or None if unknown."""
        if not self.total or self.done <= self.before:
            return None
        return self.seconds * max(self.total - self.done, 0.0) / (self.done - self.before)


class Listener:
    """Shows the steps that are running, the outermost first; a subclass draws them in `show`.

    A separate thread calls `show` every `every` seconds while a step runs. So a step that is a single library call is
    shown, too.
    """

    every: float = 0.25

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.silent = 0
        self._lock = threading.RLock()
        self._ended: threading.Event | None = None

    def show(self) -> None:
        """Show `self.steps`."""

    def clear(self) -> None:
        """Erase what `show` drew, if anything."""

    def begin(self, new: Step) -> None:
        """Add a step that begins."""
        with self._lock:
            self.steps.append(new)
            if self._ended is None:
                self._ended = threading.Event()
                threading.Thread(target=self._watch, args=(self._ended,), daemon=True).start()

    def end(self, old: Step) -> None:
        """Remove a step that has ended."""
        with self._lock:
            self.steps.remove(old)
            if not self.steps and self._ended is not None:
                self._ended.set()
                self._ended = None
                self.clear()

    def quiet(self, by: int) -> None:
        """Show nothing from now on (1), or show again (-1)."""
        with self._lock:
            self.silent += by
            if self.silent:
                self.clear()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(self.every):
            with self._lock:
                # As with log records, -q and the ranks above 0 show nothing.
                if not ended.is_set() and not self.silent and _logger.isEnabledFor(logging.INFO):
                    self.show()


class Lines(Listener):
    """Logs a line when a step has taken 4 s, and then at most one every 10 s."""

    first: Final = 4.0
    again: Final = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._said: Step | None = None
        self._at = -self.again

    def show(self) -> None:
        """Log a line about the innermost slow step, if one is due."""
        # The outermost step is the whole command; the steps inside it say more.
        steps = self.steps[1:] or self.steps
        slow = [step for step in steps if step.seconds >= self.first]
        if not slow:
            return
        step, now = slow[-1], time.monotonic()
        if now - self._at < (self.first if step is not self._said and step.began > self._at else self.again):
            return
        share, left = step.share, step.left
        if share is not None and left is not None:
            said = f"{step.what}: {100 * share:.0f} %, about {duration(left)} left"
        elif step is self._said:
            said = f"{step.what}: {duration(step.seconds)} so far"
        else:
            said = f"{step.what} …"
        _logger.info("%s", said, extra={"place": step.place})
        self._said, self._at = step, now


_listener: contextvars.ContextVar[Listener | None] = contextvars.ContextVar("cutaway.progress", default=None)
_notebook: Final = Lines()


@contextlib.contextmanager
def step(what: str, total: float | None = None, before: float = 0.0) -> Iterator[Step]:
    """Report that a slow step begins; `advance` or `reach` of the `Step` reports how far it is.

    If it goes on with a step that was interrupted, `before` says how much had been done.

    Example:
        >>> with step("counting", total=3) as counting:
        ...     counting.advance(2)
        >>> round(counting.share, 3)
        0.667
    """
    caller = sys._getframe(1)
    # Between this generator and who uses it lies contextlib: once for `with`, twice for a decorator.
    while caller.f_globals.get("__name__") == "contextlib" and caller.f_back is not None:
        caller = caller.f_back
    file = Path(caller.f_code.co_filename)
    module = file.parent.name if file.stem == "__init__" else file.stem
    new = Step(what, total, before, before, place=f"{module}:{caller.f_lineno}")
    listener = current_listener()
    if listener is None:
        yield new
        return
    listener.begin(new)
    try:
        yield new
    finally:
        listener.end(new)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the steps that begin inside to this listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        listener.quiet(1)
        _listener.reset(token)


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Show no progress inside: someone is asked a question, or another program draws its own."""
    listener = current_listener()
    if listener is None:
        yield
        return
    listener.quiet(1)
    try:
        yield
    finally:
        listener.quiet(-1)


def hush() -> None:
    """Stop showing progress, because the result is printed from here on."""
    listener = _listener.get()
    if listener is not None:
        listener.quiet(1)


def duration(seconds: float) -> str:
    """Return a time in readable units.

    Example:
        >>> duration(7.2), duration(95), duration(7300)
        ('7 s', '1 min 35 s', '2 h 1 min')
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def current_listener() -> Listener | None:
    """Return who shows progress here, if anyone does."""
    listener = _listener.get()
    return _notebook if listener is None and "ipykernel" in sys.modules else listener

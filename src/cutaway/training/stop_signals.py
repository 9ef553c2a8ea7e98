"""Signals that ask a run to stop: it ends after the step, with a checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from cutaway.log import get_logger

# Ctrl-C, what schedulers send before they kill, and what they can be asked to send some time before.
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGUSR1")
TIME_IS_UP: Final = getattr(signal, "SIGUSR1", -1)
"""What a job script sends before its time is over: the run goes on in the next job."""

_logger = get_logger(__name__)


@contextlib.contextmanager
def stop_asked(*, speaks: bool) -> Iterator[Callable[[], int]]:
    """Provide a function that returns the number of the signal that asked to stop, or 0; a second Ctrl-C acts at once.

    Outside the main thread no signal can be caught, and the function always returns 0.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def stop(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if speaks and not asked:
            _logger.warning("stopping after this step, with a checkpoint; Ctrl-C once more stops at once")
        asked.append(number)

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield lambda: asked[0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

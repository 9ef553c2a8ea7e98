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
_logger = get_logger(__name__)


@contextlib.contextmanager
def stop_asked(*, speaks: bool) -> Iterator[Callable[[], bool]]:
    """Provide a function that says whether a signal asked to stop; a second Ctrl-C acts at once.

    Outside the main thread no signal can be caught, and the function always says no.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(number: int, frame: Any) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        if speaks and not asked.is_set():
            _logger.warning("stopping after this step, with a checkpoint; Ctrl-C once more stops at once")
        asked.set()

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Threads that run a step together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def thread_count() -> int:
    """Return how many threads compute: `OMP_NUM_THREADS`, at most as many as there are processors for this process."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(int(asked), available)) if asked.isdecimal() and int(asked) else available


class Team:
    """This thread and some others, which wait for work."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._go = [threading.Semaphore(0) for _ in range(threads - 1)]
        self._work: Callable[[int], object] = lambda me: None
        for number, go in enumerate(self._go, 1):
            threading.Thread(target=self._wait, args=(number, go), daemon=True).start()

    def _wait(self, number: int, go: threading.Semaphore) -> None:
        while True:
            go.acquire()
            self._work(number)

    def run(self, work: Callable[[int], object]) -> None:
        """Let every thread do the work, which returns when all pieces of it are done, whoever did them.

        Nobody waits for a thread that is late: it finds nothing left, or helps with the next work. An interruption
        (Ctrl-C) is raised when the work is done.
        """
        self._work, waiting, interruption = work, list(self._go), None
        while True:
            try:
                while waiting:
                    waiting[-1].release()
                    waiting.pop()
                work(0)
                break
            except KeyboardInterrupt as error:
                interruption = error
        if interruption is not None:
            raise interruption

"""The page of a run, `page.html` in its folder: written anew while the run goes on, and complete afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from cutaway.errors import OutputError
from cutaway.log import get_logger
from cutaway.result import Result, write_text
from cutaway.training.records import StepRecord
from cutaway.training.result import Training

PAGE: Final = "page.html"
EVERY: Final = 15.0  # seconds
MOST: Final = 1000  # steps drawn; more are put together
_COST: Final = 200.0  # a page is written at most once in so many times as long as writing it takes

_logger = get_logger(__name__)


class RunPage:
    """Writes the page of a run whenever it is due; `so_far` gives the result up to now.

    A page that can't be written is named once, and the run goes on without it.
    """

    def __init__(self, directory: Path, so_far: Callable[[str], Training]) -> None:
        self._path, self._so_far = directory / PAGE, so_far
        self._due = -1.0
        self._works = True

    def look(self) -> None:
        """Write the page if it is due: every 15 s, or less often if that would take more than half a percent."""
        began = time.monotonic()
        if began < self._due:
            return
        if self._due < 0:
            _logger.info(f"watch the run in a browser: {self._path}")
        self._write(self._so_far("now"), every=EVERY)
        now = time.monotonic()
        self._due = now + max(EVERY, _COST * (now - began))

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Complete the page if the run ends inside the block by an interruption or an error."""
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            with contextlib.suppress(Exception):  # the error of the run is the one to see
                self.complete(self._so_far("it was interrupted" if interrupted else "an error"))
            raise

    def complete(self, result: Training) -> None:
        """Write the page of a run that has ended: it no longer loads itself again."""
        self._write(result, every=None)

    def _write(self, result: Training, *, every: float | None) -> None:
        if not self._works:
            return
        record = page_record(result)
        if every is not None:
            record["live"] = {"written": time.time(), "every": every}
        try:
            write_text(self._path, Result.page([record]))
        except OutputError as error:
            self._works = False
            _logger.warning(f"the page of the run is not written any more: {error.message}")


def page_record(result: Training) -> dict[str, Any]:
    """Return what the page holds: the result as JSON, with at most about 1,000 steps.

    If there are more, each entry of `metrics` stands for `every` steps: the mean loss and speed, the largest gradient
    norm, all else as after the last of them.
    """
    every = -(-len(result.metrics) // MOST) or 1
    return dataclasses.replace(result, metrics=thinned(result.metrics, every)).to_dict() | {"every": every}


def thinned(metrics: Sequence[StepRecord], every: int) -> tuple[StepRecord, ...]:
    """Return one record for each `every` steps.

    >>> [record.step for record in thinned([], 3)]
    []
    """
    parts = [metrics[at : at + every] for at in range(0, len(metrics), every)]
    return tuple(
        dataclasses.replace(
            part[-1],
            loss=statistics.fmean(one.loss for one in part),
            tokens_per_second=statistics.fmean(one.tokens_per_second for one in part),
            gradient_norm=max(one.gradient_norm for one in part),
        )
        for part in parts
    )

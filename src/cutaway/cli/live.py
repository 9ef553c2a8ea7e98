"""The panel of a training run on a terminal: the loss curve and what the run does now, above its progress."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cutaway.cli.bars import Bars
from cutaway.progress import current_listener

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cutaway.training import Settings, TrainingRun
    from cutaway.training.records import Record, StepRecord

_MOST = 400  # points of the curve; when there are more, neighbours are put together


@contextlib.contextmanager
def live_panel(settings: Settings) -> Iterator[dict[str, Any]]:
    """Show a panel of a run inside the block if stderr is a terminal; gives what `train_with` takes for it."""
    bars = current_listener()
    if not isinstance(bars, Bars):
        yield {}
        return
    panel = Panel(settings)
    bars.above = panel.draw
    try:
        yield {"on_ready": panel.ready}
    finally:
        bars.above = None


class Panel:
    """What the panel shows; records come from the thread that trains, and another thread draws."""

    def __init__(self, settings: Settings) -> None:
        from cutaway.views.terminal_curve import loss_unit

        self._device, self._lock = settings.loop.device, threading.Lock()
        self._factor, self._unit = loss_unit(settings.model.objective)
        self._run: TrainingRun | None = None
        self._learned: list[tuple[float, float]] = []
        self._every, self._waiting = 1, [0.0, 0]
        self._checked: list[tuple[float, float]] = []
        self._floor: float | None = None
        self._now: StepRecord | None = None
        self._speed = 0.0
        self._work: tuple[float | None, float] | None = None  # operations per token; operations per second at most

    def ready(self, run: TrainingRun) -> None:
        """Take the run that begins."""
        self._run = run
        run.heard_by.append(self.take)

    def take(self, record: Record) -> None:
        """Take in what the run recorded."""
        from cutaway.training.records import StepRecord, ValidationRecord

        if isinstance(record, StepRecord):
            if self._work is None and self._run is not None:
                self._work = _work(self._run)
            with self._lock:
                self._step(record)
        elif isinstance(record, ValidationRecord):
            with self._lock:
                self._checked = _halved([*self._checked, (float(record.step), record.loss * self._factor)])
                self._floor = None if record.floor is None else record.floor * self._factor

    def draw(self, width: int) -> RenderableType | None:
        """Return the drawing, or None before the first step."""
        from rich.console import Group

        from cutaway.views.terminal_curve import in_lines, loss_curve

        with self._lock:
            now = self._now
            if now is None:
                return None
            curve = loss_curve(self._learned, self._checked, self._floor, self._unit, width=min(width, 96))
            facts = [f"loss {now.loss * self._factor:.3f}"]
            if self._checked:
                facts.append(f"held out {self._checked[-1][1]:.3f}")
            facts += [f"learning rate {now.learning_rate:.2e}", f"{self._speed:,.0f} tokens/s", *self._of_peak()]
        memory = _memory(self._device)
        facts += [f"memory {memory / 1e9:.2f} GB"] if memory else []
        return Group(curve, in_lines(facts, width))

    def _step(self, record: StepRecord) -> None:
        self._now = record
        self._speed = (
            record.tokens_per_second if not self._speed else 0.9 * self._speed + 0.1 * record.tokens_per_second
        )
        total, count = self._waiting
        self._waiting = [total + record.loss * self._factor, count + 1]
        if count + 1 >= self._every:
            self._learned.append((float(record.step), self._waiting[0] / self._waiting[1]))
            self._waiting = [0.0, 0]
            if len(self._learned) > _MOST:
                pairs = zip(self._learned[::2], self._learned[1::2], strict=False)
                self._learned = [(x, (y + before) / 2) for (_, before), (x, y) in pairs]
                self._every *= 2

    def _of_peak(self) -> list[str]:
        if self._work is None or self._work[0] is None:
            return []
        return [f"{self._work[0] * self._speed / self._work[1]:.0%} of peak speed"]


def _halved(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out every second point, but for the first and the last, if there are many."""
    return points if len(points) <= _MOST else [*points[:-1:2], points[-1]]


def _work(run: TrainingRun) -> tuple[float | None, float]:
    """Return the operations of training on a token, None if unknown, and how many this process can do in a second.

    The backward pass takes twice as many operations as the forward pass if all weights are trained.
    """
    from cutaway.models import architecture
    from cutaway.training.matrix_speed import matrix_speed

    model = run.settings.model
    if model.objective != "causal" or model.start is not None or run.processes > 1 or run.decided is None:
        return None, 1.0
    forward = architecture(run.model.config).flops_per_token
    return None if forward is None else 3 * forward, matrix_speed(run.settings.loop.device, run.decided.precision)


def _memory(device: str) -> int | None:
    """Return the most bytes that the run has needed: of the device, or of this process."""
    if device.startswith("cuda"):
        torch: Any = sys.modules["torch"]
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

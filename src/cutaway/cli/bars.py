"""Progress on stderr: a bar for each slow step on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cutaway.progress import Lines, Listener, Step, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Group, RenderableType
    from rich.live import Live
    from rich.table import Table


class Bars(Listener):
    """Draws the steps that have taken half a second, each with its share and the time left; then erases them.

    `above` draws more, for a width in characters, above the bars.
    """

    every = 0.1
    after = 0.5
    with_more = 1.0  # a drawing takes some milliseconds, which the work then lacks

    def __init__(self) -> None:
        super().__init__()
        self.above: Callable[[int], RenderableType | None] | None = None
        self._live: Live | None = None

    def show(self) -> None:
        """Draw the steps again."""
        slow = [step for step in self.steps if step.seconds >= self.after]
        if not slow:
            return
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            # Lines that are printed meanwhile come out above the bars.
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        above = None if self.above is None else self.above(self._live.console.width)
        self.every = Bars.every if above is None else self.with_more
        self._live.update(_drawn(slow, above), refresh=True)

    def clear(self) -> None:
        """Take the bars away."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def listener() -> Listener:
    """Return who shows progress on this process's stderr."""
    terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return Bars() if terminal else Lines()


def _drawn(steps: list[Step], above: RenderableType | None) -> Group:
    from rich.console import Group

    return Group(*([] if above is None else [above]), *(_row(step) for step in steps))


def _row(step: Step) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    share, left = step.share, step.left
    if share is not None and left is not None:
        bar = ProgressBar(total=1.0, completed=share, width=24)
        row.add_row(Text(step.what), bar, Text(f"{share:4.0%}  {duration(left)} left"))
    else:
        spinner = Spinner("dots")
        spinner.start_time = 0.0  # drawn anew each time, it turns with the clock
        row.add_row(Text(step.what), spinner, Text(duration(step.seconds)))
    return row

"""One line of what `doctor` found."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found about one thing of this machine.

    `state` is "good", "note" (it works, or is not needed, but you may want to know) or "problem"; `advice` says what to
    do about it, if anything.
    """

    topic: str
    name: str
    value: str
    state: str = "good"
    advice: str = ""

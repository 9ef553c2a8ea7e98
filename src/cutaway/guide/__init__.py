"""The guided tour: the hands-on, run in order on a real model, as one result.

Exports are imported on first use: torch comes with the verb that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.guide.lesson import Section, Tour, tour

__all__ = ["Section", "Tour", "tour"]

__getattr__ = exports(
    __name__,
    {
        "lesson": ["Section", "Tour", "tour"],
    },
)

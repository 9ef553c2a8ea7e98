"""What comes out: the decode loop over ids, and the samplers that choose each one.

Exports are imported on first use: torch comes with the verb that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.generation.loop import Generation, generate
    from cutaway.generation.rows import Alternative
    from cutaway.generation.runs import Run, read_runs
    from cutaway.generation.samplers import distribution
    from cutaway.generation.settings import Sampling
    from cutaway.generation.sweeps import Sweep, sweep
    from cutaway.generation.trace import Effect, Option, Step

__all__ = [
    "Alternative",
    "Effect",
    "Generation",
    "Option",
    "Run",
    "Sampling",
    "Step",
    "Sweep",
    "distribution",
    "generate",
    "read_runs",
    "sweep",
]

__getattr__ = exports(
    __name__,
    {
        "loop": ["Generation", "generate"],
        "rows": ["Alternative"],
        "runs": ["Run", "read_runs"],
        "samplers": ["distribution"],
        "settings": ["Sampling"],
        "sweeps": ["Sweep", "sweep"],
        "trace": ["Effect", "Option", "Step"],
    },
)

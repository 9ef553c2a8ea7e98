"""What comes out: the decode loop over ids, and the samplers that choose each one."""

from cutaway.generation.loop import Generation, generate
from cutaway.generation.rows import Alternative
from cutaway.generation.runs import Run, read_runs
from cutaway.generation.samplers import Sampling, distribution
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

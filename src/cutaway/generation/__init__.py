"""What comes out: the decode loop over ids, and the samplers that choose each one."""

from cutaway.generation.loop import Generation, generate
from cutaway.generation.rows import Alternative
from cutaway.generation.runs import Run, read_runs
from cutaway.generation.samplers import Sampling, distribution
from cutaway.generation.sweeps import Sweep, sweep

__all__ = ["Alternative", "Generation", "Run", "Sampling", "Sweep", "distribution", "generate", "read_runs", "sweep"]

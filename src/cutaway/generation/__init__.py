"""What comes out: the decode loop over ids, and the samplers that choose each one."""

from cutaway.generation.loop import Generation, generate
from cutaway.generation.rows import Alternative
from cutaway.generation.samplers import Sampling, distribution

__all__ = ["Alternative", "Generation", "Sampling", "distribution", "generate"]

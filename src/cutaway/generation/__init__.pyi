from .loop import Generation as Generation, generate as generate
from .rows import Alternative as Alternative
from .runs import Run as Run, read_runs as read_runs
from .samplers import distribution as distribution
from .settings import Sampling as Sampling
from .sweeps import Sweep as Sweep, sweep as sweep
from .trace import Effect as Effect, Option as Option, Step as Step

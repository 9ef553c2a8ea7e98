from .generating import generate as generate, respond as respond
from .request import Request as Request
from .record_files import WrittenRecords as WrittenRecords, write_records as write_records
from .response import Generation as Generation
from .rows import Alternative as Alternative
from .sweep_files import read_runs as read_runs
from .sweep_runs import SweepRun as SweepRun
from .sampled_records import SampledRecord as SampledRecord, sample_records as sample_records
from .samplers import distribution as distribution
from .settings import Sampling as Sampling
from .sweeps import Sweep as Sweep, read_sweep as read_sweep, sweep as sweep
from .rows import SamplerEffect as SamplerEffect, TraceOption as TraceOption, TraceStep as TraceStep

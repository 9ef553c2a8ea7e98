"""Start the same command in several processes of this machine, with torchrun's own agent: `cutaway train --procs N`.

The command line calls it before any work, with the arguments without `--procs`:

    if procs is not None and find_ranks().launcher is None:
        sys.exit(start_processes(["train", "data.fa", "-o", "run"], procs))

Each process finds its rank with `ranks.find_ranks` and joins the others with `rank_watch.watched`, as under any other
launcher.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import uuid
from typing import Any, Final

from cutaway.errors import at_least
from cutaway.models.processors import usable_processors
from cutaway.ranks import OWN_LAUNCH

UNFINISHED: Final = 75
"""The exit code of a run that was told to stop (SIGUSR1) and wrote a checkpoint: the same command goes on from there.

sysexits.h calls it EX_TEMPFAIL: try again later.
"""
_SAVING: Final = 600  # seconds for ranks that were asked to end, to write their checkpoint


def start_processes(arguments: list[str], count: int, *, module: str = "cutaway") -> int:
    """Run `cutaway ARGUMENTS` (or another module) in `count` processes on this machine and return the exit code.

    If a process fails, all end, and one line on stderr names its rank, host and cause. Ctrl-C, SIGTERM and SIGUSR1 go
    to all processes, which may write a checkpoint before they end; after SIGUSR1 the code is `UNFINISHED`. Each process
    computes with its share of the processors, unless OMP_NUM_THREADS says how many threads it has.

    Raises `InputError` if `count` is below 1.

    Example:
        >>> start_processes(["--version"], 2)  # doctest: +SKIP
        0
    """
    at_least(1, procs=count)
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL + 1)  # it logs the failures' tracebacks
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        logs_specs=DefaultLogsSpecs(),
        run_id=f"{OWN_LAUNCH}{uuid.uuid4()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        local_addr="localhost",
        signals_to_handle="SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1",
        shutdown_timeout=_SAVING,
    )
    with _environment(OMP_NUM_THREADS=str(max(1, usable_processors() // count))):
        try:
            elastic_launch(config, sys.executable)("-P", "-m", module, *arguments)
        except ChildFailedError as error:
            return _failure(error.failures)
        except SignalException as ended:
            return UNFINISHED if ended.sigval == signal.SIGUSR1 else 128 + ended.sigval
    return 0


@contextlib.contextmanager
def _environment(**variables: str) -> Any:
    """Set the variables that are not set, for the processes that start inside."""
    missing = {name: value for name, value in variables.items() if not os.environ.get(name)}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


def _failure(failures: dict[int, Any]) -> int:
    """Print what made the job fail, and return the exit code."""
    host = socket.gethostname().partition(".")[0]
    rank, failure = min(failures.items(), key=lambda one: (_doubt(one[1]), one[0]))
    lines = [f"rank {rank} on {host} ended with exit code {failure.exitcode}", None]
    if isinstance(failure.message, dict):
        lines = [failure.message["message"], failure.message["extraInfo"].get("hint")]
    elif failure.exitcode < 0:
        why = " (out of memory?)" if -failure.exitcode == signal.SIGKILL else ""
        lines = [f"rank {rank} on {host} was killed by {failure.signal_name()}{why}", None]
    print("\n  ".join(filter(None, [f"cutaway: {lines[0]}", lines[1]])), file=sys.stderr, flush=True)  # noqa: T201
    return failure.exitcode if failure.exitcode > 0 else 1


def _doubt(failure: Any) -> int:
    """Return how unlikely a failure is to be the cause: a signal, what a rank wrote, an exit code, our own SIGTERM."""
    if failure.exitcode < 0 and -failure.exitcode != signal.SIGTERM:
        return 0
    return 1 if isinstance(failure.message, dict) else 2 if failure.exitcode > 0 else 3

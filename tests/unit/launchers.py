"""The variables that each launcher really sets, for processes that the tests start themselves on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

LAUNCHERS = ("torchrun", "slurm", "pals", "pmi", "hydra", "openmpi")

_OF_LAUNCHERS = re.compile(
    r"(RANK|LOCAL_RANK|WORLD_SIZE|LOCAL_WORLD_SIZE|MASTER_ADDR|MASTER_PORT|GROUP_RANK|ROLE_.*)$|"
    r"(TORCHELASTIC|SLURM|PBS|PALS|PMI|PMIX|MPI|OMPI)_"
)


def without_launchers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without any variable of a launcher or scheduler."""
    return {name: value for name, value in environ.items() if not _OF_LAUNCHERS.match(name)}


def emulated(launcher: str, rank: int, size: int, *, port: int | None = None) -> dict[str, str]:
    """Return the variables of one of `size` processes on this machine, as the launcher sets them.

    `port`, if given, is the meeting point: two tests that run at once must not meet.
    """
    r, n = str(rank), str(size)
    sets = {
        "torchrun": {
            "RANK": r, "LOCAL_RANK": r, "WORLD_SIZE": n, "LOCAL_WORLD_SIZE": n, "GROUP_RANK": "0", "ROLE_RANK": r,
            "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0", "MASTER_ADDR": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
        },
        # A step of srun inside a job whose script may start eight tasks.
        "slurm": {
            "SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_PROCID": r, "SLURM_LOCALID": r, "SLURM_NODEID": "0",
            "SLURM_NTASKS": n, "SLURM_STEP_NUM_TASKS": n, "SLURM_STEP_TASKS_PER_NODE": n,
            "SLURM_JOB_NODELIST": "nid[001-002]", "SLURM_STEP_NODELIST": "nid001",
        },
        "pals": {
            "PBS_JOBID": "4711.pbs-01", "PALS_APID": "0e8b1c52", "PALS_RANKID": r, "PALS_LOCAL_RANKID": r,
            "PALS_NODEID": "0", "PALS_LOCAL_SIZE": n, "PMI_RANK": r, "PMI_LOCAL_RANK": r, "PMI_LOCAL_SIZE": n,
            "PMI_SIZE": n,
        },
        "pmi": {
            "PBS_JOBID": "4711.pbs-01", "PMI_RANK": r, "PMI_LOCAL_RANK": r, "PMI_LOCAL_SIZE": n, "PMI_SIZE": n,
        },
        "hydra": {"PMI_RANK": r, "PMI_SIZE": n, "PMI_FD": "9", "MPI_LOCALRANKID": r, "MPI_LOCALNRANKS": n},
        "openmpi": {
            "OMPI_COMM_WORLD_RANK": r, "OMPI_COMM_WORLD_LOCAL_RANK": r, "OMPI_COMM_WORLD_NODE_RANK": r,
            "OMPI_COMM_WORLD_SIZE": n, "OMPI_COMM_WORLD_LOCAL_SIZE": n, "PMIX_RANK": r,
            "PMIX_NAMESPACE": "prterun-here-4711@1",
        },
    }  # fmt: skip
    return sets[launcher] | ({} if port is None else {"MASTER_PORT": str(port)})

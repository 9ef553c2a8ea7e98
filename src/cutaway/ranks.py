"""Who this process is among the processes of its job, and where they meet: read from the launcher's variables.

Every launcher tells the processes that it starts their number in its own variables. Nobody has to name the launcher:

| launcher | rank | rank on its node | number of ranks | ranks on this node |
|---|---|---|---|---|
| torchrun [1] | RANK | LOCAL_RANK | WORLD_SIZE | LOCAL_WORLD_SIZE |
| Open MPI [2] | OMPI_COMM_WORLD_RANK | …_LOCAL_RANK | …_SIZE | …_LOCAL_SIZE |
| PALS [3] | PALS_RANKID | PALS_LOCAL_RANKID | PALS_SIZE, rarely set | PALS_LOCAL_SIZE |
| PMI: Cray [3] | PMI_RANK | PMI_LOCAL_RANK | PMI_SIZE | PMI_LOCAL_SIZE |
| PMI: MPICH's Hydra, Intel MPI [4] | PMI_RANK | MPI_LOCALRANKID | PMI_SIZE | MPI_LOCALNRANKS |
| Slurm's srun [5] | SLURM_PROCID | SLURM_LOCALID | SLURM_STEP_NUM_TASKS | SLURM_STEP_TASKS_PER_NODE |

Sources: [1] docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables". [2] docs.open-mpi.org/en/v5.0.x/
tuning-apps/environment-var.html. [3] Slurm's plugin mpi/cray_shasta, which sets what HPE's PALS sets, and scripts for
Polaris and Aurora, which take the size from PMI_SIZE. [4] github.com/pmodels/mpich, src/pm/hydra/proxy.
[5] slurm.schedmd.com/srun.html, "OUTPUT ENVIRONMENT VARIABLES".

Launchers nest: what torchrun or mpiexec starts inside a job of Slurm inherits the job's SLURM_PROCID. So the table's
order decides: the innermost launcher first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import socket
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from cutaway.errors import InputError


@dataclasses.dataclass(frozen=True)
class _Launcher:
    """The names of a launcher's variables; of several names the first that is set counts."""

    name: str
    rank: str
    local_rank: tuple[str, ...]
    size: tuple[str, ...]
    local_size: tuple[str, ...]


OWN_LAUNCH: Final = "cutaway-"  # how the run id begins that our own launcher gives
_BY_HAND: Final = "torchrun"  # its names are also what people and scripts export themselves
_LAUNCHERS: Final = (
    _Launcher(_BY_HAND, "RANK", ("LOCAL_RANK",), ("WORLD_SIZE",), ("LOCAL_WORLD_SIZE",)),
    _Launcher(
        "openmpi", "OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_LOCAL_RANK",), ("OMPI_COMM_WORLD_SIZE",),
        ("OMPI_COMM_WORLD_LOCAL_SIZE",),
    ),
    _Launcher("pals", "PALS_RANKID", ("PALS_LOCAL_RANKID",), ("PALS_SIZE",), ("PALS_LOCAL_SIZE",)),
    _Launcher(
        "pmi", "PMI_RANK", ("PMI_LOCAL_RANK", "MPI_LOCALRANKID"), ("PMI_SIZE",), ("PMI_LOCAL_SIZE", "MPI_LOCALNRANKS")
    ),
    _Launcher(
        "slurm", "SLURM_PROCID", ("SLURM_LOCALID",), ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"),
        ("SLURM_STEP_TASKS_PER_NODE",),
    ),
)  # fmt: skip
# What is the same in every process of a job and differs between two jobs, or between two launches in one job.
_IDENTITY: Final = (
    "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "SLURM_STEP_ID", "PBS_JOBID", "PALS_APID", "PMI_JOBID", "PMIX_NAMESPACE",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Ranks:
    """The place of this process in its job: number `rank` of `size`, number `local_rank` on its `host`.

    `launcher` is None if the process was started alone. `local_size` is how many ranks run on this host, or None if the
    launcher does not say.
    """

    rank: int = 0
    local_rank: int = 0
    size: int = 1
    launcher: str | None = None
    host: str = ""
    local_size: int | None = None

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.size} on {self.host}"


def find_ranks(environ: Mapping[str, str] = os.environ) -> Ranks:
    """Return this process's place in its job, from the variables of its launcher; alone it is rank 0 of 1.

    A number that the launcher does not set is taken from another one that counts this process alike (PALS often has no
    size, PMI has it), or from WORLD_SIZE and LOCAL_RANK. A script that Slurm runs itself, without srun, is alone.

    Raises `InputError` if a number is missing or not a whole number, or if RANK and WORLD_SIZE, exported by someone,
    contradict the launcher.

    Example:
        >>> find_ranks({"PALS_RANKID": "9", "PALS_LOCAL_RANKID": "1", "PMI_RANK": "9", "PMI_SIZE": "12"}).size
        12
        >>> find_ranks({}).launcher is None
        True
    """
    found = {launcher.name: rank for launcher in _LAUNCHERS if (rank := _rank(environ, launcher)) is not None}
    chosen = next((launcher for launcher in _LAUNCHERS if launcher.name in found), None)
    host = socket.gethostname().partition(".")[0]
    if chosen is None:
        size = _number(environ, "WORLD_SIZE")
        if size is not None and size > 1:
            raise InputError(
                f"WORLD_SIZE={size} is set, but no rank: neither RANK nor a launcher's variable",
                hint="start the processes with torchrun, srun or mpiexec, or run: unset WORLD_SIZE",
            )
        return Ranks(host=host)
    rank = found[chosen.name]
    # Whoever counts this process alike is the same launcher by another name, and may know what the chosen one does not.
    alike = [
        other for other in _LAUNCHERS
        if found.get(other.name, rank) == rank and (other.name in found or other.name != "slurm")
    ]  # fmt: skip
    known = [chosen, *(other for other in alike if other is not chosen)]
    size = _first(environ, [name for launcher in known for name in launcher.size])
    if size is None:
        raise _incomplete(chosen, rank, "how many ranks there are", "export WORLD_SIZE=NUMBER before the launcher")
    if size <= rank:
        raise InputError(
            f"{chosen.rank}={rank}, but there are only {size} ranks ({_set_name(environ, known, size)}={size})",
            hint=f"a rank is below their number: unset what does not come from the launcher ({chosen.name})",
        )
    local_rank = 0 if size == 1 else _first(environ, [name for launcher in known for name in launcher.local_rank])
    if local_rank is None:
        hint = "with one process a node, export LOCAL_RANK=0 before the launcher"
        raise _incomplete(chosen, rank, "its number on this node", hint)
    if chosen.name == _BY_HAND and not environ.get("TORCHELASTIC_RUN_ID"):
        _refuse_contradiction(environ, found, rank, size)
    local_size = 1 if size == 1 else _local_size(environ, known)
    return Ranks(rank, local_rank, size, chosen.name, host, local_size)


def rank_for_log(environ: Mapping[str, str] = os.environ) -> int:
    """Return the rank that decides who logs: the innermost launcher's valid number, or 0; never an error."""
    values = (environ.get(launcher.rank, "").strip() for launcher in _LAUNCHERS)
    return next((int(value) for value in values if value.isascii() and value.isdigit()), 0)


def set_rendezvous(ranks: Ranks, environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what `torch.distributed` reads: RANK, LOCAL_RANK, WORLD_SIZE, and MASTER_ADDR and MASTER_PORT if missing.

    The meeting place is the host of rank 0: this machine if all ranks are on it, else the first node of Slurm's list or
    of the file PBS_NODEFILE. The port, below the range that systems hand out, follows from the job's id, so that two
    jobs on a node do not meet.

    Raises `InputError` if the host of rank 0 can't be told.

    Example:
        >>> environ = {"SLURM_STEP_NODELIST": "nid[003-004]", "SLURM_JOB_ID": "7"}
        >>> set_rendezvous(Ranks(1, 0, 2, "slurm", "nid004", 1), environ)
        >>> environ["RANK"], environ["WORLD_SIZE"], environ["MASTER_ADDR"]
        ('1', '2', 'nid003')
    """
    if not environ.get("MASTER_ADDR"):
        environ["MASTER_ADDR"] = _first_host(ranks, environ)
    if not environ.get("MASTER_PORT"):
        environ["MASTER_PORT"] = str(_port(environ))
    environ.update(RANK=str(ranks.rank), LOCAL_RANK=str(ranks.local_rank), WORLD_SIZE=str(ranks.size))


def job_identity(environ: Mapping[str, str] = os.environ) -> str:
    """Return a text that is the same in all processes of a launch and differs between launches, as far as is known."""
    return " ".join(environ[name] for name in _IDENTITY if environ.get(name))


def expand_nodes(text: str) -> list[str]:
    """Return the nodes of a list in Slurm's short form, in their order.

    Source: slurm.schedmd.com/scontrol.html, "show hostnames".

    Raises `InputError` if the list is malformed.

    Example:
        >>> expand_nodes("node[001-003,007],login2")
        ['node001', 'node002', 'node003', 'node007', 'login2']
        >>> expand_nodes("r[1-2]n[09-10]")
        ['r1n09', 'r1n10', 'r2n09', 'r2n10']
    """
    nodes = []
    for part in re.split(r",(?![^\[]*\])", text.strip()):
        expanded = _expand(part.strip())
        if expanded is None:
            raise InputError(f"{text!r} is not a list of nodes", hint="Slurm writes such lists like node[001-004,007]")
        nodes += expanded
    return nodes


def _expand(part: str) -> list[str] | None:
    """Return the nodes of a name with brackets, or None if it is malformed."""
    before, bracket, rest = part.partition("[")
    if not bracket:
        return [part] if part and "]" not in part else None
    inside, bracket, after = rest.partition("]")
    tails = _expand(after) if after else [""]
    if not bracket or tails is None:
        return None
    nodes = []
    for one in inside.split(","):
        matched = re.fullmatch(r"(\d+)(?:-(\d+))?", one.strip(), re.ASCII)
        if matched is None:
            return None
        first, last = matched[1], matched[2] or matched[1]
        if int(last) < int(first):
            return None
        numbers = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        nodes += [before + number + tail for number in numbers for tail in tails]
    return nodes


def _rank(environ: Mapping[str, str], launcher: _Launcher) -> int | None:
    rank = _number(environ, launcher.rank)
    # Slurm gives its own script the rank 0, and the number of tasks that the script may start. It is not one of them.
    alone = launcher.name == "slurm" and rank == 0
    if alone and not environ.get("SLURM_STEP_ID") and not environ.get("SLURM_STEP_NUM_TASKS"):
        return None
    return rank


def _number(environ: Mapping[str, str], name: str) -> int | None:
    """Return a variable as a whole number from 0 up, or None if it is not set."""
    value = environ.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise InputError(f"the variable {name} is {value!r}, not a whole number", hint=f"run: unset {name}")
    return int(value)


def _first(environ: Mapping[str, str], names: list[str]) -> int | None:
    return next((number for name in names if (number := _number(environ, name)) is not None), None)


def _set_name(environ: Mapping[str, str], known: list[_Launcher], size: int) -> str:
    return next(name for launcher in known for name in launcher.size if _number(environ, name) == size)


def _local_size(environ: Mapping[str, str], known: list[_Launcher]) -> int | None:
    """Return how many ranks are on this host, if that is certain; Slurm's form is 4(x2),3: by node, in order."""
    for name in (name for launcher in known for name in launcher.local_size):
        value = environ.get(name, "").strip()
        if re.fullmatch(r"\d+(\(x\d+\))?", value, re.ASCII):  # the same on every node
            return int(value.partition("(")[0])
    return None


def _incomplete(launcher: _Launcher, rank: int, what: str, hint: str) -> InputError:
    return InputError(f"{launcher.rank}={rank} says which rank this is, but no variable says {what}", hint=hint)


def _refuse_contradiction(environ: Mapping[str, str], found: dict[str, int], rank: int, size: int) -> None:
    """Refuse RANK and WORLD_SIZE left over in the environment of a launcher that counts otherwise."""
    for other in _LAUNCHERS:
        others = _first(environ, list(other.size))
        if other.name == _BY_HAND or other.name not in found or others is None:
            continue
        if size < others or (size == others and rank != found[other.name]):
            raise InputError(
                f"RANK={rank} of WORLD_SIZE={size} contradicts {other.rank}={found[other.name]} of {others}",
                hint=f"to run under {other.name}: unset RANK LOCAL_RANK WORLD_SIZE",
            )


def _first_host(ranks: Ranks, environ: Mapping[str, str]) -> str:
    if ranks.size == ranks.local_size:
        return "127.0.0.1"
    for name in ("SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"):
        if environ.get(name):
            return expand_nodes(environ[name])[0]
    nodes = Path(environ.get("PBS_NODEFILE") or os.devnull)
    lines = (
        nodes.read_text(encoding="utf-8").split() if nodes.exists() else []
    )  # PBS may write it on the first node only
    if lines:
        return lines[0]
    raise InputError(
        f"{ranks}: no variable tells the host of rank 0", hint="before the launcher: export MASTER_ADDR=$(hostname)"
    )


def _port(environ: Mapping[str, str]) -> int:
    digest = hashlib.blake2b(job_identity(environ).encode(), digest_size=8).digest()
    return 20000 + int.from_bytes(digest, "little") % 12000

"""Job scripts for Slurm and PBS, to read, to change and to submit: `cutaway train --submit slurm`.

The command line calls it with the arguments without `--submit`, and writes the text to the path that it names:

    text = job_script("slurm", ["train", "data.fa", "-o", "run"], path=Path("run.slurm"), nodes=2, per_node=4)

A job ends in order before its time is over: the script sends SIGUSR1 to the launcher, which sends it to all ranks. They
write a checkpoint and exit with `launch.UNFINISHED`. Then the script submits itself again, and the next job goes on
from the checkpoint, because the same command resumes. Slurm warns the script (`--signal`); PBS does not, so there the
script counts the time itself. srun, Open MPI, MPICH's Hydra and PALS all pass SIGUSR1 on; on SIGTERM some kill at once.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cutaway.errors import InputError, at_least
from cutaway.models import cache
from cutaway.training.launch import UNFINISHED

SCHEDULERS: Final = ("pbs", "slurm")
PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PASSED_ON: Final = ("HF_HOME", "HF_ENDPOINT", "PYTHONPATH")


def job_script(
    scheduler: str,
    arguments: Sequence[str],
    *,
    path: Path,
    nodes: int = 1,
    per_node: int = 1,
    walltime: str = "1:00:00",
    processors: int | None = None,
    gpus: int | None = None,
    name: str = "cutaway",
    queue: str | None = None,
    account: str | None = None,
    directives: Sequence[str] = (),
    setup: Sequence[str] = (),
    jobs: int = 20,
    stop_before: int = 300,
    python: str = sys.executable,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Return a bash script that runs `cutaway ARGUMENTS` on `nodes` × `per_node` processes and submits itself again.

    `path` is where the script will be saved. `walltime` is hours:minutes:seconds. `processors` and `gpus` are for each
    process; without them the site's default counts. `directives` are further options of the scheduler
    ("-l filesystems=home"), `setup` further shell commands ("module load cuda"). `stop_before` seconds before the end
    the ranks are asked to write a checkpoint (in a short job after four fifths of it). After `jobs` jobs in a row
    nothing is submitted any more.

    The script sets the proxy variables as they are here, except for passwords, and works offline with the cache that
    is here: models must have been downloaded before.

    Raises `InputError` for an unknown scheduler, a walltime that can't be read, a number below 1 or an option with a
    line break.

    Example:
        >>> text = job_script("slurm", ["train", "-o", "run"], path=Path("run.slurm"), nodes=2, per_node=4, environ={})
        >>> "#SBATCH --nodes=2" in text
        True
    """
    if scheduler not in SCHEDULERS:
        raise InputError(f"{scheduler!r} is not a scheduler that is known here", hint="give 'pbs' or 'slurm'")
    at_least(1, nodes=nodes, per_node=per_node, jobs=jobs, stop_before=stop_before)
    at_least(1, **{key: value for key, value in (("processors", processors), ("gpus", gpus)) if value is not None})
    if broken := [text for text in (name, queue or "", account or "", *directives) if "\n" in text]:
        raise InputError(f"the option {broken[0]!r} has a line break", hint="give one option at a time")
    seconds = _seconds(walltime)
    stop = min(stop_before, max(1, seconds // 5))
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    exports, notes = _environment(environ)
    command = shlex.join([python, "-P", "-m", "cutaway", *arguments])
    if scheduler == "slurm":
        head = _slurm_head(name, nodes, per_node, clock, processors, gpus, queue, account, stop)
        submit = f'sbatch --export=ALL,CUTAWAY_JOB=$((job + 1)) "{_quoted(path)}"'
        body = _slurm_body(command, nodes * per_node, per_node, processors)
    else:
        head = _pbs_head(name, nodes, per_node, clock, processors, gpus, queue, account)
        submit = f'qsub -v CUTAWAY_JOB=$((job + 1)) "{_quoted(path)}"'
        body = _pbs_body(command, nodes, per_node, seconds - stop, list(exports))
    tool, prefix, home = {
        "slurm": ("sbatch", "#SBATCH", "SLURM_SUBMIT_DIR"), "pbs": ("qsub", "#PBS", "PBS_O_WORKDIR")
    }[scheduler]  # fmt: skip
    return "\n".join(
        [
            "#!/bin/bash",
            *head,
            *(f"{prefix} {directive}" for directive in directives),
            "",
            f"# Submit it from the folder in which the command is to run: {tool} {shlex.quote(str(path))}",
            f'cd "${{{home}:-.}}" || exit 1',
            *notes,
            *(f"export {key}={shlex.quote(value)}" for key, value in exports.items()),
            *setup,
            "",
            *body,
            "",
            f"# {UNFINISHED}: the checkpoint is written, and there is more to do. The same command goes on from there.",
            "job=${CUTAWAY_JOB:-1}",
            f'if [ "$code" -eq {UNFINISHED} ] || {{ [ -n "$stopping" ] && [ "$code" -ne 0 ]; }}; then',
            f'    if [ "$job" -lt {jobs} ]; then',
            f'        echo "time is up in job $job of at most {jobs}: submitting the next"',
            f"        {submit}",
            "        exit",
            "    fi",
            f'    echo "time is up, and this was job {jobs} of at most {jobs}; to go on: submit this script again"',
            "fi",
            'exit "$code"',
            "",
        ]
    )


def _slurm_head(
    name: str, nodes: int, per_node: int, clock: str, processors: int | None, gpus: int | None, queue: str | None,
    account: str | None, stop: int,
) -> list[str]:  # fmt: skip
    options = {
        "job-name": name, "nodes": nodes, "ntasks-per-node": per_node, "cpus-per-task": processors,
        "gpus-per-node": None if gpus is None else gpus * per_node, "time": clock, "partition": queue,
        "account": account, "output": "%x-%j.out", "signal": f"B:USR1@{stop}",
    }  # fmt: skip
    return [f"#SBATCH --{option}={value}" for option, value in options.items() if value is not None]


def _pbs_head(
    name: str, nodes: int, per_node: int, clock: str, processors: int | None, gpus: int | None, queue: str | None,
    account: str | None,
) -> list[str]:  # fmt: skip
    ask = {"ncpus": processors and processors * per_node, "ngpus": gpus and gpus * per_node, "mpiprocs": per_node}
    chunks = "".join(f":{resource}={number}" for resource, number in ask.items() if number is not None)
    options = {
        "-N": name, "-l": f"select={nodes}{chunks}", "-l ": f"walltime={clock}", "-q": queue, "-A": account, "-j": "oe"
    }  # fmt: skip
    return [f"#PBS {option.strip()} {value}" for option, value in options.items() if value is not None]


def _slurm_body(command: str, ranks: int, per_node: int, processors: int | None) -> list[str]:
    each = "" if processors is None else f" --cpus-per-task={processors}"
    return [
        "# Before the time is over, Slurm sends USR1 to this script, and the script to the ranks.",
        "stopping=",
        "trap 'stopping=1; kill -USR1 \"$launcher\"' USR1",
        f"srun --ntasks={ranks} --ntasks-per-node={per_node}{each} --kill-on-bad-exit=1 \\",
        f"    {command} &",
        "launcher=$!",
        'wait "$launcher"',
        "code=$?",
        'if [ -n "$stopping" ] && [ "$code" -gt 128 ]; then  # the signal ended the first wait',
        '    wait "$launcher"',
        "    code=$?",
        "fi",
    ]


def _pbs_body(command: str, nodes: int, per_node: int, seconds: int, exports: list[str]) -> list[str]:
    ranks = nodes * per_node
    lines = []
    if ranks > 1:
        names = " ".join(f"-x {name}" for name in (["MASTER_ADDR"] if nodes > 1 else []) + exports)
        lines += ['export MASTER_ADDR=$(head -n 1 "$PBS_NODEFILE")  # rank 0 runs there'] if nodes > 1 else []
        lines += [
            "# Every mpiexec spells it differently: so many ranks a node, each free to use all its processors.",
            'case "$(mpiexec --version 2>&1)" in',
            f'    *"Open MPI"*|*OpenRTE*|*PRRTE*) layout="--map-by ppr:{per_node}:node --bind-to none {names}" ;;',
            f'    *HYDRA*|*Hydra*|*Intel*) layout="-ppn {per_node} -bind-to none" ;;',
            f'    *) layout="--ppn {per_node} --cpu-bind none" ;;  # PALS',
            "esac",
            f"mpiexec -n {ranks} $layout \\",
        ]
    return [
        *lines,
        f"{'    ' if lines else ''}{command} &",
        "launcher=$!",
        "# Before the time is over, the ranks are asked to write a checkpoint.",
        "stopping=",
        f"sleep {seconds} &",
        "timer=$!",
        'wait -n "$launcher" "$timer"',
        'if kill -0 "$launcher" 2>/dev/null; then',
        "    stopping=1",
        '    kill -USR1 "$launcher"',
        "fi",
        'wait "$launcher"',
        "code=$?",
        'kill "$timer" 2>/dev/null',
    ]


def _environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return what to export, and comments on what is left out."""
    exports, notes = {}, []
    for variable in PROXIES:
        value = environ.get(variable)
        if not value:
            continue
        if urlsplit(value if "//" in value else f"//{value}").password is not None:
            notes.append(f"# {variable} holds a password here, so it is not written down: export it in ~/.bashrc")
        else:
            exports[variable] = value
    notes.append("# What is not downloaded yet is not downloaded here: compute nodes often have no network.")
    exports |= {"HF_HUB_OFFLINE": "1", "CUTAWAY_HOME": str(cache.home().absolute())}
    exports |= {variable: environ[variable] for variable in _PASSED_ON if environ.get(variable)}
    return exports, notes


def _seconds(walltime: str) -> int:
    matched = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?", walltime.strip(), re.ASCII)
    days, hours, minutes, seconds = (int(part or 0) for part in matched.groups()) if matched else (0, 0, 0, 0)
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not total:
        raise InputError(
            f"the walltime {walltime!r} is not hours:minutes:seconds", hint="for example: walltime='2:30:00'"
        )
    return total


def _quoted(path: Path) -> str:
    """Return the path for a place inside double quotes."""
    return re.sub(r'([\\"$`])', r"\\\1", str(path.absolute()))

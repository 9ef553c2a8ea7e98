"""Job scripts: what they contain, and that they run, stop in time and submit themselves, under stand-ins for the tools.

The stand-ins are small programs in PATH: sbatch and qsub run the script at once, srun and mpiexec start the ranks and
pass SIGUSR1 on, and the Python of the script is a program that needs two jobs.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cutaway.errors import InputError
from cutaway.training.job_scripts import job_script
from tests.unit.launchers import without_launchers

ARGUMENTS = ["train", "my data.fa", "-o", "it's a run", "--prompt", "$HOME `x`"]

# Starts so many ranks, each with its number, and passes USR1 on; its exit code is the highest of theirs.
LAUNCHER = r"""#!/bin/bash
echo "$(basename "$0") $*" >> "$LOG"
[ "$1" = --version ] && { echo "$MPIEXEC"; exit; }
ranks=2
while [ "${1:0:1}" = - ]; do
    case "$1" in -n|--ppn|-ppn|--cpu-bind|-bind-to|--map-by|--bind-to|-x) shift;; esac
    shift
done
pids=()
for ((rank = 0; rank < ranks; rank++)); do RANK=$rank "$@" & pids+=($!); done
trap 'kill -USR1 "${pids[@]}"' USR1
code=0
for pid in "${pids[@]}"; do
    while :; do wait "$pid"; one=$?; kill -0 "$pid" 2>/dev/null || break; done
    wait "$pid"; one=$?
    [ "$one" -gt "$code" ] && code=$one
done
exit "$code"
"""

# A rank: in the first job it computes until it is told to stop, writes a checkpoint and exits with 75; then it is done.
RANK = r"""#!/bin/bash
echo "rank $RANK job ${CUTAWAY_JOB:-1} offline $HF_HUB_OFFLINE proxy $https_proxy in $PWD: $*" >> "$LOG"
[ -e "$STATE/finished.$RANK" ] && exit 1
if [ -e "$STATE/saved.$RANK" ] && [ -z "$ENDLESS" ]; then touch "$STATE/finished.$RANK"; exit 0; fi
if [ -n "$BROKEN" ]; then exit 3; fi
trap 'touch "$STATE/saved.$RANK"; exit 75' USR1
for ((i = 0; i < 300; i++)); do sleep 0.1; done
exit 9
"""

# Runs the script as Slurm does, and warns it (not the steps) some time before the end.
SBATCH = r"""#!/bin/bash
echo "sbatch $*" >> "$LOG"
for word in "$@"; do case "$word" in --export=ALL,*) export "${word#--export=ALL,}";; esac; done
cp "${!#}" "$STATE/spooled"
SLURM_SUBMIT_DIR=$PWD bash "$STATE/spooled" & job=$!
[ -e "$STATE/saved.0" ] && [ -z "$ENDLESS" ] || { sleep 0.7; kill -USR1 "$job"; }
wait "$job"
"""

QSUB = r"""#!/bin/bash
echo "qsub $*" >> "$LOG"
[ "$1" = -v ] && { export "$2"; shift 2; }
printf 'node1\nnode2\n' > "$STATE/nodes"
PBS_O_WORKDIR=$PWD PBS_NODEFILE=$STATE/nodes bash < "$1"
"""


@pytest.fixture
def site(tmp_path: Path) -> dict[str, str]:
    """An environment with stand-ins for the tools of both schedulers."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in {
        "srun": LAUNCHER, "mpiexec": LAUNCHER, "sbatch": SBATCH, "qsub": QSUB, "python-of-the-job": RANK
    }.items():  # fmt: skip
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return without_launchers() | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "STATE": str(tmp_path),
        "MPIEXEC": "PALS 1.5.0",
    }  # fmt: skip


def written(tmp_path: Path, scheduler: str, **changes: Any) -> Path:
    path = tmp_path / f"a run.{scheduler}"
    options = {"path": path, "nodes": 2, "walltime": "0:00:05", "python": str(tmp_path / "bin" / "python-of-the-job")}
    path.write_text(job_script(scheduler, ARGUMENTS, **(options | changes)))
    return path


@pytest.mark.parametrize(("scheduler", "submit"), [("slurm", "sbatch"), ("pbs", "qsub")])
def test_a_job_stops_before_its_time_is_over_and_submits_itself(
    tmp_path: Path, site: dict[str, str], scheduler: str, submit: str
) -> None:
    path = written(tmp_path, scheduler, environ={"https_proxy": "http://proxy.example:3128"})
    done = subprocess.run([submit, str(path)], env=site, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "log").read_text().splitlines()
    ranks = sorted(line for line in log if line.startswith("rank"))
    expected = f"offline 1 proxy http://proxy.example:3128 in {tmp_path}: -P -m cutaway {' '.join(ARGUMENTS)}"
    assert ranks == sorted(f"rank {rank} job {job} {expected}" for rank in (0, 1) for job in (1, 2))
    submissions = [line for line in log if line.startswith(submit)]
    assert submissions[0] == f"{submit} {path}"
    assert len(submissions) == 2
    assert submissions[1].endswith(f" {path}")
    assert "CUTAWAY_JOB=2" in submissions[1]
    assert (tmp_path / "finished.0").exists()
    assert (tmp_path / "finished.1").exists()
    assert "submitting the next" in done.stdout


@pytest.mark.parametrize(("scheduler", "submit"), [("slurm", "sbatch"), ("pbs", "qsub")])
def test_a_job_that_fails_is_not_submitted_again_and_an_endless_one_only_so_often(
    tmp_path: Path, site: dict[str, str], scheduler: str, submit: str
) -> None:
    path = written(tmp_path, scheduler, walltime="0:00:02", jobs=2)
    for variable, code, count in (("BROKEN", 3, 1), ("ENDLESS", 75, 2)):
        (tmp_path / "log").unlink(missing_ok=True)
        environment = site | {variable: "1"}
        done = subprocess.run(
            [submit, str(path)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        submissions = [line for line in (tmp_path / "log").read_text().splitlines() if line.startswith(submit)]
        assert len(submissions) == count, done.stdout + done.stderr
        assert done.returncode == code or submissions[1:]
        assert ("this was job 2 of at most 2" in done.stdout) == (variable == "ENDLESS")


@pytest.mark.parametrize("scheduler", ["slurm", "pbs"])
@pytest.mark.parametrize("changes", [{}, {"nodes": 1, "per_node": 1}, {"nodes": 1, "per_node": 4}, {"processors": 8}])
def test_bash_reads_every_script(tmp_path: Path, scheduler: str, changes: dict[str, int]) -> None:
    path = written(tmp_path, scheduler, **changes)
    checked = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert path.read_text().startswith("#!/bin/bash\n#")


def test_the_head_asks_for_what_is_wanted(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "nodes": 2, "per_node": 4, "processors": 8, "gpus": 1, "walltime": "1-02:30", "queue": "prod",
        "account": "me", "name": "dna", "setup": ["module load x"],
    }  # fmt: skip
    slurm = written(tmp_path, "slurm", **wanted, directives=["--constraint=a100"]).read_text()
    for line in (
        "--nodes=2", "--ntasks-per-node=4", "--cpus-per-task=8", "--gpus-per-node=4", "--time=26:30:00",
        "--partition=prod", "--account=me", "--job-name=dna", "--signal=B:USR1@300", "--constraint=a100",
    ):  # fmt: skip
        assert f"\n#SBATCH {line}\n" in slurm
    assert "srun --ntasks=8 --ntasks-per-node=4 --cpus-per-task=8 --kill-on-bad-exit=1" in slurm
    pbs = written(tmp_path, "pbs", **wanted, directives=["-l filesystems=home"]).read_text()
    for line in (
        "-l select=2:ncpus=32:ngpus=4:mpiprocs=4", "-l walltime=26:30:00", "-q prod", "-A me", "-N dna",
        "-l filesystems=home",
    ):  # fmt: skip
        assert f"\n#PBS {line}\n" in pbs
    assert "mpiexec -n 8 $layout" in pbs
    assert f"sleep {26 * 3600 + 30 * 60 - 300} &" in pbs
    assert 'export MASTER_ADDR=$(head -n 1 "$PBS_NODEFILE")' in pbs
    for text in (slurm, pbs):
        assert text.index("\nmodule load x\n") < text.index("-m cutaway train")
        assert "\nexport HF_HUB_OFFLINE=1\n" in text
        assert "\nexport CUTAWAY_HOME=" in text


@pytest.mark.parametrize(
    ("version", "layout"),
    [
        ("mpiexec (OpenRTE) 4.1.2", "--map-by ppr:1:node --bind-to none -x MASTER_ADDR -x HF_HUB_OFFLINE"),
        ("mpiexec (Open MPI) 5.0.3", "--map-by ppr:1:node --bind-to none -x MASTER_ADDR"),
        ("HYDRA build details:", "-ppn 1 -bind-to none"),
        ("PALS 1.5.0", "--ppn 1 --cpu-bind none"),
    ],
)
def test_every_mpiexec_is_asked_in_its_own_words(
    tmp_path: Path, site: dict[str, str], version: str, layout: str
) -> None:
    path = written(tmp_path, "pbs")
    environment = site | {"MPIEXEC": version, "BROKEN": "1"}
    subprocess.run(["qsub", str(path)], env=environment, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert f"mpiexec -n 2 {layout}" in (tmp_path / "log").read_text()


def test_no_password_is_written_down(tmp_path: Path) -> None:
    environ = {
        "https_proxy": "http://me:secret@proxy.example:3128",
        "http_proxy": "me:secret@proxy.example",
        "no_proxy": "a",
    }
    for scheduler in ("slurm", "pbs"):
        text = written(tmp_path, scheduler, environ=environ).read_text()
        assert "secret" not in text
        assert "# https_proxy holds a password here" in text
        assert "# http_proxy holds a password here" in text
        assert "\nexport no_proxy=a\n" in text


@pytest.mark.parametrize(
    ("scheduler", "changes", "said"),
    [
        ("lsf", {}, "'lsf' is not a scheduler"),
        ("slurm", {"walltime": "soon"}, "walltime 'soon'"),
        ("slurm", {"walltime": "0:00:00"}, "walltime '0:00:00'"),
        ("pbs", {"nodes": 0}, "`nodes` is 0"),
        ("pbs", {"gpus": 0}, "`gpus` is 0"),
        ("pbs", {"queue": "a\nrm -rf b"}, "line break"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, scheduler: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        written(tmp_path, scheduler, **changes)

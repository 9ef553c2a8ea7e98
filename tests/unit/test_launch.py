"""Several processes under every launcher: they join, and if one of them fails, all end, with one line that says why."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cutaway
from cutaway.training.rank_hub import Hub, send
from tests.unit.launchers import LAUNCHERS, emulated, without_launchers

HOST = socket.gethostname().partition(".")[0]
LIMIT = 30.0  # seconds; on a quiet machine a job ends within 10, but tests run beside other work
START = 90.0  # seconds for processes to start on a busy machine
assert cutaway.__file__ is not None
SOURCES = [str(Path(cutaway.__file__).parents[1]), str(Path(__file__).parents[2])]


def environment() -> dict[str, str]:
    own = without_launchers() | {"PYTHONPATH": os.pathsep.join(SOURCES), "GLOO_SOCKET_IFNAME": "lo"}
    for name in ("OMP_NUM_THREADS", "CUTAWAY_DEBUG"):
        own.pop(name, None)
    return own


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Job:
    """The ranks of a job, as a launcher that does nothing about a dead one starts them."""

    def __init__(self, folder: Path, launcher: str, size: int, *action: object, start: int | None = None) -> None:
        self.folder, self.size, self.port = folder, size, free_port()
        self.processes = {
            rank: subprocess.Popen(
                [sys.executable, "-m", "tests.unit.ranked_worker", str(folder), *map(str, action)],
                env=environment() | emulated(launcher, rank, size, port=self.port),
                stdout=subprocess.DEVNULL, stderr=(folder / f"{rank}.err").open("w"),
                # A job in the background ignores SIGINT, and hands that on to its children.
                preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
            for rank in range(size if start is None else start)
        }  # fmt: skip

    def wait_for_ranks(self) -> float:
        """Wait until all ranks have joined; return the time."""
        deadline = time.monotonic() + START
        while len(list(self.folder.glob("*.json"))) < self.size:
            assert time.monotonic() < deadline, self.end()
            time.sleep(0.01)
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for process in self.processes.values():
            process.wait(max(deadline - time.monotonic(), 0.01))

    def end(self) -> list[str]:
        """Kill what is left; return what the ranks wrote."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        return [(self.folder / f"{rank}.err").read_text() for rank in self.processes]


@contextlib.contextmanager
def job(folder: Path, launcher: str, size: int, *action: object, start: int | None = None) -> Iterator[Job]:
    ranks = Job(folder, launcher, size, *action, start=start)
    try:
        yield ranks
    finally:
        ranks.end()


def said(texts: list[str]) -> str:
    """Return what our own line says, without what torch and gloo log."""
    return "\n".join(line for text in texts for line in text.splitlines() if line.startswith(("cutaway: ", "  ")))


@pytest.mark.parametrize(("launcher", "size"), list(zip(LAUNCHERS, (2, 3, 4, 3, 2, 4), strict=True)))
def test_ranks_meet_under_every_launcher(tmp_path: Path, launcher: str, size: int) -> None:
    with job(tmp_path, launcher, size, "sum") as ranks:
        ranks.wait(START)
        texts = ranks.end()
        assert [process.returncode for process in ranks.processes.values()] == [0] * size, texts
        assert said(texts) == ""
    known = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(size)]
    assert [one["sum"] for one in known] == [sum(range(size))] * size
    available = len(os.sched_getaffinity(0))
    assert {one["threads"] for one in known} == {max(1, available // size)}  # torchrun's OMP_NUM_THREADS=1 or not


@pytest.mark.parametrize(
    ("launcher", "action", "victim", "code", "line"),
    [
        ("slurm", "raises", 2, 1, "ValueError: the learning rate (ranked_worker.py:"),
        pytest.param(
            "pals", "raises", 0, 1, "ValueError: the learning rate (ranked_worker.py:", marks=pytest.mark.nightly
        ),
        ("openmpi", "refuses", 1, 2, "the label 'x' is not known\n  known: a, b"),
        ("pmi", "killed", 1, 1, "it died without an error message"),
        pytest.param("torchrun", "killed", 0, 1, "it died without an error message", marks=pytest.mark.nightly),
        ("hydra", "computes", 2, 1, "it died without an error message"),
        pytest.param(
            "slurm", "forks and is killed", 2, 1, "it died without an error message", marks=pytest.mark.nightly
        ),
        pytest.param("slurm", "exits", 1, 1, "it died without an error message", marks=pytest.mark.nightly),
    ],
)
def test_a_rank_that_fails_ends_all_with_one_line(
    tmp_path: Path, launcher: str, action: str, victim: int, code: int, line: str
) -> None:
    with job(tmp_path, launcher, 3, action, victim) as ranks:
        began = ranks.wait_for_ranks()
        ranks.wait(LIMIT + 5)
        took = time.monotonic() - began
        left = [process for rank, process in ranks.processes.items() if rank != victim]
        texts = ranks.end()
        assert took < LIMIT
        assert [process.returncode for process in left] == [code, code], texts
        text = said(texts)
        assert text.startswith(f"cutaway: rank {victim} on {HOST}: {line}"), texts
        assert text.count("cutaway: ") == 1
        assert not any("Traceback" in text for text in texts)


@pytest.mark.parametrize(
    ("missing", "size", "name"),
    [(2, 3, "rank 2 of 3"), pytest.param(0, 3, "rank 0 on 127.0.0.1", marks=pytest.mark.nightly)],
)
def test_a_rank_that_never_joins_is_named(tmp_path: Path, missing: int, size: int, name: str) -> None:
    with job(tmp_path, "slurm", size, "never joins", missing) as ranks:
        others = [process for rank, process in ranks.processes.items() if rank != missing]
        deadline = time.monotonic() + START
        for process in others:
            process.wait(deadline - time.monotonic())
        texts = ranks.end()
        assert [process.returncode for process in others] == [1] * (size - 1), texts
        text = said(texts)
        assert text.startswith(f"cutaway: {name} did not join within 3 s"), texts
        assert text.count("cutaway: ") == 1
        assert "join_timeout" in text


@pytest.mark.parametrize(
    ("number", "whom", "code", "line"),
    [
        (signal.SIGINT, (0, 1, 2), 130, ""),
        pytest.param(signal.SIGUSR1, (2, 1, 0), 75, "", marks=pytest.mark.nightly),
        pytest.param(
            signal.SIGINT, (1,), 130, f"cutaway: rank 1 on {HOST}: it was interrupted", marks=pytest.mark.nightly
        ),
        pytest.param(
            signal.SIGUSR1, (2,), 75, f"cutaway: rank 2 on {HOST}: it left with exit code 75", marks=pytest.mark.nightly
        ),
    ],
)
def test_ranks_leave_together_when_they_are_told_to(
    tmp_path: Path, number: int, whom: tuple[int, ...], code: int, line: str
) -> None:
    with job(tmp_path, "pals", 3, "waits") as ranks:
        ranks.wait_for_ranks()
        for rank in whom:
            ranks.processes[rank].send_signal(number)
        ranks.wait(LIMIT)
        texts = ranks.end()
        assert [process.returncode for process in ranks.processes.values()] == [code] * 3, texts
        assert said(texts) == line


def test_two_jobs_at_one_port_do_not_mix(tmp_path: Path) -> None:
    """The second job's rank 1 reaches the first job's rank 0, and is turned away."""
    with job(tmp_path, "hydra", 2, "waits") as ranks:
        ranks.wait_for_ranks()
        port = ranks.port
        other = environment() | emulated("pmi", 1, 2, port=port)
        command = [sys.executable, "-m", "tests.unit.ranked_worker", str(tmp_path), "sum"]
        refused = subprocess.run(command, env=other, capture_output=True, text=True, check=False, timeout=START)
        assert refused.returncode == 1
        assert f"port {port} belongs to another job" in refused.stderr
        assert "export MASTER_PORT" in refused.stderr
        assert all(process.poll() is None for process in ranks.processes.values())  # the first job goes on


def start_processes(folder: Path, count: int, *action: object) -> subprocess.Popen[str]:
    """Start our own launcher, as `cutaway train --procs COUNT` does."""
    arguments = [str(folder), *map(str, action)]
    code = (
        "import sys; from cutaway.training.launch import start_processes; "
        f"sys.exit(start_processes({arguments!r}, {count}, module='tests.unit.ranked_worker'))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pids(folder: Path, count: int) -> list[int]:
    """Wait until all ranks have joined; return their processes."""
    deadline = time.monotonic() + START
    while len(files := sorted(folder.glob("*.json"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [json.loads(file.read_text())["pid"] for file in files]


def gone(pid: int) -> bool:
    """Whether a process has ended, within the limit."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.05)
    return False


def test_our_own_launcher_starts_processes_that_share_the_processors(tmp_path: Path) -> None:
    launcher = start_processes(tmp_path, 3, "sum")
    out, err = launcher.communicate(timeout=START)
    assert (launcher.returncode, out, said([err])) == (0, "", "")
    known = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert [one["sum"] for one in known] == [3.0] * 3
    assert {one["threads"] for one in known} == {max(1, len(os.sched_getaffinity(0)) // 3)}


@pytest.mark.parametrize(
    ("action", "victim", "code", "line"),
    [
        ("raises", 1, 1, f"rank 1 on {HOST}: ValueError: the learning rate (ranked_worker.py:"),
        pytest.param(
            "refuses", 0, 2, f"rank 0 on {HOST}: the label 'x' is not known\n  known: a, b", marks=pytest.mark.nightly
        ),
        ("killed", 1, 1, f"rank 1 on {HOST} was killed by SIGKILL (out of memory?)"),
        pytest.param(
            "killed", 0, 1, f"rank 0 on {HOST} was killed by SIGKILL (out of memory?)", marks=pytest.mark.nightly
        ),
        ("never joins", 1, 1, "rank 1 of 2 did not join within 3 s"),
    ],
)
def test_our_own_launcher_says_in_one_line_what_failed(
    tmp_path: Path, action: str, victim: int, code: int, line: str
) -> None:
    launcher = start_processes(tmp_path, 2, action, victim)
    _, err = launcher.communicate(timeout=START)
    assert launcher.returncode == code, err
    assert said([err]).startswith(f"cutaway: {line}"), err
    assert err.count("cutaway: ") == 1, err
    assert "Traceback" not in err
    assert all(gone(json.loads(file.read_text())["pid"]) for file in tmp_path.glob("*.json"))


def test_signals_reach_all_processes_and_a_killed_launcher_leaves_no_orphans(tmp_path: Path) -> None:
    for signal_number, code in ((signal.SIGINT, 130), (signal.SIGUSR1, 75), (signal.SIGKILL, -signal.SIGKILL)):
        folder = tmp_path / str(int(signal_number))
        folder.mkdir()
        launcher = start_processes(folder, 2, "waits")
        processes = pids(folder, 2)
        launcher.send_signal(signal_number)
        _, err = launcher.communicate(timeout=LIMIT)
        assert launcher.returncode == code, err
        assert "Traceback" not in err
        assert all(map(gone, processes))


def test_a_thousand_ranks_meet_at_one_hub_and_hear_which_of_them_died() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    size = min(1000, hard // 2 - 200)
    hub = Hub(size, "token", 60.0)
    hub.start()
    peers = []
    try:
        for rank in range(size):
            peers.append(socket.create_connection(("localhost", hub.port)))
            send(peers[-1], {
                "rank": rank, "host": f"node{rank // 4}", "token": "token", "granted": None,
                "processors": "0,1,2,3,4,5,6,7",
            })  # fmt: skip
        for peer in peers:
            peer.settimeout(30)
            assert json.loads(peer.recv(1000)) == {"go": "node0", "threads": 2}
        peers[77].close()
        began = time.monotonic()
        for peer in (*peers[:77], *peers[78:]):
            end = json.loads(peer.recv(1000))["end"]
            assert (end["rank"], end["host"]) == (77, "node19")
            assert "died without an error message" in end["cause"]
        assert time.monotonic() - began < LIMIT
    finally:
        for peer in peers:
            peer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""Runs of several ranks, one after another, each as its launcher would start it.

    python -m tests.unit.forked_ranks FILE

FILE has a JSON list of runs: `folder`, `data`, `launcher`, `ranks`, `settings`, and `killed_after`, the step after
which SIGKILL ends all ranks. Ranks are forked, so that torch is imported once for all of them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from cutaway.training import StepRecord, train
from tests.unit.launchers import emulated, without_launchers


def start(run: dict[str, Any]) -> list[int]:
    """Start the ranks of a run in a process group of their own; return their ids."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pids: list[int] = []
    for rank in range(run["ranks"]):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setpgid(0, pids[0] if pids else 0)
                code = _work(run, rank, port)
            finally:
                sys.stderr.flush()
                os._exit(code)
        pids.append(pid)
        os.setpgid(pid, pids[0])
    return pids


def _work(run: dict[str, Any], rank: int, port: int) -> int:
    launcher = emulated(run["launcher"], rank, run["ranks"], port=port) if run["launcher"] else {}
    kept = without_launchers()
    os.environ.clear()
    os.environ |= kept | launcher | {"GLOO_SOCKET_IFNAME": "lo"}

    def kill(record: StepRecord) -> None:
        if record.step == run.get("killed_after"):
            os.killpg(0, signal.SIGKILL)

    try:
        train(run["data"], output=run["folder"], on_step=kill, **run["settings"])
    except SystemExit as error:
        return int(error.code or 0)
    except Exception as error:
        print(f"{Path(run['folder']).name}, rank {rank}: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    for one in json.loads(Path(sys.argv[1]).read_text()):
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in start(one)]
        expected = -signal.SIGKILL if one.get("killed_after") else 0
        if set(codes) != {expected}:
            sys.exit(f"{Path(one['folder']).name} at {one['ranks']} ranks ended with {codes}")

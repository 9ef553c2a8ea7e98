"""One rank of a job that the tests start: joins the others, does what it is told, ends as the command line does.

    python -m tests.unit.ranked_worker FOLDER ACTION [RANK]

It writes FOLDER/RANK.json when it has joined. ACTION: "sum" adds up the ranks; the others make RANK fail while all
ranks call collectives in a loop.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from cutaway.errors import CutawayError, InputError
from cutaway.ranks import find_ranks
from cutaway.training.launch import UNFINISHED
from cutaway.training.rank_watch import watched


def work(folder: Path, action: str, victim: int) -> None:
    import torch
    import torch.distributed as dist

    ranks = find_ranks()
    if action == "never joins" and ranks.rank == victim:
        time.sleep(30)
    patience = 3.0 if action == "never joins" else 60.0
    with watched(ranks, join_timeout=patience) as threads:
        total = torch.tensor([float(ranks.rank)])
        dist.all_reduce(total)
        known = {
            "rank": ranks.rank,
            "sum": total.item(),
            "threads": threads,
            "pid": os.getpid(),
            "parent": os.getppid(),
        }
        (folder / f"{ranks.rank}.part").write_text(json.dumps(known))
        (folder / f"{ranks.rank}.part").rename(folder / f"{ranks.rank}.json")
        if action == "sum":
            return
        stop: list[int] = []
        signal.signal(signal.SIGUSR1, lambda number, frame: stop.append(number))
        for step in range(10**9):
            if stop:
                raise SystemExit(UNFINISHED)
            if ranks.rank == victim and step == 5:
                fail(action)
            if action in {"computes", "waits"}:
                time.sleep(0.01)  # no collective call that would fail
            else:
                dist.all_reduce(total)


def fail(action: str) -> None:
    if action == "raises":
        raise ValueError("the learning rate\nis a colour")
    if action == "refuses":
        raise InputError("the label 'x' is not known", hint="known: a, b")
    if action in {"killed", "computes"}:
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "forks and is killed":
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "exits":
        os._exit(0)


if __name__ == "__main__":
    try:
        work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    except KeyboardInterrupt:
        sys.exit(130)
    except CutawayError as error:
        print("\n  ".join(filter(None, [f"cutaway: {error.message}", error.hint])), file=sys.stderr)
        sys.exit(error.exit_code)

"""Bring the ranks of a job together, under any launcher, and end the job if one of them fails or dies.

The training loop runs inside `watched`:

    ranks = find_ranks()
    with watched(ranks, backend="gloo", join_timeout=settings.join_timeout) as threads:
        ...  # torch.distributed is initialised (unless ranks.size is 1), and torch uses so many threads
    # here every rank has ended well

Whatever goes wrong inside, the command line shows one line that names the rank, its host and the cause, and every rank
exits with the same code, within seconds:

- A rank raises: the error goes to the hub (`rank_hub.py`), which tells all ranks. Rank 0 raises it as `TrainingError`,
  so its command line prints it; the others exit without a word (with their own traceback if CUTAWAY_DEBUG is set).
- A rank is killed: its connection closes, and rank 0 raises `TrainingError`.
- Rank 0 is killed: one of the ranks left raises it.
- A rank that does not join within `join_timeout` seconds is named.
- A rank that hangs in a collective call meanwhile, which nothing in Python can interrupt, is ended by its watching
  thread after 2 s. So enter `watched` before data are read, and leave it when all files are written.
- Under `start_processes` the launcher prints the line, because it knows which signal killed a process.

KeyboardInterrupt and SystemExit pass through unchanged if every rank raises them within 5 s. A rank that waits in a
collective call raises nothing. So if a signal shall end the run in order, let its handler set a flag, let the ranks
agree on the step at which they stop, write the checkpoint, and `raise SystemExit(launch.UNFINISHED)` in all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import torch
import torch.distributed as dist

from cutaway.errors import CutawayError, TrainingError
from cutaway.ranks import OWN_LAUNCH, Ranks
from cutaway.training.rank_hub import DIED, Verdict, send
from cutaway.training.rank_meeting import Meeting, first_here, meet

_MOMENT: Final = 0.1  # seconds in which the main thread may say itself what happened
_GRACE: Final = 2.0  # seconds in which it may end the process itself


@contextlib.contextmanager
def watched(
    ranks: Ranks, *, backend: str = "gloo", join_timeout: float = 300.0, collective_timeout: float | None = None
) -> Iterator[int]:
    """Join the other ranks, initialise `torch.distributed`, and end together; yields the threads that torch may use.

    `backend` is as in `torch.distributed.init_process_group`. A rank waits for the others `join_timeout` seconds, and
    in a collective call `collective_timeout` seconds (None: torch's default). A process that is alone joins nobody.

    The threads are this rank's processors, divided by the ranks that share them. OMP_NUM_THREADS has precedence, except
    for the 1 that torchrun sets by itself.

    Raises `TrainingError` that names the rank, the host and the cause if any rank fails, dies or does not join (see
    above who raises it); `InputError` if the host of rank 0 can't be told.

    Example:
        >>> with watched(Ranks()) as threads:
        ...     threads == torch.get_num_threads()
        True
    """
    if ranks.size == 1:
        yield torch.get_num_threads()
        return
    meeting = meet(ranks, join_timeout)
    watch = _Watch(ranks, meeting)
    watch.start()
    try:
        watch.wait_for_go(join_timeout)
        more: dict[str, Any] = {} if collective_timeout is None else {"timeout": timedelta(seconds=collective_timeout)}
        dist.init_process_group(backend, store=meeting.store, rank=ranks.rank, world_size=ranks.size, **more)
        torch.set_num_threads(watch.threads)
        yield watch.threads
        dist.destroy_process_group()
        watch.done()
    except BaseException as error:
        watch.failed(error)
        raise


class _Watch(threading.Thread):
    """Listens to the hub while the main thread computes."""

    def __init__(self, ranks: Ranks, meeting: Meeting) -> None:
        super().__init__(daemon=True, name="rank watch")
        self.threads = 1
        self._ranks, self._meeting = ranks, meeting
        self._verdict: Verdict | None = None
        self._own_launch = os.environ.get("TORCHELASTIC_RUN_ID", "").startswith(OWN_LAUNCH)
        self._speaks = ranks.rank == 0
        self._host_of_0 = os.environ["MASTER_ADDR"]
        self._parent = os.getppid()
        self._lock = threading.Lock()
        self._go, self._over, self._left = threading.Event(), threading.Event(), threading.Event()

    def wait_for_go(self, join_timeout: float) -> None:
        """Wait until all ranks have joined."""
        if not self._go.wait(join_timeout + 10):
            raise TrainingError(f"rank 0 on {self._host_of_0} does not answer")
        self._check()

    def done(self) -> None:
        """Report that this rank ended well; rank 0, which holds the hub, waits until all others have."""
        send(self._meeting.connection, {"how": "done"})
        if self._meeting.hub is None:
            self._over.set()
        while not self._over.wait(0.5):
            pass
        self._check()

    def failed(self, error: BaseException) -> None:
        """Report how this rank ended, wait for the verdict, and raise what this rank has to say."""
        send(self._meeting.connection, _report(error))
        self._over.wait(10.0)
        with self._lock:
            self._left.set()
        if self._verdict is None:  # it left, like all others
            return
        self._write_error_file(self._verdict)
        if os.environ.get("CUTAWAY_DEBUG"):
            traceback.print_exception(error)
        _leave_group()
        if self._own_launch or not self._speaks:
            raise SystemExit(self._verdict.exit_code) from error
        raised = TrainingError(str(self._verdict), hint=self._verdict.hint)
        raised.exit_code = self._verdict.exit_code
        raise raised from error

    def run(self) -> None:
        """Listen until the job is over."""
        unread = b""
        while not self._over.is_set():
            if self._own_launch and os.getppid() != self._parent:
                os._exit(1)  # the launcher was killed: nobody hears what we say
            if not select.select([self._meeting.connection], [], [], 0.5)[0]:
                continue
            try:
                received = self._meeting.connection.recv(65536)
            except OSError:
                received = b""
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                self._hear(json.loads(line))
            if not received and not self._over.is_set():
                self._lose_rank_0()

    def _hear(self, said: dict[str, Any]) -> None:
        if "go" in said:
            self._host_of_0, self.threads = said["go"], _threads(said["threads"], self._ranks, self._own_launch)
            self._go.set()
        elif "end" in said:
            self._end(Verdict(**said["end"]))
        elif "refused" in said:
            self._speaks = True
            self._end(_refused(said["refused"], self._ranks))
        else:
            self._over.set()

    def _lose_rank_0(self) -> None:
        """Let one of the ranks that are left say that rank 0 is gone: the first on its host, else one elsewhere."""
        if self._host_of_0 not in {self._ranks.host, "127.0.0.1", "localhost"}:
            time.sleep(_GRACE)  # by then the launcher has ended us if any rank is left on that host
        self._speaks = first_here(self._ranks, "lost")
        self._end(Verdict(0, self._host_of_0, DIED))

    def _end(self, verdict: Verdict) -> None:
        """End this process, unless its main thread does so itself within a moment."""
        self._verdict = verdict
        self._go.set()
        self._over.set()
        if self._left.wait(_MOMENT):
            return
        with self._lock:
            if not self._left.is_set():
                self._say(verdict)
        if not self._left.wait(_GRACE):
            os._exit(verdict.exit_code)

    def _say(self, verdict: Verdict) -> None:
        """Say what the command line would; at once, because a launcher ends all ranks when it misses one."""
        self._write_error_file(verdict)
        if self._speaks and not self._own_launch:
            lines = [f"cutaway: {verdict}"] + ([f"  {verdict.hint}"] if verdict.hint else [])
            print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201
            self._speaks = False

    def _check(self) -> None:
        if self._verdict is not None:
            raise TrainingError(str(self._verdict), hint=self._verdict.hint)

    def _write_error_file(self, verdict: Verdict) -> None:
        """Leave the line for torchrun's agent, which started this process, in the form that it reads."""
        if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
            known = {"message": str(verdict), "extraInfo": {"timestamp": int(time.time()), "hint": verdict.hint}}
            with contextlib.suppress(OSError):
                Path(file).write_text(json.dumps({"message": known}), encoding="utf-8")


def _leave_group() -> None:
    """Destroy the process group if that succeeds at once; the interpreter can't end well while its threads wait."""
    if dist.is_initialized():
        leaving = threading.Thread(target=dist.destroy_process_group, daemon=True)
        leaving.start()
        leaving.join(_GRACE)


def _report(error: BaseException) -> dict[str, Any]:
    if isinstance(error, KeyboardInterrupt):
        return {"how": "left", "cause": "it was interrupted", "exit_code": 130}
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        return {"how": "left", "cause": f"it left with exit code {code}", "exit_code": code}
    how = "lost a partner" if _lost_a_partner(error) else "failed"
    if isinstance(error, CutawayError):
        return {"how": how, "cause": error.message, "hint": error.hint, "exit_code": error.exit_code}
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).splitlines()[:1])
    return {"how": how, "cause": f"{type(error).__name__}: {said} ({Path(place.filename).name}:{place.lineno})"}


def _lost_a_partner(error: BaseException | None) -> bool:
    """Say whether an error comes from torch.distributed: then another rank's end may be its cause."""
    if error is None:
        return False
    words = ("gloo", "Gloo", "NCCL", "TCPStore")
    mine = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return mine or isinstance(error, dist.DistError) or _lost_a_partner(error.__cause__ or error.__context__)


def _refused(why: str, ranks: Ranks) -> Verdict:
    if why == "twice":
        return Verdict(ranks.rank, ranks.host, "two processes have this rank", "start every rank once")
    hint = "before the launcher: export MASTER_PORT=NUMBER"
    return Verdict(ranks.rank, ranks.host, f"port {os.environ['MASTER_PORT']} belongs to another job", hint)


def _threads(threads: int, ranks: Ranks, own_launch: bool) -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    set_by_torchrun = asked == "1" and ranks.launcher == "torchrun" and not own_launch
    return int(asked) if asked.isdecimal() and int(asked) and not set_by_torchrun else threads

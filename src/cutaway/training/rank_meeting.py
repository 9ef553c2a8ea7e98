"""Where the ranks of a job meet: a store of torch, and the hub of rank 0, whose port is in the store."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
from datetime import timedelta
from typing import Any, Final

import torch.distributed as dist

from cutaway.errors import TrainingError
from cutaway.models.processors import bound_processors, granted_processors
from cutaway.ranks import Ranks, job_identity, set_rendezvous
from cutaway.training.rank_hub import Hub, keep, send

_PREFIX_STORE: Final[Any] = dist.PrefixStore  # type: ignore[attr-defined]  # not declared upstream
_TCP_STORE: Final[Any] = dist.TCPStore  # type: ignore[attr-defined]
_KEY: Final = "cutaway/ranks"


@dataclasses.dataclass(frozen=True)
class Meeting:
    """The store for torch's process group, this rank's connection to the hub, and the hub itself if this is rank 0."""

    store: Any
    connection: socket.socket
    hub: Hub | None


def meet(ranks: Ranks, join_timeout: float) -> Meeting:
    """Connect to rank 0, within `join_timeout` seconds, and tell its hub who this is.

    Raises `TrainingError` if rank 0 does not answer, or can't listen.
    """
    set_rendezvous(ranks)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    deadline = time.monotonic() + join_timeout
    # torchrun's agent has a store there already.
    serves = ranks.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    if not serves:
        _wait_for_port(ranks, address, port, deadline, join_timeout)
    timeout = timedelta(seconds=join_timeout)
    try:
        store = _TCP_STORE(address, port, ranks.size, serves, timeout=timeout, wait_for_workers=False)
    except RuntimeError as error:
        raise TrainingError(
            f"{ranks} can't listen on port {port}: {str(error).splitlines()[0]}",
            hint="another job may use the port; before the launcher: export MASTER_PORT=NUMBER",
        ) from error
    key = f"{_KEY}/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    hub = None
    if ranks.rank == 0:
        hub = Hub(ranks.size, token(ranks), join_timeout)
        hub.start()
        store.set(key, str(hub.port))
        address = "localhost"
    while not store.check([key]):
        if time.monotonic() > deadline:
            raise _no_rank_0(ranks, address, port, join_timeout)
        time.sleep(0.1)
    connection = keep(socket.create_connection((address, int(store.get(key))), timeout=10))
    connection.settimeout(None)
    send(connection, {
        "rank": ranks.rank, "host": ranks.host, "token": token(ranks), "granted": granted_processors(),
        "processors": ",".join(map(str, bound_processors())),
    })  # fmt: skip
    return Meeting(_PREFIX_STORE("torch", store), connection, hub)


def token(ranks: Ranks) -> str:
    """Return a text that only the ranks of this job know."""
    return f"{job_identity()} {ranks.size} {os.environ['MASTER_PORT']}"


def first_here(ranks: Ranks, what: str) -> bool:
    """Say whether no other rank on this host asked the same before; a name in Linux's abstract space decides."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        name.bind(f"\0cutaway {what} {token(ranks)}"[:100])
    except OSError:
        return False
    name.detach()  # kept until the process ends
    return True


def _wait_for_port(ranks: Ranks, address: str, port: int, deadline: float, join_timeout: float) -> None:
    """Wait until rank 0 listens; in Python, so that Ctrl-C is heard."""
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                if not first_here(ranks, "no rank 0"):
                    raise SystemExit(1) from error
                raise _no_rank_0(ranks, address, port, join_timeout) from error
            time.sleep(0.2)


def _no_rank_0(ranks: Ranks, address: str, port: int, join_timeout: float) -> TrainingError:
    return TrainingError(
        f"rank 0 on {address} did not join within {join_timeout:g} s ({ranks} tried port {port})",
        hint="see what the launcher says of it; if it starts slowly, give a longer `join_timeout`",
    )

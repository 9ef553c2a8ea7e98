"""The hub of a job with several ranks: a thread of rank 0 that every rank keeps a connection to.

Ranks write lines of JSON: who they are, then how they ended: "done", "left" (told to) or "failed". A connection that
closes before that belongs to a process that died: the system closes it within milliseconds, whatever killed the process
and whatever it was computing. If a whole node is lost, the system's probes notice after about 5 s. So nobody has to
send heartbeats, and a rank that computes for long is not mistaken for a dead one.

The first trouble ends the job. Ranks that lose their partner in a collective call fail at the same moment as it dies,
so the hub waits a second for the cause if it hears of such a failure first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import selectors
import socket
import threading
import time
import weakref
from collections import Counter
from typing import Any, Final

from cutaway.errors import counted

_SETTLE: Final = 1.0  # seconds in which the cause of a failure arrives after its consequences
_LEAVE: Final = 5.0  # seconds for all ranks to leave when they are told to, by Ctrl-C for example
DIED: Final = "it died without an error message (killed, out of memory, or its node was lost?)"

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def keep(connection: socket.socket) -> socket.socket:
    """Let the system probe a connection, so that a lost node is noticed, and close it in forked children.

    A child that outlives its parent would keep the parent's connection open.
    """
    _sockets.add(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: the default is often 1,024, too few for 1,000 ranks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _close_all() -> None:
    for connection in list(_sockets):
        connection.close()


os.register_at_fork(after_in_child=_close_all)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What ended a job: which rank (None if several did not join), on which host, and why."""

    rank: int | None
    host: str
    cause: str
    hint: str | None = None
    exit_code: int = 1

    def __str__(self) -> str:
        where = "" if self.rank is None else f"rank {self.rank} on {self.host}: "
        return where + " ".join(self.cause.split())


@dataclasses.dataclass(eq=False)
class _Peer:
    connection: socket.socket
    unread: bytes = b""
    rank: int | None = None
    host: str = "?"
    processors: str = ""
    granted: float | None = None
    ended: dict[str, Any] | None = None


class Hub(threading.Thread):
    """Waits for all ranks, lets them go, and tells them which rank ended the job, and why."""

    def __init__(self, size: int, token: str, join_timeout: float) -> None:
        super().__init__(daemon=True, name="ranks")
        self._size, self._token, self._join_timeout = size, token, join_timeout
        _allow_many_connections()
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        self._listener = socket.create_server(("", 0), family=family, backlog=1024, dualstack_ipv6=dual)
        _sockets.add(self._listener)
        self.port: int = self._listener.getsockname()[1]
        self._peers: dict[int, _Peer] = {}
        self._gone = False
        self._trouble: list[tuple[int, Verdict]] = []  # how sure it is to be the cause (0 most), and what it was
        self._judge_at = float("inf")

    def run(self) -> None:
        """Serve until every rank has ended."""
        deadline = time.monotonic() + self._join_timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if not self._gone and len(self._peers) < self._size and now >= deadline:
                    self._trouble, self._judge_at = [(0, self._missing())], now
                all_ended = self._gone and all(peer.ended for peer in self._peers.values())
                if now >= self._judge_at or (all_ended and self._judge_at < float("inf")):
                    return self._tell({"end": dataclasses.asdict(self._judge())})
                if all_ended:
                    return self._tell({"bye": True})
                for key, _ in selector.select(min(max(self._judge_at - now, 0.0), 0.25)):
                    if key.data is None:
                        self._accept(selector)
                    else:
                        self._read(selector, key.data)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        connection, _ = self._listener.accept()
        selector.register(keep(connection), selectors.EVENT_READ, _Peer(connection))

    def _read(self, selector: selectors.BaseSelector, peer: _Peer) -> None:
        try:
            received = peer.connection.recv(65536)
        except OSError:  # reset, or the probes found no one
            received = b""
        *lines, peer.unread = (peer.unread + received).split(b"\n")
        try:
            for line in lines:
                self._hear(peer, json.loads(line))
        except (ValueError, KeyError, TypeError):  # someone else who tries ports
            received = b""
        if not received:
            selector.unregister(peer.connection)
            peer.connection.close()
            if peer.rank is not None and peer.ended is None:
                self._end(peer, {"how": "died", "cause": DIED})

    def _hear(self, peer: _Peer, said: dict[str, Any]) -> None:
        if "rank" not in said:
            return None if peer.rank is None else self._end(peer, said)
        if said["token"] != self._token or said["rank"] in self._peers:
            twice = said["token"] == self._token
            return send(peer.connection, {"refused": "twice" if twice else "another job"})
        peer.rank, peer.host = said["rank"], said["host"]
        peer.processors, peer.granted = said["processors"], said["granted"]
        self._peers[said["rank"]] = peer
        if len(self._peers) == self._size and not self._trouble:
            self._gone = True
            self._send_off()
        return None

    def _end(self, peer: _Peer, said: dict[str, Any]) -> None:
        peer.ended = said
        how = said["how"]
        if how != "done":
            doubt = {"failed": 0, "died": 0, "left": 1, "lost a partner": 2}[how]
            verdict = Verdict(peer.rank, peer.host, said["cause"], said.get("hint"), said.get("exit_code", 1))
            self._trouble.append((doubt, verdict))
            judge_at = time.monotonic() + {"left": _LEAVE, "lost a partner": _SETTLE}.get(how, 0.0)
            self._judge_at = min(self._judge_at, judge_at)
        if self._gone and all(one.ended and one.ended["how"] in {"done", "left"} for one in self._peers.values()):
            self._judge_at = float("inf")  # all of them left, as they were told to

    def _judge(self) -> Verdict:
        return min(self._trouble, key=lambda one: one[0])[1]  # the first of the surest

    def _missing(self) -> Verdict:
        missing = [rank for rank in range(self._size) if rank not in self._peers]
        hosts = sorted({peer.host for peer in self._peers.values()})
        names = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        joined = f"{counted(len(self._peers), 'rank')} joined, on {', '.join(hosts[:5])}{', …' if hosts[5:] else ''}"
        return Verdict(
            None, "", f"rank{'s' if len(missing) > 1 else ''} {names} of {self._size:,} did not join within "
            f"{self._join_timeout:g} s; {joined}",
            "see what the launcher says of the missing ones; if they start slowly, give a longer `join_timeout`",
        )  # fmt: skip

    def _send_off(self) -> None:
        """Tell every rank how many threads it may use: its processors, shared with the ranks bound to the same."""
        same = Counter((peer.host, peer.processors) for peer in self._peers.values())
        here = Counter(peer.host for peer in self._peers.values())
        for peer in self._peers.values():
            threads = len(peer.processors.split(",")) // same[peer.host, peer.processors]
            if peer.granted is not None:
                threads = min(threads, int(peer.granted / here[peer.host]))
            send(peer.connection, {"go": self._peers[0].host, "threads": max(1, threads)})

    def _tell(self, said: dict[str, Any]) -> None:
        for rank in sorted(self._peers, reverse=True):  # rank 0 last: when it ends, this thread does
            send(self._peers[rank].connection, said)


def send(connection: socket.socket, said: dict[str, Any]) -> None:
    """Send a line; if the connection is closed, whoever was there has ended."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(said).encode() + b"\n")

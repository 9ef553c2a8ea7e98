"""How many processors this process may use: those it is bound to, and what its container grants of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


def bound_processors() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may run on, ascending."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def granted_processors(root: Path = ROOT, own: Path = OWN) -> float | None:
    """Return the processor time that a container grants this process, as a number of processors, or None if unlimited.

    The smallest limit of the process's own control group and those around it counts.
    Source: docs.kernel.org/admin-guide/cgroup-v2.html, cpu.max; cgroup-v1's scheduler/sched-bwc, cpu.cfs_quota_us.
    """
    limits = []
    for folder in control_groups(root, own):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
                period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
            if quota != "max" and int(quota) > 0:
                limits.append(int(quota) / int(period))
        except (OSError, ValueError):  # a group without limits, or another layout
            continue
    return min(limits, default=None)


def usable_processors() -> int:
    """Return how many processors this process can keep busy: the bound ones, at most those granted, at least 1."""
    granted = granted_processors()
    bound = len(bound_processors())
    return bound if granted is None else max(1, min(bound, int(granted)))


def control_groups(root: Path = ROOT, own: Path = OWN) -> list[Path]:
    """Return the folders of this process's control group and of those around it, in both versions of the layout."""
    folders = [root, root / "cpu"]
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "cpu", "cpu,cpuacct"}:
            group = (root / controllers if controllers else root) / path.lstrip("/")
            folders += [folder for folder in (group, *group.parents) if folder != root and root in folder.parents]
    return folders

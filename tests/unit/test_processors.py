"""How many processors this process may use, in both layouts of control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cutaway.models.processors import bound_processors, granted_processors, usable_processors


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def test_the_smallest_limit_of_the_own_group_and_those_around_it_counts(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("0::/user/job/step\n")
    group(root)
    assert granted_processors(root, own) is None
    group(root / "user", cpu_max="max 100000")
    assert granted_processors(root, own) is None
    group(root / "user" / "job", cpu_max="350000 100000")
    group(root / "user" / "job" / "step", cpu_max="800000 100000")
    assert granted_processors(root, own) == 3.5
    assert granted_processors(root, tmp_path / "no such file") is None
    group(root, cpu_max="150000 100000")  # in a container the root is the own group
    assert granted_processors(root, tmp_path / "no such file") == 1.5


def test_the_older_layout(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("5:cpu,cpuacct:/job\n4:memory:/job\n")
    group(root / "cpu,cpuacct" / "job", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    assert granted_processors(root, own) is None
    group(root / "cpu,cpuacct" / "job", cpu_cfs_quota_us="200000", cpu_cfs_period_us="100000")
    assert granted_processors(root, own) == 2.0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are bound to processors on Linux only")
def test_a_bound_process_uses_what_it_is_bound_to() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert bound_processors() == (min(before),)
        assert usable_processors() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= usable_processors() <= len(before)

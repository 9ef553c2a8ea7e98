"""Shards of a run that is killed, or whose disk is full: the same call goes on, and writes the same bytes."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cutaway.errors import DiskFull, InputError
from cutaway.shards import open_shards, prepare_shards
from cutaway.tokens import characters

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
CHILD = """
import os, signal, sys
from cutaway.shards import finishing, preparing, shard_folder
from cutaway.tokens import characters
file, folder, moment = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Kill this process at one of the moments at which a file is renamed, made or begun: before it or after it.
count = 0
def counted(function):
    def call(*arguments, **more):
        global count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **more)
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call
import pathlib, shutil
pathlib.Path.rename = counted(pathlib.Path.rename)
pathlib.Path.mkdir = counted(pathlib.Path.mkdir)
pathlib.Path.open = counted(pathlib.Path.open)
shutil.rmtree = counted(shutil.rmtree)
preparing.prepare_shards(file, folder, characters([%r]), alphabet="protein", shard_tokens=9000, column="sequence",
    label_column="y")
print("moments", count)
"""


def _table(path, count=300):
    rng = np.random.default_rng(0)
    records = ["".join(rng.choice(list(LETTERS), length)) for length in rng.integers(40, 200, count).tolist()]
    records += records[:20]
    path.write_text("sequence,y\n" + "".join(f"{record},{len(record) % 3}\n" for record in records))
    return path


def _bytes(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name != ".lock"}


def _run(file, folder, moment):
    command = [sys.executable, "-c", CHILD % LETTERS, str(file), str(folder), str(moment)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _whole(file, folder):
    return prepare_shards(
        file, folder, characters([LETTERS]), alphabet="protein", shard_tokens=9000, column="sequence", label_column="y"
    )


def test_killed_at_any_moment_of_writing_the_same_call_goes_on_to_the_same_bytes(tmp_path):
    file = _table(tmp_path / "p.csv")
    whole = _whole(file, tmp_path / "whole")
    done = _run(file, tmp_path / "uninterrupted", 0)
    assert done.returncode == 0, done.stderr
    moments = int(done.stdout.split()[-1])
    assert moments > 60
    rng, killed = np.random.default_rng(), 0
    # Random ones, and all of the end: before and after the index is renamed, and before and after the rest is removed.
    chosen = sorted({*rng.integers(1, moments + 1, 5).tolist(), *range(moments - 3, moments + 1)})
    for moment in chosen:
        folder = tmp_path / f"killed-{moment}"
        for _ in range(2):  # twice at the same moment of what is left
            code = _run(file, folder, moment).returncode
            assert code in (0, -signal.SIGKILL)
            killed += code != 0
            if code and not (folder / "shards.json").exists():
                with pytest.raises(InputError):
                    open_shards(folder)
        again = _whole(file, folder)
        assert again.digest == whole.digest, f"killed at moment {moment}"
        assert _bytes(folder) == _bytes(tmp_path / "whole"), f"killed at moment {moment}"
    assert killed >= len(chosen)


def test_killed_from_outside(tmp_path):
    file, folder = _table(tmp_path / "p.csv", 4000), tmp_path / "s"
    command = [sys.executable, "-c", CHILD % LETTERS, str(file), str(folder), "0"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (folder / "work" / "part-00003").exists() and time.monotonic() < until and child.poll() is None:
        time.sleep(0.001)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert (folder / "work" / "part-00003").is_dir() and not (folder / "shards.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("tokens-0000[0-3].bin")}
    again = _whole(file, folder)
    assert kept == {path.name: path.stat().st_mtime_ns for path in folder.glob("tokens-0000[0-3].bin")}
    assert again.counts["records"] == 4020
    assert _bytes(folder) == _bytes(_whole(file, tmp_path / "whole").folder)


def test_an_incomplete_folder_of_something_else_is_left_alone(tmp_path):
    file, folder = _table(tmp_path / "p.csv"), tmp_path / "s"
    assert _run(file, folder, 40).returncode == -signal.SIGKILL
    before = _bytes(folder) if not (folder / "work").exists() else sorted(map(str, folder.rglob("*")))
    with pytest.raises(InputError, match="`shard_tokens` was 9000"):
        prepare_shards(
            file, folder, characters([LETTERS]), alphabet="protein", shard_tokens=10, column="sequence",
            label_column="y",
        )  # fmt: skip
    assert before == sorted(map(str, folder.rglob("*")))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of the size of files")
def test_a_full_disk_is_one_error_and_nothing_is_half_written(tmp_path):
    import resource

    file, folder = _table(tmp_path / "p.csv"), tmp_path / "s"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))  # bytes a file: EFBIG, as cannot_write takes it
        with pytest.raises(DiskFull, match="can't write the shards"):
            _whole(file, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not list(folder.rglob("*.part"))
    assert not (folder / "shards.json").exists()
    assert _whole(file, folder).digest == _whole(file, tmp_path / "whole").digest


@pytest.mark.parametrize("name", ["write_array", "write_json"])
def test_a_disk_that_fills_up_at_the_end(tmp_path, monkeypatch, name):
    file, folder = _table(tmp_path / "p.csv"), tmp_path / "s"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"cutaway.shards.finishing.{name}", full)
        with pytest.raises(DiskFull, match="No space left") as raised:
            _whole(file, folder)
        assert "make room" in str(raised.value)
    kept = sorted(folder.glob("tokens-*.bin"))
    assert len(kept) > 3 and not (folder / "shards.json").exists()
    times = [path.stat().st_mtime_ns for path in kept]
    assert _whole(file, folder).digest == _whole(file, tmp_path / "whole").digest
    assert [path.stat().st_mtime_ns for path in kept] == times


def test_two_processes_prepare_one_folder(tmp_path):
    file, folder = _table(tmp_path / "p.csv", 2000), tmp_path / "s"
    command = [sys.executable, "-c", CHILD % LETTERS, str(file), str(folder), "0"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait(timeout=120) for child in both] == [0, 0]
    assert _bytes(folder) == _bytes(_whole(file, tmp_path / "whole").folder)

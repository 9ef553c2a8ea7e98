"""The machine code of a step: compiled once for a processor, kept in the cache, loaded without numba.

`load` returns the function if its code is there. `compile_step` makes it, which takes seconds; `start_compiling` lets
another process do so. The file is written whole or not at all, so that two processes may write it at once, and a file
that is damaged, or of another version or processor, is made anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cutaway.models import cache
from cutaway.progress import step as progress_step

Step = Callable[[int, int], int]

_SOURCES = ("arithmetic.py", "attention.py", "instructions.py", "jobs.py", "layout.py", "products.py", "step.py")


def is_supported() -> bool:
    """Say whether a step can be compiled: for a processor with AVX2, FMA and F16C, in a Python that numba supports."""
    if importlib.util.find_spec("numba") is None or importlib.util.find_spec("llvmlite") is None:
        return False
    features = _features()
    return all(features.get(name) for name in ("avx2", "fma", "f16c"))


@functools.cache
def _features() -> dict[str, bool]:
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())


@functools.cache
def _name() -> str:
    from llvmlite import binding

    versions = [importlib.metadata.version(package) for package in ("numba", "llvmlite")]
    features = sorted(name for name, on in _features().items() if on)
    known = hashlib.sha256(repr((versions, binding.get_host_cpu_name(), features)).encode())
    for source in _SOURCES:
        known.update((Path(__file__).parent / source).read_bytes())
    return known.hexdigest()[:16]


def _file() -> Path:
    return cache.home() / "kernels" / f"{_name()}.o"


_loaded: dict[str, Step] = {}
_changing = threading.RLock()  # one thread at a time loads or compiles


def load() -> Step | None:
    """Return the compiled step, or None if its code is not in the cache or this processor can't run it."""
    if not is_supported():
        return None
    with _changing:
        if _name() not in _loaded:
            try:
                head, code = _file().read_bytes().split(b"\n", 1)
                known = json.loads(head)
                if known["sha256"] != hashlib.sha256(code).hexdigest():
                    return None
            except (OSError, ValueError, KeyError, TypeError):
                return None
            _loaded[_name()] = _linked(known["function"], code)
        return _loaded[_name()]


def _linked(function: str, code: bytes) -> Step:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target(binding))
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    called = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        engine.get_function_address(function)
    )
    nothing = ctypes.create_string_buffer(64)  # numba's place for a returned value and for an exception: unused

    def step(me: int, call: int, _kept: object = engine) -> int:  # the code lives as long as the engine does
        return int(called(ctypes.addressof(nothing), ctypes.addressof(nothing), me, call))

    return step


def _target(binding: Any) -> Any:
    features = binding.get_host_cpu_features().flatten()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=3
    )


def compile_step() -> Step:
    """Compile the step, keep its code if the disk allows it, and return the function."""
    from llvmlite import binding

    from cutaway.generation.cpu.step import step

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    signature = step.signatures[0]
    function = step.overloads[signature].fndesc.llvm_func_name
    module = binding.parse_assembly(_stripped(step.inspect_llvm(signature)))
    code = _target(binding).emit_object(module)
    head = json.dumps({"function": function, "sha256": hashlib.sha256(code).hexdigest()}).encode()
    aside = _file().with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(head + b"\n" + code)
        aside.replace(_file())
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
    with _changing:
        _loaded[_name()] = _linked(function, code)
        return _loaded[_name()]


def _stripped(text: str) -> str:
    """Leave out the wrappers that Python calls a function by: they need Python's own functions."""
    kept, skipping = [], False
    for line in text.splitlines():
        if line.startswith("define") and ("@_ZN7cpython" in line or "@cfunc." in line):
            skipping = True
        if not skipping:
            kept.append(line)
        skipping = skipping and line != "}"
    return "\n".join(kept)


_compiling: list[subprocess.Popen[bytes]] = []


def start() -> bool:
    """Let another process compile the step if it is needed, and say whether it began now."""
    return is_supported() and load() is None and start_compiling()


def wait() -> Step | None:
    """Return the compiled step; if it is not there, compile it or wait for the process that does so."""
    if not is_supported() or load() is not None:
        return load()
    with progress_step("compiling the decoder for this processor, once"):
        for process in _compiling:
            process.wait()
        return load() or compile_step()


def start_compiling() -> bool:
    """Let another process compile the step, and say whether it began now: a process does so once."""
    if _compiling:
        return False
    command = "from cutaway.generation.cpu.machine_code import compile_step; compile_step()"
    nowhere = subprocess.DEVNULL
    arguments = [sys.executable, "-c", command]
    _compiling.append(
        subprocess.Popen(arguments, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    )
    return True

"""What processors offer, as their makers publish it: operations a second, memory, bandwidth, links.

Peaks are for dense matrices (data sheets often print twice as much, "with sparsity"). `link` is the speed with which
one device sends to another of its node, in one direction: half of what data sheets call bidirectional.
"""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Final

from cutaway.errors import InputError


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """A device: peak FLOP/s in bfloat16 (None if it has none) and float32, bytes of memory, bytes/s of memory and link.

    `source` says where the numbers are from.
    """

    name: str
    bfloat16: float | None
    float32: float
    memory: float
    bandwidth: float
    link: float
    source: str

    def peak(self, precision: str) -> float:
        """Return the peak in FLOP/s. Raises `InputError` for a precision that the device does not have."""
        if precision == "float32":
            return self.float32
        if self.bfloat16 is None:
            raise InputError(f"{self.name} has no bfloat16", hint="take `precision='float32'`")
        return self.bfloat16


def _published(
    name: str, bfloat16: float | None, float32: float, memory: float, bandwidth: float, link: float, source: str
) -> Accelerator:
    """From TFLOP/s, GB and GB/s."""
    peak = None if bfloat16 is None else bfloat16 * 1e12
    return Accelerator(name, peak, float32 * 1e12, memory * 1e9, bandwidth * 1e9, link * 1e9, source)


ACCELERATORS: Final = {
    device.name: device
    for device in (
        _published("t4", None, 8.1, 16, 320, 16, "NVIDIA T4 data sheet"),
        _published("v100", None, 15.7, 32, 900, 150, "NVIDIA V100 data sheet, SXM2 32 GB"),
        _published("a10", 125, 31.2, 24, 600, 32, "NVIDIA A10 data sheet"),
        _published("l4", 121, 30.3, 24, 300, 32, "NVIDIA L4 data sheet"),
        _published("l40s", 362, 91.6, 48, 864, 32, "NVIDIA L40S data sheet"),
        _published("rtx-3090", 71, 35.6, 24, 936, 32, "NVIDIA Ampere GA102 whitepaper"),
        _published("rtx-4090", 165.2, 82.6, 24, 1008, 32, "NVIDIA Ada architecture whitepaper"),
        _published("a100-40gb", 312, 19.5, 40, 1555, 300, "NVIDIA A100 data sheet, SXM 40 GB"),
        _published("a100", 312, 19.5, 80, 2039, 300, "NVIDIA A100 data sheet, SXM 80 GB"),
        _published("h100", 989, 67, 80, 3350, 450, "NVIDIA H100 data sheet, SXM"),
        _published("h200", 989, 67, 141, 4800, 450, "NVIDIA H200 data sheet, SXM"),
        _published("b200", 2250, 75, 180, 7700, 900, "NVIDIA HGX B200 data sheet, an eighth of it"),
        _published("mi250x", 383, 47.9, 128, 3277, 200, "AMD Instinct MI250X data sheet, both dies"),
        _published("mi300x", 1307, 163.4, 192, 5300, 448, "AMD Instinct MI300X data sheet"),
        _published("max-1550", 839, 52.4, 128, 3277, 200, "Intel Data Center GPU Max 1550 product brief"),
    )
}
"""Devices by name."""


def accelerator(name: str, precision: str = "float32") -> Accelerator:
    """Return a device by name; "cpu" is this machine, whose speed of matrix products in `precision` is measured now.

    Raises `InputError` for an unknown name.

    >>> accelerator("h100").peak("bfloat16")
    989000000000000.0
    """
    check_accelerator(name)
    return _this_machine(precision) if name == "cpu" else ACCELERATORS[name]


def check_accelerator(name: str) -> None:
    """Raise `InputError`, which lists all, if there is no device of this name."""
    if name != "cpu" and name not in ACCELERATORS:
        raise InputError(f"there is no device {name!r} in the table", hint=f"choose cpu, {', '.join(ACCELERATORS)}")


def _this_machine(precision: str) -> Accelerator:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 8e9
    speed = _measured(precision)
    return Accelerator("cpu", speed, speed, float(memory), 20e9, 5e9, "this machine, measured now; 20 GB/s of memory")


def _measured(precision: str) -> float:
    """Return the FLOP/s of a product of two matrices of 768 × 768, the best of a few."""
    import torch

    matrix = torch.ones(768, 768, dtype=getattr(torch, precision))
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - began)
    return float(2 * 768**3 / best)

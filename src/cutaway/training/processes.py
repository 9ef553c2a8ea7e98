"""The processes of a run: alone, or many ranks that share a model with FSDP2 and add their gradients up.

A step does the same sums on any number of ranks. Its rows are divided into micro-batches of a fixed size, and each
gradient is the sum of theirs in float64, rounded once to float32; a float64 sum does not show in which order it was
made, but for one rounding in 10^8. Ranks take the micro-batches in turn. A rank without one computes a copy with weight
0, because every rank must take part in each collective.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist

from cutaway.errors import CutawayError
from cutaway.training.optimizers import local_of, whole


@dataclasses.dataclass(frozen=True)
class Processes:
    """The ranks of a run. `rank` counts from 0; alone the size is 1, and nothing is sent."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this rank writes files and speaks."""
        return self.rank == 0

    @classmethod
    def joined(cls) -> Processes:
        """Return the ranks that `watched` has brought together, or one that is alone."""
        return cls(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else cls()

    def share(self, count: int) -> list[tuple[int, bool]]:
        """Return which of `count` micro-batches this rank computes, and for each whether it counts.

        >>> Processes(1, 2).share(3)
        [(1, True), (0, False)]
        """
        rounds = -(-count // self.size)
        places = [turn * self.size + self.rank for turn in range(rounds)]
        return [(place, True) if place < count else (0, False) for place in places]

    def sums(self, values: Sequence[float], device: Any = "cpu") -> list[float]:
        """Return the sums of some float64 values over all ranks."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(list(values), dtype=torch.float64, device=device)
        dist.all_reduce(tensor)
        total: list[float] = tensor.tolist()
        return total

    def from_first(self, make: Callable[[], Any]) -> Any:
        """Return what `make` returns on the first rank, to all; if it raises there, every rank raises the same."""
        if self.size == 1:
            return make()
        made: list[Any] = [None, None]
        if self.first:
            try:
                made[0] = make()
            except CutawayError as error:
                made[1] = error
        dist.broadcast_object_list(made, src=0)
        if made[1] is not None:
            raise made[1]
        return made[0]

    def wait(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            dist.barrier()


def shard(module: Any, processes: Processes, device: str) -> None:
    """Divide the model's weights among the ranks, layer by layer (FSDP2); alone, leave it as it is."""
    if processes.size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(device.partition(":")[0], (processes.size,))
    # Micro-batches are summed and sent in float64 on a CPU; a GPU sums in float32, which is four to sixty times faster.
    policy = MixedPrecisionPolicy(reduce_dtype=torch.float64 if device == "cpu" else torch.float32)
    parts = [*layers_of(module), module]
    for part in parts:
        fully_shard(part, mesh=mesh, mp_policy=policy)
        part.set_gradient_divide_factor(1.0)
        part.set_force_sum_reduction_for_comms(True)


def layers_of(module: Any) -> list[Any]:
    """Return the repeated layers of a model: the modules of its lists that transformers never divides."""
    return [
        layer
        for part in module.modules()
        if isinstance(part, torch.nn.ModuleList) and len({type(one) for one in part}) == 1 and len(part) > 0
        for layer in part
        if any(True for _ in layer.parameters()) and type(layer).__name__ in (module._no_split_modules or ())
    ]


class Gradients:
    """Adds the gradients of a step's micro-batches and makes them ready for the optimizer."""

    def __init__(self, module: Any, processes: Processes) -> None:
        self._module, self._processes = module, processes
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._sums: list[torch.Tensor] = []

    def add(self, loss: torch.Tensor, *, counts: bool, last: bool) -> None:
        """Add the gradient of a micro-batch's loss; the `last` one of a step brings all ranks together."""
        alone = self._processes.size == 1
        if not alone:
            self._module.set_requires_gradient_sync(last)
        (loss if counts else loss * 0.0).backward()  # type: ignore[no-untyped-call]
        if alone and not (last and not self._sums):
            if self._sums:
                for total, parameter in zip(self._sums, self._parameters, strict=True):
                    if parameter.grad is not None:
                        total += parameter.grad
            else:
                self._sums = [
                    torch.zeros_like(p, dtype=torch.float64) if p.grad is None else p.grad.double()
                    for p in self._parameters
                ]
            for total, parameter in zip(self._sums, self._parameters, strict=True):
                parameter.grad = total.to(parameter.dtype) if last else None
            if last:
                self._sums = []

    def norm(self, scale: float) -> float:
        """Multiply the gradients by `scale`, and return their norm over all parameters and ranks."""
        squares = 0.0
        for parameter in self._parameters:
            if parameter.grad is not None:
                part = local_of(parameter.grad)
                part.mul_(scale)
                squares += float(part.double().square().sum())
        [total] = self._processes.sums([squares], self._module.device)
        return math.sqrt(total)

    def clip(self, norm: float, most: float) -> None:
        """Scale the gradients down so that their norm is at most `most`."""
        if norm > most:
            for parameter in self._parameters:
                if parameter.grad is not None:
                    local_of(parameter.grad).mul_(most / norm)

    def clear(self) -> None:
        """Forget the gradients of this step."""
        self._sums = []
        for parameter in self._parameters:
            parameter.grad = None


def whole_state(module: Any) -> dict[str, torch.Tensor]:
    """Return the weights and buffers of a model, each whole, on the CPU; every rank must call it."""
    return {name: whole(value).detach().cpu() for name, value in module.state_dict().items()}

"""The optimizers: AdamW for every parameter, or Muon for the matrices of the layers and AdamW for the rest.

The update of a number is the same bits wherever it lies in a shard, so that runs of any number of ranks agree: nothing
here rests on operations that vector and scalar code round differently. torch's fused AdamW does at the end of a tensor,
so it is used only for matrices whose rows fill whole vectors.

Muon replaces the momentum of a matrix by the nearest orthogonal one (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon/). `torch.optim.Muon` does the same for a matrix that lies on one process;
here a matrix may be sharded: its momentum stays sharded, and each rank makes the same update from the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import torch

_BETAS: Final = (0.9, 0.95)
_MOMENTUM: Final = 0.95
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_ITERATIONS: Final = 5
_TINY: Final = 1e-7
_TOGETHER: Final = 1 << 24  # numbers
# Peaks for a width of 64; they fall with the root of the width. Chosen on pilots: see docs/LOG.md.
_PEAKS: Final = {"adamw": 8e-3, "muon": 6e-3}


def peak_rate(optimizer: str, width: int) -> float:
    """Return the learning rate that is used unless one is given, for a model of width D.

    >>> peak_rate("adamw", 256)
    0.004
    """
    return float(f"{_PEAKS[optimizer] * math.sqrt(64 / max(width, 64)):.2g}")


class Muon(torch.optim.Optimizer):
    """Muon for matrices, whole or sharded by FSDP2; the learning rate has AdamW's scale ("match_rms_adamw").

    Matrices of equal shape are orthogonalised together, which is several times faster for small ones.
    """

    def __init__(self, params: Any, lr: float, weight_decay: float = 0.1) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[tuple[Any, Any]]] = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                momentum = self.state[parameter]["momentum"]
                fresh = parameter.grad * (1 - _MOMENTUM)
                momentum.mul_(_MOMENTUM).add_(fresh)
                update = momentum * _MOMENTUM + fresh
                alike.setdefault(tuple(sorted(update.shape)), []).append((parameter, update))
            for shape, parts in alike.items():
                # A few whole matrices at a time, so that a rank never holds the updates of all.
                some = max(1, _TOGETHER // math.prod(shape))
                for start in range(0, len(parts), some):
                    self._turn(parts[start : start + some], group["lr"], group["weight_decay"])

    def _turn(self, parts: list[tuple[Any, Any]], rate: float, weight_decay: float) -> None:
        """Orthogonalise updates of one shape, or of its transpose, and apply them."""
        tall = [update.shape[0] > update.shape[1] for _, update in parts]
        wide = [whole(update).T if turned else whole(update) for (_, update), turned in zip(parts, tall, strict=True)]
        for (parameter, update), turned, new in zip(parts, tall, orthogonal(torch.stack(wide)), strict=True):
            scale = 0.2 * math.sqrt(max(update.shape))
            parameter.mul_(1 - rate * weight_decay)
            local_of(parameter).sub_(shard_of(new.T if turned else new, parameter).mul(rate * scale))


class PlainAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov & Hutter 2019) in single operations, each rounded correctly: for vectors, narrow matrices."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        (first, second), tiny = _BETAS, 1e-8
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                value, grad = local_of(parameter), local_of(parameter.grad)
                state = {key: local_of(tensor) for key, tensor in self.state[parameter].items()}
                state["step"] += 1
                count = float(state["step"])
                mean = state["exp_avg"].mul_(first).add_(grad * (1 - first))
                square = state["exp_avg_sq"].mul_(second).add_((grad * grad) * (1 - second))
                size = (square / (1 - second**count)).sqrt_().add_(tiny)
                value.mul_(1 - group["lr"] * group["weight_decay"])
                value.sub_((mean / size).mul_(group["lr"] / (1 - first**count)))


def orthogonal(matrices_NIO: torch.Tensor) -> torch.Tensor:
    """Return the matrices with singular values near 1 (0.7 to 1.2): five Newton–Schulz steps in bfloat16.

    N matrices of I rows and O ≥ I columns. Source: Jordan et al. 2024, as in `torch.optim.Muon`.
    """
    a, b, c = _COEFFICIENTS
    x_NIO = matrices_NIO.bfloat16()
    x_NIO = x_NIO / x_NIO.norm(dim=(1, 2), keepdim=True).clamp(min=_TINY)
    for _ in range(_ITERATIONS):
        gram_NII = x_NIO @ x_NIO.mT
        x_NIO = torch.baddbmm(x_NIO, torch.baddbmm(gram_NII, gram_NII, gram_NII, beta=b, alpha=c), x_NIO, beta=a)
    return x_NIO.to(matrices_NIO.dtype)


def optimizers_of(module: Any, name: str, *, rate: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Return the optimizers of a model's trained parameters, with their state made (zeros).

    Weight decay acts on matrices, embeddings included, and not on biases and normalisation. With "muon" the matrices of
    the layers take Muon; embeddings, the head and all vectors take AdamW.
    """
    named = [(name_, parameter) for name_, parameter in module.named_parameters() if parameter.requires_grad]
    outside = {id(parameter) for parameter in _embeddings(module)}
    matrices = [p for _, p in named if name == "muon" and p.dim() == 2 and id(p) not in outside]
    taken = {id(parameter) for parameter in matrices}
    rest = [parameter for _, parameter in named if id(parameter) not in taken]
    made: list[torch.optim.Optimizer] = []
    if matrices:
        made.append(Muon(matrices, lr=rate, weight_decay=weight_decay))
    for kind, fused in ((_adamw, True), (PlainAdamW, False)):
        chosen = [parameter for parameter in rest if _fills_vectors(parameter) == fused]
        groups = [
            {"params": [p for p in chosen if (p.dim() >= 2) == decays], "weight_decay": weight_decay if decays else 0.0}
            for decays in (True, False)
        ]
        if chosen:
            made.append(kind([group for group in groups if group["params"]], lr=rate))
    for optimizer in made:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                optimizer.state[parameter] = _first_state(parameter, isinstance(optimizer, Muon))
    return made


def state_tensors(module: Any, optimizers: list[torch.optim.Optimizer]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor of the optimizers' state, named after its parameter."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                for key, value in optimizer.state[parameter].items():
                    yield f"{names[id(parameter)]}.{key}", value


def whole(tensor: Any) -> torch.Tensor:
    """Return a tensor that may be sharded as one whole on this rank."""
    full: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full


def local_of(tensor: Any) -> torch.Tensor:
    """Return this rank's part of a tensor that may be sharded."""
    part: torch.Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return part


def shard_of(full: torch.Tensor, like: Any) -> torch.Tensor:
    """Return the part of a whole tensor that this rank holds of `like`."""
    if not hasattr(like, "to_local"):
        return full
    from torch.distributed.tensor import distribute_tensor

    # Every rank has made the same whole, so nothing has to be sent.
    return distribute_tensor(full, like.device_mesh, like.placements, src_data_rank=None).to_local()


def _adamw(groups: Any, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, betas=_BETAS, fused=True)


def _fills_vectors(parameter: Any) -> bool:
    """Whether each row of a matrix is a whole number of cache lines, and so every shard of it, too."""
    return bool(parameter.dim() >= 2 and math.prod(parameter.shape[1:]) % 16 == 0)


def _first_state(parameter: Any, muon: bool) -> dict[str, torch.Tensor]:
    if muon:
        return {"momentum": torch.zeros_like(parameter)}
    return {
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),  # torch's fused AdamW wants it there
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }


def _embeddings(module: Any) -> Iterator[Any]:
    for part in module.modules():
        if isinstance(part, torch.nn.Embedding):
            yield from part.parameters()
    for head in (module.get_output_embeddings(), *(getattr(module, n, None) for n in ("classifier", "score"))):
        if head is not None:
            yield from head.parameters()

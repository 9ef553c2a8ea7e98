"""What one training step costs each device: memory by part, operations, bytes sent, seconds.

This follows the loop of this room. Weights, gradients and the optimizer's state are in float32. With several
micro-batches the gradients are summed in float64. Several devices share the model with FSDP2: each keeps its part of
the weights, gathers a layer when it needs it, and forgets it again.

`P` parameters, `M` those in matrix products, `N` devices, `T` positions.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

from cutaway.models.accelerators import Accelerator
from cutaway.models.activation_memory import Shape, activation_bytes

# The share of a device's memory that the parts may take. The rest is for the driver and for gaps between blocks, which
# on a CPU add up to two thirds (benchmarks/plan.py).
SPARE: Final = {"cpu": 0.6, "gpu": 0.9}
_LAUNCH: Final = 5e-6  # seconds to start one operation on a device
_OPERATIONS: Final = 30  # of a layer, forward; backward has twice as many
_TURNS: Final = 5  # of Muon's iteration
_STATES: Final = ("AdamW: two numbers a weight", "Muon: a number a weight; AdamW for the rest: two")


@dataclasses.dataclass(frozen=True)
class Counts:
    """Parameters of a model: all, in matrix products, in all layers, in the largest layer, under Muon.

    `matrices` counts a weight as often as a token meets it: that of shared layers several times, of experts those that
    are used. `muon_largest` counts those under Muon that have the commonest shape, which are updated together, and
    `muon_flops` the operations of one update.
    """

    parameters: int
    matrices: int
    layers: int
    largest_layer: int
    muon: int
    muon_largest: int
    muon_flops: float


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a step is computed: devices, rows, tokens of a row, rows at once on a device, and what is kept."""

    count: int
    batch_size: int
    context: int
    micro_batch: int
    precision: str
    attention: str
    optimizer: str
    sharding: str
    checkpointing: bool

    @property
    def rounds(self) -> int:
        """How many micro-batches a device computes in a step."""
        return math.ceil(math.ceil(self.batch_size / self.micro_batch) / self.count)


@dataclasses.dataclass(frozen=True)
class MemoryPart:
    """A part of the memory of one device: `bytes` at most, and `at_peak` when all parts together are largest."""

    name: str
    bytes: int
    at_peak: int
    what: str


@dataclasses.dataclass(frozen=True)
class Costs:
    """What a step costs each device.

    `gathered` (weights, Muon's updates) and `reduced` (gradients) are bytes that each device sends in a step.
    """

    memory: tuple[MemoryPart, ...]
    peak_bytes: int
    fits: bool
    gathered: float
    reduced: float
    compute_seconds: float
    communication_seconds: float
    update_seconds: float

    @property
    def seconds(self) -> float:
        """Seconds of a step, if sending and computing overlap."""
        return max(self.compute_seconds, self.communication_seconds) + self.update_seconds


def counts_of(module: Any) -> Counts:
    """Count the parameters of a model, which may be on the meta device."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    parts = list(module.modules())
    embedded = {id(weight) for part in parts if isinstance(part, nn.Embedding) for weight in part.parameters()}
    products = [part.weight for part in parts if isinstance(part, nn.Linear | Conv1D)]
    stacks = [part for part in parts if isinstance(part, nn.ModuleList)]
    layers = [layer for stack in stacks for layer in stack if sum(1 for _ in layer.parameters()) > 2]
    sizes = [sum(weight.numel() for weight in layer.parameters()) for layer in layers]
    inside = {id(weight): weight for layer in layers for weight in layer.parameters()}
    turned = [weight for weight in inside.values() if weight.dim() == 2 and id(weight) not in embedded]
    alike: dict[tuple[int, ...], int] = {}
    flops = 0.0
    for weight in turned:
        short, long = sorted(weight.shape)
        alike[short, long] = alike.get((short, long), 0) + weight.numel()
        flops += _TURNS * (4 * short**2 * long + 2 * short**3)
    return Counts(
        parameters=sum(weight.numel() for weight in module.parameters()),
        matrices=round(_met(module.config, products, inside)),
        layers=sum(weight.numel() for weight in inside.values()),
        largest_layer=max(sizes, default=0),
        muon=sum(weight.numel() for weight in turned),
        muon_largest=max(alike.values(), default=0),
        muon_flops=flops,
    )


def _met(config: Any, products: list[Any], inside: dict[int, Any]) -> float:
    """Return the weights that a token meets in matrix products."""
    text = config.get_text_config()
    # ALBERT's layers are few, and each is used several times.
    again = text.num_hidden_layers / groups if (groups := getattr(text, "num_hidden_groups", 0)) else 1
    met: float = sum(weight.numel() * (again if id(weight) in inside else 1) for weight in products)
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    experts = next((number for name in names if (number := getattr(text, name, None))), 0)
    if experts:
        used = getattr(text, "num_experts_per_tok", 1) / experts
        stacked = (weight for weight in inside.values() if weight.dim() == 3 and weight.shape[0] == experts)
        met += sum(weight.numel() * used for weight in stacked)
    return met


def flops_of_row(shape: Shape, counts: Counts, length: int) -> float:
    """Return the FLOPs of training on one row: 6 for each weight in a product and token, and 12 D T for attention.

    Forward takes a third. Attention counts the whole T × T square, as is usual. For a t5 a row is `length` tokens on
    each side. Sources: Kaplan et al. 2020, arXiv:2001.08361, section 2.1; Chowdhery et al. 2022, arXiv:2204.02311,
    appendix B.
    """
    attentions = shape.layers * (3 if shape.family == "t5" else 1)
    return 6.0 * counts.matrices * length + 12.0 * attentions * shape.heads * shape.head_width * length**2


def costs_of(
    shape: Shape,
    counts: Counts,
    layout: Layout,
    device: Accelerator,
    *,
    predicted: float = 1.0,
    efficiency: float = 0.4,
    link: float | None = None,
) -> Costs:
    """Return what a step costs each device.

    `predicted` is the share of positions that have a loss, `efficiency` the share of the peak that products reach,
    `link` the bytes/s between devices, by default the device's own.
    """
    memory, peak = _memory(shape, counts, layout, predicted, device.name == "cpu")
    room = device.memory / (layout.count if device.name == "cpu" else 1)
    apart = (layout.count - 1) / layout.count
    if layout.sharding == "full":
        outside = counts.parameters - counts.layers
        gathered = 4.0 * (2 * counts.layers + outside) * layout.rounds * apart
        if layout.optimizer == "muon":  # every device turns the whole of each update
            gathered += 4.0 * counts.muon * apart
        reduced = (8.0 if device.name == "cpu" else 4.0) * counts.parameters * apart
    else:
        gathered, reduced = 0.0, 2 * 4.0 * counts.parameters * apart
    rows = layout.rounds * min(layout.micro_batch, layout.batch_size)
    flops = flops_of_row(shape, counts, layout.context) * rows * (4 / 3 if layout.checkpointing else 1)
    peak_speed = device.peak(layout.precision)
    launches = 3 * _OPERATIONS * (shape.layers + 1) * layout.rounds * _LAUNCH
    share = layout.count if layout.sharding == "full" else 1
    # AdamW reads the weights, the gradients and two numbers a weight, and writes three of them.
    moved = 28.0 * counts.parameters / share
    turning = counts.muon_flops / (peak_speed * efficiency) if layout.optimizer == "muon" else 0.0
    return Costs(
        memory=memory,
        peak_bytes=peak,
        fits=peak <= SPARE["cpu" if device.name == "cpu" else "gpu"] * room,
        gathered=gathered,
        reduced=reduced,
        compute_seconds=max(flops / (peak_speed * efficiency), launches),
        communication_seconds=(gathered + reduced) / (link or device.link) if layout.count > 1 else 0.0,
        update_seconds=moved / device.bandwidth + turning,
    )


def _memory(
    shape: Shape, counts: Counts, layout: Layout, predicted: float, on_cpu: bool
) -> tuple[tuple[MemoryPart, ...], int]:
    P, rows = counts.parameters, min(layout.micro_batch, layout.batch_size)
    share = layout.count if layout.sharding == "full" else 1
    several = layout.rounds > 1
    weights = 4 * P / share
    if share > 1:  # this layer and the next are whole, and so is what is outside the layers
        weights += 4 * (P - counts.layers + 2 * counts.largest_layer)
    under_muon = counts.muon if layout.optimizer == "muon" else 0
    state = (8 * (P - under_muon) + 4 * under_muon) / share
    # A sum of several micro-batches: in float64 beside the newest gradient, or whole before it is sent to its owner.
    summed = (8 * P if share == 1 else 4 * P) if several else 0
    gradients = summed + 4 * P / share
    activations = activation_bytes(
        shape,
        rows,
        layout.context,
        precision=layout.precision,
        attention=layout.attention,
        checkpointing=layout.checkpointing,
        matrices=counts.matrices,
        on_cpu=on_cpu,
    )
    size = 2 if layout.precision == "bfloat16" else 4
    # Logits, those that have a loss, the logarithm of their softmax; backward, the last and two gradients.
    each = 12.0 if predicted == 1 else size + 12 * predicted
    logits = rows * layout.context * shape.outputs * each
    # All updates of Muon, and the commonest shape as a stack, in bfloat16 with its products, and turned.
    update = 4 * under_muon + 14 * (counts.muon_largest if under_muon else 0)
    moments = {
        "backward": (summed, activations, logits, 0),
        "after": (gradients, 0, 0, 0),
        "update": (gradients, 0, 0, update),
    }
    largest = max(moments.values(), key=sum)
    parts = [
        ("weights", weights, weights, "float32" + (", a part of them and two whole layers" if share > 1 else "")),
        ("optimizer", state, state, _STATES[bool(under_muon)]),
        ("gradients", gradients, largest[0], "float32" + (" and their float64 sum" if several and share == 1 else "")),
        ("activations", activations, largest[1], "what the layers keep for the backward pass"),
        ("logits", logits, largest[2], "a number for each token of the vocabulary, several times"),
    ]
    if under_muon:
        parts.append(("update", update, largest[3], "the matrices that Muon turns"))
    memory = tuple(MemoryPart(name, round(most), round(now), what) for name, most, now, what in parts)
    return memory, sum(part.at_peak for part in memory)

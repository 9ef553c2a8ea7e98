"""`plan`: what a training run will need, before it starts: memory by part, operations, bytes sent, time.

The model is built on torch's meta device, so no weights are read or made. Memory follows from shapes; time rests on an
assumed share of the device's peak, which the result states.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

from cutaway.models.accelerators import Accelerator, accelerator
from cutaway.models.activation_memory import Shape, shape_of
from cutaway.models.config_outline import BIDIRECTIONAL
from cutaway.models.configuration import read_configuration
from cutaway.models.module_tree import without_weights
from cutaway.training.model_sizes import SIZES, configuration, shaped_like
from cutaway.training.plan_result import Choice, Plan
from cutaway.training.plan_settings import PlanSettings
from cutaway.training.step_costs import Costs, Counts, Layout, costs_of, counts_of, flops_of_row

_CONTEXT = 128  # of a size of ours
_LONGEST = 2048  # of a published model, unless the context is given
_VOCABULARY = 4096
_MASKED = 0.15  # the share of positions that a masked model predicts
_DOUBLINGS = 17  # up to 65,536 devices


def plan(
    model: Any = "nano",
    *,
    arch: str | None = None,
    objective: str = "causal",
    vocab_size: int | None = None,
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    tokens: int | None = None,
    epochs: float = 1.0,
    steps: int | None = None,
    device: str = "cpu",
    count: int = 1,
    per_node: int = 8,
    network: float = 25e9,
    batch_size: int = 8,
    micro_batch: int | None = None,
    context: int | None = None,
    precision: str = "auto",
    optimizer: str = "muon",
    attention: str = "sdpa",
    sharding: str = "auto",
    gradient_checkpointing: bool | None = None,
    efficiency: float | None = None,
    revision: str | None = None,
) -> Plan:
    """Return what training a model needs: memory by part, FLOPs, bytes sent, tokens/s and time.

    `model` is a size (nano, micro, mini, small) with `arch` and `objective`, or a name, folder, `config.json` or model
    type. `device` is "cpu", whose speed is measured now, or a name of the table, such as "h100"; `count` of them share
    the model ("full": FSDP2) or each hold a copy ("none"). `network` is in bytes/s for each device, between nodes of
    `per_node` devices. `efficiency` is the share of the device's peak that the step reaches: by default 0.4, and 0.5 of
    what this machine shows on large products.

    A step reads `batch_size` rows of `context` tokens on all devices together. `micro_batch` and
    `gradient_checkpointing` are chosen so that it fits and is fast, unless you give them. The length is `steps`, or
    `epochs` of `tokens` or of `data`: a folder of shards, or files, of which each byte counts as a token.

    Raises `InputError` for a value out of range, and a `ModelError` if the configuration can't be read.

    Example:
        >>> found = plan("small", device="h100", count=8, batch_size=512, context=1024, tokens=2_500_000_000)
        >>> found.parameters, found.fits, found.steps
        (88988160, True, 4769)
    """
    settings = PlanSettings(
        model=model,
        arch=arch,
        objective=objective,
        vocab_size=vocab_size,
        data=data,
        tokens=tokens,
        epochs=epochs,
        steps=steps,
        device=device,
        count=count,
        per_node=per_node,
        network=network,
        batch_size=batch_size,
        micro_batch=micro_batch,
        context=context,
        precision=precision,
        optimizer=optimizer,
        attention=attention,
        sharding=sharding,
        gradient_checkpointing=gradient_checkpointing,
        efficiency=efficiency,
    )
    config, named = _configuration(settings, revision)
    return _planned(settings, config, named)


def _planned(asked: PlanSettings, config: Any, named: str) -> Plan:
    shape = shape_of(config)
    counts = counts_of(without_weights(config, named))
    context = asked.context or _context(config)
    device = accelerator(asked.device, asked.precision)
    layouts = _layouts(asked, context)
    predicted = _MASKED if config.model_type in BIDIRECTIONAL else 1.0
    link = device.link if asked.count <= asked.per_node else min(device.link, asked.network)
    efficiency = asked.efficiency or 1.0

    def cost(layout: Layout) -> Costs:
        return costs_of(shape, counts, layout, device, predicted=predicted, efficiency=efficiency, link=link)

    found = [(layout, cost(layout)) for layout in layouts]
    fitting = [pair for pair in found if pair[1].fits]
    # If nothing fits, show what comes nearest to it.
    chosen, costs = (
        min(fitting, key=lambda pair: pair[1].seconds) if fitting else min(found, key=lambda pair: pair[1].peak_bytes)
    )
    a_step = asked.batch_size * context
    steps = math.ceil(asked.tokens / a_step) if asked.steps is None and asked.tokens is not None else asked.steps
    seconds = None if steps is None else steps * costs.seconds
    flops = flops_of_row(shape, counts, context)
    return Plan(
        model=named,
        model_type=config.model_type,
        parameters=counts.parameters,
        layers=shape.layers,
        heads=shape.heads,
        width=shape.width,
        outputs=shape.outputs,
        device=asked.device,
        count=asked.count,
        device_bytes=device.memory / (asked.count if asked.device == "cpu" else 1),
        batch_size=asked.batch_size,
        context=context,
        precision=asked.precision,
        optimizer=asked.optimizer,
        sharding=chosen.sharding,
        micro_batch=chosen.micro_batch,
        checkpointing=chosen.checkpointing,
        memory=costs.memory,
        peak_bytes=costs.peak_bytes,
        fits=costs.fits,
        fewest=asked.count if costs.fits else _fewest(shape, counts, layouts, device, predicted),
        flops_per_token=flops / context,
        flops_per_step=flops * asked.batch_size,
        peak_flops=device.peak(asked.precision),
        gathered_bytes=costs.gathered,
        reduced_bytes=costs.reduced,
        compute_seconds=costs.compute_seconds,
        communication_seconds=costs.communication_seconds,
        update_seconds=costs.update_seconds,
        step_seconds=costs.seconds,
        tokens_per_second=a_step / costs.seconds,
        tokens=steps * a_step if asked.tokens is None and steps is not None else asked.tokens,
        steps=steps,
        total_seconds=seconds,
        device_hours=None if seconds is None else seconds * asked.count / 3600,
        choices=_choices(found, chosen, a_step),
        assumed=_assumptions(config, shape, asked, device, costs, link, predicted),
    )


def _configuration(asked: PlanSettings, revision: str | None) -> tuple[Any, str]:
    ids: Any = {"bos": 0, "eos": 0, "pad": 0, "mask": 0}
    if asked.is_size:
        arch, labels = str(asked.arch), {"classes": ("yes", "no"), "numbers": ("number",)}
        config = configuration(
            arch,
            **dataclasses.asdict(SIZES[asked.model]),
            context=asked.context or _CONTEXT,
            vocab_size=asked.vocab_size or _VOCABULARY,
            objective=asked.objective,
            labels=labels.get(asked.objective, ()),
            **ids,
        )
        return config, f"{arch} {asked.model}"
    config, name, _ = read_configuration(asked.model, revision)
    if asked.vocab_size is not None:
        pair, both = getattr(config, "is_encoder_decoder", False), config.model_type in BIDIRECTIONAL
        objective = "seq2seq" if pair else "masked" if both else "causal"
        context = asked.context or _context(config)
        config = shaped_like(config, context=context, vocab_size=asked.vocab_size, objective=objective, **ids)
    return config, name


def _context(config: Any) -> int:
    text = config.get_text_config()
    limits = (getattr(text, name, None) for name in ("max_position_embeddings", "n_positions"))
    return min(next((limit for limit in limits if isinstance(limit, int) and limit > 0), _LONGEST), _LONGEST)


def _layouts(asked: PlanSettings, context: int) -> list[Layout]:
    """Return the layouts to compare: micro-batches from a device's whole share downwards by halves."""
    sizes = [asked.micro_batch or math.ceil(asked.batch_size / asked.count)]
    while asked.micro_batch is None and sizes[-1] > 1:
        sizes.append(math.ceil(sizes[-1] / 2))
    again = (False, True) if asked.gradient_checkpointing is None else (asked.gradient_checkpointing,)
    return [
        Layout(
            count=asked.count,
            batch_size=asked.batch_size,
            context=context,
            micro_batch=size,
            precision=asked.precision,
            attention=asked.attention,
            optimizer=asked.optimizer,
            sharding="full" if asked.count > 1 and asked.sharding != "none" else "none",
            checkpointing=each,
        )
        for each in again
        for size in sizes
    ]


def _choices(found: list[tuple[Layout, Costs]], chosen: Layout, tokens: int) -> tuple[Choice, ...]:
    """Return the chosen layout and, with and without checkpointing, those around the border of what fits."""
    kept = []
    for number, (layout, costs) in enumerate(found):
        same = [other for other in found if other[0].checkpointing == layout.checkpointing]
        first = next((place for place, other in enumerate(same) if other[1].fits), len(same) - 1)
        near = found.index(same[0]) + first
        if layout == chosen or near - 1 <= number <= near + 1:
            choice = Choice(
                layout.micro_batch, layout.checkpointing, costs.peak_bytes, costs.fits, tokens / costs.seconds,
                layout == chosen,
            )  # fmt: skip
            kept.append(choice)
    return tuple(kept)


def _fewest(shape: Shape, counts: Counts, layouts: list[Layout], device: Accelerator, predicted: float) -> int | None:
    """Return the least power of two of devices on which one row at a time fits, in one of these layouts."""
    if device.name == "cpu" or (layouts[0].sharding == "none" and layouts[0].count > 1):
        return None
    smallest = {layout.checkpointing: layout for layout in layouts}
    for count in (1 << power for power in range(_DOUBLINGS)):
        for layout in smallest.values():
            batch_size, sharding = max(layout.batch_size, count), "full" if count > 1 else "none"
            one = dataclasses.replace(layout, count=count, micro_batch=1, sharding=sharding, batch_size=batch_size)
            if costs_of(shape, counts, one, device, predicted=predicted).fits:
                return count
    return None


def _assumptions(
    config: Any, shape: Shape, asked: PlanSettings, device: Accelerator, costs: Costs, link: float, predicted: float
) -> tuple[str, ...]:
    peak = device.peak(asked.precision) / 1e12
    said = [
        f"Products of matrices reach {asked.efficiency:.0%} of the peak of {peak:,.3g} TFLOP/s ({device.source}); "
        "small models reach less on a large device."
    ]
    if device.name == "cpu":
        said.append("The process takes up to two thirds more than these parts: freed memory leaves gaps.")
    else:
        said.append("A tenth of the device's memory is left to its driver and to gaps.")
    if asked.count > 1:
        where = "within a node" if asked.count <= asked.per_node else f"between nodes of {asked.per_node} devices"
        said.append(f"Devices send {link / 1e9:,.3g} GB/s each {where}, while they compute.")
    if asked.precision == "bfloat16":
        said.append("Weights, gradients and optimizer are in float32; products run in bfloat16 (autocast).")
    if predicted < 1:
        said.append(f"{predicted:.0%} of the positions are predicted.")
    if not shape.exact:
        said.append(f"The memory of activations is estimated: {config.model_type} is counted like a {shape.family}.")
    if not costs.fits and any(part.name == "update" and part.at_peak for part in costs.memory):
        said.append("Muon makes its updates whole and all at once; `optimizer='adamw'` needs less.")
    return tuple(said)

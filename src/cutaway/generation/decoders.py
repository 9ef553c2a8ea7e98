"""Which decoder a model gets: our own step on the CPU if it agrees with transformers, else the model's own module.

| tier  | weights                                                                     |
|-------|-----------------------------------------------------------------------------|
| exact | float32                                                                     |
| near  | bfloat16; mean KL to float32 below 0.002, or the model is run in exact      |
| turbo | 4 bits in groups of 32, embedding and head 8 bits: fastest for few rows     |

Sums are float32 in every tier, and run over their terms in one order whatever stands beside them: a row has the same
bits alone and in any batch. Models that our step can't run, and processors that it can't be compiled for, get the
module of transformers in float32, whatever the tier.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cutaway.errors import ModelError
from cutaway.generation.cpu import machine_code
from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.cpu.machine_code import Step
from cutaway.generation.cpu.shape import Shape
from cutaway.generation.cpu.weights import Weights, lay_out
from cutaway.generation.engine import Decoder
from cutaway.generation.rows import Row
from cutaway.generation.samplers import log_softmax
from cutaway.generation.settings import check_tier
from cutaway.generation.speculation import LookupDecoder
from cutaway.log import get_logger
from cutaway.models import cache, prepared, residency
from cutaway.models.prepared import Divergence
from cutaway.models.shelf import SHELF
from cutaway.models.sources import resolve
from cutaway.models.text_model import TextModel
from cutaway.progress import step as progress_step

if TYPE_CHECKING:
    from cutaway.models.text_model import Model, ModelLike

NEAR = 0.002  # nats per token: what the default tier may be off

GUESSED = {"exact": 5, "near": 5, "turbo": 3}  # tokens looked up at once; each costs the 4-bit products more
LIKELY = 0.01  # tokens of at least this probability count for the largest difference; a vocabulary has rare ones
STEPS = 32  # so many tokens are put in one by one when a tier's divergence is measured

PROBE = (
    "The library opened at nine. A woman asked for the old maps of the harbour, and the clerk, who had been there for "
    "thirty years, knew without looking where they lay: on the third floor, between the letters of a botanist and a "
    "box of photographs. In 1842 the river was twice as wide as today. If x = 3 and y = 4, then x * x + y * y = 25. "
    "def area(r): return 3.14159 * r ** 2. Water boils at 100 degrees Celsius; at the top of a high mountain it boils "
    "sooner, because the air presses less. She thanked him, sat down by the window, and began to draw."
)


def open_decoder(model: ModelLike, tier: str = "near", *, wait: bool = False) -> Decoder:
    """Return the model ready to run rows in a tier, with a cache of its own.

    A model given by name starts from its prepared weights (`models/prepared.py`) without torch, if it was checked
    before. A loaded model runs as it is at this moment: what was prepared for it is used again only if nothing about it
    has changed (`models/digest.py`), and is never kept on the disk. One that somebody put hooks into, or that lies on
    another device or in another dtype, runs on its own module, whatever the tier. So do all models while the step is
    compiled, once for a machine, unless `wait` is True. Raises `InputError` for an unknown tier or a `ModelError`.
    """
    check_tier(tier)
    code = machine_code.wait() if wait else machine_code.load()
    stamp = None
    if isinstance(model, (str, os.PathLike)):
        entry = SHELF.get(os.fspath(model))
        path = resolve(model) if entry is None or entry.kind == "decoder" else None
        stamp = None if path is None else cache.stamp(path)  # before a file of it is read
        if path is not None and code is not None:
            key = residency.Resident(os.fspath(model), path, stamp, tier)
            try:
                return _quick.get(key, lambda: _of_prepared(key, code))()
            except LookupError:
                pass
    from cutaway.models.digest import digest, is_altered
    from cutaway.models.loading import shared  # transformers: seconds
    from cutaway.models.text_model import Model

    loaded = shared(model, "generator")
    if loaded.device.type != "cpu" or str(loaded.module.dtype) != "torch.float32" or is_altered(loaded.module):
        from cutaway.generation.module_decoder import open_module

        return open_module(loaded)
    # A shared model does not change; a user's may have changed since the last call.
    state = digest(loaded.module) if isinstance(model, Model) else stamp
    key = residency.Resident(loaded.name, loaded.path, (loaded, state, stamp), tier)
    if code is None and _waits_for_code(loaded):
        return _of_loaded(loaded, tier, stamp, None)()
    return _loaded.get(key, lambda: _of_loaded(loaded, tier, stamp, code))()


_Maker = Callable[[], Decoder]
_quick: residency.Latest[residency.Resident, _Maker] = residency.companions()
_loaded: residency.Latest[residency.Resident, _Maker] = residency.companions()


def _of_prepared(key: residency.Resident, code: Step) -> Callable[[], Decoder]:
    """Return what makes decoders of a model's prepared weights. Raises `LookupError` if there are none."""
    kept = None if key.path is None else prepared.read(key.name, key.path, key.kind)
    if kept is None:
        raise LookupError(key.name)
    _say(key.name, key.kind, kept.divergence)
    try:
        weights = Weights(Shape.of_json(dict(kept.shape)), kept.parts, key.kind, kept.divergence.get(key.kind))
    except (TypeError, ValueError) as error:  # damaged: it will be written again
        raise LookupError(key.name) from error
    return functools.partial(LookupDecoder, kept, weights, code, GUESSED[key.kind])


def _of_loaded(model: Model, tier: str, stamp: object, code: Step | None) -> Callable[[], Decoder]:
    from cutaway.generation.cpu.families import built_as_configured, shape_of
    from cutaway.generation.inputs import own_rules
    from cutaway.generation.module_decoder import open_module

    weights = None
    # A model with rules of its own for single tokens keeps to the decoder that knows them.
    if code is not None and not own_rules(model, Row("", [0])) and built_as_configured(model.module):
        shape = shape_of(model.module)
        weights = None if shape is None else _checked(model, shape, tier, stamp, code)
    if code is None or weights is None:
        return functools.partial(open_module, model)
    return functools.partial(LookupDecoder, model, weights, code, GUESSED[weights.tier])


@functools.cache
def _said_slow() -> None:
    get_logger(__name__).info("our fast code can't run on this processor: models are run by torch in float32")


def _waits_for_code(model: Model) -> bool:
    """Say whether the model will be run by our own step once that is compiled, and let it be compiled."""
    if not machine_code.is_supported():
        _said_slow()
        return False
    from cutaway.generation.cpu.families import shape_of

    if shape_of(model.module) is None:
        return False
    if machine_code.start_compiling():
        get_logger(__name__).info(
            "compiling fast code for this processor, once, in the background (10 to 30 seconds); until then %s is "
            "run by torch in float32",
            model.name,
        )
    return True


@progress_step("preparing the model")
def _checked(model: Model, shape: Shape, tier: str, stamp: object, code: Step) -> Weights | None:
    """Lay the model's weights out in a tier if our step computes the same logits as transformers, in float32.

    With the stamp of its folder the model is as the folder has it, and its weights are kept for a quick start.
    """
    if model.module.num_parameters() > 2e7:  # it takes seconds
        get_logger(__name__).info(
            "preparing %s%s", model.name, "" if stamp is None else ", once: it starts faster from now on"
        )
    from cutaway.generation.cpu.families import parts_of

    ids = _probe(model)
    expected_TV = _expected(model, ids)
    start = max(len(ids) - STEPS, len(ids) // 2)
    exact = Weights(shape, lay_out(shape, parts_of(model.module, shape), "exact"), "exact")
    found_TV = _stepped(model, exact, code, ids[: start + 4], start)
    off = np.abs(found_TV - expected_TV[start - 1 : start + 4]).max() / np.abs(expected_TV).max()
    if not off < 1e-4:
        get_logger(__name__).info(
            "%s is run by transformers: its logits differ by %.1e from our faster code's", model.name, off
        )
        return None
    weights, divergence = exact, dict[str, Divergence]()
    if tier != "exact":
        del exact
        weights = Weights(shape, lay_out(shape, parts_of(model.module, shape), tier), tier)
        divergence[tier] = weights.divergence = _divergence(
            expected_TV[start - 1 :], _stepped(model, weights, code, ids, start)
        )
        _say(model.name, tier, divergence)
        if not divergence[tier].mean < NEAR:
            get_logger(__name__).info(
                "%s is run in tier exact: %s would differ from it by %.4f nats per token",
                model.name,
                tier,
                divergence[tier].mean,
            )
            return Weights(shape, lay_out(shape, parts_of(model.module, shape), "exact"), "exact")
    if stamp is not None:
        prepared.write(model, stamp, tier, dataclasses.asdict(shape), weights.parts, divergence)
    return weights


def _expected(model: Model, ids: list[int]) -> npt.NDArray[np.float32]:
    """Return the logits_TV of transformers. Raises `ModelError` if they are not numbers."""
    import torch

    with torch.inference_mode():
        logits_TV: npt.NDArray[np.float32] = model.module(input_ids=torch.tensor([ids])).logits[0].float().numpy()
    if not np.isfinite(logits_TV).all():
        wrong = [name for name, weight in model.module.named_parameters() if not bool(weight.isfinite().all())]
        because = f"its weight {wrong[0]} holds NaN or infinity" if wrong else "they overflow"
        raise ModelError(
            f"the logits of {model.name} are not finite numbers: {because}", hint="load or train the model again"
        )
    return logits_TV


def _stepped(model: TextModel, weights: Weights, code: Step, ids: list[int], start: int) -> npt.NDArray[np.float32]:
    """Read the first ids as a prompt, put in the others one by one, and return the logits_TV behind all from there."""
    decoder = CpuDecoder(model, weights, code)
    return np.concatenate([decoder.add([ids[:start]], [1]), *(decoder.step([i]) for i in ids[start:])])


def _probe(model: Model) -> list[int]:
    """Return ids to measure with: a paragraph of English, or for a model of other things a walk through its tokens."""
    tokenizer = model.tokenizer
    ids = tokenizer.encode(PROBE).ids if tokenizer is not None else []
    size = int(model.config.vocab_size)
    if len(ids) < 16 or len(set(ids)) < 8 or max(ids) >= size:
        ids = [(7 * i * i + i) % size for i in range(64)]
    return ids[: min(128, model.context or 128)]


def _divergence(expected_TV: npt.NDArray[np.float32], found_TV: npt.NDArray[np.float32]) -> Divergence:
    """Return how far a tier is from float32 over T positions."""
    # In float64: in float32 the rounding of a wide vocabulary is as large as what is measured.
    expected, found = log_softmax(expected_TV), log_softmax(found_TV)
    chance, off = np.exp(expected), expected - found
    return Divergence(
        mean=float((chance * off).sum(-1).mean()), largest=float((np.abs(off) * (chance >= LIKELY)).max())
    )


def _say(name: str, tier: str, divergence: Mapping[str, Divergence]) -> None:
    if tier == "turbo":
        get_logger(__name__).info(
            "%s in tier turbo differs from float32 by %.4f nats per token; a single log-probability by up to %.2f nats",
            name, divergence[tier].mean, divergence[tier].largest,
        )  # fmt: skip

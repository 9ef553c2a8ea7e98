"""Which decoder a model gets: a fused forward where ours agrees with transformers, else transformers with our layers.

| tier  | weights                                    | logits alone and in any batch                           |
|-------|--------------------------------------------|---------------------------------------------------------|
| exact | float32                                    | the same up to the rounding of float32                  |
| near  | bfloat16; mean KL to float32 below 0.002   | the same up to the rounding of bfloat16                 |
| turbo | 4 bits for up to 8 rows, bfloat16 for more | from 4 bits or from bfloat16, by the number of rows     |

A kernel may add in another order if a row has others beside it, so greedy text can change if two tokens are almost
equally likely. Once a model is prepared, the same call in a new process on the same machine with the same number of
threads gives the same bits.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from cutaway.generation.engine import Decoder
from cutaway.generation.fused_decoder import FusedDecoder
from cutaway.generation.rows import Row
from cutaway.generation.settings import TIERS, check_tier
from cutaway.generation.speculation import LookupDecoder
from cutaway.log import get_logger
from cutaway.models import cache, packed_linear, quickstart, residency
from cutaway.models.fused import Fused
from cutaway.models.shapes import Shape, built_as_configured, parts_of, shape_of
from cutaway.models.shelf import SHELF
from cutaway.models.sources import resolve
from cutaway.models.text_model import TextModel
from cutaway.progress import step

if TYPE_CHECKING:
    from cutaway.models.text_model import Model, ModelLike

__all__ = ["open_decoder"]

NEAR = 0.002  # nats a token: what the default tier may be off

GUESSED = {"exact": 5, "near": 5, "turbo": 3}  # tokens looked up at once; each costs the 4-bit kernel more
LIKELY = 0.01  # tokens of at least this probability count for the largest difference; a vocabulary has rare ones
STEPS = 32  # so many tokens are put in one by one when a tier's divergence is measured

PROBE = (
    "The library opened at nine. A woman asked for the old maps of the harbour, and the clerk, who had been there for "
    "thirty years, knew without looking where they lay: on the third floor, between the letters of a botanist and a "
    "box of photographs. In 1842 the river was twice as wide as today. If x = 3 and y = 4, then x * x + y * y = 25. "
    "def area(r): return 3.14159 * r ** 2. Water boils at 100 degrees Celsius; at the top of a high mountain it boils "
    "sooner, because the air presses less. She thanked him, sat down by the window, and began to draw."
)


def open_decoder(model: ModelLike, tier: str = "near") -> Decoder:
    """Return the model ready to run rows in a tier, with a cache of its own.

    A model given by name starts from its kept weights (`models/quickstart.py`) without transformers, where it was
    checked before. A loaded model runs as it is at this moment: what was prepared for it is used again only if nothing
    about it has changed (`models/digest.py`), and is never kept on the disk. One that somebody put hooks into, or that
    lies on another device or in another dtype, runs on its own module, whatever the tier. Raises `InputError` for an
    unknown tier or a `ModelError`.
    """
    check_tier(tier)
    stamp = None
    if isinstance(model, (str, os.PathLike)):
        entry = SHELF.get(os.fspath(model))
        path = resolve(model) if entry is None or entry.kind == "decoder" else None
        stamp = None if path is None else cache.stamp(path)  # before a file of it is read
        if path is not None and tier != "exact":
            name = os.fspath(model)
            new = _quick.get(residency.Resident(name, path, stamp, tier), lambda: _of_kept(name, path, tier))
            if new is not None:
                return new()
    from cutaway.models.digest import digest, is_altered
    from cutaway.models.loading import shared  # transformers: seconds
    from cutaway.models.text_model import Model

    loaded = shared(model, "generator")
    if loaded.device.type != "cpu" or loaded.module.dtype != torch.float32 or is_altered(loaded.module):
        from cutaway.generation.module_decoder import open_module

        return open_module(loaded)
    # A shared model does not change; a user's may have changed since the last call.
    state = digest(loaded.module) if isinstance(model, Model) else stamp
    key = residency.Resident(loaded.name, loaded.path, (loaded, state, stamp), tier)
    return _prepared.get(key, lambda: _of_loaded(loaded, tier, stamp))()


_Maker = Callable[[], Decoder]
_quick: residency.Latest[residency.Resident, _Maker | None] = residency.companions()
_prepared: residency.Latest[residency.Resident, _Maker] = residency.companions()


def _of_kept(name: str, path: Path, tier: str) -> Callable[[], Decoder] | None:
    kept = quickstart.read(name, path)
    if kept is None or not packed_linear.fast_bfloat16():
        return None
    _say(name, tier, kept.divergence)
    fused = _fused(kept.shape, dict(kept.parts), tier)
    mapped = packed_linear.in_file(kept.parts["embed"])
    for linear in fused.linears():
        linear.mapped = mapped
    return functools.partial(LookupDecoder, kept, fused, GUESSED[tier])


def _of_loaded(model: Model, tier: str, stamp: object) -> Callable[[], Decoder]:
    from cutaway.generation.inputs import own_rules
    from cutaway.generation.module_decoder import open_module

    # A model with rules of its own for single tokens keeps to the decoder that knows them.
    shape = None if own_rules(model, Row("", [0])) else shape_of(model.config)
    fused = None
    if shape is not None and built_as_configured(model.module):
        fused = _checked(model, shape, tier, stamp)
    if fused is not None:
        return functools.partial(LookupDecoder, model, fused, GUESSED[tier])
    return functools.partial(open_module, model if tier == "exact" else _swapped(model, tier))


def _fused(shape: Shape, parts: dict[str, torch.Tensor], tier: str) -> Fused:
    if tier != "exact" and packed_linear.fast_bfloat16():  # as kept weights are: the same bits from either
        tables = ("embed", "positions", "head")
        parts = parts | {name: parts[name].bfloat16() for name in tables if name in parts}
    # The head picks the token: 4 bits there cost more than they save.
    return Fused(shape, parts, packed_linear.make(tier), packed_linear.make("near" if tier == "turbo" else tier))


@step("preparing the model")
@torch.inference_mode()
def _checked(model: Model, shape: Shape, tier: str, stamp: object) -> Fused | None:
    """Build our forward in the tier, and return it only if it is the model's own: the same logits in float32.

    With the stamp of its folder the model is as the folder has it, and is kept for a quick start.
    """
    if tier != "exact" and model.module.num_parameters() > 2e7:  # it takes seconds
        get_logger(__name__).info(
            "preparing %s%s", model.name, "" if stamp is None else ", once: it starts faster from now on"
        )
    parts = parts_of(model.module, shape)
    ids = _probe(model)
    expected_TV = model.module(input_ids=torch.tensor([ids])).logits[0].float()
    if not expected_TV.isfinite().all():
        return None  # said by the first step, whoever takes it
    start = max(len(ids) - STEPS, len(ids) // 2)
    found_TV = _stepped(
        model, Fused(shape, parts, packed_linear.PlainLinear, packed_linear.PlainLinear), ids[: start + 4], start
    )
    off = (found_TV - expected_TV[start - 1 : start + 4]).abs().max() / expected_TV.abs().max()
    if not off < 1e-4:
        get_logger(__name__).info(
            "%s is run by transformers: its logits differ by %.1e from our faster code's", model.name, off
        )
        return None
    if tier == "exact":
        return _fused(shape, parts, tier)
    tiers = {name: _fused(shape, parts, name) for name in TIERS[1:]}
    # Step by step, as rows are decoded: a whole text at once would not go through the 4-bit kernel.
    divergence = {
        name: _divergence(expected_TV[start - 1 :], _stepped(model, fused, ids, start)) for name, fused in tiers.items()
    }
    _say(model.name, tier, divergence)
    if not divergence["near"].mean < NEAR:
        get_logger(__name__).info(
            "%s is run in tier exact: near would differ from it by %.4f nats a token",
            model.name,
            divergence["near"].mean,
        )
        return _fused(shape, parts, "exact")
    if stamp is not None and packed_linear.fast_bfloat16():
        quickstart.write(model, stamp, shape, parts, divergence)
    return tiers[tier]


def _stepped(model: TextModel, fused: Fused, ids: list[int], start: int) -> torch.Tensor:
    """Read the first ids as a prompt, put in the others one by one, and return the logits_TV behind all from there."""
    decoder = FusedDecoder(model, fused)
    return torch.cat([decoder.add([ids[:start]], [1]), *(decoder.step([i]) for i in ids[start:])])


def _probe(model: Model) -> list[int]:
    """Return ids to measure with: a paragraph of English, or for a model of other things a walk through its tokens."""
    tokenizer = model.tokenizer
    ids = tokenizer.encode(PROBE).ids if tokenizer is not None else []
    size = int(model.config.vocab_size)
    if len(ids) < 16 or len(set(ids)) < 8 or max(ids) >= size:
        ids = [(7 * i * i + i) % size for i in range(64)]
    return ids[: min(128, model.context or 128)]


def _divergence(expected_TV: torch.Tensor, found_TV: torch.Tensor) -> quickstart.Divergence:
    """Return how far a tier is from float32 over T positions."""
    # In float32 the rounding of a wide vocabulary is as large as what is measured.
    expected_TV, found_TV = expected_TV.double().log_softmax(-1), found_TV.double().log_softmax(-1)
    chance_TV, off_TV = expected_TV.exp(), expected_TV - found_TV
    return quickstart.Divergence(
        mean=float((chance_TV * off_TV).sum(-1).mean()),
        largest=float((off_TV.abs() * (chance_TV >= LIKELY)).max()),
    )


def _say(name: str, tier: str, divergence: Mapping[str, quickstart.Divergence]) -> None:
    if tier == "turbo":
        far, near = divergence[tier], divergence["near"]
        get_logger(__name__).info(
            "%s in tier turbo differs from float32 by %.4f nats a token (in tier near by %.4f); a single "
            "log-probability by up to %.2f nats (in tier near by %.2f)",
            name, far.mean, near.mean, far.largest, near.largest,
        )  # fmt: skip


def _swapped(model: Model, tier: str) -> Model:
    """Return the model with packed layers in place of its linear ones; everything else is shared with the original."""
    shared: dict[int, Any] = {id(part): part for part in (*model.module.parameters(), *model.module.buffers())}
    module = packed_linear.swap(copy.deepcopy(model.module, shared), packed_linear.make(tier))
    return dataclasses.replace(model, module=module)

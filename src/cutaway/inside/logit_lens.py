"""`lens`: what the model would predict if it stopped after each layer (the logit lens, nostalgebraist 2020).

The state after each block goes through what the model does after its last block (`layer_states.py`).

Axis letters: L blocks, N = L + 1 layers (0: the embeddings), T positions, P chosen positions, C positions of a chunk,
D width, V vocabulary, K top tokens.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError, MissingText, WrongKind
from cutaway.inside.forward import no_tokens
from cutaway.inside.layer_states import Head, layer_states, not_numbers
from cutaway.models.loading import shared
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.encoding import encode_text

LN2 = math.log(2)
BLOCK = 2**22  # most logits in one chunk (C × V): 16 MB; about six such arrays exist at once


@dataclasses.dataclass(frozen=True, slots=True)
class LensToken:
    """A token and the probability that a layer gives it."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class LensTarget:
    """The token that really comes, and what a layer predicts for it; `rank` 1 is the most probable token."""

    token: str
    id: int
    probability: float
    rank: int
    surprisal_bits: float


@dataclasses.dataclass(frozen=True, slots=True)
class LensCell:
    """The prediction of one layer at one position: its most probable tokens, its entropy, its KL to the output.

    `kl_bits` is KL(output ‖ layer) in bits. `answer_probability` is the probability that the layer gives to the token
    that the output ranks first.
    """

    top: list[LensToken]
    answer_probability: float
    entropy_bits: float
    kl_bits: float
    target: LensTarget | None


@dataclasses.dataclass(frozen=True, slots=True)
class LensRow:
    """One layer at all chosen positions."""

    layer: int
    cells: list[LensCell]


@dataclasses.dataclass(frozen=True, repr=False)
class Lens(Result):
    """What each layer would predict at each position.

    As JSON: {"schema": "cutaway.lens/1", "model", "text", "predicts": "next token" | "same token", "tokens": [T],
    "ids": [T], "positions": [P places in tokens], "layers": [0 … L], "grid": [a row a layer: {"layer", "cells": [P of
    {"top": [K of {"token", "id", "probability"}], "answer_probability", "entropy_bits", "kl_bits",
    "target": {"token", "id", "probability", "rank", "surprisal_bits"} | null}]}], "settled": [P layers]}.

    Layer 0 is the embeddings, layer L the model's own output. A decoder predicts the next token, a masked language
    model the token in the same place. `target` is null for the token after the text and at a mask. `settled` is, for
    each position, the first layer from which on the top token is that of the output.
    """

    schema: ClassVar[str] = "lens"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")

    model: str
    text: str
    predicts: str
    tokens: list[str]
    ids: list[int]
    positions: list[int]
    layers: list[int]
    grid: list[LensRow]
    settled: list[int]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each layer and position ((L + 1) × P rows)."""
        found: list[dict[str, Any]] = []
        for row in self.grid:
            for position, settled, cell in zip(self.positions, self.settled, row.cells, strict=True):
                target = cell.target
                flat: dict[str, Any] = {"layer": row.layer, "position": position, "token": self.tokens[position]}
                for number, top in enumerate(cell.top, 1):
                    flat |= {f"top{number}": top.token, f"top{number}_id": top.id}
                    flat[f"top{number}_probability"] = top.probability
                flat |= {"answer_probability": cell.answer_probability}
                flat |= {"entropy_bits": cell.entropy_bits, "kl_bits": cell.kl_bits}
                for field in dataclasses.fields(LensTarget):
                    name = "target" if field.name == "token" else f"target_{field.name}"
                    flat[name] = None if target is None else getattr(target, field.name)
                found.append(flat | {"settled": settled})
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the numbers as arrays: `top_ids` and `top_probabilities` [N, P, K], the other quantities [N, P].

        If there is no target, its id and rank are -1 and its probability and surprisal are NaN.
        """
        cells = [row.cells for row in self.grid]

        def of(value: Callable[[LensCell], Any], kind: type[np.generic]) -> npt.NDArray[Any]:
            return np.array([[value(cell) for cell in row] for row in cells], kind)

        return {
            "layers": np.array(self.layers),
            "positions": np.array(self.positions),
            "ids": np.array(self.ids),
            "settled": np.array(self.settled),
            "top_ids": of(lambda cell: [top.id for top in cell.top], np.int64),
            "top_probabilities": of(lambda cell: [top.probability for top in cell.top], np.float32),
            "answer_probability": of(lambda cell: cell.answer_probability, np.float32),
            "entropy_bits": of(lambda cell: cell.entropy_bits, np.float32),
            "kl_bits": of(lambda cell: cell.kl_bits, np.float32),
            "target_id": of(lambda cell: cell.target.id if cell.target else -1, np.int64),
            "target_rank": of(lambda cell: cell.target.rank if cell.target else -1, np.int64),
            "target_probability": of(lambda cell: cell.target.probability if cell.target else math.nan, np.float32),
            "target_surprisal_bits": of(
                lambda cell: cell.target.surprisal_bits if cell.target else math.nan, np.float32
            ),
        }


def lens(
    text: str,
    model: ModelLike = DEFAULT,
    *,
    top: int = 5,
    positions: Sequence[int] | None = None,
    truncate: str | None = None,
) -> Lens:
    """Return what the model would predict after every layer, at all positions or at the given `positions`.

    Positions count from 0, negative ones from the end. Entropy, KL and surprisal are in bits. Memory beyond the model:
    the states, N × P × D numbers, and a few blocks of C × V logits; never N × T × V.

    Raises `MissingText`, `PromptTooLong`, `InputError` for a position outside the text, `WrongKind` for a model without
    an output vocabulary, and `ModelError` if the last layer does not give the model's own logits, or gives NaN.
    Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).

    >>> france = lens("The capital of France is", positions=[-1])
    >>> france.grid[-1].cells[0].top[0].token, france.settled
    (' Paris', [30])
    """
    if not text:
        raise MissingText("there is no text", hint='give some: cutaway lens "The capital of France is"')
    if top < 1:
        raise InputError(f"`top` is {top}", hint="it must be 1 or above")
    loaded = shared(model, "any")
    _check_vocabulary(loaded)
    ids = fit_context(loaded, encode_text(text, loaded.tokenizer).ids, truncate=truncate)
    if not ids:
        raise no_tokens(loaded, text)
    chosen = _chosen(positions, len(ids))
    masked = _predicts_same(loaded)
    targets = _targets(loaded, ids, chosen, masked)
    with torch.inference_mode():
        states_NPD, head = layer_states(loaded, ids, chosen)
        numbers = _read(loaded, states_NPD, head, targets, top)
    del states_NPD
    answers = numbers["top_ids"][:, :, 0] == numbers["top_ids"][-1, :, 0]
    unsettled = ~np.logical_and.accumulate(answers[::-1], axis=0)
    return Lens(
        model=loaded.name,
        text=text,
        predicts="same token" if masked else "next token",
        tokens=[loaded.tokenizer.piece(i) for i in ids],
        ids=ids,
        positions=chosen,
        layers=list(range(len(answers))),
        grid=_grid(loaded, numbers, targets),
        settled=unsettled.sum(0).tolist(),
    )


def _check_vocabulary(model: Model) -> None:
    kind = type(model.module).__name__
    take = f"use a language model, for example `model={DEFAULT!r}`"
    if getattr(model.config, "is_encoder_decoder", False):
        raise WrongKind(f"{model.name} is a {kind}, an encoder-decoder; the lens reads one stack of layers", hint=take)
    if model.module.get_output_embeddings() is None:
        raise WrongKind(f"{model.name} is a {kind}: it has no output vocabulary, which the lens needs", hint=take)


def _chosen(positions: Sequence[int] | None, count: int) -> list[int]:
    if positions is None:
        return list(range(count))
    for position in positions:
        if not -count <= position < count:
            raise InputError(f"the text has no position {position}", hint=f"its positions are 0 to {count - 1}")
    if not positions:
        raise InputError("`positions` is empty", hint="leave it out for all positions, or give some, such as 0, 3, -1")
    return sorted({position % count for position in positions})


def _predicts_same(model: Model) -> bool:
    name = type(model.module).__name__
    return "ForMaskedLM" in name or "ForPreTraining" in name


def _targets(model: Model, ids: list[int], chosen: list[int], masked: bool) -> list[int | None]:
    if not masked:
        return [ids[t + 1] if t + 1 < len(ids) else None for t in chosen]
    vocabulary = model.tokenizer.vocabulary
    masks = {vocabulary[name] for name in ("[MASK]", "<mask>") if name in vocabulary}
    return [None if ids[t] in masks else ids[t] for t in chosen]


@step("reading every layer")
def _read(
    model: Model, states_NPD: list[torch.Tensor], head: Head, targets: list[int | None], top: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the numbers of every layer and position; works through one chunk of positions after the other."""
    layers, count = len(states_NPD), len(targets)
    # Made once, at full size: small arrays kept among the large temporary ones would fragment the memory.
    numbers: dict[str, npt.NDArray[Any]] = {}
    target_P1 = torch.tensor([i or 0 for i in targets], device=model.device)[:, None]
    size = max(1, BLOCK // int(model.module.get_output_embeddings().weight.shape[0]))
    for at in range(0, count, size):
        chunk = slice(at, at + size)
        final_CV = head(states_NPD[-1][chunk])
        output = _Output(final_CV)
        for layer, state_PD in enumerate(states_NPD):
            logits_CV = head(state_PD[chunk]) if layer < layers - 1 else final_CV
            found = _measure(logits_CV, output, target_P1[chunk], top)
            if bool(found["entropy_bits"].isnan().any()):
                raise not_numbers(model, f"layer {layer}")
            for name, value in found.items():
                array = value.cpu().numpy()
                if name not in numbers:
                    numbers[name] = np.empty((layers, count, *array.shape[1:]), array.dtype)
                numbers[name][layer, chunk] = array
    return numbers


def _softmax(logits_CV: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the logits with their largest at 0, the logs of the sums of their exponentials, and the probabilities."""
    logits_CV = logits_CV.float()
    # Sums near 0 keep their digits; the clamp makes a token that is ruled out (−∞) add 0, not 0 × ∞.
    shifted_CV = (logits_CV - logits_CV.amax(-1, keepdim=True)).clamp_(min=-1e30)
    likely_CV = shifted_CV.softmax(-1)
    return shifted_CV, -likely_CV.amax(-1).log(), likely_CV


class _Output:
    """The output distribution of the last layer, with which the other layers are compared."""

    def __init__(self, logits_CV: torch.Tensor) -> None:
        shifted_CV, sums_C, self.likely_CV = _softmax(logits_CV)
        self.answer_C1 = shifted_CV.argmax(-1, keepdim=True)
        self.entropy_C = sums_C - torch.linalg.vecdot(self.likely_CV, shifted_CV)


def _measure(logits_CV: torch.Tensor, output: _Output, target_C1: torch.Tensor, top: int) -> dict[str, torch.Tensor]:
    # −Σ p log q = log Σ exp(z) − Σ p z takes a quarter of the time of computing the log of each q.
    logits_CV, sums_C, likely_CV = _softmax(logits_CV)
    best = logits_CV.topk(min(top, logits_CV.shape[-1]))
    chosen_C1 = logits_CV.gather(1, target_C1)
    crossed_C = sums_C - torch.linalg.vecdot(output.likely_CV, logits_CV)
    return {
        "top_ids": best.indices,
        "top_probabilities": (best.values - sums_C[:, None]).double().exp(),  # of a float32 some would be 0
        "answer_probability": (logits_CV.gather(1, output.answer_C1)[:, 0] - sums_C).double().exp(),
        "entropy_bits": (sums_C - torch.linalg.vecdot(likely_CV, logits_CV)).clamp_min(0) / LN2,
        "kl_bits": (crossed_C - output.entropy_C).clamp_min(0) / LN2,
        "target_logprob": chosen_C1[:, 0] - sums_C,
        "target_rank": (logits_CV > chosen_C1).sum(-1) + 1,
    }


def _grid(model: Model, numbers: dict[str, npt.NDArray[Any]], targets: list[int | None]) -> list[LensRow]:
    piece = functools.cache(model.tokenizer.piece)
    grid: list[LensRow] = []
    for layer in range(len(numbers["kl_bits"])):
        values = {name: value[layer].tolist() for name, value in numbers.items()}
        cells: list[LensCell] = []
        for p, target in enumerate(targets):
            pairs = zip(values["top_ids"][p], values["top_probabilities"][p], strict=True)
            logprob, rank = values["target_logprob"][p], values["target_rank"][p]
            cells.append(
                LensCell(
                    top=[LensToken(piece(i), i, _digits(probability)) for i, probability in pairs],
                    answer_probability=_digits(values["answer_probability"][p]),
                    entropy_bits=_digits(values["entropy_bits"][p]),
                    kl_bits=_digits(values["kl_bits"][p]),
                    target=None
                    if target is None
                    else LensTarget(piece(target), target, _digits(math.exp(logprob)), rank, _digits(-logprob / LN2)),
                )
            )
        grid.append(LensRow(layer, cells))
    return grid


def _digits(value: float) -> float:
    # A float32 holds seven digits; more would double the page.
    return float(f"{value:.7g}")

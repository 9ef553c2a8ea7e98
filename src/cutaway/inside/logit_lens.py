"""`lens`: what every layer would have said, had the model stopped there (the logit lens, nostalgebraist 2020).

The state after each block goes through what the model does after its last block: final norm, head, scaling, soft cap.
That part is not rebuilt here from names of modules. It is run in the model itself, with the blocks handing on the
state we give them; so it is right for a prediction head of any make, and nothing is ever normed twice.

Axis letters: L blocks, N = L + 1 layers (0: the embeddings), T positions, P chosen positions, C positions of a chunk,
D width, V vocabulary, K top tokens.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError, MissingText, ModelError, WrongKind
from cutaway.models.loading import Model, ModelLike, load
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.result import Result

__all__ = ["Lens", "LensCell", "LensRow", "LensTarget", "LensToken", "lens"]

LN2 = math.log(2)
CHECKED = 32  # positions whose logits are compared with the model's own before any number is shown
BLOCK = 2**23  # numbers of logits held at once (C × V), 32 MB


@dataclasses.dataclass(frozen=True, slots=True)
class LensToken:
    """A token and the probability that a layer gives it."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class LensTarget:
    """The token that is really there, as a layer sees it; `rank` 1 is the top."""

    token: str
    id: int
    probability: float
    rank: int
    surprisal_bits: float


@dataclasses.dataclass(frozen=True, slots=True)
class LensCell:
    """One layer at one position: its likeliest tokens, its doubt, and how far it is from what the model ends up saying.

    `kl_bits` is KL(output ‖ layer) in bits: what it costs more to code the model's output by this layer's guess.
    `answer_probability` is what the layer gives to the token that the output ranks first.
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
    """What each layer would have said at each position.

    As JSON: {"schema": "cutaway.lens/1", "model", "text", "predicts": "next token" | "same token", "tokens": [T],
    "ids": [T], "positions": [P places in tokens], "layers": [0 … L], "grid": [a row a layer: {"layer", "cells": [P of
    {"top": [K of {"token", "id", "probability"}], "answer_probability", "entropy_bits", "kl_bits",
    "target": {"token", "id", "probability", "rank", "surprisal_bits"} | null}]}], "settled": [P layers]}.

    Layer 0 is the embeddings, layer L the model's own output. A decoder predicts the next token, a masked language
    model the token in the same place. `target` is null behind the end of the text and at a mask. `settled` is the
    first layer from which on the top token is the output's, all the way up.
    """

    schema: ClassVar[str] = "lens"

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
        """Return one flat dict a layer and position (L + 1 times P of them), for a table."""
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

        Where there is no target, its id and rank are -1 and its probability and surprisal NaN.
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
    """Read out after every layer what the model would predict at each of T positions, or at the `positions` asked for.

    Positions count from 0; negative ones from the end. Entropy, KL and surprisal are in bits. Memory beyond the model:
    the states, N × P × D numbers, and a few blocks of C × V logits; never N × T × V.

    Raises `MissingText`, `PromptTooLong`, `InputError` for a position outside the text, `WrongKind` for a model without
    an output vocabulary, and `ModelError` where the last layer does not give the model's own logits, or gives NaN.
    Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).

    >>> france = lens("The capital of France is", positions=[-1])
    >>> france.grid[-1].cells[0].top[0].token, france.settled
    (' Paris', [30])
    """
    if not text:
        raise MissingText("there is no text to look at", hint='give some: cutaway lens "The capital of France is"')
    if top < 1:
        raise InputError(f"top is {top}", hint="it has to be 1 or above")
    loaded = load(model, "any")
    _check_vocabulary(loaded)
    ids = fit_context(loaded, loaded.tokenizer.encode(text).ids, truncate=truncate)
    if not ids:
        raise MissingText(f"the text {text[:40]!r} has no token in {loaded.name}'s vocabulary")
    chosen = _chosen(positions, len(ids))
    masked = _predicts_same(loaded)
    targets = _targets(loaded, ids, chosen, masked)
    with torch.inference_mode():
        states_NPD, head = _states(loaded, ids, chosen)
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
    take = f"take a language model, for example -m {DEFAULT}"
    if getattr(model.config, "is_encoder_decoder", False):
        raise WrongKind(f"{model.name} is a {kind}: it has two stacks of layers, and the lens reads one", hint=take)
    if model.module.get_output_embeddings() is None:
        raise WrongKind(f"{model.name} is a {kind}: it has no output vocabulary to read its layers by", hint=take)


def _chosen(positions: Sequence[int] | None, count: int) -> list[int]:
    if positions is None:
        return list(range(count))
    for position in positions:
        if not -count <= position < count:
            raise InputError(f"there is no position {position}", hint=f"the text has tokens 0 to {count - 1}")
    if not positions:
        raise InputError("there are no positions", hint="leave them out to have all, or name some: 0, 3, -1")
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


# From text to states


Head = Callable[[torch.Tensor], torch.Tensor]


def _states(model: Model, ids: list[int], chosen: list[int]) -> tuple[list[torch.Tensor], Head]:
    """Run the model once; return its states [N][P, D] and the function states_CD → logits_CV of what follows them."""
    path = _blocks(model)
    ids_T = torch.tensor(ids, device=model.device)
    index_P = torch.tensor(chosen, device=model.device)
    tail = min(len(ids), CHECKED)
    states: list[torch.Tensor] = []
    last: list[torch.Tensor] = []
    shape: list[int] = []  # of what a block returns: 0 for a bare tensor, else the length of its tuple

    def watch(block: Any) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if not states:
                states.append(_state(model, args[0] if args else kwargs.get("hidden_states"), len(ids))[index_P])
            output = block(*args, **kwargs)
            state_TD = _state(model, output[0] if isinstance(output, tuple) else output, len(ids))
            states.append(state_TD[index_P])
            last[:] = [state_TD[-tail:]]
            shape[:] = [len(output) if isinstance(output, tuple) else 0]
            return output

        return forward

    own_CV = _logits(model, _with_blocks(model.module, path, watch), ids_T, keep=tail)[-tail:]
    if not states:
        raise _no_blocks(model)
    given: list[torch.Tensor] = []

    def hand_on(_block: Any) -> Callable[..., Any]:
        def forward(*_args: Any, **_kwargs: Any) -> Any:
            return (given[0], *[None] * (shape[0] - 1)) if shape[0] else given[0]

        return forward

    rest = _with_blocks(model.module, path, hand_on)

    def head(state_CD: torch.Tensor) -> torch.Tensor:
        given[:] = [state_CD[None]]
        return _logits(model, rest, ids_T[:1].expand(len(state_CD)))

    _check_last(model, head(last[0]), own_CV)
    return states, head


def _blocks(model: Model) -> str:
    """Return the path of the list of blocks: the outermost one that is as long as the model is deep."""
    lists: dict[str, int] = {}
    for path, part in model.module.named_modules():
        if isinstance(part, torch.nn.ModuleList) and len(part) and not any(path.startswith(f"{at}.") for at in lists):
            lists[path] = len(part)
    depth = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    found = next((path for path, size in lists.items() if size == depth), next(iter(lists), None))
    if found is None:
        raise _no_blocks(model)
    return found


def _no_blocks(model: Model) -> ModelError:
    return ModelError(
        f"{model.name} ({type(model.module).__name__}) does not run as a stack of blocks: there are no layers to read",
        hint=f"take another model, for example -m {DEFAULT}",
    )


def _state(model: Model, state: Any, count: int) -> torch.Tensor:
    if not isinstance(state, torch.Tensor) or state.ndim != 3 or state.shape[:2] != (1, count):
        raise ModelError(
            f"the blocks of {model.name} ({type(model.module).__name__}) do not hand on one state a token",
            hint=f"take another model, for example -m {DEFAULT}",
        )
    return state[0]


def _with_blocks(module: Any, path: str, replace: Callable[[Any], Callable[..., Any]]) -> Any:
    """Return the model with other forward functions in its blocks.

    Weights are shared, and the modules on the way are copies: whoever else is using this model notices nothing.
    """
    whole = part = _shell(module)
    for name in path.split("."):
        part._modules[name] = _shell(part._modules[name])
        part = part._modules[name]
    for name, block in part._modules.items():
        part._modules[name] = _shell(block)
        part._modules[name].forward = replace(block)
    return whole


def _shell(module: Any) -> Any:
    twin = copy.copy(module)
    for name in ("_modules", "_forward_hooks", "_forward_pre_hooks"):
        setattr(twin, name, copy.copy(getattr(module, name)))
    return twin


def _logits(model: Model, module: Any, ids_C: torch.Tensor, keep: int | None = None) -> torch.Tensor:
    wanted = {"use_cache": False, "return_dict": True} | ({} if keep is None else {"logits_to_keep": keep})
    known = inspect.signature(model.module.forward).parameters
    output = module(input_ids=ids_C[None], **{name: value for name, value in wanted.items() if name in known})
    logits = getattr(output, "logits", None)
    if logits is None:
        logits = getattr(output, "prediction_logits", None)  # of BERT's ForPreTraining
    if logits is None:
        raise _no_blocks(model)
    result: torch.Tensor = logits[0]
    return result


def _check_last(model: Model, read_CV: torch.Tensor, own_CV: torch.Tensor) -> None:
    if bool(own_CV.isnan().any()):
        raise _not_numbers(model, "its output")
    own_CV, read_CV = own_CV.float(), read_CV.float()
    # In half precision the order of summing, which follows the number of rows, shows in the last bit of a logit.
    coarse = 0.0 if model.module.dtype == torch.float32 else 4 * torch.finfo(model.module.dtype).eps
    far = (read_CV - own_CV).abs().nan_to_num(0.0 if read_CV.isinf().equal(own_CV.isinf()) else math.inf)
    difference = float(far.max())
    allowed = 1e-3 + coarse * float(own_CV.nan_to_num(0.0, 0.0, 0.0).abs().max())
    if difference > allowed:
        raise ModelError(
            f"the last layer of {model.name} ({type(model.module).__name__}) does not read as the model's own logits: "
            f"they differ by {difference:.2g}",
            hint=f"the lens can't be trusted here: take another model, for example -m {DEFAULT}",
        )


def _not_numbers(model: Model, where: str) -> ModelError:
    return ModelError(
        f"{model.name} gives no numbers (NaN) in {where}",
        hint="its weights are damaged, or too coarse: try --dtype float32, or get the model again",
    )


# From states to numbers


def _read(
    model: Model, states_NPD: list[torch.Tensor], head: Head, targets: list[int | None], top: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the numbers of every layer and position, a chunk of positions after the other, each through all layers."""
    count = len(targets)
    parts: list[dict[str, torch.Tensor]] = []
    target_P1 = torch.tensor([i or 0 for i in targets], device=model.device)[:, None]
    size = max(1, BLOCK // int(model.module.get_output_embeddings().weight.shape[0]))
    for at in range(0, count, size):
        chunk = slice(at, at + size)
        final_CV = head(states_NPD[-1][chunk])
        output, layers = _Output(final_CV), []
        for layer, state_PD in enumerate(states_NPD):
            logits_CV = head(state_PD[chunk]) if layer < len(states_NPD) - 1 else final_CV
            layers.append(_measure(logits_CV, output, target_P1[chunk], top))
            if bool(layers[-1]["entropy_bits"].isnan().any()):
                raise _not_numbers(model, f"layer {layer}")
        parts.append({name: torch.stack([found[name] for found in layers]) for name in layers[0]})
    return {name: torch.cat([part[name] for part in parts], 1).numpy() for name in parts[0]}


def _softmax(logits_CV: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the logits with their largest at 0, the logs of the sums of their exponentials, and the probabilities."""
    logits_CV = logits_CV.float()
    # Sums near 0 keep their digits; a token that is ruled out (−∞) has to cost 0 × something, not 0 × ∞.
    shifted_CV = (logits_CV - logits_CV.amax(-1, keepdim=True)).clamp_(min=-1e30)
    likely_CV = shifted_CV.softmax(-1)
    return shifted_CV, -likely_CV.amax(-1).log(), likely_CV


class _Output:
    """The distribution that the last layer ends in, with which the others are compared."""

    def __init__(self, logits_CV: torch.Tensor) -> None:
        shifted_CV, sums_C, self.likely_CV = _softmax(logits_CV)
        self.answer_C1 = shifted_CV.argmax(-1, keepdim=True)
        self.entropy_C = sums_C - torch.linalg.vecdot(self.likely_CV, shifted_CV)


def _measure(logits_CV: torch.Tensor, output: _Output, target_C1: torch.Tensor, top: int) -> dict[str, torch.Tensor]:
    # Written with −Σ p log q = log Σ exp(z) − Σ p z, in a quarter of the time that taking the log of each q needs.
    logits_CV, sums_C, likely_CV = _softmax(logits_CV)
    best = logits_CV.topk(min(top, logits_CV.shape[-1]))
    chosen_C1 = logits_CV.gather(1, target_C1)
    crossed_C = sums_C - torch.linalg.vecdot(output.likely_CV, logits_CV)
    found = {
        "top_ids": best.indices,
        "top_probabilities": (best.values - sums_C[:, None]).double().exp(),  # of a float32 some would be 0
        "answer_probability": (logits_CV.gather(1, output.answer_C1)[:, 0] - sums_C).double().exp(),
        "entropy_bits": (sums_C - torch.linalg.vecdot(likely_CV, logits_CV)).clamp_min(0) / LN2,
        "kl_bits": (crossed_C - output.entropy_C).clamp_min(0) / LN2,
        "target_logprob": chosen_C1[:, 0] - sums_C,
        "target_rank": (logits_CV > chosen_C1).sum(-1) + 1,
    }
    return {name: value.cpu() for name, value in found.items()}


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
    # Seven digits are what a float32 holds; the rest would double the page.
    return float(f"{value:.7g}")

"""The state after every block of a model, and the function from a state to logits.

What follows the last block (final norm, head, scaling, soft cap) is not rebuilt here. The model itself runs it: its
blocks are replaced by functions that pass the given state on. So it is right for every architecture.

Axis letters: L blocks, N = L + 1 layers (0: the embeddings), T positions, P chosen positions, C positions of a chunk,
D width, V vocabulary.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from cutaway.errors import ModelError
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model

CHECKED = 32  # positions whose logits are compared with the model's own before any number is shown

Head = Callable[[torch.Tensor], torch.Tensor]


def layer_states(model: Model, ids: list[int], chosen: list[int]) -> tuple[list[torch.Tensor], Head]:
    """Run the model once; return its states [N][P, D] and the function from states_CD to logits_CV.

    Raises `ModelError` if the last state does not give the model's own logits, or if those are NaN.
    """
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
    """Return the path of the list of blocks: the outermost list with as many modules as the model has layers."""
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
        f"{model.name} ({type(model.module).__name__}) does not run as a stack of blocks, which the lens needs",
        hint=f"use another model, for example `model={DEFAULT!r}`",
    )


def _state(model: Model, state: Any, count: int) -> torch.Tensor:
    if not isinstance(state, torch.Tensor) or state.ndim != 3 or state.shape[:2] != (1, count):
        raise ModelError(
            f"the blocks of {model.name} ({type(model.module).__name__}) do not give one vector per token, which "
            "the lens needs",
            hint=f"use another model, for example `model={DEFAULT!r}`",
        )
    return state[0]


def _with_blocks(module: Any, path: str, replace: Callable[[Any], Callable[..., Any]]) -> Any:
    """Return the model with other forward functions in its blocks.

    Weights are shared, but the changed modules are copies, so that the given model stays as it is.
    """
    whole = part = _shell(module)
    for name in path.split("."):
        part._modules[name] = _shell(part._modules[name])
        part = part._modules[name]
    for name, block in part._modules.items():
        part._modules[name] = twin = _shell(block)
        twin._forward_hooks, twin._forward_pre_hooks = OrderedDict(), OrderedDict()  # they run with the block itself
        twin.forward = replace(block)
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
        raise not_numbers(model, "its output")
    own_CV, read_CV = own_CV.float(), read_CV.float()
    # In half precision the order of summing, which depends on the number of rows, changes the last bits of a logit.
    coarse = 0.0 if model.module.dtype == torch.float32 else 4 * torch.finfo(model.module.dtype).eps
    far = (read_CV - own_CV).abs().nan_to_num(0.0 if read_CV.isinf().equal(own_CV.isinf()) else math.inf)
    difference = float(far.max())
    allowed = 1e-3 + coarse * float(own_CV.nan_to_num(0.0, 0.0, 0.0).abs().max())
    if difference > allowed:
        raise ModelError(
            f"the lens does not work on {model.name} ({type(model.module).__name__}): on the last layer its logits "
            f"differ from the model's own by {difference:.2g}",
            hint=f"use another model, for example `model={DEFAULT!r}`",
        )


def not_numbers(model: Model, where: str) -> ModelError:
    return ModelError(
        f"{model.name} gives NaN in {where}",
        hint="its weights are damaged, or its precision is too low: try `dtype='float32'`, or get the model again",
    )

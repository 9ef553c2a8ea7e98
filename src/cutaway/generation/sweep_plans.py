"""Check the request for a sweep and turn it into a plan. It does not import torch, so mistakes are reported at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cutaway.errors import InputError, MissingText, at_least
from cutaway.generation.settings import check_tier
from cutaway.generation.sweep_runs import SweepPlan, settings_grid, whole_prompts
from cutaway.models.shelf import DEFAULT
from cutaway.random_streams import check_seed

if TYPE_CHECKING:
    from cutaway.models.text_model import ModelLike


def plan_sweep(
    prompts: str | Iterable[str],
    models: ModelLike | Sequence[ModelLike] = DEFAULT,
    *,
    settings: Mapping[str, Sequence[Any] | float | None] | None = None,
    samples: int = 2,
    seed: int = 0,
    max_new_tokens: int = 64,
    chat: bool = False,
    tier: str = "near",
    batch_size: int = 64,
    scorer: ModelLike | None = DEFAULT,
) -> tuple[SweepPlan, list[ModelLike], ModelLike | None]:
    """Check the request for a sweep and return its plan, its models and its scorer; nothing is loaded yet.

    Raises `InputError` or `MissingText`.
    """
    at_least(1, samples=samples, batch_size=batch_size)
    seed = check_seed(seed)
    check_tier(tier)
    grid, cells = settings_grid(settings, max_new_tokens=max_new_tokens, chat=chat)
    given = whole_prompts(prompts)
    if not given or not all(given):
        what = "there is no prompt" if not given else "a prompt is empty"
        raise MissingText(what, hint="give one prompt per line: cutaway sweep -f prompts.txt")
    # A loaded model has a tokenizer. `loading.py` could tell, but it imports transformers.
    one = isinstance(models, (str, os.PathLike)) or hasattr(models, "tokenizer")
    ready: list[ModelLike] = [models] if one else list(models)  # type: ignore[list-item, arg-type]
    named = {_name(model): model for model in ready}
    if not named:
        raise InputError("there is no model", hint=f"name one, for example `model={DEFAULT!r}`")
    judge = None if scorer is None else _name(scorer)
    plan = SweepPlan(given, list(named), grid, cells, samples, seed, tier, judge)
    return plan, list(named.values()), scorer


def _name(model: ModelLike) -> str:
    return os.fspath(model) if isinstance(model, (str, os.PathLike)) else model.name

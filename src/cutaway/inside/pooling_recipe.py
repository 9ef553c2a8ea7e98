"""The pooling recipe of a model: how its makers turn a text into one vector.

It stands in the files of sentence-transformers in the model's folder: `modules.json` lists the steps,
`N_Pooling/config.json` says how tokens become one vector, `sentence_bert_config.json` how many tokens are read, and
`config_sentence_transformers.json` what prompt is put before every text.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutaway.errors import CorruptFile, InputError, MissingText
from cutaway.models.prompt import fit_context
from cutaway.models.text_model import Model
from cutaway.tokens.encoding import encode_text

MODES = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max", "lasttoken": "last"}
# Before version 1 of sentence-transformers, each kind of model had its own file name.
SETTINGS = ("sentence_bert", *(f"sentence_{kind}" for kind in ("roberta", "distilbert", "camembert", "albert",
            "xlm-roberta", "xlnet")))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to pool, whether to scale to length 1, how many tokens to read, and how to prepare the text.

    `own` is False for a model without a recipe: then the mean over all tokens is taken. `missing` names steps of the
    recipe that `embed` does not support. `skip_prompt`: the tokens of the prompt are read but not pooled.
    """

    own: bool = False
    pooling: str = "mean"
    normalize: bool = False
    max_tokens: int | None = None
    lower: bool = False
    prompt: str = ""
    skip_prompt: bool = False
    missing: str | None = None

    def prepare(self, text: str) -> tuple[str, list[int]]:
        """Return the text as the model reads it, and for each of its characters its place in the given text.

        Characters of the prompt have the place -1. One more place follows for the end of the text.
        """
        if not self.own:
            return text, list(range(len(text) + 1))
        start, body = len(text) - len(text.lstrip()), text.strip()
        places = list(range(start, start + len(body)))
        if self.lower:  # lower-casing may turn one character into two
            places = list(
                itertools.chain.from_iterable([at] * len(c.lower()) for at, c in zip(places, body, strict=True))
            )
            body = body.lower()
        return self.prompt + body, [-1] * len(self.prompt) + places + [start + len(text.strip())]


def recipe_of(model: Model) -> Recipe:
    """Return the recipe in a model's folder, or the default recipe if there is none; raises `CorruptFile`."""
    if model.path is None or not (model.path / "modules.json").is_file():
        return Recipe()
    path = model.path
    modules = _read(path / "modules.json")
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    settings: dict[str, Any] = next(
        (_read(file) for name in SETTINGS if (file := path / f"{name}_config.json").is_file()), {}
    )
    prompts = _optional(path / "config_sentence_transformers.json")
    tokenizer = _optional(path / "tokenizer_config.json")
    pooling = next((_read(path / m["path"] / "config.json") for m, k in zip(modules, kinds, strict=True)
                    if k == "Pooling"), None)  # fmt: skip
    modes = [] if pooling is None else _modes(pooling)
    unknown = [kind for kind in kinds if kind not in {"Transformer", "Pooling", "Normalize"}]
    if not unknown and (len(modes) != 1 or modes[0] not in MODES.values()):
        unknown = [f"pooling by {' and '.join(modes) or 'nothing'}"]
    limits = [settings.get("max_seq_length") or tokenizer.get("model_max_length"), model.context]
    most = min((limit for limit in limits if isinstance(limit, int) and limit > 0), default=None)
    return Recipe(
        own=True,
        pooling=modes[0] if not unknown else "mean",
        normalize="Normalize" in kinds,
        max_tokens=most,
        lower=bool(settings.get("do_lower_case")),
        prompt=(prompts.get("prompts") or {}).get(prompts.get("default_prompt_name")) or "",
        skip_prompt=pooling is not None and not pooling.get("include_prompt", True),
        missing=" and ".join(unknown) or None,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Encoded:
    """The ids of a text, their offsets in it, how many were cut off, and how many at the start belong to a prompt."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    cut: int
    unpooled: int


def apply_recipe(model: Model, recipe: Recipe, text: str, number: int, truncate: str | None) -> Encoded:
    """Encode the `number`-th text; cut it to the limit of the recipe or, with `truncate`, of the context.

    Raises `MissingText`, `InputError`, or `PromptTooLong` if there is neither.
    """
    read, places = recipe.prepare(text)
    encoding = encode_text(read, model.tokenizer)
    if all(encoding.special) or (recipe.own and not text.strip()):
        raise MissingText(f"text {number} has no tokens: {text[:40]!r}", hint="leave empty texts out")
    count = len(encoding.ids)
    limit = recipe.max_tokens if recipe.max_tokens is not None or truncate is None else model.context
    if limit is not None and count > limit:
        kept = _kept(encoding.special, limit, truncate)
    else:
        kept = list(range(len(fit_context(model, encoding.ids, truncate=truncate))))
    offsets = []
    for t in kept:
        start, end = encoding.offsets[t]
        # A token of the prompt stands for nothing in the text.
        own = end > start and places[end - 1] >= 0
        offsets.append((max(0, places[start]), places[end - 1] + 1) if own else (0, 0))
    unpooled = 0
    if recipe.prompt and recipe.skip_prompt:
        before = model.tokenizer.encode(recipe.prompt)
        unpooled = len(before.ids) - next((n for n, s in enumerate(reversed(before.special)) if not s), 0)
    return Encoded([encoding.ids[t] for t in kept], offsets, count - len(kept), unpooled)


def _kept(special: Sequence[bool], limit: int, truncate: str | None) -> list[int]:
    """Return the positions to keep of a text that is too long; the special tokens at both ends are kept."""
    if truncate not in {None, "left", "right"}:
        raise InputError(
            f"`truncate` is {truncate!r}; it must be 'left' or 'right'",
            hint="`truncate='left'` keeps the end, `truncate='right'` the beginning",
        )
    count = len(special)
    front = next(t for t in range(count) if not special[t])
    back = next(t for t in range(count) if not special[count - 1 - t])
    room = limit - front - back
    if room < 1:
        raise InputError(
            f"`max_tokens` is {limit}, but a text has {front + back} special tokens",
            hint=f"give at least {front + back + 1}",
        )
    middle = range(count - back - room, count - back) if truncate == "left" else range(front, front + room)
    return [*range(front), *middle, *range(count - back, count)]


def _modes(pooling: dict[str, Any]) -> list[str]:
    if "pooling_mode" in pooling:  # one word, since version 5
        given = pooling["pooling_mode"]
        return [given] if isinstance(given, str) else list(given)
    found = [key.removeprefix("pooling_mode_") for key, on in pooling.items() if key.startswith("pooling_mode_") and on]
    return [MODES.get(name, name.removesuffix("_tokens")) for name in found]


def _optional(file: Path) -> dict[str, Any]:
    found = _read(file) if file.is_file() else {}
    return found if isinstance(found, dict) else {}


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptFile(
            f"can't read {file.name} in {str(file.parent)!r}: {error}", hint="fetch the model again"
        ) from error

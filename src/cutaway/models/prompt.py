"""A prompt's way into a model: text (or a chat message) → ids that fit its context."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol

from cutaway.errors import InputError, MissingText, ModelError, PromptTooLong
from cutaway.models import cache
from cutaway.models.vocabulary import quiet_transformers
from cutaway.tokens import Tokenizer

__all__ = ["TextModel", "encode_prompt", "fit_context", "render_chat"]


class TextModel(Protocol):
    """What a text needs to know of a model on its way in and out: a loaded `Model` is one."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def path(self) -> Path | None:
        """Its folder, or None for one that was made in memory."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back."""

    @property
    def context(self) -> int | None:
        """How many positions T it can attend to, or None where it sets no bound."""

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a text."""


def render_chat(model: TextModel, message: str, system: str | None = None) -> str:
    """Return a user's message in the words of the model's own chat template, ready for its answer.

    `system` says how to answer; without it the template may bring a text of its own, and "" takes that one away. Raises
    `ModelError` where the model has no template, or one that takes no system message.
    """
    if not has_chat_template(model):
        raise ModelError(f"{model.name} has no chat template", hint="leave --chat out: the prompt is then continued")
    tokenizer, messages = _transformers_tokenizer(model), [{"role": "user", "content": message}]
    without = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    if system is None:
        return without
    messages = [{"role": "system", "content": system}, *messages]
    no_system = f"the chat template of {model.name} takes no system message"
    try:
        rendered = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # jinja2's, raised by the template itself
        raise ModelError(f"{no_system}: {error}", hint="put it into the message itself") from error
    if rendered == without and system.strip() not in rendered:  # some leave it out without a word
        raise ModelError(no_system, hint="put it into the message itself")
    return rendered


def has_chat_template(model: TextModel) -> bool:
    """Say whether the model was made to answer messages."""
    return model.path is not None and model.path.is_dir() and bool(_transformers_tokenizer(model).chat_template)


def _transformers_tokenizer(model: TextModel) -> Any:
    return _read_tokenizer(model.path, model.name, None if model.path is None else cache.stamp(model.path))


@functools.lru_cache(maxsize=2)
def _read_tokenizer(path: Path | None, name: str, _stamp: object) -> Any:
    import transformers  # its template renderer is the reference: sandboxed, and what the models were tuned with

    try:
        with quiet_transformers():
            return transformers.AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        raise ModelError(
            f"transformers can't read the chat template of {name}: {str(error).splitlines()[0]}",
            hint="leave --chat out: the prompt is then continued",
        ) from error


def encode_prompt(
    model: TextModel, text: str, *, chat: bool = False, system: str | None = None, truncate: str | None = None
) -> list[int]:
    """Turn one prompt into T ids that fit the context; a `system` message goes into the chat template with it.

    Raises `MissingText` for an empty prompt and `PromptTooLong` unless `truncate` ("left" or "right") allows to cut.
    """
    if not text:
        raise MissingText("the prompt is empty", hint='give some text: cutaway generate "The capital of France is"')
    if system is not None and not chat:
        raise InputError("a system message is part of a chat", hint="give --chat as well")
    if chat:
        # The template spells the special tokens out itself.
        ids = model.tokenizer.encode(render_chat(model, text, system), add_special_tokens=False).ids
    else:
        ids = model.tokenizer.encode(text).ids
    if not ids:
        raise MissingText(f"the prompt {text[:40]!r} has no token in {model.name}'s vocabulary")
    return fit_context(model, ids, truncate=truncate)


def fit_context(model: TextModel, ids: list[int], *, truncate: str | None = None, room: int = 0) -> list[int]:
    """Return the ids, cut where that is allowed, so that they and `room` more fit the context.

    Raises `PromptTooLong`, which says by how many tokens.
    """
    if truncate not in {None, "left", "right"}:
        raise InputError(f"truncate is {truncate!r}", hint="use left (keep the end) or right (keep the beginning)")
    if model.context is None or len(ids) + room <= model.context:
        return ids
    limit = model.context - room
    if limit < 1:
        raise InputError(
            f"{room:,} new tokens do not fit the context of {model.name}, {model.context:,} tokens",
            hint=f"ask for fewer: --max-new-tokens {model.context // 2}",
        )
    if truncate is None:
        beside = f" beside {room:,} new ones" if room else ""
        raise PromptTooLong(
            f"the text has {len(ids):,} tokens and {model.name} takes {limit:,}{beside}: {len(ids) - limit:,} too many",
            hint="--truncate left keeps the end, --truncate right the beginning",
        )
    return ids[-limit:] if truncate == "left" else ids[:limit]

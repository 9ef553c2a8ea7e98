"""From a prompt, which is a text or a chat, to ids that fit the model's context."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cutaway.errors import InputError, MissingText, ModelError, PromptTooLong
from cutaway.models import cache, residency
from cutaway.models.missing_packages import missing_package
from cutaway.models.text_model import TextModel
from cutaway.models.tokenizer_files import quiet_transformers

# A text, or the messages of a chat: [{"role": "user", "content": "Hello"}, …].
Prompt = str | Sequence[Mapping[str, str]]


def render_chat(model: TextModel, prompt: Prompt, system: str | None = None) -> str:
    """Return a user's message, or a whole chat, in the model's chat template, ready for the model's answer.

    `system` is the system message, which comes first. Without it the template may add a default one, and "" removes
    that. Raises `ModelError` if the model has no template or the template leaves a message out, and `InputError` for
    malformed messages.
    """
    messages = chat_messages(prompt, system)
    if not has_chat_template(model):
        raise ModelError(
            f"{model.name} has no chat template",
            hint="leave `chat` out: the model then continues the prompt as plain text",
        )
    tokenizer, template = _transformers_tokenizer(model), f"the chat template of {model.name}"
    form, why = _fitting_form(tokenizer, messages)
    if form is None and any(message["role"] == "system" and message["content"] for message in messages):
        form, _ = _fitting_form(tokenizer, [message for message in messages if message["role"] != "system"])
        if form is not None:
            raise ModelError(
                f"{template} takes no system message{f': {why}' if why else ''}", hint="put it into the message itself"
            )
    if form is None:
        raise ModelError(
            f"{template} can't render the message: {why or 'it leaves the message out'}",
            hint="leave `chat` out: the model then continues the prompt as plain text"
            + (", or give a system message, which it may need: `system='Be brief.'`" if system is None else ""),
        )
    try:
        return form(tokenizer, messages)
    except Exception as error:
        raise ModelError(
            f"{template} can't render the message: {_first_line(error)}",
            hint="leave `chat` out: the model then continues the prompt as plain text",
        ) from error


def chat_messages(prompt: Prompt, system: str | None = None) -> list[dict[str, str]]:
    """Return a prompt as the messages of a chat, a system message first if there is one; a text is the user's message.

    Raises `InputError` for a message that is not a "role" and a "content", both text, and for two system messages.

    >>> chat_messages("Hello", "Be brief.")
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Hello'}]
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
            found = ", ".join(map(str, message)) if isinstance(message, Mapping) else type(message).__name__
            raise InputError(
                f"message {number} of a chat must have a role and a content, and nothing else; it has "
                f"{found or 'nothing'}",
                hint='for example [{"role": "user", "content": "Hello"}]',
            )
        for key, value in message.items():
            if not isinstance(value, str) or (key == "role" and not value):
                raise InputError(
                    f"the {key} of message {number} of a chat is {value!r}",
                    hint='give text, for example {"role": "user", "content": "Hello"}',
                )
    if system is not None:
        if messages and messages[0]["role"] == "system":
            raise InputError(
                "the chat begins with a system message, and `system` is given as well", hint="leave one of them out"
            )
        messages = [{"role": "system", "content": system}, *messages]
    return [{"role": message["role"], "content": message["content"]} for message in messages]


@dataclasses.dataclass(frozen=True)
class _Form:
    """One way to call a chat template: its name, if there are several, and contents as a text or a list of parts."""

    name: str | None
    parts: bool

    def __call__(self, tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str:
        given = [
            {**message, "content": [{"type": "text", "text": message["content"]}] if self.parts else message["content"]}
            for message in messages
        ]
        return str(
            tokenizer.apply_chat_template(
                given, chat_template=self.name, tokenize=False, add_generation_prompt=True, return_dict=False
            )
        )


def _fitting_form(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> tuple[_Form | None, str]:
    """Return the first form whose text holds every message; else None and the template's error."""
    templates = tokenizer.chat_template
    names = [None] if isinstance(templates, str) or "default" in templates else list(templates)
    # Words that no template contains stand in for the contents; an empty content can't be looked for.
    words = [f"cutaway-{number}-5e1f" if message["content"] else "" for number, message in enumerate(messages)]
    probe = [{**message, "content": word} for message, word in zip(messages, words, strict=True)]
    why = ""
    for form in (_Form(name, parts) for name in names for parts in (False, True)):
        try:
            rendered = form(tokenizer, probe)
        except Exception as error:  # jinja2's, raised by the template itself
            why = why or _first_line(error)
            continue
        if all(word in rendered for word in words) and "'type': 'text'" not in rendered:
            return form, ""
    return None, why


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))


def has_chat_template(model: TextModel) -> bool:
    """Return whether the model has a chat template."""
    return model.path is not None and model.path.is_dir() and bool(_transformers_tokenizer(model).chat_template)


def _transformers_tokenizer(model: TextModel) -> Any:
    stamp = None if model.path is None else cache.stamp(model.path)
    key = residency.Resident(model.name, model.path, stamp, "tokenizer")
    return _tokenizers.get(key, lambda: _read_tokenizer(model.path, model.name))


_tokenizers = residency.companions()


def _read_tokenizer(path: Path | None, name: str) -> Any:
    import transformers  # its template renderer is the reference: sandboxed, and what the models were tuned with

    try:
        with quiet_transformers():
            return transformers.AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        if missing := missing_package(f"the tokenizer of {name}", error):
            raise missing from error
        raise ModelError(
            f"transformers can't read the chat template of {name}: {_first_line(error)}",
            hint="leave `chat` out: the model then continues the prompt as plain text",
        ) from error


def encode_prompt(
    model: TextModel, prompt: Prompt, *, chat: bool = False, system: str | None = None, truncate: str | None = None
) -> list[int]:
    """Turn one prompt into T ids that fit the context; a `system` message goes into the chat template with it.

    A chat, given as messages, always goes through the chat template; a text does with `chat`. Raises `MissingText` for
    an empty prompt, `InputError` for a malformed chat, and `PromptTooLong` unless `truncate` ("left" or "right") allows
    cutting.
    """
    if not prompt:
        raise MissingText("the prompt is empty", hint='give some text: cutaway generate "The capital of France is"')
    if isinstance(prompt, str) and not chat:
        if system is not None:
            raise InputError("`system` is given, but the prompt is not a chat", hint="give `chat=True` as well")
        ids = model.tokenizer.encode(prompt).ids
    else:
        # The template spells the special tokens out itself.
        ids = model.tokenizer.encode(render_chat(model, prompt, system), add_special_tokens=False).ids
    if not ids:
        raise MissingText(
            f"the tokenizer of {model.name} turns the prompt {str(prompt)[:40]!r} into zero tokens",
            hint="give a prompt with at least one letter that the model knows",
        )
    return fit_context(model, ids, truncate=truncate)


def fit_context(model: TextModel, ids: list[int], *, truncate: str | None = None, room: int = 0) -> list[int]:
    """Return the ids, cut if `truncate` allows it, so that they and `room` more fit the context.

    Raises `PromptTooLong`, which says by how many tokens.
    """
    if truncate not in {None, "left", "right"}:
        raise InputError(
            f"`truncate` is {truncate!r}; it must be 'left' or 'right'",
            hint="`truncate='left'` keeps the end, `truncate='right'` the beginning",
        )
    if model.context is None or len(ids) + room <= model.context:
        return ids
    limit = model.context - room
    if limit < 1:
        raise InputError(
            f"{room:,} new tokens do not fit the context of {model.name}, {model.context:,} tokens",
            hint=f"ask for fewer: `max_new_tokens={model.context // 2}`",
        )
    if truncate is None:
        beside = f" beside {room:,} new ones" if room else ""
        raise PromptTooLong(
            f"the text has {len(ids):,} tokens and {model.name} takes {limit:,}{beside}: {len(ids) - limit:,} too many",
            hint="`truncate='left'` keeps the end, `truncate='right'` the beginning",
        )
    return ids[-limit:] if truncate == "left" else ids[:limit]

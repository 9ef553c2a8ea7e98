"""`classify`: the label of a text, with every step from ids to probabilities.

A model with a classification head gives its own logits. A language model scores each given label as the continuation
of the text. Its preference for the label without the text is subtracted: a label's logit is
log P(label | prompt with the text) - log P(label | prompt without it), in nats (contextual calibration: Zhao et al.
2021; domain-conditional PMI: Holtzman et al. 2021).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from cutaway.errors import InputError, MissingText, WrongKind
from cutaway.models.loading import shared
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT, DEFAULT_CLASSIFIER
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.scoring import token_logprobs
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.encoding import encode_text

TEMPLATE = "{text} The sentiment of this text is"  # the best of ten for negative or positive: docs/LOG.md


@dataclasses.dataclass(frozen=True)
class LabelToken:
    """One token of a label after the prompt; `logprob` in nats."""

    token: str
    id: int
    logprob: float


@dataclasses.dataclass(frozen=True, repr=False)
class Classification(Result):
    """A label and the steps to it: ids → `logits` (one for each label) → softmax → `probabilities` → the largest.

    `method` is "head" or "language model". With a language model, a logit is the sum of the logprobs of `label_tokens`
    minus the entry in `priors`, which is the same sum for the prompt without the text.
    """

    schema: ClassVar[str] = "classification"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    text: str
    method: str
    prompt: str
    tokens: list[str]
    ids: list[int]
    labels: list[str]
    logits: list[float]
    probabilities: list[float]
    label_tokens: list[list[LabelToken]]
    priors: list[float]
    label: str
    score: float

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each label: its logit and its probability."""
        found = zip(self.labels, self.logits, self.probabilities, strict=True)
        return [{"label": label, "logit": logit, "probability": p} for label, logit, p in found]


def classify(
    text: str,
    model: ModelLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    template: str = TEMPLATE,
    truncate: str | None = None,
) -> Classification:
    """Label a text with a classification model or, given `labels`, with a language model.

    Without a model, movie-sentiment labels it NEGATIVE or POSITIVE, and smollm2-135m chooses between `labels`.
    `template` is the prompt for a language model; it must contain {text} and may contain {labels}. The default asks for
    the sentiment; for other labels give your own, such as "{text} The topic of this text is". Raises `MissingText`,
    `PromptTooLong`, `InputError`, or a `ModelError`.

    >>> classify("A lovely film.").label  # doctest: +SKIP
    'POSITIVE'
    """
    if not text:
        raise MissingText("there is no text", hint='give some: cutaway classify "A lovely film."')
    if isinstance(labels, str):
        raise InputError(f"`labels` is the text {labels!r}", hint="give a list: `labels=['a', 'b']`")
    if labels is None:
        return _by_head(text, shared(DEFAULT_CLASSIFIER if model is None else model, "classifier"), truncate)
    return _by_language_model(text, shared(DEFAULT if model is None else model), list(labels), template, truncate)


@step("classifying")
def _by_head(text: str, model: Model, truncate: str | None) -> Classification:
    encoding = encode_text(text, model.tokenizer)
    ids = fit_context(model, encoding.ids, truncate=truncate)
    with torch.inference_mode():
        logits_L = model.module(input_ids=torch.tensor([ids], device=model.device)).logits[0].float()
    if len(logits_L) == 1 or model.config.problem_type == "regression":
        raise WrongKind(f"{model.name} gives a number, not labels: {logits_L.tolist()}", hint="use a classifier")
    labels = [str(model.config.id2label[i]) for i in range(len(logits_L))]
    return _result(model, text, "head", text, ids, labels, logits_L, [], [])


@step("classifying")
def _by_language_model(
    text: str, model: Model, labels: list[str], template: str, truncate: str | None
) -> Classification:
    if len(set(labels)) < 2 or not all(label.strip() for label in labels) or len(set(labels)) < len(labels):
        raise InputError(
            f"`labels` are {', '.join(labels)!r}; at least two are needed, all different and none empty",
            hint="for example `labels=['negative', 'positive']`",
        )
    if "{text}" not in template or not template.replace("{text}", "").strip():
        raise InputError(
            f"`template` is {template!r}; it must contain {{text}} and other words", hint=f"for example {TEMPLATE!r}"
        )
    prompt, empty = (_prompt(template, labels, given) for given in (text, ""))
    # The space belongs to the label's first token: a prompt that ends in a space would be tokenized differently from
    # the training texts.
    behind = [_label_ids(model, prompt, label) for label in labels]
    room = max(len(tokens) for tokens in behind)
    ids, empty_ids = (
        fit_context(model, model.tokenizer.encode(given).ids, truncate=truncate, room=room) for given in (prompt, empty)
    )
    label_tokens = [_label_logprobs(model, ids, tokens) for tokens in behind]
    priors = [math.fsum(token.logprob for token in _label_logprobs(model, empty_ids, tokens)) for tokens in behind]
    sums = [math.fsum(token.logprob for token in tokens) for tokens in label_tokens]
    logits_L = torch.tensor([total - prior for total, prior in zip(sums, priors, strict=True)])
    return _result(model, text, "language model", prompt, ids, labels, logits_L, label_tokens, priors)


def _prompt(template: str, labels: list[str], text: str) -> str:
    return template.replace("{labels}", " or ".join(labels)).replace("{text}", text)


def _label_ids(model: Model, prompt: str, label: str) -> list[int]:
    # Tokenized together with the prompt, because some tokenizers add a space before a text that stands alone.
    ids, whole = model.tokenizer.encode(prompt).ids, model.tokenizer.encode(f"{prompt} {label}").ids
    apart = model.tokenizer.encode(f" {label}", add_special_tokens=False).ids
    return whole[len(ids) :] if whole[: len(ids)] == ids and len(whole) > len(ids) else apart


def _label_logprobs(model: Model, ids: list[int], label: list[int]) -> list[LabelToken]:
    with torch.inference_mode():
        whole_BT = torch.tensor([ids + label], device=model.device)
        logits_TV = model.module(input_ids=whole_BT, use_cache=False).logits[0, len(ids) - 1 : -1]
        logprobs_T, _, _ = token_logprobs(logits_TV, label)
    piece = model.tokenizer.piece
    return [LabelToken(piece(i), i, logprob) for i, logprob in zip(label, logprobs_T, strict=True)]


def _result(
    model: Model,
    text: str,
    method: str,
    prompt: str,
    ids: list[int],
    labels: list[str],
    logits_L: torch.Tensor,
    label_tokens: list[list[LabelToken]],
    priors: list[float],
) -> Classification:
    # In multi-label classification each label has its own probability; otherwise they sum to 1.
    together = method == "head" and model.config.problem_type == "multi_label_classification"
    probabilities = (logits_L.sigmoid() if together else logits_L.softmax(-1)).tolist()
    best = max(range(len(labels)), key=probabilities.__getitem__)
    return Classification(
        model=model.name,
        text=text,
        method=method,
        prompt=prompt,
        tokens=[model.tokenizer.piece(i) for i in ids],
        ids=ids,
        labels=labels,
        logits=logits_L.tolist(),
        probabilities=probabilities,
        label_tokens=label_tokens,
        priors=priors,
        label=labels[best],
        score=probabilities[best],
    )

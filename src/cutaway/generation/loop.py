"""`generate`: the loop over ids, with every row's own random stream and every token's probability kept.

Axis letters: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import torch

from cutaway.errors import InputError, MissingText
from cutaway.generation.samplers import Sampling, distribution, draw
from cutaway.models.loading import Model, ModelLike, load
from cutaway.models.prompt import encode_prompt
from cutaway.models.shelf import DEFAULT
from cutaway.result import Result

__all__ = ["Alternative", "Generation", "generate"]


@dataclasses.dataclass(frozen=True)
class Alternative:
    """A token the model might have said and its probability, before any sampler."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True, repr=False)
class Generation(Result):
    """One response to one prompt.

    `logprobs` are nats, under the model itself before any sampler; `finish_reason` is "eos" (the model ended), "stop"
    (a stop string came) or "length". `seed` alone repeats this row: `generate(prompt, seed=seed)`.
    """

    schema: ClassVar[str] = "generation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    prompt: str
    completion: str
    tokens: list[str]
    token_ids: list[int]
    logprobs: list[float]
    alternatives: list[list[Alternative]]
    finish_reason: str
    seed: int
    settings: dict[str, Any]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a token, with the prompt and the seed of its response."""
        said = enumerate(zip(self.tokens, self.token_ids, self.logprobs, strict=True))
        common = {"prompt": self.prompt, "seed": self.seed}
        return [common | {"step": step, "token": token, "id": i, "logprob": p} for step, (token, i, p) in said]


@dataclasses.dataclass
class _Row:
    prompt: str
    prompt_ids: list[int]
    seed: int
    generator: torch.Generator
    ids: list[int] = dataclasses.field(default_factory=list)
    logprobs: list[float] = dataclasses.field(default_factory=list)
    alternatives: list[list[Alternative]] = dataclasses.field(default_factory=list)
    text: str = ""
    shown: int = 0
    finish: str | None = None


def generate(
    prompts: str | Sequence[str],
    model: ModelLike = DEFAULT,
    *,
    max_new_tokens: int = 64,
    min_new_tokens: int = 0,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    num_return_sequences: int = 1,
    stop: Sequence[str] = (),
    seed: int = 0,
    chat: bool = False,
    truncate: str | None = None,
    alternatives: int = 0,
    batch_size: int = 16,
    on_text: Callable[[int, str], None] | None = None,
) -> list[Generation]:
    """Continue each prompt `num_return_sequences` times and return one result a response, prompts in order.

    `temperature` None is greedy for one response and 1 (the model's own distribution) for several. Row r of the call
    draws from the stream of `seed + r` alone, whatever rows are decoded beside it. `alternatives` keeps that many
    likeliest tokens at each step. `on_text(r, text)` is called with each bit of row r's text as soon as no later token
    can change it. No row ends of itself before `min_new_tokens`.

    Raises `MissingText`, `PromptTooLong`, `InputError`, or a `ModelError`.

    >>> generate("The capital of France is", max_new_tokens=1)[0].completion
    ' Paris'
    """
    if not 0 <= min_new_tokens <= max_new_tokens:
        raise InputError(
            f"min-new-tokens is {min_new_tokens} and max-new-tokens {max_new_tokens}",
            hint="both are 1 or above, and the first is not above the second",
        )
    if max_new_tokens < 1 or num_return_sequences < 1 or batch_size < 1 or alternatives < 0:
        raise InputError(
            f"max-new-tokens is {max_new_tokens}, num-return-sequences {num_return_sequences}, "
            f"batch-size {batch_size}, alternatives {alternatives}",
            hint="the first three have to be 1 or above, alternatives 0 or above",
        )
    if temperature is None:
        temperature = 0.0 if num_return_sequences == 1 else 1.0
    if temperature == 0 and num_return_sequences > 1:
        raise InputError(
            f"{num_return_sequences} greedy responses would all be the same", hint="sample: --temperature 0.8"
        )
    stop = [stop] if isinstance(stop, str) else list(stop)
    if any(not text for text in stop):
        raise InputError("a stop string is empty", hint="leave it out, or give the text to stop before: --stop END")
    if not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}", hint="it has to be from 0 to 2**63 - 1")
    sampling = Sampling(temperature, top_k, top_p, min_p, repetition_penalty)
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not prompts:
        raise MissingText("there is no prompt", hint='give some text: cutaway generate "The capital of France is"')
    loaded = load(model)
    encoded = [encode_prompt(loaded, prompt, chat=chat, truncate=truncate) for prompt in prompts]
    rows: list[_Row] = []
    for prompt, ids in zip(prompts, encoded, strict=True):
        for _ in range(num_return_sequences):
            row_seed = seed + len(rows)
            rows.append(_Row(prompt, ids, row_seed, torch.Generator().manual_seed(row_seed)))
    for at in range(0, len(rows), batch_size):
        batch = rows[at : at + batch_size]
        limits = (min_new_tokens, max_new_tokens)
        for b, text in _decode(loaded, batch, sampling, limits, stop, alternatives):
            if on_text is not None:
                on_text(at + b, text)
    lengths = {"min_new_tokens": min_new_tokens, "max_new_tokens": max_new_tokens}
    settings = {**dataclasses.asdict(sampling), **lengths, "stop": stop, "chat": chat}
    return [_result(loaded, row, settings) for row in rows]


def _decode(
    model: Model, rows: list[_Row], sampling: Sampling, limits: tuple[int, int], stop: list[str], alternatives: int
) -> Iterator[tuple[int, str]]:
    ids_BT, mask_BT = _left_padded([row.prompt_ids for row in rows], model.device)
    positions_BT = (mask_BT.cumsum(-1) - 1).clamp_min(0)
    accepted = inspect.signature(model.module.forward).parameters
    cache, (min_new, max_new) = None, limits
    for step in range(max_new):
        inputs: dict[str, Any] = {
            "input_ids": ids_BT,
            "attention_mask": mask_BT,
            "past_key_values": cache,
            "use_cache": True,
        }
        # Models with relative positions (ALiBi) take none; all others must not count the padding.
        inputs |= {"position_ids": positions_BT} if "position_ids" in accepted else {}
        inputs |= {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        with torch.inference_mode():
            output = model.module(**inputs)
            cache, logits_BV = output.past_key_values, output.logits[:, -1].float()
            logprobs_BV = logits_BV.log_softmax(-1)
            if step < min_new:
                logits_BV[:, sorted(model.end_ids)] = -torch.inf
            chosen_B = _choose(logits_BV, sampling, rows)
        for b, row in enumerate(rows):
            if row.finish is None:
                _take(model, row, int(chosen_B[b]), logprobs_BV[b], stop, alternatives)
                full = model.context is not None and len(row.prompt_ids) + len(row.ids) >= model.context
                if row.finish is None and (step + 1 == max_new or full):
                    row.finish = "length"
                if text := _certain(row, stop):
                    yield b, text
        if all(row.finish for row in rows):
            return
        ids_BT = chosen_B.to(model.device)[:, None]
        mask_BT = torch.cat([mask_BT, torch.ones_like(ids_BT)], dim=1)
        # A row that has ended is carried along; it must not walk out of the table of positions.
        positions_BT = (positions_BT[:, -1:] + 1).clamp_max((model.context or 2**31) - 1)


def _choose(logits_BV: torch.Tensor, sampling: Sampling, rows: list[_Row]) -> torch.Tensor:
    seen = [row.prompt_ids + row.ids for row in rows]
    probabilities_BV = distribution(logits_BV, sampling, seen)
    if sampling.temperature == 0:
        return probabilities_BV.argmax(-1).cpu()
    return draw(probabilities_BV, [row.generator for row in rows])


def _take(model: Model, row: _Row, token_id: int, logprobs_V: torch.Tensor, stop: list[str], alternatives: int) -> None:
    if token_id in model.end_ids:
        row.finish = "eos"
    row.ids.append(token_id)
    row.logprobs.append(float(logprobs_V[token_id]))
    if alternatives:
        top = logprobs_V.topk(min(alternatives, logprobs_V.shape[-1]))
        row.alternatives.append(
            [
                Alternative(model.tokenizer.piece(i), i, p)
                for p, i in zip(top.values.exp().tolist(), top.indices.tolist(), strict=True)
            ]
        )
    row.text = _continuation(model, row)
    ends = [row.text.find(text) for text in stop if text in row.text]
    if ends:
        row.text, row.finish = row.text[: min(ends)], "stop"


def _continuation(model: Model, row: _Row) -> str:
    # Decoded behind the prompt's last tokens: several decoders drop the space at the start of what they are given.
    tail = row.prompt_ids[-4:]
    before = model.tokenizer.decode(tail)
    whole = model.tokenizer.decode(tail + row.ids)
    return whole[len(before) :] if whole.startswith(before) else model.tokenizer.decode(row.ids)


def _certain(row: _Row, stop: list[str]) -> str:
    """Return the text not shown yet that no later token can change: no half character, no beginning of a stop."""
    end = len(row.text)
    if row.finish is None:
        end = len(row.text.rstrip("\ufffd"))
        for text in stop:
            for size in range(len(text) - 1, 0, -1):
                if row.text[:end].endswith(text[:size]):
                    end -= size
                    break
    text, row.shown = row.text[row.shown : end], max(row.shown, end)
    return text


def _left_padded(prompts: list[list[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    # The pad id is never attended to, so any id will do; 0 exists in every vocabulary.
    longest = max(len(ids) for ids in prompts)
    ids = [[0] * (longest - len(p)) + p for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _result(model: Model, row: _Row, settings: dict[str, Any]) -> Generation:
    return Generation(
        model=model.name,
        prompt=row.prompt,
        completion=row.text,
        tokens=[model.tokenizer.piece(i) for i in row.ids],
        token_ids=row.ids,
        logprobs=row.logprobs,
        alternatives=row.alternatives,
        finish_reason=row.finish or "length",
        seed=row.seed,
        settings=settings,
    )

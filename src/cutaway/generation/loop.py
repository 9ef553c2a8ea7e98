"""`generate`: prompts in, one result a response out, with every token's probability."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from cutaway.errors import InputError, MissingText
from cutaway.generation.beams import beam_search, finished_rows
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.rows import Alternative, Processor, Row, TraceStep
from cutaway.generation.settings import check_request
from cutaway.models.prompt import encode_prompt
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import TextModel
from cutaway.progress import step
from cutaway.random_streams import check_seed
from cutaway.result import Result, Results

if TYPE_CHECKING:
    from cutaway.models.text_model import ModelLike

__all__ = ["Generation", "generate"]


@dataclasses.dataclass(frozen=True, repr=False)
class Generation(Result):
    """One response to one prompt.

    `logprobs` are nats, under the model itself before any sampler; `finish_reason` is "eos" (the model ended), "stop"
    (a stop string came) or "length". `seed` alone repeats this row: `generate(prompt, seed=seed)`. `trace`, where it
    was asked for, has what was behind each token. `score` is a beam's: the sum of its log-probabilities in nats over
    its length to the power of the length penalty.
    """

    schema: ClassVar[str] = "generation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".svg", ".png")

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
    trace: list[TraceStep] | None = None
    score: float | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a token, with the prompt and the seed of its response, and what a trace adds."""
        said = enumerate(zip(self.tokens, self.token_ids, self.logprobs, strict=True))
        common = {"prompt": self.prompt, "seed": self.seed}
        rows = [common | {"step": step, "token": token, "id": i, "logprob": p} for step, (token, i, p) in said]
        for row, traced in zip(rows, self.trace or [], strict=False):
            more = ("before", "after", "rank", "surprisal_bits", "entropy_bits", "entropy_after_bits")
            row |= {name: getattr(traced, name) for name in more}
            row |= {f"removed by {effect.sampler}": effect.removed for effect in traced.effects}
        return rows


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
    presence_penalty: float | None = None,
    num_return_sequences: int = 1,
    num_beams: int = 1,
    length_penalty: float = 1.0,
    early_stopping: bool | str = False,
    logits_processor: Sequence[Processor] = (),
    stop: Sequence[str] = (),
    seed: int = 0,
    chat: bool = False,
    system: str | None = None,
    truncate: str | None = None,
    alternatives: int = 0,
    trace: bool = False,
    batch_size: int = 64,
    tier: str = "near",
    on_text: Callable[[int, str], None] | None = None,
    on_step: Callable[[int, TraceStep, str], None] | None = None,
    on_result: Callable[[int, Generation], None] | None = None,
) -> Results[Generation]:
    """Continue each prompt `num_return_sequences` times and return one result a response, prompts in order.

    `temperature` None is greedy for one response and 1 (the model's own distribution) for several. Row r of the call
    draws from the stream of `seed + r` alone, whatever rows are decoded beside it; its logits are the same in any batch
    up to rounding. `alternatives` keeps that many likeliest tokens at each step. `on_text(r, text)` is called with each
    bit of row r's text as soon as no later token can change it. `trace` keeps what was behind each token, before and
    after the samplers, and `on_step(r, step, text)` is called with each step of it and the text that it settled.
    `on_result(r, result)` is called when row r is done, which may be long before others. No row ends of itself before
    `min_new_tokens`. `tier` is "exact" (float32), "near" (bfloat16 weights; a log-probability may be off by a few
    tenths of a nat) or "turbo" (4 bits): see `cutaway.generation.decoders`. A loaded model is used as it is now, with
    all that was changed in it. `num_beams` above 1 searches for the likeliest whole texts and returns the best of them.
    `logits_processor` are functions such as transformers' `LogitsProcessor`s, from a row's ids so far (1, T) and its
    logits (1, V) to new logits, called before the samplers. With `chat` each prompt is a message in the model's chat
    template, after a `system` message where there is one.

    Raises `MissingText`, `PromptTooLong`, `InputError`, or a `ModelError`.

    >>> generate("The capital of France is", max_new_tokens=1)[0].completion
    ' Paris'
    """
    stop = [stop] if isinstance(stop, str) else list(stop)
    sampling = check_request(
        temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition_penalty=repetition_penalty,
        presence_penalty=presence_penalty, seed=seed, max_new_tokens=max_new_tokens, min_new_tokens=min_new_tokens,
        stop=stop, num_return_sequences=num_return_sequences, num_beams=num_beams, length_penalty=length_penalty,
        alternatives=alternatives, trace=trace, batch_size=batch_size, tier=tier, chat=chat, system=system,
    )  # fmt: skip
    seed = check_seed(seed)
    limits: dict[str, Any] = {
        "max_new_tokens": max_new_tokens,
        "min_new_tokens": min_new_tokens,
        "stop": stop,
        "keep": alternatives,
        "traced": trace,
        "processors": list(logits_processor),
    }
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not prompts:
        raise MissingText("there is no prompt", hint='give some text: cutaway generate "The capital of France is"')
    responses = len(prompts) * num_return_sequences
    if seed + responses > 2**63:
        raise InputError(
            f"seed is {seed}, and {responses:,} responses draw from the streams of {seed} and above",
            hint=f"the last stream is 2**63 - 1: give a seed of at most {2**63 - responses}",
        )
    decoder = open_decoder(model, tier)
    loaded = decoder.model
    encoded = [encode_prompt(loaded, prompt, chat=chat, system=system, truncate=truncate) for prompt in prompts]
    lengths = {"min_new_tokens": min_new_tokens, "max_new_tokens": max_new_tokens}
    settings = {**dataclasses.asdict(sampling), **lengths, "stop": stop, "chat": chat, "tier": tier}
    settings |= {} if system is None else {"system": system}
    results: dict[int, Generation] = {}

    def done(number: int, row: Row, score: float | None = None) -> None:
        results[number] = _result(loaded, row, settings, score)
        if on_result is not None:
            on_result(number, results[number])

    if num_beams > 1:
        settings |= {"num_beams": num_beams, "length_penalty": length_penalty, "early_stopping": early_stopping}
        starts = [Row(p, ids, sampling, seed, **limits) for p, ids in zip(prompts, encoded, strict=True)]
        how: dict[str, Any] = {"length_penalty": length_penalty, "early_stopping": early_stopping}
        how |= {"num_return_sequences": num_return_sequences, "batch_size": batch_size}
        for start, beams in zip(starts, beam_search(decoder, starts, num_beams, **how), strict=True):
            for row, beam in zip(finished_rows(decoder, start, beams), beams, strict=True):
                if on_text is not None and row.text:
                    on_text(len(results), row.text)
                done(len(results), row, beam.score)
        return Results(results.values())
    number: dict[int, int] = {}

    def begun() -> Iterator[Row]:
        for prompt, ids in zip(prompts, encoded, strict=True):
            for _ in range(num_return_sequences):
                row = Row(prompt, ids, sampling, seed + len(number), **limits)
                number[id(row)] = len(number)
                rows.append(row)
                yield row

    rows: list[Row] = []  # all are kept, so that no two share an id
    counted: dict[int, int] = {}
    with step("generating", len(prompts) * num_return_sequences * max_new_tokens) as shown:
        for row, text in run(decoder, begun(), batch_size=batch_size):
            # A row that ends before its limit is done, too.
            made = max_new_tokens if row.finish is not None else len(row.ids)
            shown.advance(made - counted.get(id(row), 0))
            counted[id(row)] = made
            if on_text is not None and text:
                on_text(number[id(row)], text)
            if on_step is not None and row.steps:
                on_step(number[id(row)], row.steps[-1], text)
            if row.finish is not None:
                done(number[id(row)], row)
    return Results(results[r] for r in range(len(results)))


def _result(model: TextModel, row: Row, settings: dict[str, Any], score: float | None) -> Generation:
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
        trace=row.steps if row.traced else None,
        score=score,
    )

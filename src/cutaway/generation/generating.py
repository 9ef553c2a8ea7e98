"""`generate`: prompts in, one result for each response out, in four steps: validate → rows → run → result."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import Decoder, run
from cutaway.generation.request import Request
from cutaway.generation.response import Generation, response_of
from cutaway.generation.rows import Processor, Row, TraceStep
from cutaway.models.prompt import Prompt, chat_messages, encode_prompt
from cutaway.models.shelf import DEFAULT
from cutaway.progress import step
from cutaway.result import Results

if TYPE_CHECKING:
    from cutaway.models.text_model import ModelLike

OnText = Callable[[int, str], None]
OnStep = Callable[[int, TraceStep, str], None]


def generate(
    prompts: Prompt | Sequence[Prompt],
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
    on_text: OnText | None = None,
    on_step: OnStep | None = None,
    on_result: Callable[[int, Generation], None] | None = None,
) -> Results[Generation]:
    """Continue each prompt `num_return_sequences` times and return the responses in the order of the prompts.

    A prompt is a text, or a chat: a list of messages such as `{"role": "user", "content": "Hello"}`. A chat goes
    through the model's chat template; so does a text with `chat=True`. `system` puts a system message first.

    `temperature` None means greedy for one response and 1 (the model's own distribution) for several. Response r draws
    from the random stream of `seed + r`, whatever else is in the batch; its logits are the same in any batch, to the
    bit if our own decoder runs the model. `num_beams` above 1 searches for the likeliest whole texts and returns the
    best of them. No response ends before `min_new_tokens`. `logits_processor` takes functions such as transformers'
    `LogitsProcessor`s: they get the ids so far (1, T) and the logits (1, V) and return new logits, before the samplers.

    `alternatives` keeps that many of the likeliest tokens at each step; `trace` keeps what each sampler did.
    `on_text(r, text)` is called with each new piece of response r, once later tokens can't change it;
    `on_step(r, step, text)` with each step of a trace; `on_result(r, result)` as soon as response r is done.

    `tier` is "exact" (float32), "near" (bfloat16 weights) or "turbo" (4 bits, fastest for few responses at once). What
    a tier changes is in the result's `divergence`. A loaded model is used as it is now, with all changes made to it.

    Raises `MissingText`, `PromptTooLong`, `InputError`, or a `ModelError`.

    >>> generate("The capital of France is", max_new_tokens=1)[0].completion
    ' Paris'
    """
    request = Request(
        prompts, max_new_tokens=max_new_tokens, min_new_tokens=min_new_tokens, temperature=temperature, top_k=top_k,
        top_p=top_p, min_p=min_p, repetition_penalty=repetition_penalty, presence_penalty=presence_penalty,
        num_return_sequences=num_return_sequences, num_beams=num_beams, length_penalty=length_penalty,
        early_stopping=early_stopping, stop=stop, seed=seed, chat=chat, system=system, truncate=truncate,
        alternatives=alternatives, trace=trace, batch_size=batch_size, tier=tier,
    )  # fmt: skip
    return respond(
        request, model, logits_processor=logits_processor, on_text=on_text, on_step=on_step, on_result=on_result
    )


def respond(
    request: Request,
    model: ModelLike = DEFAULT,
    *,
    logits_processor: Sequence[Processor] = (),
    on_text: OnText | None = None,
    on_step: OnStep | None = None,
    on_result: Callable[[int, Generation], None] | None = None,
) -> Results[Generation]:
    """Return the responses to a request, as `generate` does."""
    given, count = request.each_prompt, request.num_return_sequences
    decoder = open_decoder(model, request.tier)
    new_row = functools.partial(
        Row, sampling=request.sampling, max_new_tokens=request.max_new_tokens, min_new_tokens=request.min_new_tokens,
        stop=list(request.stop), keep=request.alternatives, traced=request.trace, processors=list(logits_processor),
    )  # fmt: skip
    encoded = [
        encode_prompt(decoder.model, prompt, chat=request.chat, system=request.system, truncate=request.truncate)
        for prompt in given
    ]
    starts = list(zip(map(_prompt_text, given), encoded, strict=True))
    if request.num_beams > 1:
        rows = [new_row(prompt, ids, seed=request.seed) for prompt, ids in starts]
        how = request.search() | {"num_return_sequences": count, "batch_size": request.batch_size}
        ended = _searched(decoder, rows, how, on_text)
    else:
        each = (start for start in starts for _ in range(count))
        sampled = (new_row(prompt, ids, seed=request.seed + r) for r, (prompt, ids) in enumerate(each))
        tokens = len(starts) * count * request.max_new_tokens
        ended = _sampled(decoder, sampled, tokens, request.batch_size, on_text, on_step)
    results: dict[int, Generation] = {}
    with contextlib.closing(ended):
        for number, row, score in ended:
            own = request.settings() | {"tier": decoder.tier or request.tier}
            own |= _chat_settings(given[number // count])
            results[number] = response_of(decoder.model, row, own, score, decoder.divergence)
            if on_result is not None:
                on_result(number, results[number])
    return Results(results[number] for number in sorted(results))


def _prompt_text(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def _chat_settings(prompt: Prompt) -> dict[str, Any]:
    return {} if isinstance(prompt, str) else {"chat": True, "messages": chat_messages(prompt)}


def _sampled(
    decoder: Decoder,
    rows: Iterable[Row],
    tokens: int,
    batch_size: int,
    on_text: OnText | None,
    on_step: OnStep | None,
) -> Generator[tuple[int, Row, float | None]]:
    """Decode the rows; yield (number, row, None) for each as soon as it ends. `tokens`: the most that can come."""
    number: dict[Row, int] = {}
    counted: dict[Row, int] = {}

    def numbered() -> Iterator[Row]:
        for row in rows:
            number[row] = len(number)
            yield row

    with step("generating", tokens) as shown:
        for row, text in run(decoder, numbered(), batch_size=batch_size):
            # A row that ended early counts as if it had reached its limit.
            made = len(row.ids) if row.finish is None else row.max_new_tokens
            shown.advance(made - counted.get(row, 0))
            counted[row] = made
            if on_text is not None and text:
                on_text(number[row], text)
            if on_step is not None and row.steps:
                on_step(number[row], row.steps[-1], text)
            if row.finish is not None:
                yield number[row], row, None


def _searched(
    decoder: Decoder, rows: Sequence[Row], how: Mapping[str, Any], on_text: OnText | None
) -> Generator[tuple[int, Row, float | None]]:
    """Run beam search for all rows; yield (number, row, score) for each beam that is returned."""
    from cutaway.generation.beams import beam_search, finished_rows  # torch

    number = 0
    for start, beams in zip(rows, beam_search(decoder, rows, **how), strict=True):
        for row, beam in zip(finished_rows(decoder, start, beams), beams, strict=True):
            if on_text is not None and row.text:
                on_text(number, row.text)
            yield number, row, beam.score
            number += 1

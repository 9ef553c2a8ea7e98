"""Records that a model writes: each begins from nothing or from a prompt, and has a random stream of its own."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from cutaway.errors import BadSequence, InputError, ModelError, at_least
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import Decoder, run
from cutaway.generation.rows import Row
from cutaway.generation.settings import Sampling, check_streams
from cutaway.models.prompt import encode_prompt, fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.progress import step
from cutaway.tokens.codec import Codec
from cutaway.tokens.encoding import encode_text

if TYPE_CHECKING:
    from cutaway.models.text_model import ModelLike

_LONGEST = 1024  # tokens of a record by a model whose context has no limit


@dataclasses.dataclass(frozen=True)
class SampledRecord:
    """Record `number` (from 1): its sequence, and whether the model ended it; else it reached the longest length.

    `sequence` is a text or C × T numbers, or None for tokens that are no sequence. `logprob` is the sum over its
    `tokens`, in nats, under the model itself. `seed` repeats it.
    """

    number: int
    sequence: Any
    finished: bool
    tokens: int
    logprob: float
    seed: int


def sample_records(
    count: int,
    model: ModelLike = DEFAULT,
    *,
    prompt: str = "",
    sampling: Sampling | None = None,
    max_new_tokens: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    tier: str = "near",
) -> Generator[SampledRecord]:
    """Yield `count` records that a model writes, in order; all go through the model in one pass, `batch_size` together.

    A record begins with the model's beginning token and, if there is one, the `prompt` (for series: numbers). Record r
    draws from the random stream of `seed + r`, whatever else is in the batch. By default the temperature is 1, and a
    record ends when the model ends it, or where the context ends. Raises `InputError` for a setting out of range, or a
    `ModelError`.

    >>> [record.sequence for record in sample_records(2, "my-model")]  # doctest: +SKIP
    ['CCO', 'c1ccccc1']
    """
    at_least(1, count=count, batch_size=batch_size)
    seed = check_streams(seed, count)
    sampling = Sampling(temperature=1.0) if sampling is None else sampling
    if sampling.temperature == 0 and count > 1:
        raise InputError(f"{count:,} greedy records would all be the same", hint="sample: `temperature=0.8`")
    decoder = open_decoder(model, tier)
    codec = Codec.of(decoder.model.tokenizer)
    if codec.numbers is not None and prompt:
        ids = encode_text(prompt, decoder.model.tokenizer).ids
    else:
        ids = encode_prompt(decoder.model, prompt) if prompt else _beginning(decoder)
    longest = (decoder.model.context or _LONGEST + len(ids)) - len(ids) if max_new_tokens is None else max_new_tokens
    fit_context(decoder.model, ids, room=1 if max_new_tokens is None else longest)
    rows = (Row(prompt, ids, sampling=sampling, max_new_tokens=longest, seed=seed + r) for r in range(count))
    # Some of the first tokens may be the prompt's: an encoder-decoder writes a record of its own.
    before = ids if prompt and not getattr(getattr(decoder.model, "config", None), "is_encoder_decoder", False) else []
    with contextlib.closing(_in_order(decoder, rows, count, batch_size)) as ended:
        for number, row in enumerate(ended, 1):
            sequence = _sequence(codec, [*before, *row.ids])
            yield SampledRecord(number, sequence, row.finish == "eos", len(row.ids), sum(row.logprobs), row.seed)


def _in_order(decoder: Decoder, rows: Iterator[Row], count: int, batch_size: int) -> Generator[Row]:
    """Decode the rows and yield each as soon as all before it have ended."""
    number: dict[Row, int] = {}  # of the rows that have not ended
    waiting: dict[int, Row] = {}
    shown = 0

    def numbered() -> Iterator[Row]:
        for at, row in enumerate(rows):
            number[row] = at
            yield row

    with step("writing records", count) as writing:
        for row, _ in run(decoder, numbered(), batch_size=batch_size):
            if row.finish is None:
                continue
            waiting[number.pop(row)] = row
            while shown in waiting:
                yield waiting.pop(shown)
                shown += 1
                writing.advance(1)


def _beginning(decoder: Decoder) -> list[int]:
    """Return the token from which the model writes without a prompt. Raises `ModelError` if it has none."""
    tokenizer = decoder.model.tokenizer
    first = next((i for role in ("bos", "cls", "eos") if (i := tokenizer.special_id(role)) is not None), None)
    if first is None:
        raise ModelError(
            f"{decoder.model.name} has no token from which it could begin a record", hint="give a `prompt`"
        )
    return [first]


def _sequence(codec: Codec, ids: list[int]) -> Any:
    try:
        return codec.decode(ids)
    except (BadSequence, InputError):  # words that are not a series, symbols that are not a molecule
        return None

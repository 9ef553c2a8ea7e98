"""`Generation`: one response to one prompt, with the probability of every token."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from cutaway.generation.rows import Alternative, Row, TraceStep
from cutaway.models.prepared import Divergence
from cutaway.models.text_model import TextModel
from cutaway.result import Result


@dataclasses.dataclass(frozen=True, repr=False)
class Generation(Result):
    """One response to one prompt.

    `logprobs` are in nats, under the model itself, before any sampler. `finish_reason` is "eos" (the model ended the
    text), "stop" (a stop string came) or "length". `seed` repeats this response: `generate(prompt, seed=seed)`. If the
    prompt was a chat, `prompt` is the text of its last message and `settings["messages"]` has all messages. `trace` has
    what each sampler did at each step, if requested. `score` is that of a beam: the sum of its log-probabilities (nats)
    divided by its length to the power of the length penalty. `continues`: the completion follows the prompt
    directly; an answer in a chat, or of an encoder-decoder, stands alone.
    `divergence` is how far the tier is from float32 (nats), measured when the model was prepared; None for float32.
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
    continues: bool = True
    divergence: Divergence | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per token, with the prompt and the seed of its response, and the numbers of a trace."""
        tokens = enumerate(zip(self.tokens, self.token_ids, self.logprobs, strict=True))
        common = {"prompt": self.prompt, "seed": self.seed}
        rows = [common | {"step": step, "token": token, "id": i, "logprob": p} for step, (token, i, p) in tokens]
        for row, traced in zip(rows, self.trace or [], strict=False):
            more = ("before", "after", "rank", "surprisal_bits", "entropy_bits", "entropy_after_bits")
            row |= {name: getattr(traced, name) for name in more}
            row |= {f"removed by {effect.sampler}": effect.removed for effect in traced.effects}
        return rows


def response_of(
    model: TextModel,
    row: Row,
    settings: dict[str, Any],
    score: float | None = None,
    divergence: Divergence | None = None,
) -> Generation:
    """Return the response that a row has become."""
    translates = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
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
        continues=not (settings["chat"] or translates),
        divergence=divergence,
    )

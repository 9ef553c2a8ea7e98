"""`score`: the surprisal of every token, and from it bits per token, bits per byte and perplexity.

Axis letters: T positions, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import torch

from cutaway.errors import InputError, MissingText
from cutaway.models.loading import shared
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import ModelLike
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.encoding import encode_text
from cutaway.tokens.tokenizer import Encoding, Tokenizer

LN2 = math.log(2)


@dataclasses.dataclass(frozen=True)
class FirstToken:
    """The first token, which is not scored because no token precedes it."""

    token: str
    id: int


@dataclasses.dataclass(frozen=True)
class ScoredToken:
    """One token given all before it: `logprob` in nats, surprisal in bits; `rank` 1 is the most probable token."""

    token: str
    id: int
    logprob: float
    surprisal_bits: float
    rank: int
    entropy_bits: float


@dataclasses.dataclass(frozen=True)
class NextToken:
    """A token that might come next and its probability."""

    token: str
    id: int
    probability: float


@dataclasses.dataclass(frozen=True, repr=False)
class Score(Result):
    """How probable a text is under a model; totals are over `tokens`, which are all but the `first`."""

    schema: ClassVar[str] = "score"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    text: str
    first: FirstToken
    tokens: list[ScoredToken]
    total_nats: float
    total_bits: float
    bits_per_token: float
    bits_per_byte: float
    perplexity: float
    next: list[NextToken]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each token, including the first, which has no score."""
        return [dataclasses.asdict(self.first), *map(dataclasses.asdict, self.tokens)]


def score(text: str, model: ModelLike = DEFAULT, *, truncate: str | None = None, next_tokens: int = 10) -> Score:
    """Score every token after the first under a causal model, and say what it expects next.

    `perplexity` is exp of the mean negative logprob. `bits_per_byte` divides by the UTF-8 bytes of the scored tokens,
    so that tokenizers make no difference. Raises `MissingText`, `PromptTooLong` or a `ModelError`.

    >>> round(score("The capital of France is Paris").tokens[-1].surprisal_bits, 1)  # doctest: +SKIP
    0.9
    """
    if not text:
        raise MissingText("there is no text", hint='give some: cutaway score "The capital of France is Paris"')
    if next_tokens < 0:
        raise InputError(f"`next_tokens` is {next_tokens}", hint="it must be 0 or above")
    loaded = shared(model)
    encoding = encode_text(text, loaded.tokenizer)
    ids = fit_context(loaded, encoding.ids, truncate=truncate)
    if len(ids) < 2:
        raise MissingText(
            f"{text[:40]!r} is a single token of {loaded.name}, and the first token is not scored",
            hint="score a longer text",
        )
    with step("scoring"), torch.inference_mode():
        logits_TV = loaded.module(input_ids=torch.tensor([ids], device=loaded.device), use_cache=False).logits[0]
        logprobs_T, ranks_T, entropies_T = token_logprobs(logits_TV[:-1], ids[1:])
        next_V = logits_TV[-1].float().softmax(-1)
    piece = loaded.tokenizer.piece
    tokens = [
        ScoredToken(piece(i), i, logprob, -logprob / LN2, rank, entropy / LN2)
        for i, logprob, rank, entropy in zip(ids[1:], logprobs_T, ranks_T, entropies_T, strict=True)
    ]
    total = -math.fsum(logprobs_T)
    cut_left = len(encoding.ids) - len(ids) if truncate == "left" else 0
    top = next_V.topk(min(next_tokens, next_V.shape[-1]))
    return Score(
        model=loaded.name,
        text=text,
        first=FirstToken(piece(ids[0]), ids[0]),
        tokens=tokens,
        total_nats=total,
        total_bits=total / LN2,
        bits_per_token=total / LN2 / len(tokens),
        bits_per_byte=total / LN2 / _scored_bytes(loaded.tokenizer, text, encoding, cut_left, len(ids)),
        perplexity=math.exp(total / len(tokens)) if total / len(tokens) < 700 else math.inf,
        next=[NextToken(piece(i), i, p) for p, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)],
    )


def token_logprobs(logits_TV: torch.Tensor, targets: list[int]) -> tuple[list[float], list[int], list[float]]:
    """Return the targets' logprobs_T (nats), ranks_T (1 is the likeliest) and the distributions' entropies_T (nats).

    Works in blocks of positions, so that no second T × V array is held.
    """
    logprobs: list[float] = []
    ranks: list[int] = []
    entropies: list[float] = []
    for at in range(0, len(targets), 256):
        block_TV = logits_TV[at : at + 256].float().log_softmax(-1)
        target_T1 = torch.tensor(targets[at : at + 256], device=block_TV.device)[:, None]
        chosen_T1 = block_TV.gather(1, target_T1)
        logprobs += chosen_T1[:, 0].tolist()
        ranks += ((block_TV > chosen_T1).sum(-1) + 1).tolist()
        entropies += torch.special.entr(block_TV.exp()).sum(-1).tolist()
    return logprobs, ranks, entropies


def _scored_bytes(tokenizer: Tokenizer, text: str, encoding: Encoding, cut_left: int, kept: int) -> int:
    scored = range(cut_left + 1, cut_left + kept)
    if tokenizer.byte_level:  # each character of such a token stands for one byte; special tokens are spelled in ASCII
        return max(1, sum(len(encoding.tokens[t]) for t in scored if encoding.offsets[t][1]))
    # From the end of the first kept token, so that spaces between offsets, which some tokenizers leave, count.
    return max(1, len(text[encoding.offsets[cut_left][1] : max(encoding.offsets[t][1] for t in scored)].encode()))

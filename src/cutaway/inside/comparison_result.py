"""The result of comparing two models."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from cutaway.array_codec import PackedMaps, Weights
from cutaway.inside.measure_descriptions import Measure
from cutaway.result import Result

FINDINGS = 3  # how many sentences at the start of a summary are its findings


@dataclasses.dataclass(frozen=True)
class ComparedLayer:
    """Means over a layer's heads, as `heads` defines them; `depth` 0 is the first layer and 1 the last."""

    layer: int
    depth: float
    entropy_bits: float | None
    distance: float | None
    sink: float | None
    previous: float | None
    duplicate: float | None
    induction: float | None


@dataclasses.dataclass(frozen=True)
class ComparedModel:
    """One of the models: its size, the surprisal of the text, and its heads layer by layer.

    `tokens` counts the tokens it reads, `special` those among them that stand for no text. `bits` is the surprisal of
    all `scored` tokens, `perplexity` is per token. `bits_per_byte` is over the bytes that both models score
    (`Comparison.bytes`), so that tokenizers make no difference. These are None if the model does not predict the next
    token. `outside` is the share of attention that goes to special tokens, the mean over all heads and tokens. `ahead`
    is the share of the attention from text to text that goes to later tokens, the mean over all heads. `roles` counts
    the heads of each role.
    """

    name: str
    type: str
    causal: bool
    parameters: int
    layers: int
    heads_per_layer: int
    tokens: int
    special: int
    scored: int | None
    bits: float | None
    bits_per_byte: float | None
    perplexity: float | None
    outside: float
    ahead: float
    roles: dict[str, int]
    depths: list[ComparedLayer]


@dataclasses.dataclass(frozen=True)
class Segment:
    """Characters `start` to `end` of the text, the tokens each model cuts them into, and their surprisal in bits.

    `bits_a` or `bits_b` is None if the model does not predict the next token, has no token before the segment, or has
    not read all of it.
    """

    text: str
    start: int
    end: int
    tokens_a: list[str]
    tokens_b: list[str]
    bits_a: float | None
    bits_b: float | None


@dataclasses.dataclass(frozen=True)
class HeadMatch:
    """A head of model "a" or "b" and the most similar head of the other model, its best match.

    `share` of its attention goes to the text, not to special tokens. `mutual`: each of the two is the other's best
    match.
    """

    model: str
    layer: int
    head: int
    depth: float
    role: str
    certainty: float
    share: float
    best_layer: int
    best_head: int
    best_depth: float
    best_role: str
    similarity: float
    mutual: bool


@dataclasses.dataclass(frozen=True)
class HeadPair:
    """A head of A and a head of B, [layer, head] each: one is the best match of the other; if `mutual`, both are."""

    a: list[int]
    b: list[int]
    role_a: str
    role_b: str
    similarity: float
    mutual: bool


@dataclasses.dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Two models compared on one text; `summary` says in sentences what was measured, the `FINDINGS` that matter first.

    `segments` cover the text; both models have read those from `compared[0]` up to `compared[1]`. `bytes` counts the
    bytes that both models score, or the one that scores. `matches` has every head of A, then of B; `similarity_mean` is
    over all pairs of heads. `pairs` are some of the best matches, mutual ones first, each with one map in `maps_a` and
    one in `maps_b`; a cell of a map is `pool` segments. `measures` says what the numbers mean.
    """

    schema: ClassVar[str] = "comparison"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")
    table: ClassVar[str] = "matches"

    model: str
    text: str
    summary: list[str]
    a: ComparedModel
    b: ComparedModel
    bytes: int
    segments: list[Segment]
    compared: list[int]
    similarity_mean: float
    matches: list[HeadMatch]
    pairs: list[HeadPair]
    maps_a: PackedMaps
    maps_b: PackedMaps
    measures: list[Measure]
    similarity: Weights = dataclasses.field(repr=False, compare=False, metadata={"json": False})

    def arrays(self) -> dict[str, Weights]:
        """Return `similarity` [A, B]: that of every pair of heads, layer by layer."""
        return {"similarity": self._only_in_memory("similarity")}

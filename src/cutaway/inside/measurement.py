"""What `compare` measures in one forward pass of one model: heads, their maps over cells of text, surprisal.

Axis letters: T positions, V vocabulary, A all heads of the model, C cells of the text.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from cutaway.errors import WrongKind
from cutaway.inside.capture import Call, Tile, watch
from cutaway.inside.forward import Reading, not_finite
from cutaway.inside.head_roles import Head, describe
from cutaway.inside.head_similarity import CellMaps, TokenShares
from cutaway.inside.head_statistics import Statistics
from cutaway.models.loading import shared

LN2 = math.log(2)
DIGITS = 6  # decimals: what float32 sums are good for


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What one forward pass gave: `maps` [A, C, C], and `nats`, the surprisal of every token but the first.

    `outside` [A] is the share of a head's attention that goes to special tokens; `ahead` [A] is the share of the
    attention from text to text that goes to later tokens.
    """

    reading: Reading
    causal: bool
    heads: list[Head]
    maps: torch.Tensor
    special: list[bool]
    outside: torch.Tensor
    ahead: torch.Tensor
    nats: list[float] | None

    def bits(self, tokens: list[int]) -> float | None:
        """Return the surprisal of some tokens in bits, or None if one of them is not scored."""
        if self.nats is None or 0 in tokens:
            return None
        return math.fsum(self.nats[token - 1] for token in tokens) / LN2

    def depth(self, layer: int) -> float:
        """Return how deep a layer lies, from 0 to 1."""
        return round(layer / max(1, self.heads[-1].layer), DIGITS)


def measure(reading: Reading, cells: list[int], count: int, special: list[bool]) -> Measured:
    """Run a model over its reading of the text.

    `cells` has for each token its cell, below `count`, or -1; `special` says which tokens stand for no text. Raises
    `AttentionHidden` or another `ModelError`.
    """
    model, pair = reading.model, reading.target_ids is not None
    ids = torch.tensor([reading.ids], device=model.device)
    kept = CellMaps("encoder" if pair else "self", cells, count)
    shares = TokenShares(kept.kind, special)

    def each(call: Call, tile: Tile) -> None:
        kept.add(call, tile)
        shares.add(call, tile)

    statistics, nats = Statistics(ids, each=each), None
    with watch(model, statistics), torch.inference_mode():
        if not _predicts(reading):
            reading.run()
        else:
            logits_TV = model.module(input_ids=ids, use_cache=False).logits[0]
            nats = _surprisals(logits_TV[:-1], ids[0, 1:])
            if not all(map(math.isfinite, nats)):
                raise not_finite(model)
    rows = sorted((row for row in statistics.rows if row.kind == kept.kind), key=lambda row: row.layer)
    heads = [head for row in rows for head in describe(row)]
    causal = not any(row.looks_ahead for row in rows)
    return Measured(reading, causal, heads, kept.maps(), special, *shares.shares(), nats)


def _predicts(reading: Reading) -> bool:
    """Whether the model predicts each token from the tokens before it alone."""
    if reading.target_ids is not None or reading.model.module.get_output_embeddings() is None:
        return False
    try:
        shared(reading.model, "causal")
    except WrongKind:
        return False
    return True


def _surprisals(logits_TV: torch.Tensor, targets_T: torch.Tensor) -> list[float]:
    """Return the surprisal of the targets in nats; in blocks, so that no second T × V array is held."""
    found: list[float] = []
    for at in range(0, len(targets_T), 256):
        block_TV = logits_TV[at : at + 256].float()
        found += torch.nn.functional.cross_entropy(block_TV, targets_T[at : at + 256], reduction="none").tolist()
    return found

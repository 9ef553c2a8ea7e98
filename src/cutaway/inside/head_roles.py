"""`heads`: what every head of a model does on a text, and how certain its role is.

Axis letters: T positions, S keys.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import torch

from cutaway.inside.capture import KINDS, Call, watch
from cutaway.inside.forward import Reading, random_repeated, read
from cutaway.inside.head_statistics import SHARES, RowStatistics, Statistics
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import ModelLike
from cutaway.result import Result

LN2 = math.log(2)
ROLES = {
    "previous": "previous token",
    "next": "next token",
    "current": "same token",
    "duplicate": "duplicate token",
    "induction": "induction",
    "sink": "first token",
}
DIGITS = 5  # decimals: what float32 sums are good for
CLEAR = 0.3  # a head is named after the key that gets at least this mean weight


@dataclasses.dataclass(frozen=True)
class Head:
    """One head's statistics on one text, means over its positions.

    `entropy_bits` is that of a row of weights; `distance` is in tokens. `sink`, `current`, `previous`, `next`,
    `duplicate` and `induction` are the weights on the first token, the position itself, the one before, the one after,
    earlier copies of the same token, and the tokens right after those copies (None if there is no such token).
    `received` is the largest share of all attention that one position gets, `received_position` that position.
    `certainty` is the lower end of the 95 % Wilson interval of the share of positions at which the head does what its
    role says.
    """

    kind: str
    layer: int
    head: int
    role: str
    certainty: float
    entropy_bits: float
    distance: float | None
    sink: float | None
    current: float | None
    previous: float | None
    next: float | None
    duplicate: float | None
    induction: float | None
    received: float
    received_position: int


@dataclasses.dataclass(frozen=True, repr=False)
class Heads(Result):
    """Every head of a model on one text, layer by layer; `chance` has the measures of evenly spread attention."""

    schema: ClassVar[str] = "heads"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")
    table: ClassVar[str] = "heads"

    model: str
    text: str
    tokens: list[str]
    layers: int
    heads_per_layer: int
    heads: list[Head]
    chance: dict[str, float | None]

    def named(self, role: str) -> list[Head]:
        """Return the heads that have a role, the clearest first."""
        score = next((name for name, called in ROLES.items() if called == role), "certainty")
        return sorted((head for head in self.heads if head.role == role), key=lambda head: -(getattr(head, score) or 0))


def heads(
    text: str | None = None,
    model: ModelLike = DEFAULT,
    *,
    random: int | None = None,
    seed: int = 0,
    target: str | None = None,
    truncate: str | None = None,
) -> Heads:
    """Measure what every head does on a text, and name its role.

    With `random` N the text is N random tokens, repeated once, which shows induction heads. The numbers are exact at
    any length that the model takes: weights are summed in tiles and never stored. Raises `MissingText`, `InputError`,
    `PromptTooLong`, `AttentionHidden` or another `ModelError`.

    >>> atlas = heads(random=64)
    >>> [f"{head.layer}.{head.head}" for head in atlas.named("induction")][:3]
    ['18.6', '17.3', '17.4']
    """
    if random is not None:
        reading = random_repeated(model, random, seed=seed)
    else:
        reading = read(text or "", model, target=target, truncate=truncate)
    statistics = Statistics(torch.tensor([reading.ids], device=reading.model.device))
    found: list[Head] = []

    def observe(call: Call) -> torch.Tensor:
        output = statistics(call)
        found.extend(describe(statistics.rows[-1]))
        del statistics.rows[:-1]  # the rows of earlier layers are not needed any more
        return output

    with watch(reading.model, observe) as seen:
        reading.run()
    layers, heads_per_layer = next(iter(seen.shape.values()))
    return Heads(
        model=reading.model.name,
        text=reading.text,
        tokens=reading.pieces(reading.ids),
        layers=layers,
        heads_per_layer=heads_per_layer,
        heads=sorted(found, key=lambda head: (KINDS.index(head.kind), head.layer, head.head)),
        chance=_chance(reading, found[0].next is not None),
    )


def describe(rows: RowStatistics) -> list[Head]:
    """Turn the statistics of one call into those of its heads; of a batch, only the first text counts."""
    shares_HT = {name: rows.shares[name][0].double() for name in SHARES}
    entropy_HT, distance_HT = rows.entropy[0].double(), rows.distance[0].double()
    if not rows.looks_ahead:
        shares_HT["sink"] = shares_HT["sink"].clone()
        shares_HT["sink"][:, 0] = torch.nan  # the first token of a causal model has nowhere else to look
    means = {name: _means(share_HT) for name, share_HT in shares_HT.items()}
    roles = _roles(shares_HT, means, entropy_HT, distance_HT, rows.looks_ahead)
    total_HS = rows.received[0].double() / entropy_HT.shape[1]
    entropies, distances = _means(entropy_HT / LN2), _means(distance_HT)
    received, positions = (found.tolist() for found in total_HS.max(-1))
    return [
        Head(
            kind=rows.kind,
            layer=rows.layer,
            head=head,
            role=role,
            certainty=round(certainty, DIGITS),
            entropy_bits=entropies[head] or 0.0,
            distance=distances[head],
            received=round(received[head], DIGITS),
            received_position=positions[head],
            **{name: mean_H[head] for name, mean_H in means.items()},
        )
        for head, (role, certainty) in enumerate(roles)
    ]


def _means(values_HT: torch.Tensor) -> list[float | None]:
    return [None if math.isnan(mean) else round(mean, DIGITS) for mean in values_HT.nanmean(-1).tolist()]


def _roles(
    shares_HT: dict[str, torch.Tensor],
    means: dict[str, list[float | None]],
    entropy_HT: torch.Tensor,
    distance_HT: torch.Tensor,
    looks_ahead: bool,
) -> list[tuple[str, float]]:
    """Return each head's role and the certainty of it."""
    heads, length = entropy_HT.shape
    names = list(shares_HT)
    every_RHT = torch.stack([share_HT.nan_to_num(-1) for share_HT in shares_HT.values()])
    there_RH = torch.stack([(~share_HT.isnan()).sum(-1) for share_HT in shares_HT.values()]).tolist()
    # A role holds at a position if its key gets more weight there than the key of any other role.
    largest_RHT = (every_RHT == every_RHT.amax(0)) & (every_RHT > 0) & ((every_RHT == every_RHT.amax(0)).sum(0) == 1)
    holds_RH = largest_RHT.sum(-1).tolist()
    visible_T = torch.full((length,), length) if looks_ahead else torch.arange(1, length + 1)
    visible_T = visible_T.to(entropy_HT.device)
    some_T = visible_T > 1
    broad_HT = (entropy_HT > 0.8 * visible_T.log()) & some_T
    local_HT = (distance_HT < 0.25 * visible_T / 2) & some_T  # False for cross-attention, whose distance is NaN
    broad_H, local_H = broad_HT.sum(-1).tolist(), local_HT.sum(-1).tolist()
    neither_H = (~broad_HT & ~local_HT & some_T).sum(-1).tolist()
    count = int(some_T.sum())
    found = []
    for head in range(heads):
        aimed = {name: mean_H[head] or 0.0 for name, mean_H in means.items() if name != "sink"}
        best = max(aimed, key=lambda name: aimed[name])
        if aimed[best] < CLEAR:  # the first token comes last, because it gets the weight that a head has no use for
            best = "sink" if (means["sink"][head] or 0) >= CLEAR else ""
        if best:
            at = names.index(best)
            found.append((ROLES[best], _surely(holds_RH[at][head], there_RH[at][head])))
            continue
        role, holds = max((("broad", broad_H[head]), ("local", local_H[head])), key=lambda pair: pair[1])
        if holds < 0.5 * count or count == 0:
            role, holds = "mixed", neither_H[head]
        found.append((role, _surely(holds, count)))
    return found


def _surely(holds: int, count: int) -> float:
    """Return the lower end of the 95 % Wilson interval of a share, which is low if there are few positions."""
    if count == 0:
        return 0.0
    z, share = 1.96, holds / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, (middle - spread) / (1 + z * z / count))


def _chance(reading: Reading, looks_ahead: bool) -> dict[str, float | None]:
    """Return the shares of a head that spreads its weight evenly over all the tokens it may see."""
    ids, length = reading.ids, len(reading.ids)
    seen = [length if looks_ahead else t + 1 for t in range(length)]
    before: dict[int, int] = {}
    repeats = []
    for t, token in enumerate(ids):
        if token in before:
            repeats.append(before[token] / seen[t])
        before[token] = before.get(token, 0) + 1
    every = [1 / n for n in seen]
    shares = {
        "sink": every if looks_ahead else every[1:],
        "current": every,
        "previous": every[1:],
        "next": every[:-1] if looks_ahead else [],
        "duplicate": repeats,
        "induction": repeats,
    }
    return {name: sum(values) / len(values) if values else None for name, values in shares.items()}

"""What a comparison measured besides its findings, in sentences made of the record's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from cutaway.errors import counted
from cutaway.inside.comparison_result import ComparedModel, HeadMatch, Segment

WORDS = 3  # segments named
ROLES = ("induction", "previous token")


def differences(
    sides: Sequence[ComparedModel],
    segments: Sequence[Segment],
    compared: tuple[int, int],
    matches: Sequence[HeadMatch],
) -> list[str]:
    """Say what was measured besides the findings, a sentence an item."""
    names = names_of(sides)
    return [
        _sizes(sides, names),
        _tokens(sides, names, len(segments), compared),
        *_surprisal(sides, names, segments),
        *(_role(role, sides, names, matches) for role in ROLES),
        *_spread(sides, names),
        *_sinks(sides, names),
        *_sight(sides, names),
    ]


def names_of(sides: Sequence[ComparedModel]) -> list[str]:
    """Return what the models are called in a sentence; two of the same name are called first and second."""
    names = [side.name.rstrip("/").rsplit("/", 1)[-1] for side in sides]
    return [f"{names[0]} (first)", f"{names[1]} (second)"] if names[0] == names[1] else names


def _sizes(sides: Sequence[ComparedModel], names: list[str]) -> str:
    a, b = (
        f"{name} has {side.parameters:,} parameters in {counted(side.layers, 'layer')} of "
        f"{counted(side.heads_per_layer, 'head')}"
        for side, name in zip(sides, names, strict=True)
    )
    return f"{a}; {b}."


def _tokens(sides: Sequence[ComparedModel], names: list[str], count: int, compared: tuple[int, int]) -> str:
    said = " and ".join(
        f"{name} reads {counted(side.tokens, 'token')}" + (f" ({side.special} of them special)" if side.special else "")
        for side, name in zip(sides, names, strict=True)
    )
    read = compared[1] - compared[0]
    part = "" if read == count else f"; both models have read {read:,} of them"
    return f"{said}; the token borders that they share cut the text into {counted(count, 'segment')}{part}."


def _surprisal(sides: Sequence[ComparedModel], names: list[str], segments: Sequence[Segment]) -> list[str]:
    known = [side for side in sides if side.bits_per_byte is not None]
    without = [name for side, name in zip(sides, names, strict=True) if side.bits is None]
    found = []
    if len(known) == 1:
        name = names[list(sides).index(known[0])]
        found.append(f"The surprisal of the text under {name} is {known[0].bits_per_byte:.3f} bits per byte.")
    if len(known) == 2:
        apart = sorted(
            (s for s in segments if s.bits_a is not None and s.bits_b is not None),
            key=lambda s: -abs((s.bits_a or 0) - (s.bits_b or 0)),
        )
        apart = [s for s in apart[:WORDS] if abs((s.bits_a or 0) - (s.bits_b or 0)) >= 0.005]
        if apart:
            words = ", ".join(f"“{s.text.strip() or s.text}” {s.bits_a:.2f} and {s.bits_b:.2f}" for s in apart)
            found.append(f"Surprisal differs most here (bits, {names[0]} and {names[1]}): {words}.")
        else:
            found.append("Surprisal differs by less than 0.01 bits on every segment.")
    if len(without) == 1:
        found.append(f"{without[0]} does not predict the next token, so it gives no surprisal.")
    elif without:
        found.append(f"{' and '.join(without)} do not predict the next token, so they give no surprisal.")
    return found


def _role(role: str, sides: Sequence[ComparedModel], names: list[str], matches: Sequence[HeadMatch]) -> str:
    said = []
    for which, name in enumerate(names):
        depths = sorted(match.depth for match in matches if match.model == "ab"[which] and match.role == role)
        total = sum(match.model == "ab"[which] for match in matches)
        where = f", at relative depth {_range(depths)}" if depths else ""
        if role == "induction" and all(layer.induction is None for layer in sides[which].depths):
            said.append(f"not measurable in {name}, because no token of the text comes twice")
        else:
            said.append(f"{len(depths)} of {counted(total, 'head')} of {name}{where}")
    named = "Induction heads" if role == "induction" else "Previous-token heads"
    return f"{named}: {'; '.join(said)}."


def _spread(sides: Sequence[ComparedModel], names: list[str]) -> list[str]:
    found = []
    for name, called, unit, end in (
        ("entropy_bits", "entropy", "bits", ""),
        ("distance", "distance", "tokens", ", each in its own tokens"),
    ):
        means = [_mean([getattr(layer, name) for layer in side.depths]) for side in sides]
        if None not in means:
            said = " and ".join(f"{mean:.2f} {unit} in {who}" for mean, who in zip(means, names, strict=True))
            found.append(f"The mean {called} of attention is {said}{end}.")
    return found


def _mean(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _sinks(sides: Sequence[ComparedModel], names: list[str]) -> list[str]:
    shares = []
    for side, name in zip(sides, names, strict=True):
        mean = _mean([layer.sink for layer in side.depths])
        if mean is not None:
            shares.append(f"{mean:.0%} of the attention of {name}")
    found = [f"The first token gets {' and '.join(shares)}."] if shares else []
    outside = [
        f"{side.outside:.0%} of the attention of {name}"
        for side, name in zip(sides, names, strict=True)
        if side.outside >= 0.0005
    ]
    if outside:
        found.append(
            f"Special tokens get {' and '.join(outside)}; to match heads, this part is left out and the rest scaled to "
            "sum to 1."
        )
    return found


def _sight(sides: Sequence[ComparedModel], names: list[str]) -> list[str]:
    if sides[0].causal == sides[1].causal:
        return []
    causal, other = (0, 1) if sides[0].causal else (1, 0)
    return [
        f"{names[other]} gives {sides[other].ahead:.0%} of its attention to later tokens (special tokens left out), "
        f"which no head of {names[causal]} can match."
    ]


def _range(depths: list[float]) -> str:
    return f"{depths[0]:.2f}" if depths[0] == depths[-1] else f"{depths[0]:.2f} to {depths[-1]:.2f}"

"""The three findings of a comparison: surprisal, where attention goes, and which heads are alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from cutaway.errors import counted
from cutaway.inside.comparison_result import ComparedModel, HeadMatch, HeadPair, Segment
from cutaway.inside.head_roles import Head
from cutaway.intervals import contrast, interval, mean_of, variance_of

RESTING = "first token"  # the role of heads that find nothing to attend to: that two of them are alike says little
CERTAIN = 2  # an interval needs so many values of each model

Shares = tuple[str, str, list[list[float]]]  # a measure's name, the format of its numbers, and both models' values


def findings(
    names: list[str],
    sides: Sequence[ComparedModel],
    segments: Sequence[Segment],
    size: int,
    heads: Sequence[Sequence[Head]],
    matches: Sequence[HeadMatch],
    pairs: Sequence[HeadPair],
    mean: float,
) -> list[str]:
    """Return the findings, a sentence each.

    `size` is the number of bytes that both models score, `mean` the mean similarity of all pairs of heads.
    """
    return [
        _cost(names, sides, segments, size),
        _attention(names, heads, matches),
        _alike(names, pairs, mean),
    ]


def _cost(names: list[str], sides: Sequence[ComparedModel], segments: Sequence[Segment], size: int) -> str:
    a, b = sides
    if a.bits_per_byte is None or b.bits_per_byte is None:
        return _kinds(names, sides)
    apart = [s.bits_a - s.bits_b for s in segments if s.bits_a is not None and s.bits_b is not None]
    _, low, high = interval(apart)
    share = len(apart) / size
    said = f"{names[0]} {a.bits_per_byte:.3f} and {names[1]} {b.bits_per_byte:.3f} bits per byte"
    difference = a.bits_per_byte - b.bits_per_byte
    if low is None or high is None or low <= 0 <= high:
        told = (
            "" if low is None or high is None else f", 95 % interval {_signed(low * share)} to {_signed(high * share)}"
        )
        if not difference:
            return f"The text surprises both models equally: {said}."
        return f"The text surprises both models about equally: {said} (difference {_signed(difference)}{told})."
    better, worse = (0, 1) if difference < 0 else (1, 0)
    ends = sorted(abs(end * share) for end in (low, high))
    return (
        f"The text surprises {names[better]} less than {names[worse]}: {said} (difference {abs(difference):.3f}, "
        f"95 % interval {ends[0]:.3f} to {ends[1]:.3f}, over {len(apart):,} segments with {size:,} bytes in all)."
    )


def _kinds(names: list[str], sides: Sequence[ComparedModel]) -> str:
    """Say in which directions the models attend, if their surprisal can't be compared."""
    if sides[0].causal != sides[1].causal:
        causal, other = (0, 1) if sides[0].causal else (1, 0)
        return (
            f"{names[causal]} is causal: it attends only backwards; {names[other]} attends both ways and gives "
            f"{sides[other].ahead:.0%} of its attention to later tokens (special tokens left out)."
        )
    way = "are causal" if sides[0].causal else "attend both ways"
    tokens = f"{names[0]} reads the text as {counted(sides[0].tokens, 'token')}, {names[1]} as {sides[1].tokens:,}"
    return f"Both models {way}; their surprisal can't be compared. {tokens}."


def _attention(names: list[str], heads: Sequence[Sequence[Head]], matches: Sequence[HeadMatch]) -> str:
    """Say in which measure the heads differ most: the largest difference of means, in standard deviations."""
    outside = [[1 - match.share for match in matches if match.model == side] for side in "ab"]
    measured: list[Shares] = [
        ("the entropy of attention, in bits", ".2f", _values(heads, lambda head: head.entropy_bits)),
        ("attention to special tokens", ".1%", outside),
        ("attention to the first token", ".1%", _values(heads, lambda head: head.sink)),
        ("attention to the previous token", ".1%", _values(heads, lambda head: head.previous)),
        ("attention to earlier copies of the same token", ".1%", _values(heads, lambda head: head.duplicate)),
        ("attention to the token after an earlier copy", ".1%", _values(heads, lambda head: head.induction)),
    ]
    best, found = 0.0, ""
    for what, form, (own, other) in measured:
        if min(len(own), len(other)) < CERTAIN:
            continue
        difference, low, high = contrast([(1.0, own, True), (-1.0, other, True)])
        spread = math.sqrt((variance_of(own) + variance_of(other)) / 2)
        if difference is None or low is None or high is None or low <= 0 <= high or not spread:
            continue
        if abs(difference) / spread > best:
            best = abs(difference) / spread
            means = [f"{name} {mean_of(some):{form}}" for name, some in zip(names, (own, other), strict=True)]
            ends = " to ".join(_signed(end, form).removesuffix(" points") for end in (low, high))
            found = (
                f"Their heads differ most in {what}: on average {means[0]} and {means[1]} (difference "
                f"{_signed(difference, form)}, 95 % interval {ends}, over {len(own):,} and {len(other):,} heads)."
            )
    return found or "On average their heads attend alike: no measure differs clearly between the models."


def _alike(names: list[str], pairs: Sequence[HeadPair], mean: float) -> str:
    pair = next((pair for pair in pairs if RESTING not in (pair.role_a, pair.role_b)), pairs[0])
    a, b = (f"{layer}.{head}" for layer, head in (pair.a, pair.b))
    start = "The" if RESTING in (pair.role_a, pair.role_b) else "Apart from heads that look at the first token, the"
    return (
        f"{start} most similar heads are {a} of {names[0]} ({pair.role_a}) and {b} of {names[1]} ({pair.role_b}): "
        f"similarity {pair.similarity:.3f}. All pairs have {mean:.3f} on average; 1 means the same attention."
    )


def _values(heads: Sequence[Sequence[Head]], of: Callable[[Head], float | None]) -> list[list[float]]:
    return [[value for head in some if (value := of(head)) is not None] for some in heads]


def _signed(value: float, form: str = ".3f") -> str:
    if form.endswith("%"):
        return f"{100 * value:+.1f}".replace("-", "−") + " points"
    return f"{value:+{form}}".replace("-", "−")

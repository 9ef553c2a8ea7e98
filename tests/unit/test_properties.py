"""Thousands of generated texts and series through every tokenizer: what comes back is what went in, or as declared."""

from __future__ import annotations

import bisect
import math
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from cutaway.tokens import (
    Bins,
    States,
    bins_of,
    bins_tokenizer,
    quantile_bins,
    states_tokenizer,
    uniform_bins,
)
from cutaway.tokens import train_tokenizer as train
from tests.unit.generated import SPECIALS, in_place, many, ten, the_same_each_time, there_and_back

__all__ = ["the_same_each_time"]

LEARNED = [
    "The cat sat, on the mat. It's naïve!\n" * 30,
    "日本語 text, 😀 a\u0301\n" * 9,
    "#hash ##tag <unk> 12.5%\n" * 9,
]
SUB_WORDS = {kind: train(LEARNED, kind, vocab_size=size) for kind, size in
             {"bpe": 320, "wordpiece": 560, "unigram": 300}.items()}  # fmt: skip
LOOKED_UP = {
    "char": train(LEARNED, "char"),
    "word": train(LEARNED, "word"),
    "few": train(LEARNED, "word", vocab_size=9),
}

PIECES = st.sampled_from(
    [*SPECIALS, "<unk", "<<unk>>", "##", "##a", "#", "Ġ", "Ċ", "Ġa", "▁", "[UNK]", "<0x41>", " ", "  ", "\r\n",
     "\u200d", "\ufeff", "\u0301", "\ufffd", "The cat", "'s", "\u00ad", "\u2028", "\x00", "\x1c", "😀", "👩\u200d🔬"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(max_codepoint=0x24F), max_size=30),
    st.text(" #abct'\n", max_size=80),
    st.lists(st.one_of(PIECES, PIECES, st.text(max_size=4)), max_size=10).map("".join),
)


@many
@given(ten(TEXTS))
@example(["", "#", "##", "a" * 65, "#" * 200, "é" * 64, "<unk><|end|>", "\x00", "\U0010ffff", "e\u0301"])
def test_texts(texts: list[str]) -> None:
    for text in texts:
        for name, tokenizer in SUB_WORDS.items():
            assert there_and_back(tokenizer, text)[1] == text, name
        for name, tokenizer in LOOKED_UP.items():
            assert there_and_back(tokenizer, text)[1] == in_place(tokenizer, text), name


SEASONS = [[[20 + 5 * math.sin(t / 9) for t in range(400)], [math.sin(t) ** 9 for t in range(400)]]]
BINS = [uniform_bins(101), quantile_bins(SEASONS, 60), uniform_bins(1, 1.0)]
TOKENIZERS = [bins_tokenizer(bins) for bins in BINS]
NUMBERS = st.one_of(
    st.floats(allow_infinity=False, allow_subnormal=True),
    st.floats(-100, 100),
    st.integers(-(10**6), 10**6).map(float),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, 2.0**-1000, -(2.0**-1001), 5e-324, 1.7976931348623157e308, math.nan]),
)
SERIES = st.integers(1, 3).flatmap(
    lambda channels: st.lists(st.lists(NUMBERS, min_size=channels, max_size=channels), max_size=3)
)


def stated(bins: Bins, value: float, power: int) -> Fraction:
    """Return how far off a number may be: half of its bin, |x| / 8192 beyond all bins, 2^-1000 for the smallest."""
    scaled = Fraction(value) / Fraction(2) ** power
    if not bins.edges[0] <= scaled <= bins.edges[-1]:
        return max(abs(Fraction(value)) / 8192, Fraction(2) ** -1000 if abs(value) < 2.0**-1000 else Fraction(0))
    at = min(max(1, bisect.bisect_right(bins.edges, scaled)), len(bins.edges) - 1)
    return (Fraction(bins.edges[at]) - Fraction(bins.edges[at - 1])) / 2 * Fraction(2) ** power


def power_of(words: list[str], channel: list[float]) -> int:
    """Return the exponent of a channel's scale as it is written, which is next above the mean of |x|, up to 2^±1000."""
    assert words[0] == "s"
    power = 64 * int(words[1][1:]) + int(words[2][1:]) - 1000
    sizes = [abs(Fraction(x)) for x in channel if not math.isnan(x)]
    if any(sizes) and -1000 < power < 1000:
        mean = sum(sizes) / len(sizes)
        near = Fraction(1, 2**40)  # the mean is summed in doubles
        assert Fraction(2) ** (power - 1) * (1 - near) <= mean <= Fraction(2) ** power * (1 + near)
    return power


@many
@given(ten(SERIES))
def test_series(made: list[list[list[float]]]) -> None:
    for steps in made:
        channels = [list(channel) for channel in zip(*steps, strict=True)] or [[]]
        for bins, tokenizer in zip(BINS, TOKENIZERS, strict=True):
            written = bins.write(channels)
            encoding, text = there_and_back(tokenizer, written)
            assert text == written and 1 not in encoding.ids
            back, words = bins.read(text), written.split()
            assert back.shape == (len(channels), len(channels[0]))
            for c, channel in enumerate(channels):
                power = power_of(words[3 * c : 3 * c + 3], channel)
                for x, y in zip(channel, back[c].tolist(), strict=True):
                    if math.isnan(x):
                        assert math.isnan(y)
                    else:
                        assert abs(Fraction(x) - Fraction(y)) <= stated(bins, x, power), (x, y)


STATES = States(((0.0, 0.0), (1.0, -1.0), (5.0, 5.0), (-3.5, 1e3), (0.1, 0.2)))
STATES_TOKENIZER = states_tokenizer(STATES)
COORDINATES = st.one_of(st.floats(-2000, 2000), st.floats(-2, 6), st.just(math.nan))
STEPS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=2)


@many
@given(ten(STEPS))
def test_time_steps(made: list[list[tuple[float, float]]]) -> None:
    for steps in made:
        written = STATES.write(list(zip(*steps, strict=True)))
        encoding, text = there_and_back(STATES_TOKENIZER, written)
        assert text == written and len(encoding.ids) == len(steps)
        for step, centre in zip(steps, STATES.read(text).T.tolist(), strict=True):
            if any(map(math.isnan, step)):
                assert all(map(math.isnan, centre))
                continue
            far = [
                sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(step, other, strict=True))
                for other in STATES.centres
            ]
            assert far[STATES.centres.index(tuple(centre))] <= min(far) * (1 + Fraction(1, 2**40))


def test_the_bins_are_in_the_tokenizers() -> None:
    assert [bins_of(tokenizer).edges for tokenizer in TOKENIZERS] == [bins.edges for bins in BINS]

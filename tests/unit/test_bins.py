"""Numbers as tokens: the bound holds for every finite double, exactly."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.tokens import (
    Bins,
    adversarial_input,
    bins_of,
    bins_tokenizer,
    quantile_bins,
    train_tokenizer,
    uniform_bins,
)

RNG = np.random.default_rng(0)
SEASONS = [[20 + 5 * np.sin(np.arange(400) / 9) + RNG.normal(size=400), RNG.exponential(size=400)]]
KINDS = {
    "uniform": uniform_bins(4023),
    "few": uniform_bins(3, 1.0),
    "one": uniform_bins(1, 1.0),
    "quantile": quantile_bins(SEASONS, 200),
    "constant": quantile_bins([[[3.0, 3.0, 3.0]]], 50),
    "zeros": quantile_bins([[[0.0] * 90 + list(range(10))]], 50),
    "signs": quantile_bins([[[-1.0, 1.0, 0.0, -2.0, 2.0] * 20]], 4),
    "fixed": quantile_bins([[[-40.0, 1.0, 30.0, 2.0, 0.0] * 20]], 30, fixed=True),
}
TINY, LEAST, MOST = 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308
EXTREMES = [
    [[0.0]], [[-0.0, 0.0]], [[TINY]], [[-TINY, TINY]], [[LEAST, -LEAST, TINY]], [[MOST]], [[-MOST, MOST]],
    [[MOST, TINY, -TINY, 0.0, 1.0]], [[1.0] * 5000 + [MOST]], [[TINY] * 5000 + [MOST, -MOST]],
    [[1e300] * 30 + [TINY, -TINY, -LEAST]], [[1.0, math.nan, -3.0]], [[math.nan, 2.0], [MOST, math.nan]],
    [[2.0**k for k in range(-1074, 1024)]], [[-(2.0**k) for k in range(-1074, 1024)]],
    [[math.nextafter(2.0**k, math.inf) for k in range(-1022, 1023, 7)]], [[0.1, 0.2, 0.3], [1e16, 1.0, -1e-16]],
    [[TINY * k for k in range(1, 300)]], [[LEAST * k for k in range(-50, 50)]], [[2.0**-1001] * 9], [[]],
]  # fmt: skip


def holds(bins: Bins, channels: list[list[float]]) -> None:
    """Hold every number against its bound, in exact arithmetic, through the tokens."""
    if bins.powers is not None:
        bins = Bins(bins.edges, bins.powers * len(channels))
    tokenizer = bins_tokenizer(bins)
    ids = tokenizer.encode(bins.write(channels)).ids
    assert not set(ids) & tokenizer.special_ids
    back, bounds = bins.read(tokenizer.decode(ids)), bins.bound(channels)
    assert back.shape == np.array(channels).shape
    for x, y, bound in zip(np.ravel(channels), back.ravel(), bounds.ravel(), strict=True):
        if math.isnan(x):
            assert math.isnan(y)
        else:
            assert abs(Fraction(float(x)) - Fraction(float(y))) <= Fraction(float(bound)), (x, y, bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", EXTREMES, ids=range(len(EXTREMES)))
def test_the_bound_holds_at_the_extremes(kind: str, channels: list[list[float]]) -> None:
    holds(KINDS[kind], channels)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_holds_for_adversarial_series(kind: str) -> None:
    for channels in itertools.islice(adversarial_input.numbers(3), 150):
        holds(KINDS[kind], channels)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_holds_for_every_pattern_of_bits(kind: str) -> None:
    bits = np.random.default_rng(5).integers(0, 2**64, 4000, dtype=np.uint64).view(np.float64)
    values = bits[np.isfinite(bits)]
    holds(KINDS[kind], [values.tolist()])
    for at in range(0, 200, 5):
        holds(KINDS[kind], [values[at : at + 5].tolist()])


@pytest.mark.parametrize("power", [-1073, -1022, -999, -7, 0, 40, 1000])
def test_the_bound_holds_at_the_edges(power: int) -> None:
    for bins in KINDS.values():
        at = np.ldexp(np.array([*bins.edges[:40], *bins.edges[-40:], *bins.middles[:40], *bins.edges[::97]]), power)
        near = np.concatenate([at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)])
        # One number so large or small that the scale is just a power of two times these.
        for size in np.ldexp([0.4, 0.5, 0.75, 1.0, 1.5], power):
            holds(bins, [[*near.tolist(), *[float(size)] * 900]])


def test_the_bound_is_half_a_bin_inside_and_relative_outside() -> None:
    bins = uniform_bins(4023)
    values = np.append(np.ones(9999), 1e6)
    bound = bins.bound([values])[0]
    assert bound[0] == 2.0**-8 * 128  # half of 1/128 of a bin, times the scale: the mean is 101
    assert bound[-1] == 1e6 / 8192
    assert np.diff(bins.edges) == pytest.approx(1 / 128, abs=0)
    assert bins.edges[-1] >= 15 and bins.edges[0] == -bins.edges[-1]
    assert bins.read(bins.write([[0.0, 5.0]]))[0, 0] == 0.0


def test_quantile_bins_hold_equally_many() -> None:
    values = np.random.default_rng(1).lognormal(size=10_000)
    bins = quantile_bins([[values]], 50)
    words = bins.write([values]).split()[3:]
    assert {words.count(f"b{i}") for i in range(50)} <= set(range(198, 203))


def test_channels_are_written_side_by_side() -> None:
    bins = uniform_bins(101)
    words = bins.write([[1.0, 2.0], [-1000.0, math.nan]]).split()
    assert [word for word in words[:6] if word == "s"] == ["s", "s"] and len(words) == 10
    assert words[-1] == "nan"
    assert bins.read(" ".join(words)).shape == (2, 2)


def test_its_bins_are_in_its_configuration() -> None:
    tokenizer = train_tokenizer(SEASONS, "bins", vocab_size=300, method="quantile")
    assert bins_of(tokenizer).write(SEASONS[0]) == quantile_bins(SEASONS, 300 - 73).write(SEASONS[0])
    assert len(tokenizer.vocabulary) <= 300
    with pytest.raises(InputError, match="not a tokenizer of bins"):
        bins_of(train_tokenizer(["a"], "char"))


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ([[math.inf]], "infinity"),
        ([[1.0], [1.0, 2.0]], "unequal lengths: 1, 2"),
        ([], "no channels"),
        ([[[1.0]]], "3 axes"),
    ],
)
def test_text_that_is_not_a_series_is_refused(channels: list[list[float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        uniform_bins(9).write(channels)


@pytest.mark.parametrize(
    "text", ["", "b1", "s d1", "s d15 d41 x", "s d15 d41 b9999", "s d15 d99 b1", "s d1 d1 + d1", "s d1 d1 s d1 d1 b1"]
)
def test_what_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        uniform_bins(9).read(text)


def test_a_frequent_number_comes_back_exactly() -> None:
    rain = [0.0] * 60 + RNG.exponential(3, size=40).round(1).tolist()
    bins = quantile_bins([[rain, [number + 5 for number in rain]]], 32)
    assert len(bins.edges) <= 33
    back = bins.read(bins.write([[0.0, 1.7, 0.0]]))[0]
    assert back[0] == back[2] == 0
    assert 0 < abs(back[1] - 1.7) < 1


def test_fixed_scales_write_a_number_alike_in_every_series() -> None:
    cold, warm = [1.0, 2.0, 3.0, 9.5], [9.5, 20.0, 30.0, 40.0]
    own, fixed = (quantile_bins([[cold, cold], [warm, warm]], 16, fixed=fixed) for fixed in (False, True))
    words = [[bins.write([cold, warm]).split()[6:][at] for at in (1, 6)] for bins in (own, fixed)]
    assert words[0][0] != words[0][1]
    series = np.array([[9.5, 3.0], [30.0, 9.5]])
    written = [fixed.write([channel, channel]).split()[6::2] for channel in series]
    assert written[0][0] == written[1][1]
    assert bins_of(bins_tokenizer(fixed, method="quantile")) == fixed
    assert fixed.powers == (4, 4)
    with pytest.raises(InputError, match=r"the series has 1 channel, and the tokenizer is for 2"):
        fixed.write([cold])
    with pytest.raises(InputError, match="series of 1 and 2 channels can't share fixed scales"):
        quantile_bins([[cold], [cold, warm]], 16, fixed=True)
    with pytest.raises(InputError, match="uniform bins have no fixed scale"):
        train_tokenizer([[cold]], "bins", scale="fixed")

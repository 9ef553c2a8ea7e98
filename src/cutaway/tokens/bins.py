"""Series of numbers as tokens: scaled and put into bins, with an error bound for every finite number.

A series is written as text with one word for each token, so that an ordinary tokenizer can read it: the scale of each
channel, then the numbers, time step by time step. A number is the word of its bin, `nan` if it is missing, or, if it is
outside all bins, a sign with two digits of exponent and two of mantissa (`0` for numbers below 2^-1000). A scale is the
smallest power of two above the mean of |x|: of the channel in this series, or in all series that the bins were learned
from (fixed). Edges are multiples of a small power of two, so scaling rounds nothing.

    s d15 d41 b2011 b2015 nan + d33 d36 d12 d0 …

Axis letters: `C` channels, `T` time steps, `N` bins.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tokenizers import models, pre_tokenizers

from cutaway.errors import InputError, counted
from cutaway.tokens.builder import SPECIALS, UNKNOWN, assemble, numbered, room_for
from cutaway.tokens.tokenizer import Tokenizer

SCALE, PLUS, MINUS, ZERO, MISSING = "s", "+", "-", "0", "nan"
SIGNS: Final = (SCALE, PLUS, MINUS, ZERO, MISSING)
_DIGITS: Final = 64
_DIGIT_OF: Final = {f"d{i}": i for i in range(_DIGITS)}
_LEAST: Final = len(SPECIALS) + len(SIGNS) + _DIGITS
_SCALE_RANGE: Final = 1000  # scales from 2^-1000 to 2^1000, so that bins of the smallest scale are not subnormal
_EXPONENTS: Final = 1100
_NOTHING: Final = 2.0**-_SCALE_RANGE
_GRAIN: Final = 2.0**-20
_FAR: Final = 2.0**20

Series = Sequence[ArrayLike] | NDArray[np.floating[Any]]
_Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Bins:
    """N bins of scaled numbers: their N + 1 edges, ascending. A bin decodes to its middle.

    `powers` are the exponents of the channels' scales if these are fixed; None if each series has its own.
    """

    edges: tuple[float, ...]
    powers: tuple[int, ...] | None = None

    def write(self, channels: Series) -> str:
        """Write C channels of T numbers as words; NaN is a missing number.

        Raises `InputError` for infinity and for channels of unequal length.

        >>> uniform_bins(9, 4).write([[1.0, -0.5, float("nan")] * 9 + [400.0]])[-30:]
        'nan b4 b4 nan + d17 d21 d36 d0'
        """
        values_CT = channels_of(channels)
        powers_C, _, bins_TC, outside_TC = self._placed(values_CT)
        header = [word for power in powers_C for word in (SCALE, *_digits(int(power) + _SCALE_RANGE))]
        values_TC = values_CT.T
        words_TC = self._words[bins_TC]
        for t, c in zip(*np.nonzero(outside_TC), strict=True):
            words_TC[t, c] = _escaped(float(values_TC[t, c]))
        words_TC[np.isnan(values_TC)] = MISSING
        return " ".join([*header, *words_TC.ravel()])

    def read(self, text: str) -> _Floats:
        """Read back C channels of T numbers. Raises `InputError` for words that `write` does not write.

        >>> uniform_bins(9, 4).read("s d15 d41 b4 b5 nan")
        array([[ 0.,  2., nan]])
        """
        words = text.split()
        channels = 0
        while words[3 * channels : 3 * channels + 1] == [SCALE]:
            channels += 1
        if channels == 0:
            raise InputError(
                "the tokens of a series must begin with the scale of each channel",
                hint="write s and two digits, for example s d15 d41",
            )
        powers = [_number(words[3 * c + 1 : 3 * c + 3]) - _SCALE_RANGE for c in range(channels)]
        middles, at = self.middles, 3 * channels
        values: list[float] = []
        while at < len(words):
            word, power = words[at], powers[len(values) % channels]
            if word in (PLUS, MINUS):
                values.append(_unescaped(word, words[at + 1 : at + 5]))
                at += 4
            elif word in (MISSING, ZERO):
                values.append(float(word))
            elif word[:1] == "b" and word[1:].isdecimal() and int(word[1:]) < len(middles):
                values.append(float(np.ldexp(middles[int(word[1:])], power)))
            else:
                raise InputError(
                    f"{word!r} is not a token of these bins", hint="decode with the tokenizer that encoded the series"
                )
            at += 1
        if len(values) % channels:
            raise InputError(
                f"{counted(len(values), 'number')} can't fill whole time steps of {counted(channels, 'channel')}",
                hint="give a number for each channel of the last time step",
            )
        return np.array(values, dtype=np.float64).reshape(-1, channels).T

    def bound(self, channels: Series) -> _Floats:
        """Return, for C channels of T numbers x, the largest error of what `read` gives: |x - x̂| ≤ bound.

        It is half a bin times the scale inside the bins, |x| / 8192 outside (2^-1000 for numbers below that), and 0 for
        a missing number.

        >>> uniform_bins(9, 4).bound([[1.0] * 999 + [400.0]])[0, [0, -1]]
        array([1.        , 0.04882812])
        """
        values_CT = channels_of(channels)
        powers_C, _, bins_TC, outside_TC = self._placed(values_CT)
        inside_TC = np.ldexp((np.diff(self._edges) / 2)[bins_TC], powers_C)
        size_TC = np.abs(values_CT.T)
        bound_TC = np.where(outside_TC, np.where(size_TC < _NOTHING, _NOTHING, np.ldexp(size_TC, -13)), inside_TC)
        return np.nan_to_num(np.where(np.isnan(values_CT.T), 0.0, bound_TC)).T

    def place(self, channels: Series) -> tuple[_Floats, _Floats, NDArray[np.int64]]:
        """Return the scales of C channels, the C × T numbers divided by them, and the bins of these.

        The bin is -1 for a number outside all bins and for a missing number.

        >>> uniform_bins(9, 4).place([[1.0, -0.5, float("nan")]])
        (array([1.]), array([[ 1. , -0.5,  nan]]), array([[ 5,  4, -1]]))
        """
        values_CT = channels_of(channels)
        powers_C, scaled_TC, bins_TC, outside_TC = self._placed(values_CT)
        nowhere_TC = outside_TC | np.isnan(values_CT.T)
        return np.ldexp(1.0, powers_C), scaled_TC.T, np.where(nowhere_TC, -1, bins_TC).T

    def _placed(self, values_CT: _Floats) -> tuple[NDArray[np.int64], _Floats, NDArray[np.int64], NDArray[np.bool_]]:
        """Return each channel's power of two, and T × C scaled numbers, their bins, and whether they are outside."""
        powers_C = self._powers(values_CT)
        scaled_TC = _scaled(values_CT.T, powers_C)
        bins_TC = np.searchsorted(self._edges, scaled_TC, side="right") - 1
        bins_TC[scaled_TC == self._edges[-1]] -= 1
        with np.errstate(invalid="ignore"):
            outside_TC = (scaled_TC < self._edges[0]) | (scaled_TC > self._edges[-1])
        return powers_C, scaled_TC, bins_TC.clip(0, len(self.edges) - 2), outside_TC

    def _powers(self, values_CT: _Floats) -> NDArray[np.int64]:
        if self.powers is None:
            return np.array([_power(values_T) for values_T in values_CT])
        if len(values_CT) != len(self.powers):
            raise InputError(
                f"the series has {counted(len(values_CT), 'channel')}, and the tokenizer is for {len(self.powers)}",
                hint="choose the columns that it was made for",
            )
        return np.array(self.powers)

    @functools.cached_property
    def middles(self) -> _Floats:
        """The middle of each bin, in units of the scale."""
        return (self._edges[1:] + self._edges[:-1]) / 2

    @functools.cached_property
    def _edges(self) -> _Floats:
        return np.array(self.edges, dtype=np.float64)

    @functools.cached_property
    def _words(self) -> NDArray[np.object_]:
        return np.array([f"b{i}" for i in range(len(self.edges) - 1)], dtype=object)


def uniform_bins(count: int, limit: float = 15.0) -> Bins:
    """Return bins of equal width that reach at least ± `limit` times the scale; 0 is the middle of one.

    The width is a power of two and the number of bins is odd, so every edge is exact. Source: Ansari et al. 2024
    (Chronos), arXiv:2403.07815, section 3.1. Chronos clips numbers beyond the limit; here they are written out.

    >>> uniform_bins(5, 2.5).edges
    (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)
    """
    if count < 1 or not 0 < limit <= _FAR:
        raise InputError(
            f"can't make {count:,} bins up to ± {limit:g}", hint="give at least 1 bin, and a limit up to a million"
        )
    count -= 1 - count % 2
    width = 2.0 ** np.ceil(np.log2(2 * limit / count))
    return Bins(tuple(((np.arange(count + 1) - count / 2) * width).tolist()))


def quantile_bins(series: Iterable[Series], count: int, most: int = 2_000_000, *, fixed: bool = False) -> Bins:
    """Return bins that hold equally many of the scaled numbers of `series`, learned from the first `most` of them.

    A number so frequent that several quantiles are equal, such as 0 of rain, is the middle of a narrow bin. With
    `fixed` every channel has one scale for all series. Raises `InputError` if there are no numbers, and with `fixed`
    for series that differ in their number of channels.

    >>> quantile_bins([[[0.0] * 6 + [1.0, 2.0]]], 4).middles.round(2)
    array([0.  , 0.25, 2.25])
    """
    found, total = [], 0
    for channels in series:
        found.append(channels_of(channels))
        total += int(np.isfinite(found[-1]).sum())
        if total >= most:
            break
    powers = _fixed_powers(found) if fixed else None
    if count < 1 or not total:
        raise InputError("the series have no numbers to learn bins from", hint="give a series with numbers")
    scaled = [
        _scaled(values_T, _power(values_T) if powers is None else powers[c])
        for values_CT in found
        for c, values_T in enumerate(values_CT)
    ]
    known = np.concatenate(scaled)
    edges = np.quantile(known[np.isfinite(known)][:most], np.linspace(0, 1, count + 1)).clip(-_FAR, _FAR)
    edges = np.round(edges / _GRAIN) * _GRAIN
    frequent = np.unique(edges[1:][np.diff(edges) == 0])
    edges = np.concatenate([edges[~np.isin(edges, frequent)], frequent - _GRAIN, frequent + _GRAIN])
    return Bins(tuple(np.unique(edges).tolist()), powers)


def _fixed_powers(series: Sequence[_Floats]) -> tuple[int, ...]:
    """Return the exponent of each channel's scale, from its numbers in all series."""
    if len(sizes := {len(values_CT) for values_CT in series}) > 1:
        raise InputError(
            f"series of {' and '.join(map(str, sorted(sizes)))} channels can't share fixed scales",
            hint="give series of the same channels, or let each have its own scale",
        )
    return tuple(_power(values_T) for values_T in np.concatenate(series, axis=1)) if series else ()


def bins_tokenizer(bins: Bins, *, method: str = "uniform") -> Tokenizer:
    """Make a tokenizer of the words that `bins` write; a number in a bin comes back to within half a bin.

    >>> bins = uniform_bins(101)
    >>> tokenizer = bins_tokenizer(bins)
    >>> bins.read(tokenizer.decode(tokenizer.encode(bins.write([[1.0, 0.0, 2.0]])).ids))
    array([[1., 0., 2.]])
    """
    declared: dict[str, Any] = {"edges": list(bins.edges)}
    declared |= {} if bins.powers is None else {"powers": list(bins.powers)}
    words = [*SIGNS, *_DIGIT_OF, *(f"b{i}" for i in range(len(bins.edges) - 1))]
    half = np.diff(np.array(bins.edges)).max() / 2
    rounding = (
        f"numbers are rounded by at most {half:g} times the channel's scale; a number x below {bins.edges[0]:g} or "
        f"above {bins.edges[-1]:g} scales by at most |x| / 8192, or 2^-1000 if that is more; "
        + (
            "the scale is the smallest power of two above the channel's mean |x|"
            if bins.powers is None
            else f"the scales of the channels are {', '.join(f'{2.0**power:g}' for power in bins.powers)}"
        )
    )
    return assemble(
        models.WordLevel(numbered(words), unk_token=UNKNOWN),
        "bins",
        "series",
        splitter=pre_tokenizers.WhitespaceSplit(),
        loses={"unknown": "words that are not a written number become <unk>", "rounding": rounding},
        written="series of numbers, as cutaway.tokens.Bins.write writes them",
        method=method,
        **declared,
    )


def bins_of(tokenizer: Tokenizer) -> Bins:
    """Return the bins of a tokenizer. Raises `InputError` if it was not made from bins."""
    declared = tokenizer.config.get("cutaway", {})
    edges, powers = declared.get("edges"), declared.get("powers")
    if edges is None:
        raise InputError(
            f"{tokenizer.name} is not a tokenizer of bins", hint="make one: cutaway tokenizer train --kind bins"
        )
    return Bins(tuple(edges), None if powers is None else tuple(powers))


def count_for(vocab_size: int) -> int:
    """Return how many bins fit in a vocabulary."""
    return 1 + room_for(vocab_size, _LEAST + 1, f"one bin, {len(SIGNS)} marks, {_DIGITS} digits")


def channels_of(channels: Series) -> _Floats:
    """Return a series as C × T doubles. Raises `InputError` for infinity and for channels of unequal length."""
    lengths = {len(np.atleast_1d(channel)) for channel in channels}
    if len(lengths) != 1:
        why = f"the channels have unequal lengths: {', '.join(map(str, sorted(lengths)))}"
        raise InputError(why if lengths else "the series has no channels", hint="give each channel as many numbers")
    values_CT = np.array([np.asarray(channel, dtype=np.float64) for channel in channels])
    if values_CT.ndim != 2:
        raise InputError(
            f"a series has two axes (channels, time steps), not {values_CT.ndim} axes", hint="for example [[1.0, 2.0]]"
        )
    if np.isinf(values_CT).any():
        raise InputError("a series can't hold infinity", hint="write nan for a missing number")
    return values_CT


def _power(values_T: _Floats) -> int:
    """Return the exponent of a channel's scale: the smallest power of two above the mean of |x|."""
    sizes = np.abs(values_T[~np.isnan(values_T)])
    if not sizes.size or not sizes.max():
        return 0
    top = int(np.frexp(sizes.max())[1])
    power = top + int(np.frexp(np.ldexp(sizes, -top).mean())[1])
    return max(-_SCALE_RANGE, min(_SCALE_RANGE, power))


def _scaled(values: _Floats, power: Any) -> _Floats:
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(values, -power)
    # A number so small that scaling makes it 0 keeps its sign: it may be just below an edge at 0.
    return np.where((scaled == 0) & (values != 0), np.copysign(5e-324, values), scaled)


def _escaped(value: float) -> str:
    if abs(value) < _NOTHING:
        return ZERO
    mantissa, exponent = np.frexp(abs(value))
    cell = int((mantissa - 0.5) * 2 * _DIGITS**2)
    return " ".join([MINUS if value < 0 else PLUS, *_digits(int(exponent) + _EXPONENTS), *_digits(cell)])


def _unescaped(sign: str, words: Sequence[str]) -> float:
    size = np.ldexp(0.5 + (_number(words[2:]) + 0.5) / (2 * _DIGITS**2), _number(words[:2]) - _EXPONENTS)
    return float(-size if sign == MINUS else size)


def _digits(number: int) -> list[str]:
    return [f"d{digit}" for digit in divmod(number, _DIGITS)]


def _number(words: Sequence[str]) -> int:
    try:
        high, low = (_DIGIT_OF[word] for word in words)
    except (KeyError, ValueError) as error:
        said = " ".join(words)
        raise InputError(f"{said!r} is not two digits of a series", hint="write two of d0 to d63") from error
    return high * _DIGITS + low

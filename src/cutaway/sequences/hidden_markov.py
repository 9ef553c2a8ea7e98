"""Hidden Markov sources: a chain of hidden states, each of which writes one letter, with exact surprisal and entropy.

The forward algorithm sums over all hidden paths, so it gives the exact probability of the next letter after any text
(Rabiner 1989, doi:10.1109/5.18626, equations 19 to 21; scaled at every letter). No model can predict better on average.

The entropy rate of such a source has no closed form in general. Two bounds close on it as n grows (Cover & Thomas,
*Elements of Information Theory*, theorem 4.5.1): H(X_n | X_1 … X_n-1, S_1) <= rate <= H(X_n | X_1 … X_n-1).

`B` rows, `T` positions, `S` hidden states, `V` letters. All entropies are in nats.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError, at_least

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK_NUMBERS: Final = 2_000_000  # at most so many probabilities for the bounds: 16 MB
_NEAR: Final = 2e-3  # nats; bounds this near to each other are better than a sample
_ROWS, _BEFORE, _COUNTED = 512, 512, 1536  # of the sample for the entropy rate


@dataclasses.dataclass(frozen=True)
class EntropyRate:
    """Entropy per letter in nats: between the exact bounds `lower` and `upper`, about `nats`.

    `error` is half the distance of the bounds if they are near (0 if they meet: then `nats` is exact); otherwise `nats`
    is the mean of a sample, and `error` its standard error.
    """

    nats: float
    error: float
    lower: float
    upper: float


@dataclasses.dataclass(frozen=True, eq=False)
class HiddenMarkovSource:
    """A stationary chain of S hidden states over V letters.

    `transitions[s][r]` is the weight of state r after state s, `emissions[s][v]` that of letter v in state s: whole
    numbers, so that every machine draws the same letters. A row need not have a certain sum. Every text begins in the
    stationary distribution: a sample is a window of an endless text.

    Raises `InputError` if the shapes don't fit or a row has no weight.

    Example:
        >>> coin = HiddenMarkovSource("coin", "HT", [[9, 1], [1, 9]], [[3, 1], [1, 3]])
        >>> coin.sample(np.random.default_rng(0), 12)
        'HTHTTTHTHHHH'
        >>> round(coin.entropy_rate.lower, 3) <= round(coin.nats_per_character, 3) <= round(coin.entropy_rate.upper, 3)
        True
    """

    name: str
    alphabet: str
    transitions: Sequence[Sequence[int]] | IntArray
    emissions: Sequence[Sequence[int]] | IntArray

    def __post_init__(self) -> None:
        transitions, emissions = np.array(self.transitions), np.array(self.emissions)
        states, letters = len(transitions), len(self.alphabet)
        if transitions.shape != (states, states) or emissions.shape != (states, letters):
            raise InputError(
                f"the source {self.name!r} has transitions {transitions.shape} and emissions {emissions.shape} "
                f"for {letters} letters",
                hint="transitions are states × states, emissions are states × letters",
            )
        for weights in (transitions, emissions):
            if weights.dtype.kind not in "iu" or (weights < 0).any() or (weights.sum(axis=1) == 0).any():
                raise InputError(
                    f"the source {self.name!r} has weights that are not whole numbers, below 0, or all 0 in a row",
                    hint="give whole numbers, 0 or above, and at least one above 0 in each row",
                )

    @functools.cached_property
    def transition_chances(self) -> FloatArray:
        """Probability of each state after each state."""
        return _chances(self.transitions)

    @functools.cached_property
    def emission_chances(self) -> FloatArray:
        """Probability of each letter in each state."""
        return _chances(self.emissions)

    @functools.cached_property
    def stationary(self) -> FloatArray:
        """The share of time that the chain spends in each state: the solution of p T = p with sum 1."""
        states = len(self.transition_chances)
        equations = np.vstack([self.transition_chances.T - np.eye(states), np.ones(states)])
        shares: FloatArray = np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0]
        shares = np.maximum(shares, 0)
        shares /= shares.sum()
        return shares

    def sample(self, rng: np.random.Generator, length: int = 1024) -> str:
        """Return a random text of `length` letters."""
        return self.sample_with_states(rng, length)[0]

    def sample_with_states(self, rng: np.random.Generator, length: int) -> tuple[str, IntArray]:
        """Return a random text and the hidden state behind each letter; two uniform numbers a letter."""
        at_least(1, length=length)
        starts, steps, letters = self._steps
        first, uniforms = rng.random(), rng.random((length, 2)).tolist()
        state = bisect_right(starts, first)
        text, states = [], []
        for step, letter in uniforms:
            states.append(state)
            text.append(self.alphabet[bisect_right(letters[state], letter)])
            state = bisect_right(steps[state], step)
        return "".join(text), np.array(states)

    def surprisal(self, text: str) -> FloatArray:
        """Return the exact surprisal of every letter, in nats: -ln p(letter | all before it); shape (T,).

        Raises `InputError` at the first letter that the source can't write there.
        """
        surprisal_T: FloatArray = self.surprisals([text])[0]
        return surprisal_T

    def surprisals(self, texts: Sequence[str]) -> FloatArray:
        """Return the surprisal of every letter of B texts of one length T, in nats; shape (B, T)."""
        if len({len(text) for text in texts}) != 1:
            raise InputError("the texts differ in length, or there are none", hint="call `surprisal` for each of them")
        ids_BT = np.array([self._ids(text) for text in texts], dtype=np.int64).reshape(len(texts), -1)
        surprisals_BT = np.empty(ids_BT.shape)
        for position, (ids_B, letters_BV) in enumerate(self._predictions(ids_BT, self.stationary)):
            chances_B = letters_BV[np.arange(len(ids_B)), ids_B]
            if (chances_B <= 0).any():
                row = int(np.flatnonzero(chances_B <= 0)[0])
                self._refuse(texts[row], position)
            surprisals_BT[:, position] = -np.log(chances_B)
        return surprisals_BT

    @property
    def nats_per_character(self) -> float:
        """Entropy rate: the lowest average loss with which any model can predict the next letter of a long text."""
        return self.entropy_rate.nats

    @functools.cached_property
    def entropy_rate(self) -> EntropyRate:
        """The entropy rate and exact bounds on it; the bounds meet for every Markov chain of letters.

        If they are not near, the rate is the mean entropy of the next letter's exact distribution over a long sample,
        always the same one, after at least 512 letters.
        """
        longest = math.log(_BLOCK_NUMBERS / len(self.transition_chances)) / math.log(max(2, len(self.alphabet)))
        lower, upper = self.entropy_bounds(max(2, int(longest)))
        if upper - lower < _NEAR:
            return EntropyRate((lower + upper) / 2, max(0.0, upper - lower) / 2, lower, upper)
        rng = np.random.default_rng(0)
        texts = [self.sample(rng, _BEFORE + _COUNTED) for _ in range(_ROWS)]
        ids_BT = np.array([self._ids(text) for text in texts])
        total_B = np.zeros(_ROWS)
        for _, letters_BV in itertools.islice(self._predictions(ids_BT, self.stationary), _BEFORE, None):
            total_B += _entropy(letters_BV)
        error = float(total_B.std(ddof=1)) / _COUNTED / math.sqrt(_ROWS)
        mean = float(total_B.mean()) / _COUNTED
        return EntropyRate(min(max(mean, lower), upper), error, lower, upper)

    def entropy_bounds(self, length: int) -> tuple[float, float]:
        """Return exact bounds from all blocks of `length` letters (2 or more), in nats per letter.

        Time and memory grow as V ** `length` × S.
        """
        at_least(2, length=length)
        bounds = []
        # The probability of each block from each first state: one more letter in front at each step.
        blocks_NS = np.ones((1, len(self.transition_chances)))
        for _ in range(length):
            after_NS = blocks_NS @ self.transition_chances.T
            blocks_NS = np.concatenate([after_NS * letter_S for letter_S in self.emission_chances.T])
            given_start, alone = _entropy(blocks_NS.T) @ self.stationary, _entropy(blocks_NS @ self.stationary)
            bounds.append((float(given_start), float(alone)))
        return bounds[-1][0] - bounds[-2][0], bounds[-1][1] - bounds[-2][1]

    def _predictions(self, ids_BT: IntArray, starts_S: FloatArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield, for each position, the letters there (B) and the exact distribution before seeing them (B, V)."""
        states_BS = np.tile(starts_S, (len(ids_BT), 1))
        for ids_B in ids_BT.T:
            yield ids_B, states_BS @ self.emission_chances
            states_BS = states_BS * self.emission_chances.T[ids_B]
            states_BS = states_BS @ self.transition_chances / states_BS.sum(axis=1, keepdims=True)

    @functools.cached_property
    def _steps(self) -> tuple[list[float], list[list[float]], list[list[float]]]:
        """Return thresholds for a uniform number: of the first state, of the state after each state, of each letter."""
        tables = [_thresholds(np.array(weights)) for weights in (self.transitions, self.emissions)]
        shares = np.cumsum(self.stationary)
        shares[np.flatnonzero(self.stationary)[-1] :] = np.inf
        return shares.tolist(), tables[0], tables[1]

    @functools.cached_property
    def _letter_ids(self) -> dict[str, int]:
        return {letter: number for number, letter in enumerate(self.alphabet)}

    def _ids(self, text: str) -> list[int]:
        try:
            return [self._letter_ids[letter] for letter in text]
        except KeyError:
            position = next(place for place, letter in enumerate(text) if letter not in self._letter_ids)
            self._refuse(text, position)
            raise

    def _refuse(self, text: str, position: int) -> None:
        raise InputError(
            f"the source {self.name!r} never writes {text[position]!r} at position {position}, "
            f"after {text[max(position - 40, 0) : position]!r}",
            hint=f"give text that this source wrote; its letters are {self.alphabet}",
        )


def _chances(weights: Sequence[Sequence[int]] | IntArray) -> FloatArray:
    table = np.array(weights, dtype=np.float64)
    chances: FloatArray = table / table.sum(axis=1, keepdims=True)
    return chances


def _thresholds(weights: IntArray) -> list[list[float]]:
    """Return the cumulative shares of each row; whole numbers up to the division, so equal on every machine."""
    shares = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    for row, row_weights in zip(shares, weights, strict=True):
        row[np.flatnonzero(row_weights)[-1] :] = np.inf
    return shares.tolist()  # type: ignore[no-any-return]


def _entropy(chances: FloatArray) -> FloatArray:
    """Return -sum p ln p over the last axis, in nats; each row sums to 1."""
    logs = np.log(chances, out=np.zeros_like(chances), where=chances > 0)
    entropy: FloatArray = -(chances * logs).sum(axis=-1)
    return entropy

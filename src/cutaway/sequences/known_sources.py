"""Sources whose entropy is known exactly, by name: what a model trained on them can reach, and no more.

A model trained on `known_source(name)` has a floor: the mean of `surprisal` over the rows that it is measured on. A
loss below it means that the model sees what it must not see.

- `built-in` English sentences in which a word depends on one forty characters before it;
- `built-in:markov-dna` DNA in which a letter depends on the two before it;
- `built-in:hidden-markov` letters whose frequencies change when a hidden state does;
- `built-in:codons` DNA with genes: the reading frame is hidden, and a model must find it to predict well;
- `built-in:three-wells` the wells in which a particle is found that moves in a potential with three of them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.sequences.hidden_markov import HiddenMarkovSource
from cutaway.sequences.synthetic_text import SENTENCES

FloatArray = NDArray[np.float64]

THREE_WELL_TIME: Final = 0.02
"""Time between two letters of `three_wells`, in units of length² / diffusion."""

_DNA: Final = "ACGT"
_STOPS: Final = ("TAA", "TAG", "TGA")
# The standard genetic code in the order of _DNA, and how often an amino acid occurs; a stop comes once in 52 codons.
_AMINO_ACIDS: Final = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
_FREQUENCY: Final = dict(
    zip("LAGVEKSIDTRNPQFYMHWC*", (*(22, 16, 10, 9, 8, 7, 5, 4, 4, 3, 3, 2, 2), *[1] * 7, 2), strict=True)
)
# How often each letter is chosen last, among the codons of an amino acid.
_LAST: Final = {"A": 1, "C": 40, "G": 12, "T": 3}
# The weights of A, C, G and T after each pair of letters, in the order AA, AC, …, TT.
_AFTER_TWO: Final = (
    *((50, 10, 25, 15), (12, 8, 5, 75), (10, 60, 20, 10), (5, 25, 60, 10)),
    *((15, 15, 55, 15), (40, 40, 2, 18), (10, 10, 10, 70), (65, 10, 15, 10)),
    *((5, 70, 15, 10), (25, 15, 50, 10), (45, 5, 5, 45), (10, 20, 10, 60)),
    *((20, 5, 5, 70), (60, 15, 15, 10), (10, 30, 50, 10), (15, 60, 15, 10)),
)


class KnownSource(Protocol):
    """What every source of known entropy offers."""

    @property
    def name(self) -> str:
        """Its name, as `known_source` takes it."""

    @property
    def alphabet(self) -> str:
        """All characters that occur."""

    @property
    def nats_per_character(self) -> float:
        """Entropy rate in nats per character."""

    def sample(self, rng: np.random.Generator, length: int) -> str:
        """Return a random text of `length` characters."""

    def surprisal(self, text: str) -> FloatArray:
        """Return -ln p(character | all before it) for each character of a text from its start, in nats."""


def known_source(name: str) -> KnownSource:
    """Return the source of a name. Raises `InputError` for any other name; it lists them all.

    >>> known_source("built-in:markov-dna").sample(np.random.default_rng(0), 20)
    'GAATGTAAACTATGTTCCAT'
    """
    make = _SOURCES.get(name)
    if make is None:
        raise InputError(f"there is no source {name!r}", hint=f"choose one of {', '.join(KNOWN_SOURCES)}")
    return make()


@functools.cache
def markov_dna() -> HiddenMarkovSource:
    """Return DNA of order 2: each letter depends on the two before it, of which the chain's 16 states are made."""
    pairs = ["".join(pair) for pair in itertools.product(_DNA, repeat=2)]
    transitions = np.zeros((16, 16), dtype=np.int64)
    for row, (pair, weights) in enumerate(zip(pairs, _AFTER_TWO, strict=True)):
        for letter, weight in zip(_DNA, weights, strict=True):
            transitions[row, pairs.index(pair[1] + letter)] = weight
    return HiddenMarkovSource("built-in:markov-dna", _DNA, transitions, _written([pair[1] for pair in pairs]))


@functools.cache
def hidden_markov() -> HiddenMarkovSource:
    """Return three hidden states with letter frequencies of their own; one lasts for 25 letters on average."""
    return HiddenMarkovSource(
        "built-in:hidden-markov",
        "abcde",
        [[96, 3, 1], [1, 96, 3], [3, 1, 96]],
        [[80, 10, 5, 3, 2], [3, 5, 20, 70, 2], [10, 2, 3, 5, 80]],
    )


@functools.cache
def codons() -> HiddenMarkovSource:
    """Return DNA with genes: ATG, codons of a biased usage, and a stop codon; between genes, letters rich in A and T.

    The 30 states: between genes (1), the start codon (3), the first letter of a codon (4), its first two letters (16),
    its last letter (4), and the last letter of a stop codon (2).
    """
    usage = {codon: _usage(codon) for codon in map("".join, itertools.product(_DNA, repeat=3))}
    starts, seconds = ["start A", "start T", "start G"], list(map("".join, itertools.product(_DNA, repeat=2)))
    states = ["between", *starts, *_DNA, *seconds, *(f"end {letter}" for letter in _DNA), "stop A", "stop G"]
    transitions = np.zeros((len(states), len(states)), dtype=np.int64)

    def join(before: str, after: str, weight: int) -> None:
        transitions[states.index(before), states.index(after)] += weight

    join("between", "between", 59)
    join("between", "start A", 1)
    join("start A", "start T", 1)
    join("start T", "start G", 1)
    for codon, weight in usage.items():
        for before in ("start G", *(f"end {letter}" for letter in _DNA)):
            join(before, codon[0], weight)
        join(codon[0], codon[:2], weight)
        join(codon[:2], f"{'stop' if codon in _STOPS else 'end'} {codon[2]}", weight)
    join("stop A", "between", 1)
    join("stop G", "between", 1)
    emissions = _written([state[-1] for state in states])
    emissions[0] = [32, 18, 18, 32]
    return HiddenMarkovSource("built-in:codons", _DNA, transitions, emissions)


@functools.cache
def three_wells() -> HiddenMarkovSource:
    """Return the well (A, B or C) of a particle in a potential with three wells, at equal times.

    Overdamped Langevin dynamics dx = -U'(x) dt + sqrt(2) dW in units of kT, on a grid: jumps to neighbours with the
    rates of `langevin_rates`, whose stationary distribution is exactly Boltzmann's. The transition matrix over the time
    between two letters is exp(rates × time), kept to nine digits. The letters alone are not a Markov chain: they don't
    say how near the particle is to a barrier.
    """
    places = three_well_grid()
    potential, rates = three_well_potential(places), langevin_rates(places)
    # exp(rates × time) by the eigenvectors of the symmetric matrix that detailed balance allows.
    root = np.exp(-potential / 2)
    values, vectors = np.linalg.eigh(rates * root[:, None] / root[None, :])
    chances = (vectors * np.exp(values * THREE_WELL_TIME)) @ vectors.T * root[None, :] / root[:, None]
    wells = np.digitize(places, [-1 / math.sqrt(3), 1 / math.sqrt(3)])
    return HiddenMarkovSource(
        "built-in:three-wells",
        "ABC",
        np.rint(np.maximum(chances, 0) * 1e9).astype(np.int64),
        np.eye(3, dtype=np.int64)[wells],
    )


def three_well_grid() -> FloatArray:
    """Return the places on which the particle of `three_wells` can be; the wells are at -1, 0 and 1."""
    return np.linspace(-1.4, 1.4, 57)


def three_well_potential(places: FloatArray) -> FloatArray:
    """Return U(x) in kT: barriers of 1 kT at ±1/√3 between wells at -1, 0 and 1, tilted to the left by 1/4."""
    potential: FloatArray = 27 / 4 * places**2 * (places**2 - 1) ** 2 + 0.25 * places
    return potential


def langevin_rates(places: FloatArray) -> FloatArray:
    """Return the rates of jumps between neighbours on a grid, for `three_well_potential` and diffusion 1.

    The rate from i to its neighbour j is exp((U_i - U_j) / 2) / h², with the grid's step h (Lie, Fackeldey & Weber
    2013, SIAM J. Matrix Anal. Appl. 34:738, the square root approximation). The diagonal is minus the sum.
    """
    step = places[1] - places[0]
    potential = three_well_potential(places)
    rates: FloatArray = np.exp((potential[:, None] - potential[None, :]) / 2) / step**2
    rates *= np.abs(np.subtract.outer(np.arange(len(places)), np.arange(len(places)))) == 1
    rates -= np.diag(rates.sum(axis=1))
    return rates


def _usage(codon: str) -> int:
    codes = dict(zip(map("".join, itertools.product(_DNA, repeat=3)), _AMINO_ACIDS, strict=True))
    acid = codes[codon]
    alike = sum(_LAST[other[2]] for other, code in codes.items() if code == acid)
    return round(10_000 * _FREQUENCY[acid] * _LAST[codon[2]] / alike)


def _written(letters: list[str]) -> NDArray[np.int64]:
    """Return the emissions of states that always write their letter."""
    return np.array([[int(letter == written) for letter in _DNA] for written in letters])


_SOURCES: Final[dict[str, Callable[[], KnownSource]]] = {
    "built-in": lambda: SENTENCES,
    "built-in:markov-dna": markov_dna,
    "built-in:hidden-markov": hidden_markov,
    "built-in:codons": codons,
    "built-in:three-wells": three_wells,
}
KNOWN_SOURCES: Final = tuple(_SOURCES)
"""The names of all sources of known entropy."""

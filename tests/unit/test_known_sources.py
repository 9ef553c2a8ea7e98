"""Sources of known entropy: against sums over all hidden paths, closed formulas and long samples."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import scipy.linalg

from cutaway.errors import InputError
from cutaway.random_streams import stream
from cutaway.sequences import KNOWN_SOURCES, SENTENCES, HiddenMarkovSource, known_source
from cutaway.sequences.known_sources import (
    THREE_WELL_TIME,
    codons,
    hidden_markov,
    langevin_rates,
    markov_dna,
    three_well_grid,
    three_well_potential,
    three_wells,
)
from cutaway.training import SourceRows, character_tokenizer

CHAINS = [markov_dna, hidden_markov, codons, three_wells]
COIN = HiddenMarkovSource("coin", "HT", [[9, 1], [2, 8]], [[3, 1], [0, 5]])


def _probability_by_paths(source: HiddenMarkovSource, text: str) -> float:
    """Sum over every hidden path that can write the text."""
    total = 0.0
    states = range(len(source.stationary))
    letters = [source.alphabet.index(letter) for letter in text]
    for path in itertools.product(states, repeat=len(text)):
        chance = float(source.stationary[path[0]])
        for place, (state, letter) in enumerate(zip(path, letters, strict=True)):
            if place:
                chance *= float(source.transition_chances[path[place - 1], state])
            chance *= float(source.emission_chances[state, letter])
        total += chance
    return total


@pytest.mark.parametrize(("source", "length"), [(COIN, 7), (hidden_markov(), 6), (markov_dna(), 3), (codons(), 3)])
def test_surprisal_is_the_sum_over_hidden_paths(source: HiddenMarkovSource, length: int) -> None:
    text = source.sample(np.random.default_rng(3), length)
    before = 1.0
    for position, surprisal in enumerate(source.surprisal(text)):
        now = _probability_by_paths(source, text[: position + 1])
        assert surprisal == pytest.approx(-math.log(now / before), rel=1e-9)
        before = now


@pytest.mark.parametrize("make", CHAINS)
def test_texts_of_one_length_sum_to_one(make) -> None:
    source = make()
    texts = ["".join(letters) for letters in itertools.product(source.alphabet, repeat=4)]
    total = 0.0
    for text in texts:
        try:
            total += math.exp(-source.surprisal(text).sum())
        except InputError:
            continue  # it can't occur
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("make", CHAINS)
def test_stationary_from_the_first_letter_on(make) -> None:
    source = make()
    np.testing.assert_allclose(source.stationary @ source.transition_chances, source.stationary, atol=1e-12)
    assert source.stationary.sum() == pytest.approx(1)
    # Over many texts, letters and hidden states are as frequent at the start as after 40 steps, and as predicted.
    rng = np.random.default_rng(1)
    drawn = [source.sample_with_states(rng, 41) for _ in range(4000)]
    expected_V = source.stationary @ source.emission_chances
    for place in (0, 40):
        counts = Counter(text[place] for text, _ in drawn)
        found_V = np.array([counts[letter] for letter in source.alphabet]) / len(drawn)
        np.testing.assert_allclose(found_V, expected_V, atol=5 * 0.5 / math.sqrt(len(drawn)))
        shares_S = np.bincount([states[place] for _, states in drawn], minlength=len(source.stationary)) / len(drawn)
        np.testing.assert_allclose(shares_S, source.stationary, atol=5 * 0.5 / math.sqrt(len(drawn)))


@pytest.mark.parametrize("make", CHAINS)
def test_rate_lies_between_its_bounds_and_a_long_text_has_it(make) -> None:
    source = make()
    rate = source.entropy_rate
    assert rate.lower - 1e-9 <= rate.nats <= rate.upper + 1e-9
    assert rate.error <= 0.002  # nats: 0.003 bits, where training must come within 0.02 bits
    rng = np.random.default_rng(7)
    texts = [source.sample(rng, 1200) for _ in range(100)]
    means_B = source.surprisals(texts)[:, 200:].mean(axis=1)
    error = means_B.std(ddof=1) / math.sqrt(len(texts))
    assert abs(means_B.mean() - rate.nats) < 5 * math.hypot(error, rate.error)


@pytest.mark.parametrize("source", [COIN, hidden_markov()])
def test_bounds_close_from_both_sides(source: HiddenMarkovSource) -> None:
    bounds = [source.entropy_bounds(length) for length in range(2, 8)]
    lower, upper = zip(*bounds, strict=True)
    assert list(lower) == sorted(lower) and list(upper) == sorted(upper, reverse=True)
    assert all(low < high for low, high in bounds)


def test_block_entropies_are_those_of_the_enumeration() -> None:
    """The upper bound is H(X_1 … X_n) - H(X_1 … X_n-1), from the probabilities by paths."""

    def entropy(length: int) -> float:
        chances = [
            _probability_by_paths(COIN, "".join(text)) for text in itertools.product(COIN.alphabet, repeat=length)
        ]
        return -math.fsum(chance * math.log(chance) for chance in chances if chance)

    assert COIN.entropy_bounds(5)[1] == pytest.approx(entropy(5) - entropy(4), rel=1e-9)


def test_markov_dna_has_the_entropy_of_its_rows() -> None:
    source = markov_dna()
    chances_SS = source.transition_chances
    logs = np.log(chances_SS, out=np.zeros_like(chances_SS), where=chances_SS > 0)
    assert source.nats_per_character == pytest.approx(float(source.stationary @ -(chances_SS * logs).sum(axis=1)))
    assert source.entropy_rate.error < 1e-12
    # A letter follows from the two before it as the table says; counted in a long text.
    text = source.sample(np.random.default_rng(0), 200_000)
    triples, pairs = Counter(map("".join, zip(text, text[1:], text[2:], strict=False))), Counter()
    for triple, count in triples.items():
        pairs[triple[:2]] += count
    assert triples["AAA"] / pairs["AA"] == pytest.approx(0.50, abs=0.02)
    assert triples["ACT"] / pairs["AC"] == pytest.approx(0.75, abs=0.02)
    # From the third letter on, the surprisal is that of the table alone.
    assert source.surprisal("AAACT")[2:] == pytest.approx([-math.log(0.5), -math.log(0.10), -math.log(0.75)])


def test_genes_begin_with_atg_and_end_with_their_first_stop() -> None:
    source = codons()
    text, states = source.sample_with_states(np.random.default_rng(5), 60_000)
    genes = [
        (start, end) for start, end in _runs(states > 0) if start > 0 and end < len(text)
    ]  # state 0 is between genes; a gene cut off by the text's ends does not count
    assert len(genes) > 100
    lengths = []
    for start, end in genes:
        gene = text[start:end]
        read = [gene[place : place + 3] for place in range(0, len(gene), 3)]
        assert read[0] == "ATG" and read[-1] in ("TAA", "TAG", "TGA")
        assert not {"TAA", "TAG", "TGA"} & set(read[:-1]) and len(gene) % 3 == 0
        lengths.append(len(read) - 1)
    assert np.mean(lengths) == pytest.approx(52, rel=0.25)  # codons after ATG until the first stop, of 1 in 52


def _runs(inside) -> list[tuple[int, int]]:
    borders = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    return [(int(start), int(end)) for start, end in borders.reshape(-1, 2)]


def test_the_frame_is_worth_finding() -> None:
    """A model that sees six letters only stays further above the floor than training may."""
    assert codons().entropy_bounds(6)[1] - codons().nats_per_character > 0.02 * math.log(2)
    assert hidden_markov().entropy_bounds(3)[1] - hidden_markov().nats_per_character > 0.02 * math.log(2)
    assert three_wells().entropy_bounds(2)[1] - three_wells().nats_per_character > 0.02 * math.log(2)


def test_the_particle_has_boltzmanns_distribution() -> None:
    source, places = three_wells(), three_well_grid()
    boltzmann = np.exp(-three_well_potential(places))
    np.testing.assert_allclose(source.stationary, boltzmann / boltzmann.sum(), atol=1e-6)
    flows = source.stationary[:, None] * source.transition_chances
    np.testing.assert_allclose(flows, flows.T, atol=1e-8)  # detailed balance
    exact = scipy.linalg.expm(langevin_rates(places) * THREE_WELL_TIME)
    np.testing.assert_allclose(source.transition_chances, exact, atol=2e-9)
    # The potential has its minima near -1, 0 and 1, and maxima near ±1/√3.
    middle = three_well_potential(places)[1:-1]
    minima = places[1:-1][(middle < three_well_potential(places)[:-2]) & (middle < three_well_potential(places)[2:])]
    np.testing.assert_allclose(minima, [-1, 0, 1], atol=0.05)


def test_the_grid_is_fine_enough_for_the_dynamics() -> None:
    """Euler's method for the stochastic equation, in steps of 1/40 of the time, changes wells as often."""
    source, steps, particles = three_wells(), 40, 40_000
    rng, dt = np.random.default_rng(2), THREE_WELL_TIME / 40
    places = three_well_grid()
    x = rng.choice(places, size=particles, p=source.stationary)
    step = 1e-5
    before = np.digitize(x, [-1 / math.sqrt(3), 1 / math.sqrt(3)])
    for _ in range(steps):
        slope = (three_well_potential(x + step) - three_well_potential(x - step)) / (2 * step)
        x = x - slope * dt + math.sqrt(2 * dt) * rng.standard_normal(particles)
    after = np.digitize(x, [-1 / math.sqrt(3), 1 / math.sqrt(3)])
    wells = np.argmax(source.emission_chances, axis=1)
    moved = source.stationary @ (source.transition_chances * (wells[:, None] != wells[None, :])).sum(axis=1)
    assert np.mean(before != after) == pytest.approx(moved, rel=0.1)


@pytest.mark.parametrize("name", KNOWN_SOURCES)
def test_every_name_gives_a_source_that_training_takes(name: str) -> None:
    source = known_source(name)
    assert source.name == name and source is known_source(name)
    rows = SourceRows(source, character_tokenizer([source.alphabet]), context=40)
    assert rows.row(5, 2).ids.tolist() == rows.row(5, 2).ids.tolist() != rows.row(5, 3).ids.tolist()
    held_out = rows.held_out(3)
    assert [len(row.ids) for row in held_out] == [41] * 3
    assert 0 < rows.floor(held_out) < math.log(len(source.alphabet))
    assert set(source.sample(np.random.default_rng(0), 300)) <= set(source.alphabet)


def test_sentences_are_drawn_as_before() -> None:
    texts, rng = "", stream(5, "rows", 1, 2)
    while len(texts) < 150:
        texts += SENTENCES.sample(rng)
    assert SENTENCES.sample(stream(5, "rows", 1, 2), 150) == texts[:150]


def test_unknown_name_lists_all() -> None:
    with pytest.raises(InputError) as error:
        known_source("built-in:markov")
    assert all(name in str(error.value) for name in KNOWN_SOURCES)


@pytest.mark.parametrize("text", ["HTX", "x"])
def test_a_letter_that_never_occurs(text: str) -> None:
    with pytest.raises(InputError, match="never writes"):
        COIN.surprisal(text)


def test_a_text_that_cannot_occur_names_the_place() -> None:
    # In a gene's start codon only ATG can follow; a source whose state is known refuses the rest.
    cycle = HiddenMarkovSource("cycle", "ab", [[0, 1], [1, 0]], [[1, 0], [0, 1]])
    assert cycle.surprisal("abab") == pytest.approx([math.log(2), 0, 0, 0])
    with pytest.raises(InputError, match="'b' at position 4"):
        cycle.surprisal("ababb"[:4] + "b")


@pytest.mark.parametrize(
    ("transitions", "emissions"),
    [
        ([[1, 1]], [[1, 1]]),
        ([[1, 1], [0, 0]], [[1, 0], [0, 1]]),
        ([[1, 1], [1, -1]], [[1, 0], [0, 1]]),
        ([[0.5, 0.5], [0.5, 0.5]], [[1, 0], [0, 1]]),
        ([[1, 1], [1, 1]], [[1], [1]]),
    ],
)
def test_tables_that_do_not_fit(transitions, emissions) -> None:
    with pytest.raises(InputError, match="source 'bad'"):
        HiddenMarkovSource("bad", "ab", transitions, emissions)

"""Baselines of symbols: each sums to 1, and on sources of known entropy each costs what theory says."""

import itertools
import math

import numpy as np
import pytest

from cutaway.evaluation.ngrams import NGrams, chosen_smoothing
from cutaway.evaluation.symbol_baselines import Symbols, symbol_baselines
from cutaway.tokens.ngrams import bigram_bits

RANDOM = np.random.default_rng(8)
LN2 = math.log(2)


def markov(count, length, random=RANDOM):
    """Return records of a chain of order 2 over four letters, its entropy rate in nats."""
    chance = np.random.default_rng(1).dirichlet(np.full(4, 0.4), size=(4, 4))
    cumulative = chance.cumsum(-1)
    records = []
    for _ in range(count):
        ids = list(random.integers(4, size=2))
        for u in random.random(length):
            ids.append(min(3, int(np.searchsorted(cumulative[ids[-2], ids[-1]], u))))
        records.append(np.array(ids))
    pairs = np.full((4, 4), 1 / 16)
    for _ in range(2000):
        pairs = np.einsum("ab,abc->bc", pairs, chance)
    return records, float(-(pairs[..., None] * chance * np.log(chance)).sum()), chance


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("pseudo", [0, 16])
def test_probabilities_of_all_outcomes_sum_to_one(order, ends, pseudo):
    learned = [RANDOM.integers(5, size=n) for n in (0, 1, 7, 90)]
    model = NGrams(learned, size=5, order=order, ends=ends, pseudo=pseudo)
    for context in [*map(np.array, ([], [0], [4, 4, 4], [1, 2, 3, 4])), learned[3][:20]]:
        context = context.astype(np.int64)
        nexts = [np.append(context, w) for w in range(5)]
        total = sum(math.exp(-nats[-1]) for nats in model.nats(nexts, [False] * 5))
        if ends:
            total += math.exp(-model.nats([context], [True])[0][-1])
        assert total == pytest.approx(1)


def test_a_bigram_costs_what_the_bigram_of_the_tokenizers_costs():
    learned = [RANDOM.integers(6, size=50) for _ in range(9)]
    scored = [RANDOM.integers(7, size=30), RANDOM.integers(7, size=4)]
    model = NGrams(learned, size=7, order=1, ends=True)
    nats = np.concatenate(model.nats(scored, [True, True])).sum()
    # That one has the same symbol at both ends of a record, and counts it before the first, too.
    assert nats / LN2 == pytest.approx(bigram_bits(learned, scored, 7))


def test_the_formula_by_hand():
    # c(0) = 2, c(1) = 1 of 3 symbols, 2 different; after 0 came 1 once and the record's last symbol nothing.
    model = NGrams([np.array([0, 1, 0])], size=2, order=1, ends=False)
    alone = (1 + 2 * 0.5) / (3 + 2)
    assert math.exp(-model.nats([np.array([0, 1])], [False])[0][1]) == pytest.approx((1 + 1 * alone) / (1 + 1))
    assert math.exp(-model.nats([np.array([1, 1])], [False])[0][1]) == pytest.approx((0 + 1 * alone) / (1 + 1))
    # A shorter context that adds 4 counts; single symbols are smoothed by Witten and Bell.
    model = NGrams([np.array([0, 1, 0])], size=2, order=1, ends=False, pseudo=4)
    assert math.exp(-model.nats([np.array([0, 1])], [False])[0][1]) == pytest.approx((1 + 4 * alone) / (1 + 4))
    assert math.exp(-model.nats([np.array([1, 1])], [False], order=0)[0][0]) == pytest.approx(alone)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_the_order_of_a_source_is_found(order):
    random = np.random.default_rng(order)
    chance = random.dirichlet(np.full(4, 2.0), size=4**order)
    ids = [0] * order
    for u in random.random(40_000):
        context = sum(symbol * 4**place for place, symbol in enumerate(ids[len(ids) - order :]))
        ids.append(min(3, int(np.searchsorted(chance[context].cumsum(), u))))
    assert chosen_smoothing([np.array(ids)], [False], size=4, ends=False).order == order


def test_letters_that_all_follow_each_other_are_smoothed_by_more_than_witten_and_bell_say():
    # As in a genome: every letter follows every context, and long contexts are seen a few times only.
    chance = np.random.default_rng(2).dirichlet(np.full(4, 30.0), size=4**3)
    ids = [0, 0, 0]
    for u in np.random.default_rng(3).random(60_000):
        ids.append(min(3, int(np.searchsorted(chance[ids[-3] * 16 + ids[-2] * 4 + ids[-1]].cumsum(), u))))
    learned, scored = [np.array(ids[:40_000])], [np.array(ids[40_000:])]
    best = chosen_smoothing(learned, [False], size=4, ends=False)
    assert best.pseudo >= 16
    assert f"{best.order} and {best.pseudo} chosen on a tenth" in str(best)
    smoothed, usual = (
        NGrams(learned, size=4, order=6, ends=False, pseudo=pseudo).nats(scored, [False])[0].mean()
        for pseudo in (best.pseudo, 0)
    )
    assert smoothed < usual - 0.01


def test_a_shuffled_genome_costs_its_entropy():
    records, _, _ = markov(1, 60_000)
    shuffled = np.random.default_rng(5).permutation(records[0])
    shares = np.bincount(shuffled) / len(shuffled)
    entropy = -(shares * np.log(shares)).sum()
    for ids, ordered in ((records[0], True), (shuffled, False)):
        train, test = [Symbols(ids[:50_000], closed=False)], [Symbols(ids[50_000:], closed=False)]
        made = symbol_baselines(train, test, size=4, what="letter", ends=False)
        found = {one.name: one.nats[0].mean() for one in made}
        assert ("n-gram" in found) == ordered
        assert found["unigram"] == pytest.approx(entropy, abs=0.01)
    assert chosen_smoothing([shuffled], [False], size=4, ends=False).order == 0


def test_on_a_markov_chain_the_order_is_found_and_the_loss_is_its_entropy():
    learned, entropy, chance = markov(300, 400)
    scored, _, _ = markov(60, 400)
    closed = [False] * len(learned)
    assert chosen_smoothing(learned, closed, size=4, ends=False).order == 2
    train, test = ([Symbols(ids, closed=False) for ids in part] for part in (learned, scored))
    found = {
        one.name: np.concatenate(one.nats) for one in symbol_baselines(train, test, size=4, what="letter", ends=False)
    }
    own = [-np.log(chance[a, b, c]) for ids in scored for a, b, c in zip(ids, ids[1:], ids[2:], strict=False)]
    assert found["uniform"].mean() == pytest.approx(math.log(4))
    assert found["n-gram"].mean() == pytest.approx(np.mean(own), abs=0.01)  # on the same draw
    assert found["n-gram"].mean() == pytest.approx(entropy, abs=0.02)
    assert found["n-gram"].mean() < found["unigram"].mean() < found["uniform"].mean()


def test_every_baseline_pays_for_the_end_of_a_record():
    train = [Symbols(RANDOM.integers(3, size=n), closed=True) for n in RANDOM.integers(4, 30, size=80)]
    found = symbol_baselines(train, train[:9], size=3, what="letter", ends=True)
    for one in found:
        assert [len(nats) for nats in one.nats] == [len(record.ids) + 1 for record in train[:9]]
        assert all((nats > 0).all() for nats in one.nats)
    mean = np.mean([len(one.ids) for one in train])
    uniform = found[0].nats[0]
    assert math.exp(-uniform[-1]) == pytest.approx(1 / (mean + 1))
    assert 3 * math.exp(-uniform[0]) + math.exp(-uniform[-1]) == pytest.approx(1)


def test_a_profile_is_made_only_of_records_of_one_length_and_sums_to_one():
    columns = RANDOM.dirichlet(np.full(4, 0.2), size=12)

    def rows(count):
        return [Symbols(np.array([RANDOM.choice(4, p=p) for p in columns]), closed=True) for _ in range(count)]

    train, test = rows(400), rows(100)
    found = {one.name: one.nats for one in symbol_baselines(train, test, size=4, what="letter", ends=True)}
    entropy = float(-(columns * np.log(columns)).sum(1).mean())
    profile = np.concatenate([nats[:-1] for nats in found["column profile"]])
    assert profile.mean() == pytest.approx(entropy, abs=0.05)
    assert all(nats[-1] == 0 for nats in found["column profile"])
    some = [Symbols(np.array([w] * 12), closed=True) for w in range(4)]
    chances = np.exp(
        -np.stack(
            {b.name: b for b in symbol_baselines(train, some, size=4, what="x", ends=True)}["column profile"].nats
        )
    )
    assert chances[:, :12].sum(0) == pytest.approx(np.ones(12))
    uneven = [*train, Symbols(np.array([0]), closed=True)]
    assert "column profile" not in {
        one.name for one in symbol_baselines(uneven, test, size=4, what="letter", ends=True)
    }


def test_persistence_finds_how_often_a_number_repeats():
    def walk(length):
        ids = [int(RANDOM.integers(20))]
        for u in RANDOM.random(length - 1):
            ids.append(ids[-1] if u < 0.7 else int(RANDOM.integers(20)))
        place = np.arange(length)
        return Symbols(np.array(ids), False, True, np.zeros(length, np.int64), place - 1)

    train, test = [walk(500) for _ in range(20)], [walk(500) for _ in range(5)]
    found = {one.name: one for one in symbol_baselines(train, test, size=20, what="number", ends=False)}
    assert any(f"({share}%)" in found["persistence"].made for share in (69, 70, 71))
    again = 0.7 + 0.3 / 20
    entropy = -again * math.log(again) - 0.3 * 19 / 20 * math.log(0.3 / 20)
    assert np.concatenate(found["persistence"].nats).mean() == pytest.approx(entropy, abs=0.05)
    assert np.concatenate(found["climatology"].nats).mean() == pytest.approx(math.log(20), abs=0.02)
    # A mixture of two distributions is one: it sums to 1 over all symbols that may come next.
    last = test[0].ids[0]
    nexts = [Symbols(np.array([last, w]), False, True, np.zeros(2, np.int64), np.array([-1, 0])) for w in range(20)]
    baselines = symbol_baselines(train, nexts, size=20, what="number", ends=False)
    chances = {one.name: sum(math.exp(-nats[1]) for nats in one.nats) for one in baselines}
    assert chances == pytest.approx(dict.fromkeys(chances, 1.0))


def test_channels_have_their_own_climatology_and_their_own_past():
    steps = np.array(list(itertools.chain.from_iterable([(1, 5), (2, 5)] * 50)))
    slots, previous = np.arange(200) % 2, np.arange(200) - 2
    one = Symbols(steps, False, True, slots, np.maximum(previous, -1))
    found = {b.name: b.nats[0] for b in symbol_baselines([one], [one], size=8, what="number", ends=False)}
    assert found["climatology"][1::2].mean() < 0.1 < found["climatology"][::2].mean()


def test_one_long_record_and_records_of_nothing():
    text = RANDOM.integers(4, size=3000)
    assert chosen_smoothing([text], [False], size=4, ends=False).order in range(13)
    found = symbol_baselines(
        [Symbols(text, closed=False)], [Symbols(text[:0], closed=True)], size=4, what="x", ends=True
    )
    assert [len(one.nats[0]) for one in found] == [1] * len(found)


def test_the_end_of_one_long_record_is_rare_though_no_train_part_ends():
    """A genome: its parts in the train part don't end, and its last one, which does, is held out."""
    train = [Symbols(RANDOM.integers(4, size=500), closed=False) for _ in range(4)]
    test = [Symbols(RANDOM.integers(4, size=100), closed=True)]
    uniform = symbol_baselines(train, test, size=4, what="letter", ends=True)[0].nats[0]
    assert uniform[0] == pytest.approx(math.log(4) - math.log1p(-1 / 2001))
    assert uniform[-1] == pytest.approx(math.log(2001))


def test_codon_usage_is_the_entropy_of_the_codons_and_pairs_of_codons_are_seen():
    random = np.random.default_rng(4)
    chance_C = random.dirichlet(np.full(64, 0.5))
    letters = np.array(list(itertools.product(range(4), repeat=3)))

    def gene(codons):
        return Symbols(letters[codons].ravel().astype(np.int64), closed=True)

    train, test = ([gene(random.choice(64, 300, p=chance_C)) for _ in range(count)] for count in (200, 60))
    found = {one.name: one for one in symbol_baselines(train, test, size=4, what="letter", ends=True, codons=True)}
    entropy = -(chance_C * np.log(chance_C)).sum()
    ends = -math.log(1 / 301) - 300 * math.log(300 / 301)  # what the end costs in a record of 300 codons
    per_record = np.mean([one.sum() for one in found["codon usage"].nats])
    assert per_record == pytest.approx(300 * entropy + ends, rel=0.01)
    assert "codon n-gram" not in found  # codons that are drawn alone say nothing about the next one
    assert found["n-gram"].nats[0].sum() > found["codon usage"].nats[0].sum()
    assert [len(one) for one in found["codon usage"].nats] == [901] * 60
    assert (found["codon usage"].nats[0][:900].reshape(-1, 3)[:, :2] == 0).all()

    pairs = [gene(np.repeat(random.choice(64, 150, p=chance_C), 2)) for _ in range(200)]
    found = {
        one.name: one for one in symbol_baselines(pairs[50:], pairs[:50], size=4, what="letter", ends=True, codons=True)
    }
    assert found["codon n-gram"].nats[0].sum() < 0.8 * found["codon usage"].nats[0].sum()


def test_letters_that_are_left_over_after_the_last_codon_are_counted_alone():
    train = [Symbols(RANDOM.integers(4, size=31), closed=True) for _ in range(40)]
    test = [Symbols(RANDOM.integers(4, size=n), closed=False) for n in (3, 4, 5, 1)]
    found = {one.name: one.nats for one in symbol_baselines(train, test, size=4, what="letter", ends=True, codons=True)}
    assert [len(one) for one in found["codon usage"]] == [3, 4, 5, 1]
    assert found["codon usage"][1][3] > 0 and found["codon usage"][3][0] > 0


def test_no_longer_contexts_are_tried_when_three_in_a_row_are_worse(monkeypatch):
    lengths = []
    whole = np.roll
    monkeypatch.setattr(np, "roll", lambda symbols, length: lengths.append(length) or whole(symbols, length))
    records, _, _ = markov(40, 400)
    assert chosen_smoothing(records, [False] * 40, size=4, ends=False).order == 2
    assert max(lengths) == 5

"""BLEU and chrF against sacrebleu's own corpus scores, and the nearest neighbour against a count by hand."""

import numpy as np
import pytest

from cutaway.evaluation.kmer_models import kmer_logistic, kmer_ridge
from cutaway.evaluation.neighbours import nearest

RANDOM = np.random.default_rng(2)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "one", "small", "red", "bird", "fly"]


def sentences(count):
    return [" ".join(RANDOM.choice(WORDS, size=RANDOM.integers(5, 12))) + "." for _ in range(count)]


def test_bleu_and_chrf_of_records_and_of_draws_are_those_of_sacrebleu():
    metrics = pytest.importorskip("sacrebleu.metrics")
    from cutaway.evaluation.text_measures import signatures, text_measures

    wanted = sentences(30)
    written = [" ".join(RANDOM.permutation(text.split()[:-1])) for text in wanted[:15]] + wanted[15:]
    weights = np.concatenate([np.ones((1, 30), int), RANDOM.multinomial(30, [1 / 30] * 30, size=3)])
    found = text_measures(written, wanted)
    for name, metric in {"bleu": metrics.BLEU(), "chrf": metrics.CHRF()}.items():
        for value, times in zip(found[name](weights.astype(float)), weights, strict=True):
            said, meant = (
                [one for one, n in zip(texts, times, strict=True) for _ in range(n)] for texts in (written, wanted)
            )
            assert value == pytest.approx(metric.corpus_score(said, [meant]).score)
        assert signatures()[name] == str(metric.get_signature())


def test_the_nearest_record_shares_most_kmers():
    train = ["ACGTACGTAA", "TTTTGGGGTT", "ACGTTTTTAA"]
    assert list(nearest(train, ["ACGTACGTAC", "TTTGGGGTTT", *train], 4)) == [0, 1, 0, 1, 2]
    assert list(nearest(["cat", "dog"], ["", "zebra", "dog"], 3)) == [0, 0, 1]


def test_linear_models_of_kmers_find_what_kmers_decide():
    letters = ["".join(RANDOM.choice(list("ACGT"), size=30)) for _ in range(400)]
    has = np.array(["GAT" in one for one in letters], np.int64)
    chance = kmer_logistic(letters[:300], has[:300], letters[300:], 3, 3)
    assert (chance.argmax(1) == has[300:]).mean() > 0.9 > max(has.mean(), 1 - has.mean())
    assert chance.sum(1) == pytest.approx(np.ones(100)) and not chance[:, 2].any()  # nobody has the third label
    assert kmer_logistic(letters[:9], np.ones(9, np.int64), letters[:2], 3, 2).tolist() == [[0, 1], [0, 1]]
    share = np.array([one.count("A") / 30 for one in letters])
    guess = kmer_ridge(letters[:300], 50 * share[:300], letters[300:], 3)
    error = np.abs(guess - 50 * share[300:]).mean()
    assert error < 0.4 * np.abs(50 * share[300:] - 50 * share[:300].mean()).mean()

"""Word vectors from a corpus: counts and PPMI by hand, neighbours known from how the corpus was made."""

import math
import random

import numpy as np
import pytest

from cutaway.errors import InputError, MissingText
from cutaway.inside import contextual_vectors, embed, embedding_map, neighbours, static_vectors
from cutaway.inside.cooccurrence import cooccurrences, ppmi, words_of
from cutaway.models import load

LINES = ["a b c a", "b c d", "e a", "a b"]
WORDS = ["a", "b", "c", "d", "e"]


def split(lines):
    return [line.split() for line in lines]


def counts_by_hand(lines, words, window):
    counts = dict.fromkeys(((w, c) for w in words for c in words), 0)
    for line in lines:
        for i, word in enumerate(line):
            for j in range(max(0, i - window), min(len(line), i + window + 1)):
                if j != i and word in words and line[j] in words:
                    counts[word, line[j]] += 1
    return counts


@pytest.mark.parametrize("window", [1, 2, 5])
def test_counts_and_ppmi_by_hand(window):
    counts = counts_by_hand(split(LINES), WORDS, window)
    found_VV = cooccurrences(split(LINES), WORDS, window)
    assert found_VV.toarray().tolist() == [[counts[w, c] for c in WORDS] for w in WORDS]
    rows = {w: sum(counts[w, c] for c in WORDS) for w in WORDS}
    smooth = {c: sum(counts[w, c] for w in WORDS) ** 0.75 for c in WORDS}
    whole, smooth_whole = sum(rows.values()), sum(smooth.values())
    found_VV = ppmi(found_VV).toarray()
    for i, w in enumerate(WORDS):
        for j, c in enumerate(WORDS):
            joint = counts[w, c] / whole
            chance = rows[w] / whole * smooth[c] / smooth_whole
            expected = max(0.0, math.log(joint / chance)) if joint else 0.0
            assert found_VV[i, j] == pytest.approx(expected, abs=1e-12)
    assert (found_VV > 0).any()


def test_smoothing_lowers_the_ppmi_of_rare_contexts():
    counts_VV = cooccurrences(split(LINES), WORDS, 2)
    plain_VV, smooth_VV = ppmi(counts_VV, 1.0).toarray(), ppmi(counts_VV).toarray()
    np.testing.assert_allclose(plain_VV, plain_VV.T, atol=1e-12)
    rare = WORDS.index("e")
    assert smooth_VV[0, rare] < plain_VV[0, rare]


def test_words_outside_the_vocabulary_keep_their_places():
    assert cooccurrences(split(["a x b"]), ["a", "b"], 1).nnz == 0
    assert cooccurrences(split(["a x b"]), ["a", "b"], 2).toarray().tolist() == [[0, 1], [1, 0]]
    assert cooccurrences(split(["a", "b"]), ["a", "b"], 3).nnz == 0  # a window ends with its line


def test_the_vectors_are_a_dense_decomposition():
    result = static_vectors(LINES, window=2, dimensions=3, min_count=1)
    assert result.texts == ["a", "b", "c", "d", "e"]
    assert result.counts == [4, 3, 2, 1, 1]
    weights_VV = ppmi(cooccurrences(split(LINES), result.texts, 2)).toarray()
    left, singular, _ = np.linalg.svd(weights_VV)
    expected_VD = left[:, :3] * np.sqrt(singular[:3])
    np.testing.assert_allclose(np.abs(result.vectors), np.abs(expected_VD), atol=1e-5)
    assert np.array_equal(static_vectors("\n".join(LINES), window=2, dimensions=3, min_count=1).vectors, result.vectors)


FRUIT, TOOLS, ROYALS = ["apple", "pear", "plum"], ["saw", "axe", "drill"], ["king", "queen", "prince"]


def made_corpus(seed=0):
    """Words of a group stand among the same others, and never beside each other."""
    dice = random.Random(seed)  # noqa: S311 (a corpus is no secret)
    around = [(FRUIT, ["sweet", "ripe", "juice", "tree"]), (TOOLS, ["wood", "metal", "cut", "bench"])]
    around += [(ROYALS, ["throne", "crown", "palace", "reign"])]
    lines = []
    for _ in range(600):
        words, contexts = dice.choice(around)
        line = [*dice.sample(contexts, 3), "the", "of"]
        dice.shuffle(line)
        line.insert(2, dice.choice(words))
        lines.append(" ".join(line))
    return lines


def test_words_that_share_contexts_become_neighbours():
    table = static_vectors(made_corpus(), dimensions=8)
    for group in (FRUIT, TOOLS, ROYALS):
        for word in group:
            near = [n.token for n in neighbours(word, table, k=30).queries[0].neighbours]
            places = [near.index(other) for other in group if other != word]
            strangers = [near.index(other) for other in [*FRUIT, *TOOLS, *ROYALS] if other not in group]
            assert max(places) < min(strangers), (word, near)
    sheet = embedding_map({"fruit": FRUIT, "tools": TOOLS, "royals": ROYALS}, table)
    assert sum(sheet.explained) > 0.9
    assert sheet.space == table.space
    for a in sheet.points:
        distances = {b.token: math.dist((a.x, a.y), (b.x, b.y)) for b in sheet.points if b is not a}
        nearest = sorted(distances, key=distances.__getitem__)[:2]
        assert all(b.group == a.group for b in sheet.points if b.token in nearest)


def test_a_word_is_looked_up_in_lower_case_and_without_spaces():
    table = static_vectors(made_corpus())
    assert neighbours(" King", table).queries == neighbours("king", table).queries
    with pytest.raises(InputError, match="'zebra' is not one of the"):
        neighbours("zebra", table)


def test_contextual_vectors_are_means_over_a_words_places(tiny_bert_classifier):
    model = load(tiny_bert_classifier, "any")
    lines = ["A cat, a dog", "the Cat sat", "a cat cat"]
    table = contextual_vectors(lines, ["dog", "cat", "fish"], model, layer=1)
    assert (table.texts, table.counts) == (["dog", "cat"], [1, 4])
    states = embed(lines, model, layer=1, pooling=None).vectors
    places = [(0, 2, 5), (1, 4, 7), (2, 2, 5), (2, 6, 9)]
    expected_D = np.mean([states[line][a:b].mean(0) for line, a, b in places], axis=0)
    np.testing.assert_allclose(table.vectors[1], expected_D, atol=1e-5)
    few = contextual_vectors(lines, ["cat"], model, layer=1, occurrences=1)
    np.testing.assert_allclose(few.vectors[0], states[0][2:5].mean(0), atol=1e-5)
    with pytest.raises(InputError, match="does not contain 'fish'"):
        contextual_vectors(lines, ["fish"], model)


def test_contextual_vectors_cut_lines_to_the_context(tiny_bert_classifier):
    line = "cat " * 40  # 160 tokens, the context is 64
    assert contextual_vectors([line], ["cat"], load(tiny_bert_classifier, "any")).counts == [16]


def test_corpora_without_information_are_refused():
    for corpus in ("", "?!\n\n"):
        with pytest.raises(MissingText, match="no word"):
            static_vectors(corpus)
    with pytest.raises(InputError, match="1 word of the corpus occurs 2 times"):
        static_vectors("a a b")
    with pytest.raises(InputError, match="more often than by chance"):
        static_vectors(["a", "b", "c"], min_count=1)
    with pytest.raises(InputError, match="`window` is 0"):
        static_vectors(LINES, window=0)


def test_words_of_a_text_and_their_places():
    text = "Ça va—don't (état-major) 7!"
    assert [word for word, _, _ in words_of(text)] == ["ça", "va", "don't", "état-major", "7"]
    assert all(text[a:b].lower() == word for word, a, b in words_of(text))

"""The measures of legibility against published values, hand-made ones and, where one is known, another's code."""

from __future__ import annotations

import math
import zlib

import pytest

from cutaway.generation import legibility
from cutaway.generation.legibility import (
    MEASURES,
    bleu,
    compression_ratio,
    dictionary_words,
    distinct,
    perplexity,
    reading_ease,
    repeated,
    self_bleu,
    syllables,
    units,
)


def test_units_are_words_and_marks() -> None:
    assert units("It’s RED, isn't it? 3.5 中文") == ["it’s", "red", ",", "isn't", "it", "?", "3", ".", "5", "中文"]
    assert units(" \n") == []


def test_perplexity_is_the_geometric_mean_of_inverse_probabilities() -> None:
    assert perplexity([math.log(0.5), math.log(0.125)]) == pytest.approx(4)
    assert perplexity([]) is None
    assert perplexity([-math.inf]) == math.inf and perplexity([-800.0]) == math.inf


def test_distinct_divides_by_all_units_as_li_et_al_do() -> None:
    words = "i do n't know what i do".split()
    assert distinct(words, 1) == 5 / 7
    assert distinct(words, 2) == 5 / 7  # six pairs, "i do" twice
    assert distinct([], 1) is None and distinct(["a"], 2) is None


def test_repeated_is_one_minus_the_share_of_different_4_grams() -> None:
    assert repeated("a b c d e f".split()) == 0
    assert repeated("a b c d a b c d".split()) == pytest.approx(1 / 5)
    assert repeated(["x"] * 10) == pytest.approx(6 / 7)
    assert repeated("a b c".split()) is None


# What NLTK 3.10.4 says: sentence_bleu with SmoothingFunction().method1. The third is the example of Papineni et al.
# ruff: noqa: SIM905  (sentences read better than lists)
BLEUS = [
    (["the cat is on the mat", "there is a cat on the mat"], "the cat the cat on the mat", 0.4671379777282001),
    (["the cat is on the mat", "there is a cat on the mat"], "the the the the the the the", 0.039281465090051315),
    (
        [
            "it is a guide to action that ensures that the military will forever heed party commands",
            "it is the guiding principle which guarantees the military forces always being under the command of "
            "the party",
            "it is the practical guide for the army always to heed the directions of the party",
        ],
        "it is a guide to action which ensures that the military always obeys the commands of the party",
        0.5045666840058485,
    ),
    (["a b c d e f"], "a b c d", 0.6065306597126334),
    (["a b c"], "a b c", 0.5623413251903491),
    (["a b"], "a", 0.06541924356118012),
    (["x y z w"], "a b c d", 0.0),
    (["a b c d e"], "a b c d e", 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("references", "text", "expected"), BLEUS)
def test_bleu_equals_nltks(references: list[str], text: str, expected: float) -> None:
    assert bleu(text.split(), [reference.split() for reference in references]) == pytest.approx(expected, rel=1e-12)


def test_bleu_by_hand() -> None:
    # 4 words of 6: precisions 1, 1, 1, 1 and a brevity penalty of exp(1 - 6/4).
    assert bleu("a b c d".split(), ["a b c d e f".split()]) == pytest.approx(math.exp(-0.5))


def test_self_bleu_compares_each_sample_with_the_others() -> None:
    same, other = "a b c d e".split(), "v w x y z".split()
    assert self_bleu([same, same]) == [1, 1]
    assert self_bleu([same, other]) == [0, 0]
    assert self_bleu([same, same, other]) == [1, 1, 0]
    assert self_bleu([same]) == [None] and self_bleu([same, []]) == [None, None]
    one, two = "the cat sat on the mat".split(), "the cat lay on the mat".split()
    assert self_bleu([one, two]) == [bleu(one, [two]), bleu(two, [one])]


def test_compression_ratio_equals_that_of_whisper() -> None:
    text = "No, I am your father. " * 20
    assert compression_ratio(text) == len(text.encode()) / len(zlib.compress(text.encode()))
    assert compression_ratio(text) > 2.4 > 1.5 > compression_ratio("The quick brown fox jumps over the lazy dog.")  # type: ignore[operator]
    assert compression_ratio("") is None and compression_ratio("\ud800") is not None


def test_reading_ease_of_published_examples() -> None:
    """Three sentences whose scores are printed where the formula is explained (Wikipedia: Flesch–Kincaid tests)."""
    assert reading_ease("The cat sat on the mat.") == pytest.approx(116.1, abs=0.1)
    platypus = "The Australian platypus is seemingly a hybrid of a mammal and reptilian creature."
    assert reading_ease(platypus) == pytest.approx(37.5, abs=0.1)
    proof = "This sentence, taken as a reading passage unto itself, is being used to prove a point."
    assert reading_ease(proof) == pytest.approx(69, abs=0.1)
    assert reading_ease("12 !") is None
    assert reading_ease("One two. Three 3.5 four") == pytest.approx(206.835 - 1.015 * 2 - 84.6)


def test_syllables_of_irregular_words() -> None:
    expected = {
        "the": 1, "me": 1, "table": 2, "churches": 2, "loved": 1, "wanted": 2, "science": 2, "people": 2, "area": 3,
        "idea": 3, "playing": 2, "academically": 5, "nation": 2, "radio": 3, "rhythm": 1, "queue": 1,
        "ALCF": 1, "Zürich": 2, "": 1,
    }  # fmt: skip
    assert {word: syllables(word) for word in expected} == expected


def test_dictionary_words() -> None:
    assert dictionary_words("The colour of the color isn't known, he'd say") == 1
    assert dictionary_words("the zxqv cat blorft") == 0.5
    assert dictionary_words("Marco went to Zxqv") == 1  # names are not counted
    assert dictionary_words("ZXQV went") == 0.5
    assert dictionary_words("42 !") is None and dictionary_words("Marco") is None


def test_the_word_list_names_its_source() -> None:
    words = legibility._english()
    assert 60_000 < len(words) < 70_000 and {"a", "i", "colour", "color", "transformer"} <= words
    assert all(word.isalpha() and word.islower() for word in words)


def test_the_measures_have_names_and_meanings() -> None:
    assert len({measure.key for measure in MEASURES}) == len(MEASURES)
    assert all(measure.name and measure.meaning.endswith(".") for measure in MEASURES)

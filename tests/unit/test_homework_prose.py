"""What is read in an explanation: numbers, the way of an effect, and what is like another's."""

from __future__ import annotations

import pytest

from cutaway.lessons.homework.direction import signs_in
from cutaway.lessons.homework.prose import likeness, quoted_numbers, words_of
from cutaway.lessons.homework.tasks import TASKS

WAYS = {f"{task.name} {one.key}": one.direction for task in TASKS.values() for one in task.choices if one.direction}


@pytest.mark.parametrize("name", WAYS)
def test_the_example_that_a_message_gives_is_understood(name):
    direction = WAYS[name]
    for way, sign in (("rises", 1), ("falls", -1), ("is higher", 1), ("gets lower", -1), ("does not fall", 0)):
        said = direction.example.format(way=way)
        assert signs_in(said, direction) == ([(sign, said)] if sign else []), said


@pytest.mark.parametrize(
    ("name", "sentence", "sign"),
    [
        ("temperature dictionary_words", "At high temperatures, the models write fewer dictionary words", -1),
        ("temperature dictionary_words", "The lower the temperature, the more dictionary words there are", -1),
        ("temperature dictionary_words", "Raising the temperature makes the text less legible", -1),
        ("temperature dictionary_words", "As the temperature increases, legibility drops", -1),
        ("temperature dictionary_words", "The text is more readable at a low temperature", -1),
        ("temperature dictionary_words", "When I lower the temperature, the share of dictionary words is higher", -1),
        ("temperature distinct_2", "A higher temperature increases the share of distinct pairs", 1),
        ("temperature distinct_2", "The sea is nice today", 0),
        ("temperature distinct_2", "At a higher temperature the share of distinct pairs doesn't really rise", 0),
        ("temperature distinct_2", "The temperature is a setting", 0),
        ("two-sizes entropy", "The heads of shakespeare-micro have a lower entropy than those of shakespeare-nano", -1),
        ("two-sizes entropy", "In the smaller model, the mean entropy is higher (3.21 bits)", -1),
        ("two-sizes distance", "The larger model looks further back", 1),
        ("surprise order", "Shuffled, the text has more bits per token: 9.1 against 6.2", 1),
        ("pieces tokens", "The larger vocabulary needs fewer tokens", -1),
        ("one-head sharper", "With smaller keys, that is multiplied by 0.5, the largest weight falls", -1),
        ("without-a-head loss", "When I silence head 2.1, the loss increases by 0.31 nats", 1),
        ("beams likelier", "The greedy text is less probable", 1),
        ("label not", "Adding “not” lowers the probability of POSITIVE to 0.12", -1),
        ("own-model steps", "After more training, the test takes fewer bits per character", -1),
        ("your-sequences tokens", "Codons give fewer tokens", -1),
        ("ranks time", "With more GPUs, the run takes less time", -1),
    ],
)
def test_plain_sentences_are_understood(name, sentence, sign):
    found = signs_in(f"I looked at it. {sentence}. That is all.", WAYS[name])
    assert [one for one, _ in found] == ([sign] if sign else [])


def test_numbers_that_are_quoted():
    known = {"a": 2.3123, "b": -1.8701, "c": 0.17923, "d": 12.0, "e": float("nan"), "f": 1234.5, "g": 0.00047}
    text = "It was 2.31 (then 2.31 again), −1.870; 17.9 % of 12; 1,234.5 in all, 0.000470. Not 2.3, v2.312 or 0.18."
    assert quoted_numbers(text, known) == {
        "a": "2.31", "b": "−1.870", "c": "17.9", "d": "12", "f": "1,234.5", "g": "0.000470",
    }  # fmt: skip
    assert quoted_numbers("2.32 and 2.4 and 99", known) == {}
    assert quoted_numbers("", known) == {} and quoted_numbers(text, {}) == {}


def test_words_and_likeness():
    assert words_of("It's 3.5 well-known words, naïve: 2") == ["it's", "well-known", "words", "naïve"]
    text = "the quick brown fox jumps over the lazy dog and then sleeps"
    assert likeness(text, text.upper() + "!") == 1.0
    assert likeness(text, "I found that entropy falls when the model grows, by 0.3 bits on average") == 0.0
    assert 0.4 < likeness(text, "the quick brown fox jumps over the lazy dog, he said to me") <= 0.7
    assert likeness("", "") == likeness(text, "") == 0.0

"""`cutaway.sequences`: the source's probabilities against enumeration, and reading files."""

from __future__ import annotations

import gzip
import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cutaway.errors import InputError, MissingText
from cutaway.sequences import SENTENCES, Slot, Source, read_text

# Small enough to work out by hand: 0.5 "ab.", 0.125 "cb.", 0.375 "cdd."
SMALL = Source(
    "small",
    (Slot("", ("a", "c"), ((2, 2),)), Slot("", ("b", "dd"), ((7, 0), (1, 3)), given=0)),
    end=".",
)


def test_fillings_and_sentences_are_one_to_one() -> None:
    sentences = [sentence for sentence, _ in SENTENCES.sentences()]
    fillings = math.prod(len(slot.words) for slot in SENTENCES.slots)
    assert len(sentences) == len(set(sentences)) == fillings == 6912


def test_no_sentence_is_the_beginning_of_another() -> None:
    # The end is at the end and nowhere else, so a text falls into sentences in one way only.
    assert all(sentence.find(SENTENCES.end) == len(sentence) - 2 for sentence, _ in SENTENCES.sentences())


def test_probabilities_sum_to_one() -> None:
    assert math.fsum(probability for _, probability in SENTENCES.sentences()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("source", [SENTENCES, SMALL])
def test_the_chain_rule_gives_the_entropy_of_the_enumeration(source: Source) -> None:
    sentences = list(source.sentences())
    assert source.entropy_nats == pytest.approx(-math.fsum(p * math.log(p) for _, p in sentences), rel=1e-12)
    assert source.mean_characters == pytest.approx(math.fsum(p * len(text) for text, p in sentences), rel=1e-12)


def test_small_source_by_hand() -> None:
    assert dict(SMALL.sentences()) == {"ab.": 0.5, "cb.": 0.125, "cdd.": 0.375}
    entropy = math.log(2) + 0.5 * (0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    assert SMALL.entropy_nats == pytest.approx(entropy)
    assert SMALL.mean_characters == pytest.approx(3.375)
    assert SMALL.nats_per_character == pytest.approx(entropy / 3.375)
    assert SMALL.alphabet == ".abcd"
    half, quarter = math.log(2), math.log(4)
    np.testing.assert_allclose(SMALL.surprisal("cb.ab.c"), [half, quarter, 0, half, 0, 0, half])


def test_entropy_rate_of_the_built_in_source() -> None:
    assert SENTENCES.entropy_nats == pytest.approx(7.0448628526)
    assert SENTENCES.mean_characters == pytest.approx(60.4143)
    assert SENTENCES.nats_per_character == SENTENCES.entropy_nats / SENTENCES.mean_characters


def test_the_reason_depends_on_the_animal() -> None:
    animals, reasons = SENTENCES.slots[0], SENTENCES.slots[-1]
    assert reasons.given == 0
    blind = animals.chances[0] @ reasons.chances
    blind_entropy = -float(blind @ np.log(blind))
    entropy = -float(animals.chances[0] @ (reasons.chances * np.log(reasons.chances)).sum(axis=1))
    # Without looking back, a model stays 13 % above the floor: more than what training leaves.
    assert (blind_entropy - entropy) / SENTENCES.entropy_nats > 0.12


def test_logprob_is_that_of_the_enumeration() -> None:
    for sentence, probability in itertools.islice(SENTENCES.sentences(), 0, None, 97):
        assert SENTENCES.logprob(sentence) == pytest.approx(math.log(probability))
    assert SENTENCES.logprob("The end.\n") == -math.inf
    assert SMALL.logprob("add.") == -math.inf


def test_surprisal_sums_to_the_logprob_of_each_sentence() -> None:
    rng = np.random.default_rng(1)
    sentences = [SENTENCES.sample(rng) for _ in range(20)]
    surprisal = SENTENCES.surprisal("".join(sentences))
    assert surprisal.shape == (sum(map(len, sentences)),)
    assert (surprisal >= 0).all()
    bounds = np.cumsum([0, *map(len, sentences)])
    for sentence, start, stop in zip(sentences, bounds, bounds[1:], strict=False):
        assert surprisal[start:stop].sum() == pytest.approx(-SENTENCES.logprob(sentence))


def test_surprisal_of_a_truncated_text_is_the_beginning_of_the_whole() -> None:
    rng = np.random.default_rng(2)
    text = SENTENCES.sample(rng) + SENTENCES.sample(rng)
    np.testing.assert_array_equal(SENTENCES.surprisal(text[:75]), SENTENCES.surprisal(text)[:75])
    assert SENTENCES.surprisal("").shape == (0,)


@pytest.mark.parametrize("prefix", ["", "The ", "The mule didn't", "The fox wouldn't leave the r"])
def test_next_characters_have_probabilities_that_sum_to_one(prefix: str) -> None:
    total = 0.0
    for character in SENTENCES.alphabet:
        try:
            total += math.exp(-SENTENCES.surprisal(prefix + character)[-1])
        except InputError:
            continue
    # "wouldn't leave" is not in the family: there nothing can follow at all.
    assert total == pytest.approx(0 if "wouldn't leave" in prefix else 1)


def test_surprisal_names_what_can_not_be() -> None:
    with pytest.raises(InputError, match="never writes 'q' at position 4"):
        SENTENCES.surprisal("The queen")


def test_samples_occur_with_their_probabilities() -> None:
    rng = np.random.default_rng(3)
    n = 20_000
    counts = Counter(SMALL.sample(rng) for _ in range(n))
    assert set(counts) == {"ab.", "cb.", "cdd."}
    for sentence, probability in SMALL.sentences():
        # Five standard deviations, of a draw that is the same at every run.
        assert abs(counts[sentence] - n * probability) < 5 * math.sqrt(n * probability * (1 - probability))


def test_mean_surprisal_of_samples_is_the_entropy() -> None:
    rng = np.random.default_rng(4)
    drawn = np.array([-SENTENCES.logprob(SENTENCES.sample(rng)) for _ in range(4000)])
    assert abs(drawn.mean() - SENTENCES.entropy_nats) < 5 * drawn.std() / math.sqrt(len(drawn))


def test_the_same_generator_gives_the_same_sentence() -> None:
    first, second = (SENTENCES.sample(np.random.default_rng(5)) for _ in range(2))
    assert first == second
    assert first.endswith(".\n")


def test_alphabet_is_what_sentences_are_made_of() -> None:
    assert SENTENCES.alphabet == "".join(sorted(set().union(*(text for text, _ in SENTENCES.sentences()))))


def test_read_text_takes_utf_8_with_or_without_mark_and_any_line_ending(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfna\xc3\xafve\r\nsecond\rthird\n")
    assert read_text(path) == read_text(str(path)) == "naïve\nsecond\nthird\n"


def test_read_text_unpacks_what_is_gzipped(tmp_path: Path) -> None:
    whole = gzip.compress("one\r\ntwo é\n".encode())
    (tmp_path / "a.txt.gz").write_bytes(whole)
    assert read_text(tmp_path / "a.txt.gz") == "one\ntwo é\n"
    for damaged, words in ((whole[:-6], "it is truncated"), (whole[:12] + b"!!!!" + whole[16:], "cannot decompress")):
        (tmp_path / "a.txt.gz").write_bytes(damaged)
        with pytest.raises(InputError, match=words):
            read_text(tmp_path / "a.txt.gz")


def test_read_text_names_what_is_wrong(tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"\xef\xbb\xbfna\xefve")
    with pytest.raises(InputError, match=r"latin\.txt' is not UTF-8 text: byte 0xef at position 5"):
        read_text(latin)
    with pytest.raises(InputError, match=r"no file .*absent\.txt"):
        read_text(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="is a directory"):
        read_text(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        read_text(latin / "inside.txt")
    with pytest.raises(InputError, match="cannot read"):
        read_text("nul\0name")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_read_text_refuses_an_empty_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(MissingText, match=r"empty\.txt' is empty"):
        read_text(path)

"""How legible a text is: one pure function for each measure, with its source.

Texts are cut into units (words and punctuation marks, see `units`), so that models with different tokenizers can be
compared. A measure is None, never 0, if there is nothing to measure (an empty text, too few words).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import re
import unicodedata
import zlib
from collections.abc import Sequence
from importlib import resources

_UNIT = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?]+(?=[\s\"'”’)\]]|$)")


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure's key, its name, its unit ("" if it has none) and what it means.

    `log`: it is averaged as a logarithm. `of_samples`: it compares the samples of a prompt with each other.
    """

    key: str
    name: str
    unit: str
    meaning: str
    log: bool = False
    of_samples: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """Return the least and the largest value that the measure can have."""
        if self.key == "reading_ease":
            return -math.inf, math.inf
        if self.unit == "share" or self.key == "self_bleu":
            return 0.0, 1.0
        return (1.0 if self.log else 0.0), math.inf


MEASURES: tuple[Measure, ...] = (
    Measure("scorer_perplexity", "perplexity to the scorer", "", "How surprising the text is to one fixed model, as "
            "the number of equally likely tokens that would be as surprising: low is plain or repetitive, high is odd.",
            log=True),
    Measure("scorer_bits_per_byte", "bits per byte to the scorer", "bits/byte", "The same surprise in bits, divided by "
            "the UTF-8 bytes of the text, so that tokenizers make no difference."),
    Measure("perplexity", "perplexity to itself", "", "How surprising the text is to the model that wrote it, token by "
            "token, before any sampler.", log=True),
    Measure("entropy_bits", "entropy while writing", "bits/token", "How undecided the model was at each token, before "
            "any sampler: 0 bits is certain, 1 bit a choice between two equally likely tokens."),
    Measure("dictionary_words", "dictionary words", "share", "The share of words that are in a list of English words; "
            "names are not counted."),
    Measure("repeated_4grams", "repeated 4-grams", "share", "The share of runs of four words or marks that occurred "
            "earlier in the same text."),
    Measure("distinct_1", "distinct-1", "share", "The number of different words and marks, divided by the number of "
            "all: 100 % if none comes twice."),
    Measure("distinct_2", "distinct-2", "share", "The number of different pairs of neighbouring words and marks, "
            "divided by the number of words and marks: low if phrases repeat."),
    Measure("self_bleu", "self-BLEU", "", "How similar the samples of one prompt are: 1 if they are the same, 0 if "
            "they share no word; a single sample has no value.", of_samples=True),
    Measure("compression_ratio", "compression ratio", "", "How many times smaller zlib makes the text: above about 2.4 "
            "the text repeats itself."),
    Measure("reading_ease", "reading ease", "points", "Flesch's formula from the lengths of words and sentences, for "
            "English texts of 100 words or more: 100 is very easy, 30 very hard."),
    Measure("finished", "finished", "share", "The share of texts that the model itself ended; others were cut off."),
    Measure("tokens", "tokens", "", "How many tokens the model wrote."),
)  # fmt: skip
"""The measures in the order in which they are shown, the most useful first."""


def units(text: str) -> list[str]:
    """Return the words and punctuation marks of a text in lower case.

    >>> units("It's red, isn't it?")
    ["it's", 'red', ',', "isn't", 'it', '?']
    """
    return _UNIT.findall(text.lower())


def words(text: str) -> list[str]:
    """Return the words of a text as written: letters, with apostrophes inside."""
    return _WORD.findall(text)


def perplexity(logprobs: Sequence[float]) -> float | None:
    """Return exp of the mean negative logprob (nats) of a text's tokens (Jelinek et al. 1977).

    Leave out an end token, because it is not text. Infinite if a token was impossible; None without tokens.

    >>> perplexity([math.log(0.5), math.log(0.125)])
    4.0
    """
    if not logprobs:
        return None
    mean = -math.fsum(logprobs) / len(logprobs)
    return round(math.exp(mean), 12) if mean < 700 else math.inf


def distinct(units: Sequence[str], n: int) -> float | None:
    """Return the number of different n-grams over the number of units (Li et al. 2016, section 5: distinct-n).

    It falls with the length of a text, so compare texts of the same length.

    >>> distinct("a b a b".split(), 2)
    0.5
    """
    return len(set(_ngrams(units, n))) / len(units) if len(units) >= n else None


def repeated(units: Sequence[str], n: int = 4) -> float | None:
    """Return the share of n-grams that occurred earlier in the text (Welleck et al. 2020, equation 9: seq-rep-n).

    >>> repeated("a b c d a b c d".split())
    0.2
    """
    grams = _ngrams(units, n)
    return round(1 - len(set(grams)) / len(grams), 12) if grams else None


def bleu(units: Sequence[str], references: Sequence[Sequence[str]]) -> float | None:
    """Return BLEU-4 of one text against references (Papineni et al. 2002), from 0 to 1.

    Equal weights for 1- to 4-grams, clipped counts, the brevity penalty against the reference of the nearest length; a
    precision of zero counts as 0.1 matches (Chen and Cherry 2014, smoothing 1), as in NLTK's `sentence_bleu`.

    >>> round(bleu("a b c d".split(), ["a b c d e f".split()]), 4)
    0.6065
    """
    if not units or not references:
        return None
    logs = []
    for n in range(1, 5):
        counts = collections.Counter(_ngrams(units, n))
        most: collections.Counter[tuple[str, ...]] = collections.Counter()
        for reference in references:
            most |= collections.Counter(_ngrams(reference, n))
        matches = (counts & most).total()
        if n == 1 and not matches:
            return 0.0
        logs.append(math.log((matches or 0.1) / max(1, counts.total())))
    nearest = min((len(reference) for reference in references), key=lambda size: (abs(size - len(units)), size))
    brevity = min(0.0, 1 - nearest / len(units))
    return math.exp(brevity + math.fsum(logs) / 4)


def self_bleu(samples: Sequence[Sequence[str]]) -> list[float | None]:
    """Return for each of several samples its BLEU-4 against all others (Zhu et al. 2018, Texygen: self-BLEU).

    1 if another sample is the same text. None for a sample that is empty or has no other to compare with.
    """
    return [bleu(own, [s for j, s in enumerate(samples) if j != i and s]) for i, own in enumerate(samples)]


def compression_ratio(text: str) -> float | None:
    """Return the UTF-8 bytes of the text divided by the bytes that zlib needs (Radford et al. 2022, section 4.5).

    In that paper a ratio above 2.4 means that the text repeats itself. It is below 1 for texts of a few words.
    """
    data = text.encode("utf-8", "surrogatepass")
    return len(data) / len(zlib.compress(data)) if data else None


def reading_ease(text: str) -> float | None:
    """Return 206.835 − 1.015 words/sentences − 84.6 syllables/words (Flesch 1948, A New Readability Yardstick).

    A text without a full stop is one sentence. textstat would count the same with the CMU dictionary, but it needs NLTK
    and downloads that dictionary.

    >>> round(reading_ease("The cat sat on the mat."), 1)
    116.1
    """
    found = words(text)
    if not found:
        return None
    sentences = sum(1 for part in _SENTENCE_END.split(text) if _WORD.search(part))
    return 206.835 - 1.015 * len(found) / max(1, sentences) - 84.6 * sum(map(syllables, found)) / len(found)


def dictionary_words(text: str) -> float | None:
    """Return the share of a text's words that are in a list of English (SCOWL, sizes 10 to 50; see english.txt).

    A word is looked up in lower case, and without what follows an apostrophe. A word that is not in the list and is
    capitalised like a name (Marco) does not count. None if no word is left.
    """
    known = unknown = 0
    for word in words(text):
        stem = re.split("['’]", word)[0]
        if stem.lower() in _english() or word.lower().replace("’", "'") in _SHORT:
            known += 1
        elif not (stem.istitle() and len(stem) > 1):
            unknown += 1
    return known / (known + unknown) if known + unknown else None


def syllables(word: str) -> int:
    """Count the syllables of an English word by its spelling: groups of vowels, without the silent ones.

    For the 42,668 words of english.txt that are in the CMU Pronouncing Dictionary, 94.8 % of the counts are right, and
    all but 0.03 % are off by at most one.

    >>> [syllables(word) for word in ("cat", "table", "creature", "platypus", "Australian")]
    [1, 2, 2, 3, 3]
    """
    text = re.sub("[^a-z]", "", unicodedata.normalize("NFD", word.lower()))
    return max(1, len(_VOWELS.findall(text)) - len(_SILENT.findall(text)) + len(_APART.findall(text)))


_VOWELS = re.compile("[aeiouy]+")
# Vowels that are written but not spoken: a last e (but not in table or me), es and ed, an e before an ending, ically.
_SILENT = re.compile(
    r"(?<=[^aeiouy])e$(?<!^[^aeiouy]e)(?<!^[^aeiouy]{2}e)(?<![^aeiouylr]le)"
    r"|(?<=[^aeiouysxzcgh])es$(?<![^aeiouyl]les)|(?<=[^aeiouytd])ed$(?<![^aeiouyl]led)"
    r"|(?<=[^aeiouy])e(?=(?:ly|less|ness|ful|fully|ments?|some)$)|(?<=ic)a(?=lly$)"
)
# Neighbouring vowels that are spoken separately: radio, idea, create, fluent, playing.
_APART = re.compile(
    r"i(?:a(?!(?:ls?|ns?|lly|lity|lize|lism|lists?)$|ge)|o(?!us|n)|u(?!s))|(?<=[^cstg])i(?=(?:al|ally|als)$)|(?<=[^cstgl])i(?=ans?$)|(?<=[^ctx])i(?=en[ct])|(?<=^sc)i(?=en)"
    r"|(?<=[^cstgx])i(?=ous)|(?<=[^cstgnlx])i(?=on)|eo(?!n$|us|ple)|(?<=[aeiouy][^aeiouy]e)a$|(?<![gq])ua|uo(?!us)|(?<=[^q])u(?=ou)|ya|iet|iers?$|iest$"
    r"|(?<=[aeoy])ing|(?<=[aeo]y)ing|ism"
)
_SHORT = frozenset({"can't", "won't", "isn't", "don't", "ain't", "o'clock", "ma'am", "y'all", "i'm"})


@functools.cache
def _english() -> frozenset[str]:
    text = resources.files("cutaway.generation").joinpath("english.txt").read_text(encoding="ascii")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def _ngrams(units: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(units[at : at + n]) for at in range(len(units) - n + 1)]

"""What the property tests share: how often and how they are run, and what a loss that is declared may do to a text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from cutaway.tokens import Tokenizer

SPECIALS = ("<|end|>", "<unk>", "<pad>", "<mask>")
EACH = 10  # strings in one example: a string alone costs six times as much to make
# The first 3,000 of a test's strings take half a minute for all tests together; 20,000 take more than three.
STRINGS = int(os.environ.get("CUTAWAY_TEST_STRINGS", "3000"))

_SPECIAL = re.compile("|".join(map(re.escape, SPECIALS)))
_FOREIGN = st.one_of(
    st.text(max_size=3), st.sampled_from([*SPECIALS, " ", "\n", "\ue000", "\ue03f", "\uf8ff", "[MASK]"])
)


def many(test: Any) -> Any:
    """Give a test of lists of ten strings many of them: the same ones each time, with nothing kept between runs."""
    return settings(
        max_examples=STRINGS // EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow,),  # a busy machine is no error
    )(test)


@pytest.fixture(scope="module", autouse=True)
def the_same_each_time() -> Iterator[None]:
    """Keep out what the library picks up from modules that happen to be imported, which depends on the tests before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers, "_get_local_constants", providers.Constants)
        providers.CONSTANTS_CACHE.cache.clear()
        yield
    providers.CONSTANTS_CACHE.cache.clear()


def ten(texts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return ten of what a strategy makes."""
    return st.lists(texts, min_size=EACH, max_size=EACH)


def among(texts: st.SearchStrategy[str], *, most: int = 6) -> st.SearchStrategy[str]:
    """Return strings of a strategy, side by side, some of them with what does not belong between."""
    return st.one_of(texts, st.lists(st.one_of(texts, texts, texts, _FOREIGN), max_size=most).map("".join))


def there_and_back(tokenizer: Tokenizer, text: str) -> tuple[Any, str]:
    """Return what a text is encoded as, and what its ids are decoded as."""
    encoding = tokenizer.backend.encode(text, add_special_tokens=False)
    return encoding, tokenizer.backend.decode(encoding.ids, skip_special_tokens=False)


def sections(text: str) -> list[str]:
    """Return what stands before, between and behind the special tokens that a text spells."""
    return _SPECIAL.split(text)


def with_unknown(text: str, known: Collection[str], respell: Callable[[str], str] = str) -> str:
    """Return a text as it may come back: letters respelled, and `<unk>` for each that is not known."""

    def part(section: str) -> str:
        letters = (respell(letter) for letter in section)
        return "".join(letter if letter in known else "<unk>" for letter in letters)

    spelled = [*_SPECIAL.findall(text), ""]
    return "".join(part(section) + special for section, special in zip(sections(text), spelled, strict=True))


def in_place(tokenizer: Tokenizer, text: str) -> str:
    """Return what the tokens spell, having seen that they lie side by side, each as its text or what is not known."""
    encoding, at = tokenizer.backend.encode(text, add_special_tokens=False), 0
    for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        assert start == at < end
        assert token == text[start:end] or (token == "<unk>" and text[start:end] not in tokenizer.vocabulary)
        at = end
    assert at == len(text)
    return "".join(encoding.tokens)

"""What `correct` is asked for, checked before torch is imported."""

from __future__ import annotations

from cutaway.errors import InputError, MissingText
from cutaway.prediction.elements import Elements, elements_of
from cutaway.tokens.tokenizer import Tokenizer, check_text

RATE = 0.01  # share of elements that go wrong in each way, unless the caller says otherwise


def check_request(text: str, error_rate: float) -> None:
    """Raise `MissingText` or `InputError` for what is wrong before a model is looked at."""
    check_text(text)
    if not text.strip():
        raise MissingText("there is no text to correct", hint='give some: cutaway correct "The capital of Frence is"')
    if not 0 < error_rate < 0.5:
        raise InputError(f"`error_rate` is {error_rate:g}", hint="give a share between 0 and 0.5, such as 0.01")


def elements_to_correct(tokenizer: Tokenizer, text: str, alphabet: str | None = None) -> Elements:
    """Take a text apart. Raises `InputError` for one element alone, and as `elements_of` does."""
    elements = elements_of(tokenizer, text, alphabet)
    if len(elements.units) < 2:
        raise InputError(
            f"{text[:40]!r} is a single {elements.kind.name} to {tokenizer.name}",
            hint="give at least two: without others nothing says what should be there",
        )
    return elements

"""Text: any characters but none at all.

Rules: a text is kept to the letter. Nothing is normalised, stripped or folded. Half of a surrogate pair, which JSON can
write, is no character and can't be saved: an error.
"""

from __future__ import annotations

from cutaway.errors import BadSequence

__all__ = ["check"]


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the text as it is. Raises `BadSequence` where it is empty or holds half of a surrogate pair.

    >>> check("Naïve?")
    ('Naïve?', {})
    """
    if not sequence:
        raise BadSequence("there is no text", hint="give it one, or leave such records out with --skip-bad")
    if not sequence.isascii():
        try:
            sequence.encode()
        except UnicodeEncodeError as error:
            hint = "write the whole character, or leave such records out with --skip-bad"
            why = f"{sequence[error.start]!r} is half of a surrogate pair, and no character"
            raise BadSequence(why, hint=hint, column=error.start + 1) from error
    return sequence, {}

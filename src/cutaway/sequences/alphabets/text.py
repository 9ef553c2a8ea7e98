"""Text: any characters but none at all.

Rules: a text is kept to the letter. Nothing is normalised, stripped or folded.
"""

from __future__ import annotations

from cutaway.errors import BadSequence

__all__ = ["check"]


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the text as it is. Raises `BadSequence` where it is empty.

    >>> check("Naïve?")
    ('Naïve?', {})
    """
    if not sequence:
        raise BadSequence("there is no text", hint="give it one, or leave such records out with --skip-bad")
    return sequence, {}
